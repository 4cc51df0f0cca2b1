"""One order with a journal: asked for several times at once, it is sent once, and all who ask get its outcome."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import attrs

from ..core.judge import refusal
from ..core.order.checked import CheckedOrder
from ..errors import NotSentError, OrderPlacedError
from ..journal.states import CLAIMABLE, StepState
from ..models import OrderCreated
from ..models.requests import OrderState, Verdict
from ..pipeline import Pipeline
from ..resources.orders import describe
from .run import JournalLike, opened, with_shared_pace
from .sending import Item, OrderGuard, OrderSender
from .settled import replaced, still_unknown

if TYPE_CHECKING:
    from ..journal.journal import Journal
    from ..journal.records import JournalEntry

#: Seconds between two looks at an order that another task, process or host is sending: the first wait, and the longest.
_FIRST_LOOK, _LONGEST_WAIT = 0.1, 1.0


async def create_once(
    pipeline: Pipeline,
    checked: CheckedOrder,
    journal: JournalLike,
    *,
    timeout: float | None = None,
    send_within: float | None = None,
) -> OrderCreated:
    """Send an order under the claim of a journal, or wait for whoever sends it; return what came of it.

    Args:
        pipeline: Of the client.
        checked: The order, without faults.
        journal: A path, a URL, or an open `Journal`.
        timeout: As in `Orders.create`.
        send_within: As in `Orders.create`.

    Raises:
        CMRError: As `Orders.create`.
        JournalError: The journal cannot be used; nothing was sent.
    """
    item = Item(index=0, checked=checked)
    guard = OrderGuard(item)

    async def work() -> OrderCreated:
        async with opened(journal, pipeline=pipeline) as ledger:
            if ledger is None:  # `Orders.create` asks for a journal
                raise NotSentError("There is no journal.")
            sender = OrderSender(
                pipeline=with_shared_pace(pipeline, ledger), journal=ledger, timeout=timeout, send_within=send_within
            )
            return await _send_or_wait(sender, ledger, item, guard)

    return await pipeline.background.see_through(
        work(),
        guard,
        subject=partial(describe, checked.order),
        order_id=lambda created: created.order_id,
        drain=pipeline.timeouts.drain,
    )


async def _send_or_wait(sender: OrderSender, journal: Journal, item: Item, guard: OrderGuard) -> OrderCreated:
    [known] = await journal.add([item.checked])
    entry = await sender.step_to_send(item.checked, journal, known)
    waits, waited = _waits(), False
    while True:
        if entry.state is StepState.SENT:
            waited = True
            await sender.pipeline.sleep(next(waits))
        elif entry.state in CLAIMABLE and not waited:
            ended = await sender.send(attrs.evolve(item, entry=entry), guard)
            outcome = ended.outcome
            if outcome.created is not None:
                return outcome.created
            if outcome.state is not OrderState.SKIPPED and outcome.error is not None:
                raise outcome.error
        else:
            return _outcome_of(entry, journal)
        now = await journal.get(entry.key, step=entry.step) or entry
        if other := replaced(entry, now, journal):
            raise other
        if now.fingerprint != entry.fingerprint and now.state in CLAIMABLE:
            raise NotSentError(
                f"{entry.key} was not sent: it was asked for with another `confirm` at the same time. Ask again."
            )
        # Who pays for a draft that was on its way has not waited for the payment yet
        entry = await sender.step_to_send(item.checked, journal, now)
        waited = waited and entry.step is now.step


def _outcome_of(entry: JournalEntry, journal: Journal) -> OrderCreated:
    """Return or raise what came of an order that somebody else sent, or that was settled before."""
    match entry.state, entry.verdict:
        case (StepState.ACCEPTED, _) | (StepState.UNKNOWN, Verdict.PLACED):
            if entry.order_id is None:
                raise OrderPlacedError(f"{entry.key} was placed ({entry.evidence}); its order id is not known.")
            return OrderCreated(
                order_id=entry.order_id,
                message=entry.message,
                action_id=entry.action_id,
                unavailable_domains=entry.unavailable,
            )
        case StepState.UNKNOWN, verdict if verdict is not Verdict.ABSENT:
            raise still_unknown(entry, journal)
        case StepState.REJECTED, _:
            raise refusal(entry.status, entry.message)
        case _:
            raise NotSentError(f"{entry.key} was not sent: {entry.message or entry.evidence}")


def _waits() -> Iterator[float]:
    wait = _FIRST_LOOK
    while True:
        yield wait
        wait = min(wait * 1.5, _LONGEST_WAIT)
