"""The orders that are waited for, and what is known of each: no I/O, and nothing that depends on who said it first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from ..models.progress import OrderProgress, OrderToken, progress_of
from ..models.tracking import ProvisionKind, ProvisionState, Sighting, join


@attrs.define(kw_only=True, eq=False)
class OpenOrder:
    """One order that is waited for."""

    token: OrderToken
    #: When it is looked for first, on the tracker's clock.
    look_from: float
    #: When it is looked at by itself next, on the same clock.
    single_at: float
    #: Seconds until the single look after that.
    single_gap: float
    #: Whether a list has shown it, so that it need not be looked at by itself as long as that goes on.
    is_listed: bool = False
    #: How often it was looked at by itself.
    looks: int = 0
    known: dict[tuple[ProvisionKind, str], Sighting] = attrs.field(factory=dict)
    status: str | None = None
    overall: ProvisionState = ProvisionState.WAITING

    def take(self, sighting: Sighting) -> bool:
        """Join a sighting into what is known; return whether more is known by it."""
        place = (sighting.kind, sighting.name)
        before = self.known.get(place)
        after = sighting if before is None else join(before, sighting)
        self.known[place] = after
        return after != before

    @property
    def waits_for(self) -> ProvisionKind:
        """What is missing first: mailboxes, or domains once nothing is missing of them."""
        waiting = {each.kind for each in self.progress.waiting}
        return ProvisionKind.MAILBOX if ProvisionKind.MAILBOX in waiting else ProvisionKind.DOMAIN

    @property
    def progress(self) -> OrderProgress:
        """How far it has come."""
        progress = progress_of(self.token, self.known, status=self.status)
        return attrs.evolve(progress, overall=self.overall)


@attrs.define(eq=False)
class OrderTable:
    """Open orders, found by their id and by the names that lists show."""

    orders: dict[str, OpenOrder] = attrs.field(factory=dict, init=False)
    _by_name: dict[tuple[ProvisionKind, str], dict[str, OpenOrder]] = attrs.field(factory=dict, init=False)

    def add(self, order: OpenOrder) -> None:
        """Wait for an order."""
        self.orders[order.token.order_id] = order
        for place in _places(order.token):
            self._by_name.setdefault(place, {})[order.token.order_id] = order

    def learn(self, token: OrderToken) -> bool:
        """Join what another token says about an order that is waited for; return whether it says anything new."""
        order = self.orders[token.order_id]
        known = order.token
        joined = attrs.evolve(
            known,
            domains=dict.fromkeys((*known.domains, *token.domains)),
            mailboxes=dict.fromkeys((*known.mailboxes, *token.mailboxes)),
            unavailable=dict.fromkeys((*known.unavailable, *token.unavailable)),
        )
        if joined == known:
            return False
        order.token = joined
        self.add(order)
        return True

    def remove(self, order_id: str) -> None:
        """Wait for an order no more."""
        order = self.orders.pop(order_id, None)
        for place in () if order is None else _places(order.token):
            others = self._by_name[place]
            del others[order_id]
            if not others:
                del self._by_name[place]

    def of_name(self, kind: ProvisionKind, name: str, user_id: str | None) -> Iterator[OpenOrder]:
        """Yield the open orders that a domain or an address belongs to; those of other users are left out."""
        for order in self._by_name.get((kind, name), {}).values():
            if user_id in {None, order.token.user_id}:
                yield order

    def apply(self, sightings: Iterable[Sighting]) -> list[OpenOrder]:
        """Join sightings into what is known; return the orders of which more is known now."""
        changed: dict[str, OpenOrder] = {}
        for sighting in (each for given in sightings for each in (given, *_proven_by(given))):
            order = self.orders.get(sighting.order_id)
            if order is not None and order.take(sighting):
                changed[sighting.order_id] = order
        return list(changed.values())


def _proven_by(sighting: Sighting) -> Iterator[Sighting]:
    """Yield the domain of an order of mailboxes that failed: mailboxes are ordered once it is there (reference, 9.4).

    Only an event says so, which has no word for a status; a list may show both the domain and its mailboxes as failed.
    """
    is_event = sighting.state is ProvisionState.FAILED and sighting.status is None
    if is_event and sighting.kind is ProvisionKind.MAILBOX and sighting.name.startswith("*@"):
        yield Sighting(
            order_id=sighting.order_id,
            kind=ProvisionKind.DOMAIN,
            name=sighting.name[2:],
            state=ProvisionState.ACTIVE,
            user_id=sighting.user_id,
        )


def _places(token: OrderToken) -> Iterator[tuple[ProvisionKind, str]]:
    for name in token.domains:
        yield ProvisionKind.DOMAIN, name
    for name in token.mailboxes:
        yield ProvisionKind.MAILBOX, name
