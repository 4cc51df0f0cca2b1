"""The shapes of the answers, made from the simulator's records.

Where `api/reference.md` calls a shape UNKNOWN, the function says that it is the simulator's choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from ..core.prices import PriceList
from .records import LedgerEntry, Provision, RequestCounts, SimulatedOrder, SimulatedUser

__all__ = [
    "domain_item",
    "domain_status",
    "ledger_row",
    "order_created",
    "order_status_data",
    "page_of",
    "request_counts",
    "subscription_item",
    "user_data",
]

#: Messages of section 2.5, for drafts too: the page shows one beside a request with `confirm: false`.
_CREATED_2026_02 = "Order created and queued for processing, make sure to have enough balance in your wallet!"
_CREATED_2026_06 = "Order created and queued for processing"
_Item = TypeVar("_Item")
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
                "quantity": provision.mailboxes,
                "status": _mailbox_status(provision, now),
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
    if any(provision.failed and provision.registered_at <= now for provision in provisions):
        return "FAILED"
    return "PAID" if all(provision.provisioned_at <= now for provision in provisions) else "PENDING"


def _mailbox_status(provision: Provision, now: float) -> str:
    return "ACTIVE" if provision.provisioned_at <= now and not provision.failed else "IN_PROGRESS"


def domain_status(provision: Provision, now: float) -> str:
    """Return `PENDING` or `ACTIVE` (section 13), or the simulator's own `FAILED`."""
    if provision.registered_at > now:
        return "PENDING"
    return "FAILED" if provision.failed else "ACTIVE"


def domain_item(order: SimulatedOrder, provision: Provision, now: float) -> dict[str, Any]:
    """Return one item of `GET /domains/by-user`: the simulator's choice, after the page about renewal prices."""
    return {
        "domainName": provision.domain,
        "domainId": provision.domain_id,
        "status": domain_status(provision, now),
        "creationTime": _iso(order.created_at),
        "expireOn": _iso(order.created_at, _YEAR * min(provision.years, _MOST_YEARS)),
        "autoRenew": False,
    }


def subscription_item(order: SimulatedOrder, provision: Provision, quantity: int, prices: PriceList) -> dict[str, Any]:
    """Return one item of `GET /subscriptions`, as documented (section 10.9)."""
    return {
        "subscriptionId": provision.subscription_id,
        "subscriptionStatus": "ACTIVE",
        "totalMailboxQuantity": quantity,
        "billingCycle": order.body.billing_cycle,
        "pricePerMailbox": float(prices.mailbox),
        "periodStart": _iso(provision.provisioned_at),
        "periodEnd": _iso(provision.provisioned_at, _MONTH),
        "serviceProvider": order.body.service_provider,
        "autoRenew": order.body.auto_renew,
        "userId": order.user_id,
        "domain": provision.domain,
    }


def user_data(record: SimulatedUser) -> dict[str, Any]:
    """Return a user as `GET /users` and `GET /users/list` show it: the simulator's choice."""
    return {"userId": record.user_id, **record.profile}


def page_of(items: Sequence[_Item], page: int, limit: int) -> tuple[Sequence[_Item], dict[str, int]]:
    """Return one page of a list, and the documented `pagination` object.

    `nextPage` is always `currentPage + 1`, even after the last page, as in the documented sample (section 7).
    """
    start = (page - 1) * limit
    pagination = {
        "totalSearchedCount": len(items),
        "currentPage": page,
        "nextPage": page + 1,
        "totalPages": max(1, -(-len(items) // limit)),
    }
    return items[start : start + limit], pagination


def ledger_row(entry: LedgerEntry) -> dict[str, Any]:
    """Return one row of the ledger; simulator only."""
    return {
        "time": _iso(entry.time),
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


def _iso(epoch_seconds: float, later: timedelta = timedelta(0)) -> str:
    moment = datetime.fromtimestamp(epoch_seconds, UTC) + later
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
