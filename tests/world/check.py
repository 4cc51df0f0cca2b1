"""What must hold when a world has ended: the journal and what users were told agree with the provider's ledger."""

from __future__ import annotations

from collections import Counter
from typing import Any

from cmr_async.models.requests import OrderState
from tests.world.deliveries import check_deliveries
from tests.world.process import EPOCH
from tests.world.provisioning import check_tracking
from tests.world.scenarios import Scenario
from tests.world.store import store
from tests.world.world import Violation, World

#: Requests that may leave within one second.
_LIMIT = 5
_NOT_PLACED = ("planned", "not_sent", "rejected")


def check_end(world: World, scenario: Scenario, *, is_calm: bool) -> Counter[str]:
    """Check a world that has ended; return how its orders ended.

    Raises:
        Violation: A promise was broken.
    """
    ended: Counter[str] = Counter()
    rows = {(row[0], row[1]): row for row in store().rows("SELECT key, step, state, order_id, verdict FROM cmr_steps")}
    for number in range(scenario.orders):
        key, domain = f"r{number}", f"d{number}.com"
        made = [entry.order_id for entry in world.api.entries(domain, "order", "draft")]
        bought = [entry.order_id for entry in world.api.entries(domain, "order", "processing")]
        if len(bought) > 1 or len(made) > 1:
            raise Violation(f"{key} was placed {max(len(bought), len(made))} times")
        done = {"create": made, "process": [one for one in bought if world.api.entries(domain, "processing")]}
        for step, did in done.items():
            row = rows.get((key, step))
            if row is None:
                if did:
                    raise Violation(f"{key} was placed, and the journal does not know of it")
                if step == "create" and is_calm:
                    raise Violation(f"{key} is not in the journal")
                continue
            _check_row(row, did, is_calm=is_calm and scenario.clears_up)
            ended[row[2]] += 1
    _check_told(world, rows)
    if scenario.tracks:
        check_tracking(world)
    if scenario.delivers:
        check_deliveries(world)
    check_pace(world)
    return ended


def _check_row(row: tuple[Any, ...], did: list[str], *, is_calm: bool) -> None:
    key, step, state, order_id, verdict = row
    name = f"{key} ({step})"
    if state == "sent":
        raise Violation(f"{name} is left as sent")
    if state == "accepted" and did != [order_id]:
        raise Violation(f"{name} is accepted as {order_id}, and placed as {did}")
    if (state in _NOT_PLACED or verdict == "absent") and did:
        raise Violation(f"{name} is {state} {verdict or ''}, and was placed")
    if verdict == "placed" and not did:
        raise Violation(f"{name} has the verdict placed, and was not")
    if is_calm and state not in {"accepted", "rejected"} and verdict != "placed":
        raise Violation(f"{name} is still {state} after it was cleared up")


def _check_told(world: World, rows: dict[tuple[str, str], tuple[Any, ...]]) -> None:
    for told in world.told:
        known = [rows[told.key, step] for step in ("process", "create") if (told.key, step) in rows]
        if told.state is OrderState.ACCEPTED and not any(
            row[2] in {"accepted", "unknown"} and (told.order_id is None or row[3] in {told.order_id, None})
            for row in known
        ):
            raise Violation(f"{told.key} was told to be accepted, and the journal says {known}")


def check_pace(world: World) -> None:
    """Check that never more requests than the limit left within one second."""
    if world.was_stopped:  # a slot that has come while a process was stopped has passed
        return
    starts = sorted(world.starts)
    for one, other in zip(starts, starts[_LIMIT:], strict=False):
        if other - one < 1.0:
            raise Violation(f"{_LIMIT + 1} requests left within {other - one:.3f} s, at {one + EPOCH:.3f}")
