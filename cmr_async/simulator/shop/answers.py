"""The shapes of the answers, made from the simulator's records.

Where `api/reference.md` calls a shape UNKNOWN, the function says that it is the simulator's choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ...core.order.prices import PriceList
from .holdings import Held, HeldMailbox
from .records import (
    LedgerEntry,
    Provision,
    RequestCounts,
    SimulatedMailbox,
    SimulatedOrder,
    SimulatedUser,
    WebhookDelivery,
)

#: Messages of section 2.5, for drafts too: the page shows one beside a request with `confirm: false`.
_CREATED_2026_02 = "Order created and queued for processing, make sure to have enough balance in your wallet!"
_CREATED_2026_06 = "Order created and queued for processing"
_MONTH = timedelta(days=30)
_YEAR = timedelta(days=365)
#: Later dates than this leave the calendar.
_MOST_YEARS = 1000


def order_created(order: SimulatedOrder, generation: str) -> dict[str, Any]:
    """Return the whole answer of `POST /orders/json` in one of its two documented shapes (section 2.5).

    The id has 28 characters in both; the `ord_...` of the newer sample is an illustration (section 4).
    """
    if generation == "2026-02":
        return {"status": 200, "message": _CREATED_2026_02, "data": {"orderId": order.order_id}}
    return {
        "status": 200,
        "message": _CREATED_2026_06,
        "data": {"orderId": order.order_id, "unavailableDomains": list(order.unavailable_domains)},
        "actionId": order.action_id,
    }


def order_status_data(order: SimulatedOrder, now: float) -> dict[str, Any]:
    """Return the `data` of `GET /orders/status`: the simulator's choice, in the words of the dashboard."""
    provisions = order.purchase.provisions if order.purchase else ()
    domains = [
        {
            "domain": provision.domain,
            "status": domain_status(provision, now),
            "mailboxes": {
                "quantity": len(provision.mailboxes),
                "status": _mailboxes_status(provision, now),
                "items": [] if provision.has_failed(now) else [_mailbox_state(one, now) for one in provision.mailboxes],
            },
        }
        for provision in provisions
    ]
    return {
        "orderId": order.order_id,
        "status": _overall(order, now),
        "processed": order.purchase is not None,
        "unavailableDomains": list(order.unavailable_domains),
        "domains": domains,
    }


def _overall(order: SimulatedOrder, now: float) -> str:
    if order.purchase is None:
        return "PENDING"
    provisions = order.purchase.provisions
    if any(provision.has_failed(now) for provision in provisions):
        return "FAILED"
    return "PAID" if all(provision.provisioned_at <= now for provision in provisions) else "PENDING"


def _mailboxes_status(provision: Provision, now: float) -> str:
    """Return the status of a domain's mailboxes taken together: `ACTIVE` when all of them are."""
    if provision.has_failed(now):
        return "FAILED"
    return "ACTIVE" if provision.provisioned_at <= now else "IN_PROGRESS"


def _mailbox_state(mailbox: SimulatedMailbox, now: float) -> dict[str, Any]:
    return {"mailboxId": mailbox.mailbox_id, "email": mailbox.email, "status": mailbox_status(mailbox, now)}


def mailbox_status(mailbox: SimulatedMailbox, now: float) -> str:
    """Return `IN_PROGRESS`, `CREATING_PASSWORD` or `ACTIVE` (section 13)."""
    if now < mailbox.password_at:
        return "IN_PROGRESS"
    return "CREATING_PASSWORD" if now < mailbox.ready_at else "ACTIVE"


def mailbox_item(held: HeldMailbox, now: float) -> dict[str, Any]:
    """Return a mailbox as `GET /mailboxes` and its kin show it: the simulator's choice, without passwords."""
    order, provision, mailbox = held
    return {
        "mailboxId": mailbox.mailbox_id,
        "email": mailbox.email,
        "firstName": mailbox.first_name,
        "lastName": mailbox.last_name,
        "status": mailbox_status(mailbox, now),
        "serviceProvider": order.body.service_provider,
        "domain": provision.domain,
        "domainId": provision.domain_id,
        "userId": order.user_id,
        "orderId": order.order_id,
        "subscriptionId": provision.subscription_id,
        "createdAt": iso(provision.taken_at),
    }


def domain_status(provision: Provision, now: float) -> str:
    """Return `PENDING` or `ACTIVE` (section 13), or the simulator's own `FAILED`."""
    if provision.registered_at > now:
        return "PENDING"
    return "FAILED" if provision.failed else "ACTIVE"


def domain_item(held: Held, now: float) -> dict[str, Any]:
    """Return one item of `GET /domains/by-user`: the simulator's choice, after the page about renewal prices."""
    order, provision = held
    return {
        "domainName": provision.domain,
        "domainId": provision.domain_id,
        "status": domain_status(provision, now),
        "creationTime": iso(order.created_at),
        "expireOn": domain_expiry(order, provision),
        "autoRenew": False,
    }


def subscription_item(held: Held, quantity: int, prices: PriceList) -> dict[str, Any]:
    """Return one item of `GET /subscriptions`, as documented (section 10.9)."""
    order, provision = held
    return {
        "subscriptionId": provision.subscription_id,
        "subscriptionStatus": "ACTIVE",
        "totalMailboxQuantity": quantity,
        "billingCycle": order.body.billing_cycle,
        "pricePerMailbox": float(prices.mailbox),
        "periodStart": iso(provision.taken_at),
        "periodEnd": subscription_end(provision),
        "serviceProvider": order.body.service_provider,
        "autoRenew": order.body.auto_renew,
        "userId": order.user_id,
        "domain": provision.domain,
    }


def user_data(record: SimulatedUser) -> dict[str, Any]:
    """Return a user as `GET /users` and `GET /users/list` show it: the simulator's choice."""
    return {"userId": record.user_id, **record.profile}


def pagination(count: int, page: int, limit: int) -> dict[str, int]:
    """Return the documented `pagination` object of a page.

    `nextPage` is always `currentPage + 1`, even after the last page, as in the documented sample (section 7).

    Args:
        count: Number of items of the whole list.
        page: Number of the page, from 1 on.
        limit: Most items of a page.
    """
    return {
        "totalSearchedCount": count,
        "currentPage": page,
        "nextPage": page + 1,
        "totalPages": max(1, -(-count // limit)),
    }


def ledger_row(entry: LedgerEntry) -> dict[str, Any]:
    """Return one row of the ledger; simulator only."""
    return {
        "time": iso(entry.time),
        "orderId": entry.order_id,
        "userId": entry.user_id,
        "kind": entry.kind,
        "amount": str(entry.amount),
        "domains": list(entry.domains),
        "bodyHash": entry.body_hash,
    }


def request_counts(counts: RequestCounts) -> Mapping[str, Any]:
    """Return the request counts; simulator only."""
    return {
        "total": counts.total,
        "byEndpoint": dict(counts.by_endpoint),
        "byStatus": {str(status): number for status, number in counts.by_status.items()},
        "byFault": dict(counts.by_fault),
        "mostInOneSecond": counts.most_in_one_second,
    }


def delivery_row(delivery: WebhookDelivery) -> dict[str, Any]:
    """Return one attempt to deliver a webhook; simulator only."""
    return {
        "time": iso(delivery.time),
        "eventId": delivery.event_id,
        "event": delivery.event,
        "orderId": delivery.order_id,
        "attempt": delivery.attempt,
        "status": delivery.status,
        "outcome": delivery.outcome,
    }


def domain_expiry(order: SimulatedOrder, provision: Provision, *, timespec: str = "milliseconds") -> str:
    """Return when the registration of a domain ends."""
    return iso(order.created_at, _YEAR * min(provision.years, _MOST_YEARS), timespec=timespec)


def subscription_end(provision: Provision, *, timespec: str = "milliseconds") -> str:
    """Return when the period of a subscription ends."""
    return iso(provision.taken_at, _MONTH, timespec=timespec)


def iso(epoch_seconds: float, later: timedelta = timedelta(0), *, timespec: str = "milliseconds") -> str:
    """Return a time as the API writes it, or one that is so much later."""
    moment = datetime.fromtimestamp(epoch_seconds, UTC) + later
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")
