"""The states of a step of an order, and the rules about them as pure functions: which state may follow which.

Nothing here touches a database, so each rule that keeps an order from being bought twice can be read and tested in one
place.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from ..models.requests import Verdict


class Step(StrEnum):
    """What is sent for an order; each step has its own entry, claim and outcome."""

    #: The order itself: `POST /orders/json`, as a draft or confirmed.
    CREATE = "create"
    #: The processing of an accepted draft, which spends the money.
    PROCESS = "process"


class OrderKind(StrEnum):
    """Which endpoint an order is for."""

    #: Domains and their mailboxes: `POST /orders/json`.
    ORDER = "order"
    #: Mailboxes on a domain that is there: `POST /orders/create-mailbox-order/json`.
    MAILBOX_ORDER = "mailbox_order"


class StepState(StrEnum):
    """The state of a step."""

    #: In the journal and not sent, or explicitly planned again.
    PLANNED = "planned"
    #: Claimed: a request may be under way.
    SENT = "sent"
    #: The API accepted it.
    ACCEPTED = "accepted"
    #: The API, or the validation before it, refused it. Nothing was bought.
    REJECTED = "rejected"
    #: It may have happened. Never send it again without evidence.
    UNKNOWN = "unknown"
    #: It provably did not reach the API. It may be sent again.
    NOT_SENT = "not_sent"


#: States that a claim may take a step from.
CLAIMABLE = (StepState.PLANNED, StepState.NOT_SENT)

#: States of a step that bought nothing, so that another order may take its place.
REPLACEABLE = (*CLAIMABLE, StepState.REJECTED)

#: States that the owner of a claim may report.
OUTCOMES = (StepState.ACCEPTED, StepState.REJECTED, StepState.UNKNOWN, StepState.NOT_SENT)


def may_follow(outcome: StepState, *, state: StepState, recovered: bool, verdict: Verdict | None) -> bool:
    """Tell whether the owner's outcome may replace what the journal has about the owner's own attempt.

    The state is normally `sent`. It is another one if the outcome comes late: recovery took the owner for dead and
    wrote `unknown`, and perhaps somebody gave a verdict and planned the step again. A purchase is always recorded;
    permission to send again is given only while nothing contradicts it.

    Args:
        outcome: What the owner reports, one of `OUTCOMES`.
        state: The state in the journal.
        recovered: Recovery wrote the journal's `unknown`, not the owner.
        verdict: The verdict on the `unknown`, if any.
    """
    match outcome:
        case StepState.ACCEPTED:
            return state not in {StepState.ACCEPTED, StepState.REJECTED}
        case StepState.REJECTED:
            return state in {StepState.SENT, StepState.UNKNOWN}
        case StepState.UNKNOWN:
            doubtful = state in {StepState.SENT, StepState.NOT_SENT, StepState.PLANNED}
            return doubtful or (state is StepState.UNKNOWN and recovered)
        case StepState.NOT_SENT:
            harmless = recovered and verdict in {None, Verdict.ABSENT}
            return state is StepState.SENT or (state is StepState.UNKNOWN and harmless)
        case _:
            return False


def may_be_replaced(state: StepState, *, was_unknown: bool) -> bool:
    """Tell whether another order may take the place of one under the same key: only if that certainly bought nothing.

    Args:
        state: The state of its `create` step.
        was_unknown: The step was unknown at any time. What its owner reports late must still meet the order that was
            sent, so it stays as it is.
    """
    return state in REPLACEABLE and not was_unknown


def may_be_sent(changes: Iterable[str]) -> bool:
    """Tell whether the history of a step allows a claim, whatever its row says.

    A file that was damaged may say of a step that it is `planned`, and of its history something else.

    Args:
        changes: The changes of one step, oldest first, as in `JournalEvent.change`.
    """
    is_sent = is_doubted = False
    for change in changes:
        match change:
            case StepState.PLANNED:
                is_sent = is_doubted = False
            case StepState.NOT_SENT:
                is_sent = False
            case StepState.SENT | StepState.ACCEPTED | StepState.UNKNOWN:
                is_sent = True
            case "late:accepted" | "late:unknown":
                is_doubted = True
            case _:
                pass
    return not is_sent and not is_doubted
