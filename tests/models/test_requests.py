"""Requests and outcomes of bulk runs: values that can be compared, and counts that add up."""

from __future__ import annotations

from cmr_async import BulkSummary, OrderOutcome, OrderRequest, OrderState
from tests.fakes import make_order, make_request


def test_a_summary_counts_every_outcome_once() -> None:
    assert BulkSummary().total == 0
    summary = BulkSummary(accepted=1, rejected=20, unknown=300, not_sent=4000, skipped=50000, stopped="left early")
    assert summary.total == 54321


def test_a_summary_has_a_count_for_every_state() -> None:
    assert [getattr(BulkSummary(**{state.value: 1}), state.value) for state in OrderState] == [1] * 5  # type: ignore[arg-type]


def test_equal_requests_are_equal_outcomes() -> None:
    request = OrderRequest(user_id="u", order=make_order())
    assert request == OrderRequest(user_id="u", order=make_order(), reference=None)
    assert request != make_request(user_id="u")
    outcome = OrderOutcome(index=0, request=request, state=OrderState.NOT_SENT)
    assert outcome == OrderOutcome(
        index=0, request=OrderRequest(user_id="u", order=make_order()), state=OrderState.NOT_SENT
    )
    assert (outcome.order_id, outcome.created, outcome.error, outcome.attempts, outcome.cautions) == (
        None,
        None,
        None,
        0,
        (),
    )
