"""The simulator's frozen records: what was ordered, bought and counted; only its state replaces them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs
import orjson

__all__ = [
    "DomainLine",
    "LedgerEntry",
    "MailboxLines",
    "OrderBody",
    "Provision",
    "Purchase",
    "RequestCounts",
    "SimulatedOrder",
    "SimulatedUser",
    "body_hash",
]


def body_hash(body: Mapping[str, Any]) -> str:
    """Name an order body, whatever the order of its keys, so that a ledger row can be tied to what was sent.

    Args:
        body: the JSON object of `POST /orders/json`, as plain data.

    Returns:
        SHA-256 of the body as compact JSON with sorted keys, in lower-case hex.
    """
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


@attrs.frozen(kw_only=True)
class SimulatedUser:
    """A customer of the partner."""

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
class MailboxLines:
    """The mailboxes of one domain."""

    #: Domain name in lower case.
    domain: str
    #: Local parts, in the order of the request; repeats are kept, as in the API's own sample.
    usernames: tuple[str, ...]
    #: How many of them asked for warmup.
    on_warmup: int


@attrs.frozen(kw_only=True)
class OrderBody:
    """The body of `POST /orders/json`, checked and reduced to what the simulator acts on."""

    #: Domains to register, in the order of the request.
    domains: tuple[DomainLine, ...]
    #: Mailboxes by domain; the domain need not be in `domains`.
    mailboxes: tuple[MailboxLines, ...]
    #: True when the order is to be processed, and so charged, at once.
    confirm: bool
    #: `GOOGLE` or `MICROSOFT`.
    service_provider: str
    #: Whether the mailbox subscriptions renew by themselves.
    auto_renew: bool
    #: `body_hash` of the request's body.
    digest: str


@attrs.frozen(kw_only=True)
class Provision:
    """One domain of a purchased order on its way to being ready. Times are simulated epoch seconds."""

    #: Domain name in lower case.
    domain: str
    #: 28 upper-case letters and digits.
    domain_id: str
    #: True when the order registered the domain; False when it only put mailboxes on it.
    registered: bool
    #: Length of the registration in years.
    years: int
    #: When the registrar's answer is in.
    registered_at: float
    #: True when that answer is a failure; then no mailbox is ever provisioned.
    failed: bool
    #: Id of the subscription of the domain's mailboxes, or None without mailboxes.
    subscription_id: str | None
    #: Number of mailboxes.
    mailboxes: int
    #: When the mailboxes are ready and the subscription begins.
    provisioned_at: float


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
    #: The charge; None while the order is an unprocessed draft.
    purchase: Purchase | None


@attrs.frozen(kw_only=True)
class LedgerEntry:
    """One movement of the wallet. A purchase made twice is two entries."""

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
    """What reached the API base since the start, refused, throttled and faulted requests included."""

    #: Requests whose head was read.
    total: int
    #: The same by endpoint, such as `POST /orders/json`; paths that no endpoint has are under `other`.
    by_endpoint: Mapping[str, int]
    #: Answers by HTTP status. A request that a fault left without an answer is in none.
    by_status: Mapping[int, int]
    #: Faults that fired, by kind.
    by_fault: Mapping[str, int]
    #: The most requests that arrived within any rolling second.
    most_in_one_second: int
