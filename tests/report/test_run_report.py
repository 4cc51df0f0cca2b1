"""What the outcomes of a run add up to, and causes that are counted together."""

from __future__ import annotations

from typing import Any

import pytest

from cmr_async import DomainRegistration, Order
from cmr_async.errors import CMRError, NotSentError, OutcomeUnknownError, UnprocessableError
from cmr_async.models.requests import OrderOutcome, OrderRequest, OrderState, Verdict
from cmr_async.report.rows import ResultRow
from cmr_async.report.run_report import RunReport, cause_of
from cmr_async.resources.orders import describe


def an_outcome(state: OrderState, error: CMRError | None = None, *, name: str = "a", **more: Any) -> OrderOutcome:
    order = Order(domains=[DomainRegistration(domain=f"{name}.com")])
    request = OrderRequest(user_id="U", order=order, reference=f"ref-{name}")
    return OrderOutcome(index=0, request=request, state=state, error=error, **{"attempts": 1, **more})


def report_of(*outcomes: OrderOutcome, keep_all: bool = False) -> RunReport:
    report = RunReport()
    for outcome in outcomes:
        report.take(outcome, ResultRow.of(outcome, row=2), keep_all=keep_all)
    return report


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (
            UnprocessableError("The order for a.com was refused with 422: no", status=422, api_message="a.com is gone"),
            "refused with 422: ... is gone",
        ),
        (NotSentError("The order for a.com was not sent: refused."), "The order for ... was not sent: refused."),
        (CMRError("ref-a was refused in an earlier run"), "... was refused in an earlier run"),
        (CMRError(f"sha256:{'ab' * 32} is being sent"), "... is being sent"),
        (None, "unknown"),
    ],
)
def test_a_cause_has_no_names_of_the_order(error: CMRError | None, cause: str) -> None:
    assert cause_of(an_outcome(OrderState.UNKNOWN, error)) == cause


def test_a_thousand_of_one_cause_are_one_line() -> None:
    refused = (
        an_outcome(OrderState.REJECTED, UnprocessableError(f"d{n}.com: no", status=422, api_message="no"), name=f"d{n}")
        for n in range(1000)
    )
    assert report_of(*refused).reasons == {"refused with 422: no": 1000}


def test_domains_that_were_not_had_are_counted_by_order_and_the_first_are_named() -> None:
    some = an_outcome(OrderState.ACCEPTED, unavailable_domains=tuple(f"d{n}.com" for n in range(8)))
    earlier = an_outcome(OrderState.SKIPPED, attempts=0, unavailable_domains=("x.com", "y.com", "z.com"))
    report = report_of(some, earlier, an_outcome(OrderState.ACCEPTED))
    assert (report.incomplete, report.unavailable[-2:], report.sent) == (2, ["x.com", "y.com"], 2)
    assert report.rows == []


def test_settled_unknowns_are_told_by_their_verdict() -> None:
    report = report_of(
        an_outcome(OrderState.SKIPPED, verdict=Verdict.PLACED, attempts=0),
        an_outcome(OrderState.NOT_SENT, NotSentError("absent"), verdict=Verdict.ABSENT, attempts=0),
        an_outcome(OrderState.SKIPPED, CMRError("refused before"), attempts=0),
    )
    assert (report.placed, report.absent, report.left_alone, report.sent) == (1, 1, 1, 0)


def test_answers_of_something_that_is_not_the_api_are_counted() -> None:
    report = report_of(
        an_outcome(OrderState.UNKNOWN, OutcomeUnknownError("HTTP 404 without the envelope", status=404)),
        an_outcome(OrderState.UNKNOWN, OutcomeUnknownError("HTTP 502", status=502)),
        an_outcome(OrderState.UNKNOWN, OutcomeUnknownError("lost")),
        an_outcome(OrderState.UNKNOWN, OutcomeUnknownError("of an earlier run", status=404), attempts=0),
    )
    assert report.foreign_answers == 1


def test_where_there_is_room_for_a_table_all_rows_are_kept() -> None:
    accepted = an_outcome(OrderState.ACCEPTED)
    assert len(report_of(accepted, keep_all=True).rows) == 1
    assert report_of(accepted).rows == []


def test_orders_with_several_domains_have_one_cause() -> None:
    causes = set()
    for count in (1, 2, 3, 5, 9):
        order = Order(domains=[DomainRegistration(domain=f"d{n}.com") for n in range(count)])
        error = NotSentError(f"{describe(order)} was not sent: no connection.")
        request = OrderRequest(user_id="U", order=order)
        causes.add(cause_of(OrderOutcome(index=0, request=request, state=OrderState.NOT_SENT, error=error)))
    assert causes == {"The order for ... was not sent: no connection."}
