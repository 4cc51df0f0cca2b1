"""What becomes of the orders of a world, as the provider's lists show it, and what a tracker must have learned of it.

The domain of each order is there after some seconds, its mailbox later; the mailbox of every second order fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs

from cmr_async.models.progress import OrderProgress, OrderToken, progress_of
from cmr_async.models.tracking import Provision, ProvisionKind, ProvisionState
from tests.world.store import store

if TYPE_CHECKING:
    from tests.world.api import Entry
    from tests.world.world import World

#: Why a mailbox fails.
REASON = "Workspace validation failed"
#: Seconds after an order until its domain is there, and until its mailbox is there or has failed.
_DOMAIN, _MAILBOX = 3.0, 6.0


def _fails(domain: str) -> bool:
    return domain.startswith(("d1.", "d3."))


def provided(done: tuple[Entry, ...], now: float) -> Iterator[dict[str, Any]]:
    """Yield what the provider knows at a time about the domain and the mailbox of each paid order."""
    for entry in done:
        age = now - entry.at
        if entry.what == "draft" or age < 0:
            continue
        word, reason = ("FAILED", REASON) if _fails(entry.domain) else ("ACTIVE", "")
        is_made = age >= _MAILBOX
        yield {
            "orderId": entry.order_id,
            "domainName": entry.domain,
            "domainStatus": "ACTIVE" if age >= _DOMAIN else "REGISTERING",
            "mailbox": {
                "email": f"ada@{entry.domain}",
                "orderId": entry.order_id,
                "status": word if is_made else "CREATING",
                "reason": reason if is_made else "",
            },
        }


def active() -> frozenset[tuple[str, str, str]]:
    """Return the order, the kind and the name of all that the journal calls active."""
    rows = store().rows("SELECT order_id, kind, name FROM cmr_provisions WHERE state = 'active'")
    return frozenset((order_id, kind, name) for order_id, kind, name in rows)


def _in_the_journal(token: OrderToken) -> OrderProgress:
    """Return how far an order has come, as far as the journal knows it."""
    names = [field.name for field in attrs.fields(Provision)]
    rows = store().rows(f"SELECT {', '.join(names)} FROM cmr_provisions WHERE order_id = '{token.order_id}'")
    known = [Provision(**dict(zip(names, row, strict=True))) for row in rows]
    return progress_of(token, {(each.kind, each.name): each for each in known})


def check_told(world: World, told: OrderProgress) -> None:
    """Check what a user is told about an order that is settled: the provider and the journal say the same.

    Raises:
        Violation: They do not.
    """
    known = _in_the_journal(told.token)
    world.expect(told.is_settled, f"{told} was told without being settled")
    world.expect(known.state is told.state, f"{told.order_id} was told to be {told.state}, and is {known.state} there")
    [domain] = told.token.domains
    fails = _fails(domain)
    world.expect(told.state is (ProvisionState.FAILED if fails else ProvisionState.ACTIVE), f"{told} is wrong")
    reasons = [(failed.kind, failed.reason) for failed in told.failures]
    world.expect(reasons == [(ProvisionKind.MAILBOX, REASON)] * fails, f"{told} failed for {reasons}")


def check_tracking(world: World) -> None:
    """Check that each order that the journal knows to be accepted has come to its end there.

    Raises:
        Violation: One has not.
    """
    accepted = store().rows("SELECT order_id FROM cmr_steps WHERE state = 'accepted'")
    for (order_id,) in accepted:
        [domain] = [entry.domain for entry in world.api.done if entry.order_id == order_id]
        token = OrderToken(order_id=order_id, user_id="", domains=[domain], mailboxes=[f"ada@{domain}"])
        check_told(world, _in_the_journal(token))
