"""What the simulator keeps: users, orders, purchases, the ledger and request counts; and how it refuses a request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs
import orjson


def body_hash(body: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an order's body, in hex, by which a row of the ledger is matched with what was sent.

    The order of the keys does not matter: they are sorted.

    Args:
        body: The JSON object of `POST /orders/json`, as plain data.
    """
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


@attrs.frozen(kw_only=True)
class SimulatedUser:
    """A user: a customer of the partner."""

    #: 28 upper-case letters and digits.
    user_id: str
    #: The fields of `POST /users` (section 10.2), by their API names.
    profile: Mapping[str, str]


@attrs.frozen(kw_only=True)
class DomainLine:
    """One domain to register."""

    #: Domain name in lower case.
    domain: str
    #: Length of the registration in years, at least 1.
    years: int


@attrs.frozen(kw_only=True)
class MailboxLine:
    """One mailbox to set up."""

    #: Local part of the address.
    username: str
    #: First name of its owner.
    first_name: str
    #: Last name of its owner.
    last_name: str
    #: Whether it starts warmup.
    on_warmup: bool


@attrs.frozen(kw_only=True)
class MailboxLines:
    """The mailboxes of one domain."""

    #: Domain name in lower case.
    domain: str
    #: Mailboxes in the sequence of the request; repeats are kept, as in the API's own sample.
    mailboxes: tuple[MailboxLine, ...]


@attrs.frozen(kw_only=True)
class OrderBody:
    """The part of an order's body that the simulator needs, checked.

    An order of mailboxes has either `subscription_id` or `domain_id`; one that registers domains has neither.
    """

    #: Domains to register, in the sequence of the request.
    domains: tuple[DomainLine, ...]
    #: Mailboxes by domain; the domain need not be in `domains`.
    mailboxes: tuple[MailboxLines, ...]
    #: `MONTHLY`, unless the order says otherwise and the simulator is not strict.
    billing_cycle: str
    #: Whether the order is to be processed, and so charged, at once.
    confirm: bool
    #: `GOOGLE` or `MICROSOFT`.
    service_provider: str
    #: Whether the mailbox subscriptions renew by themselves.
    auto_renew: bool
    #: `body_hash` of the request's body.
    digest: str
    #: The subscription that the mailboxes join.
    subscription_id: str | None = None
    #: The domain that the mailboxes are for; they get a subscription of their own.
    domain_id: str | None = None

    @property
    def only_mailboxes(self) -> bool:
        """Whether it is an order of mailboxes on a domain that is there already."""
        return self.subscription_id is not None or self.domain_id is not None


@attrs.frozen(kw_only=True)
class SimulatedMailbox:
    """One mailbox of a purchased order, with the simulated times, in epoch seconds, of its steps (section 13).

    It is `IN_PROGRESS`, from `password_at` on `CREATING_PASSWORD`, from `ready_at` on `ACTIVE`.
    """

    #: 28 upper-case letters and digits.
    mailbox_id: str
    #: The address.
    email: str
    #: First name of its owner.
    first_name: str
    #: Last name of its owner.
    last_name: str
    #: When its password begins to be made.
    password_at: float
    #: When it is ready.
    ready_at: float
    #: When its warmup starts; `None` unless it was ordered.
    warmup_at: float | None


@attrs.frozen(kw_only=True)
class Provision:
    """One domain of a purchased order, with the simulated times, in epoch seconds, at which its parts are ready."""

    #: Domain name in lower case.
    domain: str
    #: 28 upper-case letters and digits.
    domain_id: str
    #: Whether the order registered the domain; if not, it only added mailboxes to it.
    registered: bool
    #: Length of the registration in years; 0 without one.
    years: int
    #: When the registration succeeds or fails; without one, when the order was charged.
    registered_at: float
    #: Whether it fails; then there are never mailboxes.
    failed: bool
    #: Id of the subscription of the domain's mailboxes; `None` without mailboxes.
    subscription_id: str | None
    #: Whether the mailboxes join a subscription that an earlier order began.
    joins: bool
    #: When the provider takes the order of the mailboxes and the subscription starts, or when that fails.
    taken_at: float
    #: Whether the order of the mailboxes fails after the domain succeeded.
    mailboxes_failed: bool
    #: The mailboxes.
    mailboxes: tuple[SimulatedMailbox, ...]
    #: When the last mailbox is ready; without mailboxes, when the domain is.
    provisioned_at: float

    def has_failed(self, now: float) -> bool:
        """Tell whether the registration or the order of the mailboxes has failed."""
        return (self.failed and self.registered_at <= now) or (self.mailboxes_failed and self.taken_at <= now)


@attrs.frozen(kw_only=True)
class Purchase:
    """The charge of an order and what it bought."""

    #: Simulated epoch seconds of the charge.
    time: float
    #: US dollars taken from the wallet.
    amount: Decimal
    #: What was bought, per domain.
    provisions: tuple[Provision, ...]


@attrs.frozen(kw_only=True)
class SimulatedOrder:
    """An order that the simulator accepted."""

    #: 28 upper-case letters and digits.
    order_id: str
    #: `ACT_` and a UUID.
    action_id: str
    #: The user who owns the order.
    user_id: str
    #: What was ordered.
    body: OrderBody
    #: Simulated epoch seconds of its creation.
    created_at: float
    #: Domains of the order that could not be bought when it was last looked at.
    unavailable_domains: tuple[str, ...]
    #: The charge; `None` while the order is a draft.
    purchase: Purchase | None


@attrs.frozen(kw_only=True)
class LedgerEntry:
    """One charge. A purchase made twice is two entries."""

    #: Simulated epoch seconds.
    time: float
    #: The order that was charged.
    order_id: str
    #: The user who owns the order.
    user_id: str
    #: `confirmed` (charged on creation) or `processed` (a draft, charged by "Process the Order").
    kind: str
    #: US dollars taken from the wallet.
    amount: Decimal
    #: Domains that this charge registered; a domain listed twice was bought twice.
    domains: tuple[str, ...]
    #: `body_hash` of the order's body.
    body_hash: str


@attrs.frozen(kw_only=True)
class RequestCounts:
    """The requests to the API since the start, including refused, throttled and faulty ones."""

    #: Requests whose head was read.
    total: int
    #: The same by endpoint, such as `POST /orders/json`; unknown paths and methods are counted as `other`.
    by_endpoint: Mapping[str, int]
    #: Answers by HTTP status; a request that a fault left without an answer is not counted here.
    by_status: Mapping[int, int]
    #: Faults that fired, by kind.
    by_fault: Mapping[str, int]
    #: The most requests that arrived within any rolling second.
    most_in_one_second: int


@attrs.frozen(kw_only=True)
class WebhookDelivery:
    """One attempt to deliver an event."""

    #: Id of the event, the same in every attempt; some samples of the help centre do not send it.
    event_id: str
    #: Name of the event, such as `mailbox.created`.
    event: str
    #: The order that it is about.
    order_id: str
    #: 1 for the first delivery, at most 3.
    attempt: int
    #: Simulated epoch seconds at which it ended.
    time: float
    #: HTTP status of the answer; `None`: there was none in time, or no connection.
    status: int | None
    #: `delivered` (2xx), `retried` (another attempt follows), or `failed` (it was the last one).
    outcome: str


class Refusal(Exception):  # noqa: N818 - an expected answer of the API, not an error of the simulator
    """A request is refused; the application answers with the error envelope of section 4."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        """Refuse with this `message` of the envelope, and this HTTP status, which the envelope repeats."""
        super().__init__(message)
        self.message = message
        self.status = status
