"""The rules by which a run stops or holds orders back."""

from __future__ import annotations

import attrs
import pytest

from cmr_async.bulk.sending import Ended
from cmr_async.bulk.stopping import StopRules
from cmr_async.errors import (
    AuthenticationError,
    CMRError,
    EndpointNotConfiguredError,
    InsufficientBalanceError,
    NotFoundError,
    NotSentError,
    OutcomeUnknownError,
    PermissionDeniedError,
    UnprocessableError,
    ValidationError,
)
from cmr_async.journal.records import JournalEntry
from cmr_async.journal.states import Step, StepState
from cmr_async.models.requests import OrderOutcome, OrderState, Verdict
from tests.fakes import USER, make_request

OTHER = "ANOTHERUSER0000000000000000A"


def ended(
    state: OrderState,
    error: CMRError | None = None,
    *,
    attempts: int = 1,
    user_id: str = USER,
    verdict: Verdict | None = None,
) -> Ended:
    request = make_request("a", user_id=user_id)
    outcome = OrderOutcome(index=0, request=request, state=state, error=error, attempts=attempts, verdict=verdict)
    return Ended(outcome=outcome)


def after(*outcomes: Ended, after_unknown: int = 3) -> StopRules:
    rules = StopRules(after_unknown=after_unknown)
    for outcome in outcomes:
        rules.take(outcome)
    return rules


ACCEPTED = ended(OrderState.ACCEPTED)
UNKNOWN = ended(OrderState.UNKNOWN, OutcomeUnknownError("?"))
UNSENT = ended(OrderState.NOT_SENT, NotSentError("?"))
FORBIDDEN = ended(OrderState.NOT_SENT, PermissionDeniedError("no", status=403))


@pytest.mark.parametrize("doubtful", [UNKNOWN, UNSENT])
def test_several_in_a_row_without_a_clear_outcome_stop_the_run(doubtful: Ended) -> None:
    assert after(doubtful, doubtful).stopped is None
    assert after(doubtful, ACCEPTED, doubtful, doubtful).stopped is None
    assert after(doubtful, doubtful, doubtful).stopped == "3 orders in a row without a clear outcome"


@pytest.mark.parametrize(
    "quiet",
    [
        ended(OrderState.UNKNOWN, OutcomeUnknownError("?"), attempts=0),
        ended(OrderState.NOT_SENT, NotSentError("?"), attempts=0, verdict=Verdict.ABSENT),
        ended(OrderState.NOT_SENT, EndpointNotConfiguredError("?"), attempts=0),
        ended(OrderState.SKIPPED, attempts=0),
        ended(OrderState.REJECTED, ValidationError("?"), attempts=0),
    ],
)
def test_what_this_run_did_not_send_does_not_stop_it(quiet: Ended) -> None:
    assert after(quiet, after_unknown=1).stopped is None


def test_a_refused_key_stops_the_run_and_names_the_setting() -> None:
    stopped = after(ended(OrderState.NOT_SENT, AuthenticationError("no", status=401))).stopped
    assert stopped == "the API refused the key (401): look at CMR_API_KEY"


def test_an_empty_wallet_stops_the_run() -> None:
    stopped = after(ended(OrderState.NOT_SENT, InsufficientBalanceError("no", status=402))).stopped
    assert stopped == "the wallet does not hold enough (402): top it up"


def test_three_403_in_a_row_hold_the_orders_of_their_user_back() -> None:
    rules = after(FORBIDDEN, FORBIDDEN, FORBIDDEN)
    assert (rules.stopped, rules.held_users) == (None, (USER,))
    assert "refused 3 orders in a row of its user with 403" in str(rules.veto(make_request("b")))
    assert rules.veto(make_request("b", user_id=OTHER)) is None


def test_an_accepted_order_of_the_user_ends_a_row_of_403() -> None:
    rules = after(FORBIDDEN, FORBIDDEN, ACCEPTED, FORBIDDEN)
    assert rules.held_users == ()
    assert rules.veto(make_request("b")) is None


def test_a_stopped_run_sends_nothing_more_and_keeps_its_first_reason() -> None:
    rules = StopRules(after_unknown=3)
    rules.stop("first")
    rules.stop("second")
    assert rules.stopped == "first"
    assert "had stopped before its turn came" in str(rules.veto(make_request("b")))


def refused(message: str = "not found") -> Ended:
    return ended(OrderState.REJECTED, NotFoundError(message, status=404, api_message=message))


def test_the_same_refusal_of_the_first_three_orders_stops_the_run_and_is_not_their_fault() -> None:
    rules = after(refused(), refused(), refused(), refused())
    assert str(rules.stopped).startswith("the first 3 orders were refused in the same way (not found).")
    assert "CMR_BASE_URL" in str(rules.stopped)
    assert len(rules.blameless) == 4  # the last one was under way


def test_where_drafts_are_processed_the_path_that_nobody_documents_is_named_first() -> None:
    entry = JournalEntry(
        key="a",
        step=Step.PROCESS,
        position=0,
        user_id=USER,
        reference="a",
        body="{}",
        fingerprint="",
        confirm=False,
        state=StepState.REJECTED,
        planned_at=0,
    )
    stopped = str(after(*[attrs.evolve(refused(), entry=entry)] * 3).stopped)
    path, url = stopped.index('the path of "Process the Order" first'), stopped.index("CMR_BASE_URL")
    assert path < url
    assert "CMR_PROCESS_PATH" in stopped
    assert "Process the Order" not in str(after(*[refused()] * 3).stopped)


@pytest.mark.parametrize(
    "first",
    [
        [refused("a"), refused("b"), refused("a")],
        [ACCEPTED, refused(), refused(), refused()],
        [refused(), refused(), UNKNOWN, refused()],
        [refused(), refused(), ended(OrderState.REJECTED, UnprocessableError("x", status=422)), refused()],
    ],
)
def test_other_refusals_are_about_their_orders(first: list[Ended]) -> None:
    rules = after(*first)
    assert (rules.stopped, rules.blameless) == (None, [])
