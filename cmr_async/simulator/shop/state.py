"""Everything that a simulator remembers, and every rule that changes it, without any I/O.

Time comes from the clock of the settings and chance from a seeded generator, so a test controls both. Provisioning
needs no timer: the times at which a domain and its mailboxes are ready are drawn when the order is charged, and every
read compares them with the clock.
"""

from __future__ import annotations

import hmac
import random
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import partial

import attrs

from ..settings import Settings
from .faults import FaultScript
from .holdings import Holdings
from .outbox import Outbox
from .provisioning import Draw
from .records import (
    LedgerEntry,
    OrderBody,
    Provision,
    Purchase,
    Refusal,
    RequestCounts,
    SimulatedMailbox,
    SimulatedOrder,
    SimulatedUser,
)
from .traffic import Traffic
from .webhook_events import events_of


@attrs.define
class SimulatorState:
    """Users, orders, wallet and counts of one simulator."""

    #: What was set.
    settings: Settings = attrs.field(factory=Settings)
    #: US dollars in the wallet.
    wallet: Decimal = attrs.field(init=False)
    #: Users by id.
    users: dict[str, SimulatedUser] = attrs.field(init=False, repr=False)
    #: Orders by id, oldest first.
    orders: dict[str, SimulatedOrder] = attrs.field(factory=dict, init=False, repr=False)
    #: Every charge, oldest first.
    ledger: list[LedgerEntry] = attrs.field(factory=list, init=False, repr=False)
    #: Faults to come.
    faults: FaultScript = attrs.field(factory=FaultScript, init=False, repr=False)
    #: Domains, subscriptions and mailboxes that charged orders brought.
    holdings: Holdings = attrs.field(factory=Holdings, init=False, repr=False)

    #: Webhooks that were sent and that are still to come.
    outbox: Outbox = attrs.field(init=False, repr=False)

    _traffic: Traffic = attrs.field(factory=Traffic, init=False, repr=False)
    _draw: Draw = attrs.field(init=False, repr=False)
    _started: float = attrs.field(init=False, repr=False)
    _bought: Counter[str] = attrs.field(factory=Counter, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Begin with the users and the wallet that were set."""
        self.wallet = self.settings.wallet
        self.users = {user.user_id: user for user in _demo_users(self.settings.users)}
        self._draw = Draw(self.settings, random.Random(self.settings.seed))  # noqa: S311 - reproducible, nothing secret
        self.outbox = Outbox(self.settings)
        self._started = self.settings.clock()

    @property
    def now(self) -> float:
        """Simulated time in epoch seconds."""
        return self._started + (self.settings.clock() - self._started) * self.settings.time_scale

    @property
    def requests(self) -> RequestCounts:
        """What reached the API base so far."""
        return self._traffic.counts(self.faults.fired)

    def count_arrival(self, endpoint: str) -> None:
        """Count a request whose head was read, before anything decides about it."""
        self._traffic.count_arrival(endpoint, self.settings.clock())

    def count_answer(self, status: int) -> None:
        """Count an answer."""
        self._traffic.count_answer(status)

    def check_key(self, key: str | None) -> None:
        """Refuse a request without the right key (401)."""
        given = (key or "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self.settings.api_key.encode()):
            raise Refusal("Invalid API Key", status=401)

    def check_rate(self) -> None:
        """Refuse a request over the limit (429). Real time counts, whatever `time_scale` is."""
        limit = self.settings.rate_limit
        if limit is not None and not self._traffic.admit(self.settings.clock(), limit):
            raise Refusal("Rate limit exceeded", status=429)

    def user(self, user_id: str) -> SimulatedUser:
        """Return a user, or refuse (404)."""
        user = self.users.get(user_id)
        if user is None:
            raise Refusal("The requested user does not exist.", status=404)
        return user

    def create_user(self, profile: Mapping[str, str]) -> SimulatedUser:
        """Add a user with a checked profile."""
        user = SimulatedUser(user_id=self._draw.new_id(), profile=dict(profile))
        self.users[user.user_id] = user
        return user

    def create_order(self, user_id: str, body: OrderBody) -> SimulatedOrder:
        """Accept an order; a confirmed one is charged at once.

        Args:
            user_id: Owner of the order.
            body: The checked order.

        Raises:
            Refusal: 404 for an unknown user, 402 when the wallet does not cover a confirmed order; for an order of
                mailboxes also 404 for an unknown subscription or domain, 403 for another user's, 422 for a domain that
                is not active and for mailboxes on another one. The order is not created then.
        """
        self.user(user_id)
        if body.only_mailboxes:
            body = _settled(body, self._target(user_id, body))
        unavailable = self._unavailable(body)
        if body.confirm:
            self._check_wallet(body, unavailable)
        order = attrs.evolve(self._begun(user_id, body), unavailable_domains=tuple(sorted(unavailable)))
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
        """Return a user's order, or refuse: 404 for an unknown user or order, 403 for another user's order."""
        self.user(user_id)
        order = self.orders.get(order_id)
        if order is None:
            raise Refusal("The requested order does not exist.", status=404)
        if order.user_id != user_id:
            raise Refusal("The order does not belong to this user", status=403)
        return order

    def purchases(self, domain: str) -> int:
        """Return how often a domain was bought; more than once is a double purchase."""
        return self._bought[domain.lower()]

    def has_workspace(self, domain: str) -> bool:
        """Tell whether a domain has a workspace: one that was set, or that of a subscription."""
        return domain.lower() in self.settings.workspaces or any(self.subscriptions(domain))

    def registrations(self, user_id: str) -> Iterator[tuple[SimulatedOrder, Provision]]:
        """Yield the domains that a user's charged orders have registered or are registering, without failed ones."""
        yield from self.holdings.registrations(user_id, self.now)

    def subscriptions(self, domain: str | None = None) -> Iterator[tuple[SimulatedOrder, Provision]]:
        """Yield the subscriptions that have started, oldest first; mailboxes that join one are not among them.

        Args:
            domain: Only those of this domain; `None`: all.
        """
        yield from self.holdings.subscriptions(domain=domain).appeared(self.now)

    def mailboxes(self, user_id: str | None = None) -> Iterator[tuple[SimulatedOrder, Provision, SimulatedMailbox]]:
        """Yield the mailboxes whose order the provider has taken, ready or not, oldest first.

        Args:
            user_id: Only those of this user; `None`: all.
        """
        yield from self.holdings.mailboxes(user_id).appeared(self.now)

    def _begun(self, user_id: str, body: OrderBody) -> SimulatedOrder:
        """Return an order that bought nothing yet."""
        return SimulatedOrder(
            order_id=self._draw.new_id(),
            action_id=f"ACT_{uuid.UUID(int=self._draw.rng.getrandbits(128), version=4)}",
            user_id=user_id,
            body=body,
            created_at=self.now,
            unavailable_domains=(),
            purchase=None,
        )

    def _target(self, user_id: str, body: OrderBody) -> SimulatedOrder:
        """Return the order that began the subscription, or registered the domain, that mailboxes are ordered for."""
        known = self.holdings.has(subscription_id=body.subscription_id, domain_id=body.domain_id)
        if self.settings.takes_unknown_ids and body.mailboxes and not known:
            self.holdings.add(self._begun(user_id, body), self._draw.standing(body, self.now))
        if body.subscription_id is not None:
            order, provision = self.holdings.active_subscription(user_id, body.subscription_id, self.now)
        else:
            order, provision = self.holdings.active_domain(user_id, body.domain_id or "", self.now)
        if any(lines.domain != provision.domain for lines in body.mailboxes):
            raise Refusal(f"The mailboxes must be on {provision.domain}", status=422)
        return order

    def _unavailable(self, body: OrderBody) -> frozenset[str]:
        if self.settings.duplicate_domains == "allow":
            return frozenset()
        return frozenset(line.domain for line in body.domains if self.purchases(line.domain))

    def _cost(self, body: OrderBody, unavailable: frozenset[str]) -> Decimal:
        """Return the price of an order; an unavailable domain and its mailboxes are not charged."""
        charged = [lines for lines in body.mailboxes if lines.domain not in unavailable]
        return self.settings.prices.cost(
            domains=[(line.domain, line.years) for line in body.domains if line.domain not in unavailable],
            mailboxes=sum(len(lines.mailboxes) for lines in charged),
            warmups=sum(line.on_warmup for lines in charged for line in lines.mailboxes),
        )

    def _check_wallet(self, body: OrderBody, unavailable: frozenset[str]) -> None:
        if self._cost(body, unavailable) > self.wallet:
            raise Refusal("Insufficient wallet balance to process the order", status=402)

    def _charge(self, order: SimulatedOrder, unavailable: frozenset[str], kind: str) -> SimulatedOrder:
        now = self.now
        amount = self._cost(order.body, unavailable)
        known_id = partial(self.holdings.domain_id, order.user_id)
        provisions = tuple(self._draw.provisions(order.body, unavailable, now, known_id))
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
        self._bought.update(bought)
        charged = attrs.evolve(
            order,
            unavailable_domains=tuple(sorted(unavailable)),
            purchase=Purchase(time=now, amount=amount, provisions=provisions),
        )
        self.orders[order.order_id] = charged
        for provision in provisions:
            self.holdings.add(charged, provision)
            self._announce(charged, provision)
        return charged

    def _announce(self, order: SimulatedOrder, provision: Provision) -> None:
        if self.settings.webhook_url is not None:
            for event in events_of(self.users[order.user_id], order, provision):
                self.outbox.add(event)


def _settled(body: OrderBody, before: SimulatedOrder) -> OrderBody:
    """Return an order of mailboxes with what was settled when its subscription or its domain was ordered."""
    body = attrs.evolve(body, service_provider=before.body.service_provider)
    if body.subscription_id is None:
        return body
    return attrs.evolve(body, billing_cycle=before.body.billing_cycle, auto_renew=before.body.auto_renew)


def _demo_users(user_ids: Iterable[str]) -> Iterator[SimulatedUser]:
    for number, user_id in enumerate(user_ids, start=1):
        profile = {
            "email": f"user{number}@example.com",
            "company": f"Example Company {number}",
            "firstName": "Demo",
            "lastName": f"User {number}",
            "country": "US",
            "city": "New York",
            "addressLineOne": f"{number} Example Street",
            "languagePreference": "en",
            "postalCode": "10001",
            "state": "New York",
            "phoneCc": "1",
            "phone": f"212555{number:04d}",
        }
        yield SimulatedUser(user_id=user_id, profile=profile)
