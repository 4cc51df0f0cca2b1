"""Everything the simulator remembers and every rule that changes it, without any I/O.

`SimulatorState` is the simulator's one mutable class. It takes the time from an injected clock and its chance
from a seeded generator, so a test decides both. Provisioning needs no timer: the times at which a domain and
its mailboxes become ready are drawn when the order is charged, and every read compares them with the clock.
"""

from __future__ import annotations

import hmac
import random
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from typing import Literal

import attrs

from ..core.prices import PriceList
from . import rate_limit
from .faults import FaultScript
from .records import LedgerEntry, OrderBody, Provision, Purchase, RequestCounts, SimulatedOrder, SimulatedUser
from .refusal import Refusal
from .settings import DEMO_USERS, dollars, endpoint_paths, lower_names, profiles, steady_clock

__all__ = ["SimulatorState"]

_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ID_LENGTH = 28


@attrs.define(kw_only=True)
class SimulatorState:
    """Users, orders, wallet and counts of one simulator; the arguments are explained in `Settings`."""

    wallet: Decimal = attrs.field(default=Decimal(1000), converter=dollars)
    api_key: str = attrs.field(default="simulator-key", repr=False)
    rate_limit: int | None = 5
    seed: int = 0
    provision_seconds: tuple[float, float] = (10, 90)
    time_scale: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    #: Users by id.
    users: dict[str, SimulatedUser] = attrs.field(default=DEMO_USERS, converter=profiles, repr=False)
    endpoints: dict[str, str] = attrs.field(factory=dict, converter=endpoint_paths)
    generation: Literal["2026-06", "2026-02"] = attrs.field(
        default="2026-06", validator=attrs.validators.in_(("2026-06", "2026-02"))
    )
    duplicate_domains: Literal["allow", "unavailable"] = attrs.field(
        default="allow", validator=attrs.validators.in_(("allow", "unavailable"))
    )
    failing_domains: Collection[str] = attrs.field(default=(), converter=lower_names)
    prices: PriceList = attrs.field(factory=PriceList, repr=False)
    clock: Callable[[], float] = attrs.field(default=None, converter=steady_clock, repr=False)

    #: Orders by id, in the order of their creation.
    orders: dict[str, SimulatedOrder] = attrs.field(factory=dict, init=False, repr=False)
    #: Every charge, oldest first.
    ledger: list[LedgerEntry] = attrs.field(factory=list, init=False, repr=False)
    #: Misbehaviour to come.
    faults: FaultScript = attrs.field(factory=FaultScript, init=False, repr=False)

    _random: random.Random = attrs.field(init=False, repr=False)
    _started: float = attrs.field(init=False, repr=False)
    _buyers: defaultdict[str, list[str]] = attrs.field(factory=lambda: defaultdict(list), init=False, repr=False)
    _orders_of_domain: defaultdict[str, list[str]] = attrs.field(
        factory=lambda: defaultdict(list), init=False, repr=False
    )
    _orders_of_user: defaultdict[str, list[str]] = attrs.field(
        factory=lambda: defaultdict(list), init=False, repr=False
    )
    _admitted: deque[float] = attrs.field(factory=deque, init=False, repr=False)
    _arrivals: deque[float] = attrs.field(factory=deque, init=False, repr=False)
    _most_arrivals: int = attrs.field(default=0, init=False, repr=False)
    _by_endpoint: Counter[str] = attrs.field(factory=Counter, init=False, repr=False)
    _by_status: Counter[int] = attrs.field(factory=Counter, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.rate_limit is not None and self.rate_limit < 1:
            raise ValueError("rate_limit must be at least 1, or None for no limit")
        shortest, longest = self.provision_seconds
        if not 0 <= shortest <= longest:
            raise ValueError("provision_seconds must be (shortest, longest) with 0 <= shortest <= longest")
        self._random = random.Random(self.seed)  # noqa: S311 - reproducible, nothing secret
        self._started = self.clock()

    @property
    def now(self) -> float:
        """Simulated time in epoch seconds."""
        return self._started + (self.clock() - self._started) * self.time_scale

    @property
    def requests(self) -> RequestCounts:
        """What reached the API base so far."""
        return RequestCounts(
            total=self._by_endpoint.total(),
            by_endpoint=dict(self._by_endpoint),
            by_status=dict(self._by_status),
            by_fault=self.faults.fired,
            most_in_one_second=self._most_arrivals,
        )

    def count_arrival(self, endpoint: str) -> None:
        """Count a request whose head was read, before anything decides about it."""
        self._by_endpoint[endpoint] += 1
        self._most_arrivals = max(self._most_arrivals, rate_limit.count(self._arrivals, self.clock()))

    def count_answer(self, status: int) -> None:
        """Count an answer."""
        self._by_status[status] += 1

    def check_key(self, key: str | None) -> None:
        """Refuse with 401 a request without the right key."""
        given = (key or "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self.api_key.encode()):
            raise Refusal("Invalid API Key", status=401)

    def check_rate(self) -> None:
        """Refuse with 429 a request over the limit. Real time counts, whatever `time_scale` is."""
        if self.rate_limit is None:
            return
        if not rate_limit.admit(self._admitted, self.clock(), self.rate_limit):
            raise Refusal("Rate limit exceeded", status=429)

    def user(self, user_id: str) -> SimulatedUser:
        """Find a user, or refuse with 404."""
        user = self.users.get(user_id)
        if user is None:
            raise Refusal("The requested user does not exist.", status=404)
        return user

    def create_user(self, profile: Mapping[str, str]) -> SimulatedUser:
        """Add a user with a checked profile."""
        user = SimulatedUser(user_id=self._new_id(), profile=dict(profile))
        self.users[user.user_id] = user
        return user

    def create_order(self, user_id: str, body: OrderBody) -> SimulatedOrder:
        """Accept an order; a confirmed one is charged at once.

        Args:
            user_id: owner of the order.
            body: the checked order.

        Returns:
            The order as it is remembered.

        Raises:
            Refusal: 404 for an unknown user, 402 when the wallet does not cover a confirmed order. Nothing is
                remembered then.
        """
        self.user(user_id)
        unavailable = self._unavailable(body)
        if body.confirm:
            self._check_wallet(body, unavailable)
        order = SimulatedOrder(
            order_id=self._new_id(),
            action_id=f"ACT_{uuid.UUID(int=self._random.getrandbits(128), version=4)}",
            user_id=user_id,
            body=body,
            created_at=self.now,
            unavailable_domains=tuple(sorted(unavailable)),
            purchase=None,
        )
        self._orders_of_user[user_id].append(order.order_id)
        if body.confirm:
            return self._charge(order, unavailable, "confirmed")
        self.orders[order.order_id] = order
        return order

    def process_order(self, user_id: str, order_id: str) -> SimulatedOrder:
        """Charge a draft and start its provisioning.

        Raises:
            Refusal: 404 for an unknown user or order, 403 for another user's order, 409 when the order was
                processed before, 402 when the wallet does not cover it.
        """
        order = self.order(user_id, order_id)
        if order.purchase is not None:
            raise Refusal("The order has already been processed", status=409)
        unavailable = self._unavailable(order.body)
        self._check_wallet(order.body, unavailable)
        return self._charge(order, unavailable, "processed")

    def order(self, user_id: str, order_id: str) -> SimulatedOrder:
        """Find a user's order, or refuse with 404 (unknown user or order) or 403 (another user's order)."""
        self.user(user_id)
        order = self.orders.get(order_id)
        if order is None:
            raise Refusal("The requested order does not exist.", status=404)
        if order.user_id != user_id:
            raise Refusal("The order does not belong to this user", status=403)
        return order

    def purchases(self, domain: str) -> int:
        """Count how often a domain was bought; more than 1 is a double purchase."""
        return len(self._buyers.get(domain.lower(), ()))

    def registrations(self, user_id: str) -> Iterator[tuple[SimulatedOrder, Provision]]:
        """Go through the domains that a user's charged orders registered or are registering; none failed."""
        for order_id in self._orders_of_user.get(user_id, ()):
            order = self.orders[order_id]
            for provision in _provisions(order):
                if provision.registered and not (provision.failed and provision.registered_at <= self.now):
                    yield order, provision

    def subscriptions(self, domain: str | None = None) -> Iterator[tuple[SimulatedOrder, Provision]]:
        """Go through the subscriptions that have begun, one per charged order and domain with mailboxes.

        Args:
            domain: only those of this domain; None for all.
        """
        order_ids = self.orders if domain is None else self._orders_of_domain.get(domain.lower(), ())
        for order_id in order_ids:
            order = self.orders[order_id]
            for provision in _provisions(order):
                if domain is not None and provision.domain != domain.lower():
                    continue
                ready = not provision.failed and provision.provisioned_at <= self.now
                if provision.subscription_id is not None and ready:
                    yield order, provision

    def _new_id(self) -> str:
        return "".join(self._random.choices(_ID_ALPHABET, k=_ID_LENGTH))

    def _unavailable(self, body: OrderBody) -> frozenset[str]:
        if self.duplicate_domains == "allow":
            return frozenset()
        return frozenset(line.domain for line in body.domains if self.purchases(line.domain))

    def _cost(self, body: OrderBody, unavailable: frozenset[str]) -> Decimal:
        """Return the price of an order; an unavailable domain and its mailboxes are not charged."""
        charged = [lines for lines in body.mailboxes if lines.domain not in unavailable]
        return self.prices.cost(
            domains=[(line.domain, line.years) for line in body.domains if line.domain not in unavailable],
            mailboxes=sum(len(lines.usernames) for lines in charged),
            warmups=sum(lines.on_warmup for lines in charged),
        )

    def _check_wallet(self, body: OrderBody, unavailable: frozenset[str]) -> None:
        if self._cost(body, unavailable) > self.wallet:
            raise Refusal("Insufficient wallet balance to process the order", status=402)

    def _charge(self, order: SimulatedOrder, unavailable: frozenset[str], kind: str) -> SimulatedOrder:
        now = self.now
        amount = self._cost(order.body, unavailable)
        provisions = tuple(self._provision(order.body, unavailable, now))
        bought = tuple(line.domain for line in order.body.domains if line.domain not in unavailable)
        self.wallet -= amount
        self.ledger.append(
            LedgerEntry(
                time=now,
                order_id=order.order_id,
                user_id=order.user_id,
                kind=kind,
                amount=amount,
                domains=bought,
                body_hash=order.body.digest,
            )
        )
        for domain in bought:
            self._buyers[domain].append(order.order_id)
        for provision in provisions:
            self._orders_of_domain[provision.domain].append(order.order_id)
        charged = attrs.evolve(
            order,
            unavailable_domains=tuple(sorted(unavailable)),
            purchase=Purchase(time=now, amount=amount, provisions=provisions),
        )
        self.orders[order.order_id] = charged
        return charged

    def _provision(self, body: OrderBody, unavailable: frozenset[str], now: float) -> Iterator[Provision]:
        counts = {lines.domain: len(lines.usernames) for lines in body.mailboxes}
        years = {line.domain: line.years for line in body.domains}
        for domain in dict.fromkeys((*years, *counts)):
            if domain in unavailable:
                continue
            ready_after = self._random.uniform(*self.provision_seconds)
            # The domain is registered first, its mailboxes after that (section 2.4).
            registered_after = ready_after * self._random.uniform(0.3, 0.7)
            yield Provision(
                domain=domain,
                domain_id=self._new_id(),
                registered=domain in years,
                years=years.get(domain, 0),
                registered_at=now + registered_after,
                failed=domain in self.failing_domains,
                subscription_id=self._new_id() if domain in counts else None,
                mailboxes=counts.get(domain, 0),
                provisioned_at=now + ready_after,
            )


def _provisions(order: SimulatedOrder) -> tuple[Provision, ...]:
    return order.purchase.provisions if order.purchase else ()
