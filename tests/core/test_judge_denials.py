"""Answers with a 2xx that take themselves back: they say that the call failed, or are about another order."""

from __future__ import annotations

from typing import Any

import attrs
import orjson
import pytest

from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import Exchange, Phase, Request
from cmr_async.core.judge import Outcome, judge
from cmr_async.errors import InvalidResponseError, OutcomeUnknownError

ORDER = Request(endpoint=ENDPOINTS["orders.create"], subject=lambda: "The order for example.com", pays=True)
PROCESS = attrs.evolve(ORDER, endpoint=ENDPOINTS["orders.process"], order_id="O1")
READ = Request(endpoint=ENDPOINTS["domains.by_user"], subject=lambda: "The domains of user U1")


def answer(**fields: Any) -> Exchange:
    body = {"status": 200, "message": "said", "data": {"orderId": "O1"}} | fields
    return Exchange(phase=Phase.COMPLETE, status=200, headers={}, body=orjson.dumps(body))


DENIALS = [
    ({"success": False}, "says success false"),
    ({"data": {"success": False}}, "says success false"),
    ({"error": "INSUFFICIENT_BALANCE"}, "has error"),
    ({"error": {"code": 7}}, "has error"),
    ({"errors": ["not found"]}, "has errors"),
]


@pytest.mark.parametrize(("fields", "words"), DENIALS)
@pytest.mark.parametrize("request_", [ORDER, PROCESS], ids=["order", "processing"])
def test_a_success_that_says_that_it_failed_leaves_an_order_in_doubt(
    request_: Request, fields: dict[str, Any], words: str
) -> None:
    judgement = judge(request_, answer(**fields))
    assert judgement.outcome is Outcome.UNKNOWN
    assert isinstance(judgement.error, OutcomeUnknownError)
    assert f"(HTTP 200 whose body {words})" in str(judgement.error)


@pytest.mark.parametrize("fields", [{"success": False}, {"error": "timeout"}, {"errors": ["timeout"]}])
def test_a_read_that_says_that_it_failed_is_no_answer(fields: dict[str, Any]) -> None:
    judgement = judge(READ, answer(**{"data": []} | fields))
    assert judgement.outcome is Outcome.UNKNOWN
    assert isinstance(judgement.error, InvalidResponseError)


def test_a_read_may_be_about_something_that_failed() -> None:
    assert judge(READ, answer(data={"success": False, "error": "no funds"})).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("fields", [{"success": True}, {"error": None}, {"errors": []}, {"error": ""}])
@pytest.mark.parametrize("request_", [ORDER, PROCESS, READ], ids=["order", "processing", "read"])
def test_fields_that_say_that_nothing_failed_change_nothing(request_: Request, fields: dict[str, Any]) -> None:
    assert judge(request_, answer(**fields)).outcome is Outcome.ACCEPTED


def test_a_processing_whose_answer_names_another_order_is_in_doubt() -> None:
    judgement = judge(PROCESS, answer(data={"orderId": "O2"}))
    assert judgement.outcome is Outcome.UNKNOWN
    assert "(HTTP 200 that names another order)" in str(judgement.error)


@pytest.mark.parametrize("data", [None, [], {}, {"orderId": None}, {"orderId": 7}, {"orderId": "O1"}])
def test_a_processing_whose_answer_names_no_other_order_is_accepted(data: Any) -> None:
    assert judge(PROCESS, answer(data=data)).outcome is Outcome.ACCEPTED
