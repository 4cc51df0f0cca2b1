"""What users have bought: domains, subscriptions and mailboxes, in lists that are ready to be read page by page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import attrs

from .records import Provision, Refusal, SimulatedMailbox, SimulatedOrder
from .timeline import Timeline

_ACTIVE = "ACTIVE"


class Held(NamedTuple):
    """A domain, or a subscription, and the order it comes from."""

    #: The order.
    order: SimulatedOrder
    #: What became of the domain.
    provision: Provision


class HeldMailbox(NamedTuple):
    """A mailbox and the order it comes from."""

    #: The order.
    order: SimulatedOrder
    #: What became of its domain.
    provision: Provision
    #: The mailbox.
    mailbox: SimulatedMailbox


@attrs.define
class Holdings:
    """Everything that charged orders have brought or will bring; each method takes the simulated time, `now`."""

    _registrations: defaultdict[str, list[Held]] = attrs.field(factory=lambda: defaultdict(list), init=False)
    _subscriptions: Timeline[Held] = attrs.field(factory=Timeline, init=False)
    _subscriptions_of: defaultdict[str, Timeline[Held]] = attrs.field(factory=lambda: defaultdict(Timeline), init=False)
    _joined: defaultdict[str, Timeline[Provision]] = attrs.field(factory=lambda: defaultdict(Timeline), init=False)
    _mailboxes: Timeline[HeldMailbox] = attrs.field(factory=Timeline, init=False)
    _mailboxes_of: defaultdict[str, Timeline[HeldMailbox]] = attrs.field(
        factory=lambda: defaultdict(Timeline), init=False
    )
    #: By id.
    _domain: dict[str, Held] = attrs.field(factory=dict, init=False)
    _subscription: dict[str, Held] = attrs.field(factory=dict, init=False)
    _mailbox: dict[str, HeldMailbox] = attrs.field(factory=dict, init=False)
    #: The latest id of each user's domains.
    _domain_ids: dict[tuple[str, str], str] = attrs.field(factory=dict, init=False)

    def add(self, order: SimulatedOrder, provision: Provision) -> None:
        """Keep what a charged order brings for one of its domains."""
        held = Held(order, provision)
        if provision.registered:
            self._registrations[order.user_id].append(held)
        if not provision.failed:
            self._domain_ids[order.user_id, provision.domain] = provision.domain_id
        self._domain.setdefault(provision.domain_id, held)
        if provision.subscription_id is None or provision.failed or provision.mailboxes_failed:
            return
        if provision.joins:
            self._joined[provision.subscription_id].add(provision.provisioned_at, provision)
        else:
            self._subscription[provision.subscription_id] = held
            self._subscriptions.add(provision.taken_at, held)
            self._subscriptions_of[provision.domain].add(provision.taken_at, held)
        for mailbox in provision.mailboxes:
            one = self._mailbox[mailbox.mailbox_id] = HeldMailbox(order, provision, mailbox)
            self._mailboxes.add(provision.taken_at, one)
            self._mailboxes_of[order.user_id].add(provision.taken_at, one)

    def has(self, *, subscription_id: str | None, domain_id: str | None) -> bool:
        """Tell whether a subscription, or else a domain, exists."""
        return domain_id in self._domain if subscription_id is None else subscription_id in self._subscription

    def domain_id(self, user_id: str, domain: str) -> str | None:
        """Return the latest id of a user's domain; `None` if none of the user's orders named the domain."""
        return self._domain_ids.get((user_id, domain))

    def registrations(self, user_id: str, now: float) -> Iterator[Held]:
        """Yield the domains that a user's orders have registered or are registering, without failed ones."""
        for held in self._registrations.get(user_id, ()):
            if not (held.provision.failed and held.provision.registered_at <= now):
                yield held

    def subscriptions(
        self, *, domain: str | None = None, subscription_id: str | None = None, status: str | None = None
    ) -> Timeline[Held]:
        """Return the subscriptions, one for each domain and order that began one; they appear when they start.

        Args:
            domain: Only those of this domain.
            subscription_id: Only the one with this id.
            status: Only those with this status; all are `ACTIVE`.
        """
        found = self._subscriptions if domain is None else self._subscriptions_of.get(domain.lower(), Timeline())
        if status not in (None, _ACTIVE):
            return Timeline()
        if subscription_id is None:
            return found
        one: Timeline[Held] = Timeline()
        held = self._subscription.get(subscription_id)
        if held is not None and domain in (None, held.provision.domain):
            one.add(held.provision.taken_at, held)
        return one

    def quantity(self, subscription: Provision, now: float) -> int:
        """Return the number of mailboxes of a subscription; those that join it count when they are ready."""
        joined = self._joined.get(subscription.subscription_id or "", Timeline())
        return len(subscription.mailboxes) + sum(len(added.mailboxes) for added in joined.appeared(now))

    def mailboxes(self, user_id: str | None = None) -> Timeline[HeldMailbox]:
        """Return the mailboxes of a user, or of all; they appear when the provider takes their order."""
        return self._mailboxes if user_id is None else self._mailboxes_of.get(user_id, Timeline())

    def mailbox(self, mailbox_id: str, now: float) -> HeldMailbox:
        """Return a mailbox, or refuse (404)."""
        held = self._mailbox.get(mailbox_id)
        if held is None or now < held.provision.taken_at:
            raise Refusal("The requested mailbox does not exist.", status=404)
        return held

    def active_subscription(self, user_id: str, subscription_id: str, now: float) -> Held:
        """Return a user's subscription, or refuse: 404 for an unknown one, 403 for another user's."""
        held = self._subscription.get(subscription_id)
        if held is None or now < held.provision.taken_at:
            raise Refusal("The requested subscription does not exist.", status=404)
        if held.order.user_id != user_id:
            raise Refusal("The subscription does not belong to this user", status=403)
        return held

    def active_domain(self, user_id: str, domain_id: str, now: float) -> Held:
        """Return a user's domain, or refuse: 404 for an unknown one, 403 for another user's, 422 for a pending one."""
        held = self._domain.get(domain_id)
        if held is None or (held.provision.failed and held.provision.registered_at <= now):
            raise Refusal("The requested domain does not exist.", status=404)
        if held.order.user_id != user_id:
            raise Refusal("The domain does not belong to this user", status=403)
        if now < held.provision.registered_at:
            raise Refusal("The domain is not active", status=422)
        return held
