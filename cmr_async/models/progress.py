"""How far an accepted order has come: what to wait for, and what is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import orjson

from ..errors import ConfigurationError, ProvisioningError
from .orders import MailboxOrder, Order
from .tracking import ProvisionKind, ProvisionState, Sighting

_PLURALS = {ProvisionKind.DOMAIN: "domains", ProvisionKind.MAILBOX: "mailboxes"}


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class OrderToken:
    """An accepted order as another process needs it to go on waiting. No secret is in it.

    It is plain data: `to_json()` gives text to keep in a queue or a database, `OrderToken.from_json(text)` reads it.
    """

    #: The order's id.
    order_id: str
    #: Id of the user who owns it.
    user_id: str
    #: Its domains, in lower case and punycode.
    domains: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    #: The addresses of its mailboxes, in lower case. With neither domains nor mailboxes, the order is done when
    #: `GET /orders/status` says so.
    mailboxes: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    #: Domains that the API took the order without.
    unavailable: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    #: When it was accepted, UTC epoch in seconds; 0 if that is not known.
    placed_at: float = 0.0
    #: The caller's own name for the order, as its journal has it; `None`: there is none.
    reference: str | None = None
    #: Scheme, host and port of the API that took it; empty: of any. A client of another one refuses to wait for it.
    origin: str = ""

    @classmethod
    def of(
        cls,
        order: Order | MailboxOrder,
        order_id: str,
        *,
        user_id: str,
        unavailable: Iterable[str] = (),
        placed_at: float = 0.0,
        reference: str | None = None,
        origin: str = "",
    ) -> OrderToken:
        """Return the token of an order.

        Args:
            order: The order as it was sent.
            order_id: The id that the API gave it.
            user_id: Id of the user who owns it.
            unavailable: Domains that the API took it without.
            placed_at: When it was accepted, UTC epoch in seconds.
            reference: The caller's own name for it.
            origin: Scheme, host and port of the API.
        """
        addresses = [f"{box.username}@{domain}".lower() for domain, boxes in order.mailboxes.items() for box in boxes]
        return cls(
            order_id=order_id,
            user_id=user_id,
            domains=order.domain_names,
            mailboxes=dict.fromkeys(addresses),
            unavailable=unavailable,
            placed_at=placed_at,
            reference=reference,
            origin=origin,
        )

    def to_json(self) -> str:
        """Return the token as a JSON object."""
        return orjson.dumps(attrs.asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> OrderToken:
        """Read a token.

        Raises:
            ConfigurationError: The text is no token.
        """
        try:
            fields: Any = orjson.loads(text)
            token = cls(**fields)
        except (TypeError, ValueError):
            raise ConfigurationError("The text is no order token: it is what to_json() gives.") from None
        names = (token.order_id, token.user_id, token.origin, *token.domains, *token.mailboxes, *token.unavailable)
        lists = [fields.get(name, []) for name in ("domains", "mailboxes", "unavailable")]
        names += () if token.reference is None else (token.reference,)
        if not all(isinstance(name, str) for name in names) or not all(isinstance(each, list) for each in lists):
            raise ConfigurationError("The text is no order token: a field has another type.")
        if type(token.placed_at) not in {int, float} or not token.order_id or not token.user_id:
            raise ConfigurationError("The text is no order token: an id or the time is missing.")
        return token


@attrs.frozen(kw_only=True)
class OrderProgress:
    """How far an order has come, by everything that was heard and seen of it."""

    #: The order.
    token: OrderToken
    #: Each domain, then each mailbox, in the sequence of the order.
    provisions: tuple[Sighting, ...] = ()
    #: The API's word for the order as a whole, from `GET /orders/status`; `None`: it was not asked, or gave none.
    status: str | None = None
    #: Where the order as a whole stands, if it names neither domains nor mailboxes.
    overall: ProvisionState = ProvisionState.WAITING

    @property
    def order_id(self) -> str:
        """The order's id."""
        return self.token.order_id

    @property
    def state(self) -> ProvisionState:
        """`waiting` until everything is settled; then `active`, or `failed` if anything failed."""
        if not self.provisions:
            return self.overall
        states = {provision.state for provision in self.provisions}
        if ProvisionState.WAITING in states:
            return ProvisionState.WAITING
        return ProvisionState.FAILED if ProvisionState.FAILED in states else ProvisionState.ACTIVE

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.state is not ProvisionState.WAITING

    @property
    def failures(self) -> tuple[Sighting, ...]:
        """The domains and mailboxes that failed, each with its `reason`."""
        return tuple(each for each in self.provisions if each.state is ProvisionState.FAILED)

    @property
    def waiting(self) -> tuple[Sighting, ...]:
        """The domains and mailboxes of which nothing says yet that they are done."""
        return tuple(each for each in self.provisions if each.state is ProvisionState.WAITING)

    def count(self, kind: ProvisionKind, state: ProvisionState | None = None) -> int:
        """Return how many domains or mailboxes there are; in one state, if it is given."""
        return sum(each.kind is kind and state in {None, each.state} for each in self.provisions)

    def raise_for_failures(self) -> None:
        """Raise what failed, if anything did.

        Raises:
            ExceptionGroup: A `ProvisioningError` for each domain and mailbox that failed.
        """
        errors = [
            ProvisioningError(
                f"{failed.name} failed: {failed.reason or 'the API gave no reason'}.",
                order_id=self.order_id,
                name=failed.name,
                reason=failed.reason,
            )
            for failed in self.failures
        ]
        if not errors and self.state is ProvisionState.FAILED:
            errors = [ProvisioningError(f"Order {self.order_id} failed: {self.status}.", order_id=self.order_id)]
        if errors:
            raise ExceptionGroup(f"Order {self.order_id} did not come out whole", errors)

    def __str__(self) -> str:
        """Say it in one line: `RJK7...: 1 of 1 domains and 2 of 3 mailboxes active, 1 failed`."""
        parts = [
            f"{self.count(kind, ProvisionState.ACTIVE)} of {total} {_PLURALS[kind]}"
            for kind in ProvisionKind
            if (total := self.count(kind))
        ]
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"{self.order_id}: {' and '.join(parts) or self.state.value}{' active' if parts else ''}{failed}"


def progress_of(
    token: OrderToken, known: Mapping[tuple[ProvisionKind, str], Sighting], *, status: str | None = None
) -> OrderProgress:
    """Return the progress of an order, with what one provision says about another.

    A mailbox that is there proves its domain. A domain that failed gets no mailboxes (reference, section 2.4).

    Args:
        token: The order.
        known: What is known, by kind and name; `*@example.com` is about all mailboxes of a domain.
        status: The API's word for the order.
    """
    has_mailbox = {
        name.rpartition("@")[2]
        for (kind, name), each in known.items()
        if kind is ProvisionKind.MAILBOX and each.state is ProvisionState.ACTIVE
    }
    domains = {name: _domain(token, known, name, proven=name in has_mailbox) for name in token.domains}
    boxes = [_mailbox(token, known, name, domains.get(name.rpartition("@")[2])) for name in token.mailboxes]
    return OrderProgress(token=token, provisions=(*domains.values(), *boxes), status=status)


def _domain(
    token: OrderToken, known: Mapping[tuple[ProvisionKind, str], Sighting], name: str, *, proven: bool
) -> Sighting:
    found = known.get((ProvisionKind.DOMAIN, name)) or _unseen(token, ProvisionKind.DOMAIN, name)
    if proven and found.state is not ProvisionState.ACTIVE:
        return attrs.evolve(found, state=ProvisionState.ACTIVE, reason="")
    if name in token.unavailable and found.state is ProvisionState.WAITING:
        reason = "the API named it as unavailable when it took the order"
        return attrs.evolve(found, state=ProvisionState.FAILED, reason=reason)
    return found


def _mailbox(
    token: OrderToken, known: Mapping[tuple[ProvisionKind, str], Sighting], name: str, domain: Sighting | None
) -> Sighting:
    found = known.get((ProvisionKind.MAILBOX, name)) or _unseen(token, ProvisionKind.MAILBOX, name)
    if found.state is not ProvisionState.WAITING:
        return found
    if domain is not None and domain.state is ProvisionState.FAILED:
        reason = f"its domain failed: {domain.reason}" if domain.reason else "its domain failed"
        return attrs.evolve(found, state=ProvisionState.FAILED, reason=reason)
    every = known.get((ProvisionKind.MAILBOX, f"*@{name.rpartition('@')[2]}"))
    if every is not None and every.state is ProvisionState.FAILED:
        return attrs.evolve(found, state=ProvisionState.FAILED, reason=every.reason)
    return found


def _unseen(token: OrderToken, kind: ProvisionKind, name: str) -> Sighting:
    return Sighting(order_id=token.order_id, kind=kind, name=name, state=ProvisionState.WAITING, user_id=token.user_id)
