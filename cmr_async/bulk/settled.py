"""What the journal says about an order that is not sent in this run, as the outcome of the order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.order.checked import CheckedOrder
from ..errors import APIError, CMRError, JournalConflictError, NotSentError, OutcomeUnknownError
from ..journal.states import Step, StepState
from ..models.requests import OrderOutcome, OrderState, Verdict

if TYPE_CHECKING:
    from ..journal.journal import Journal
    from ..journal.records import JournalEntry


def settled_outcome(index: int, checked: CheckedOrder, entry: JournalEntry, journal: Journal) -> OrderOutcome:
    """Return the outcome of an order that the journal does not let this run send."""
    state, error = _settled(entry, journal)
    if error is None and checked.order.confirm and not entry.confirm and entry.step is Step.CREATE:
        error = CMRError(
            f"{entry.key} exists as a draft that is not paid. Its acceptance was not seen, so this run leaves it "
            "alone: look at it in the Partner Dashboard, or process it by its order id."
        )
    return OrderOutcome(
        index=index,
        request=checked.request,
        state=state,
        order_id=entry.order_id,
        error=error,
        cautions=checked.cautions,
        unavailable_domains=entry.unavailable,
        verdict=entry.verdict,
    )


def _settled(entry: JournalEntry, journal: Journal) -> tuple[OrderState, CMRError | None]:
    match entry.state, entry.verdict:
        case (StepState.ACCEPTED, _) | (StepState.UNKNOWN, Verdict.PLACED):
            return OrderState.SKIPPED, None
        case StepState.REJECTED, _:
            refused = f"{entry.key} was refused in an earlier run: {entry.message}"
            return OrderState.SKIPPED, APIError(refused, status=entry.status)
        case StepState.UNKNOWN, Verdict.ABSENT:
            return OrderState.NOT_SENT, NotSentError(
                f"{entry.key} was not placed ({entry.evidence}). To send it again: "
                f"`cmr orders resubmit {journal.name} --reference {entry.key}`, then this run again."
            )
        case StepState.UNKNOWN, _:
            return OrderState.UNKNOWN, still_unknown(entry, journal)
        case _ if entry.run_id == journal.run_id:
            return OrderState.SKIPPED, CMRError(f"{entry.key} is in this input twice; it is being sent already.")
        case _:
            return OrderState.SKIPPED, CMRError(f"{entry.key} is being sent by another run.")


def still_unknown(entry: JournalEntry, journal: Journal) -> OutcomeUnknownError:
    """Return the error for an order that is in doubt since an earlier run."""
    verdict = f" The evidence contradicts itself: {entry.evidence}." if entry.verdict else ""
    return OutcomeUnknownError(
        f"{entry.key} may have been placed in an earlier run.{verdict} Do not send it again; "
        f"run `cmr orders reconcile {journal.name}`.",
        status=entry.status,
        body_excerpt=entry.body_excerpt,
        order_id=entry.order_id,
    )


def replaced(added: JournalEntry, now: JournalEntry, journal: Journal) -> JournalConflictError | None:
    """Return the error for an order whose place in the journal another one took before it was sent; else `None`.

    What becomes of the other one must not be told as the outcome of this one.

    Args:
        added: The entry as this order was added.
        now: The entry that the journal has under the same key now.
        journal: The journal.
    """
    if now.content == added.content:  # a draft and its payment are one order
        return None
    from ..journal.adding import conflict  # noqa: PLC0415 - needs SQLAlchemy, which an open journal has loaded

    return conflict([(now, added)], where=f"The journal {journal.name}")
