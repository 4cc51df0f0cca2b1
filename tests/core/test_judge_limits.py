"""What an answer may hold: no secret is kept of it, and none is read that was made to do harm."""

from __future__ import annotations

import tracemalloc
from typing import Any

import attrs
import orjson

from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import Exchange, Phase, Request
from cmr_async.core.judge import Judgement, Outcome, judge
from cmr_async.core.redact import Redactor
from cmr_async.errors import AuthenticationError, InvalidResponseError, OutcomeUnknownError, UnprocessableError

ORDER = Request(endpoint=ENDPOINTS["orders.create"], subject=lambda: "The order for example.com", pays=True)
READ = Request(endpoint=ENDPOINTS["orders.status"], subject=lambda: "The status of order 1")
CREATED = {"status": 200, "message": "ok", "data": {"orderId": "ord_1"}}
KEY = "sk-L1ve/Key"
ESCAPED = rb"\u0073k-L1ve\/Key"


def answer(status: int, body: Any) -> Exchange:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return Exchange(phase=Phase.COMPLETE, status=status, body=raw)


def keyed(status: int, body: bytes) -> Exchange:
    return attrs.evolve(answer(status, body.replace(b"KEY", ESCAPED)), redactor=Redactor(KEY))


def doubt(judgement: Judgement) -> OutcomeUnknownError:
    assert judgement.outcome is Outcome.UNKNOWN
    assert isinstance(judgement.error, OutcomeUnknownError)
    return judgement.error


def test_a_refusal_does_not_repeat_the_key_however_it_is_escaped() -> None:
    body = b'{"status": 401, "message": "bad key KEY", "data": {"hint": "KEY", "token": "t0k"}}'
    error = judge(ORDER, keyed(401, body)).error
    assert isinstance(error, AuthenticationError)
    assert (error.api_message, error.data) == ("bad key ***", {"hint": "***", "token": "***"})
    assert "bad key ***" in error.message


def test_an_accepted_answer_has_everything_but_the_key() -> None:
    body = b'{"status": 200, "message": "hi KEY", "data": {"orderId": "o", "password": "KEYx"}}'
    envelope = judge(ORDER, keyed(200, body)).envelope
    assert envelope is not None
    assert (envelope.message, envelope.data) == ("hi ***", {"orderId": "o", "password": "***x"})


def test_an_excerpt_holds_neither_key_nor_passwords() -> None:
    body = b'{"password": "hunter2", "key": "KEY", "at": "https://me:pw1@host/"'
    assert doubt(judge(ORDER, keyed(500, body))).body_excerpt == (
        '{"password": "***", "key": "***", "at": "https://***@host/"'
    )


def test_a_message_forges_no_line() -> None:
    body = {"status": 422, "message": "no\nCRITICAL\x1b[31m", "data": None}
    error = judge(ORDER, answer(422, body)).error
    assert isinstance(error, UnprocessableError)
    assert error.message == "The order for example.com was refused with 422: no\\nCRITICAL\\x1b[31m"
    assert error.api_message == "no\nCRITICAL\x1b[31m"


def test_long_ids_and_messages_are_not_kept() -> None:
    accepted = judge(ORDER, answer(200, CREATED | {"message": "m" * 9_000, "actionId": "a" * 257})).envelope
    assert accepted is not None
    assert (accepted.message, accepted.action_id) == ("m" * 4_000 + "...", None)
    long = doubt(judge(ORDER, answer(200, CREATED | {"data": {"orderId": "i" * 257}})))
    assert long.order_id == "i" * 256
    strange = doubt(judge(ORDER, answer(200, CREATED | {"status": "\x1b" * 9_000})))
    assert len(strange.message) < 400


def test_an_answer_that_is_nested_too_deep_proves_nothing() -> None:
    def nested(levels: int) -> bytes:
        return b'{"status": 200, "message": "", "data": {"orderId": "o", "x": %s1%s}}' % (b"[" * levels, b"]" * levels)

    assert judge(ORDER, answer(200, nested(62))).outcome is Outcome.ACCEPTED
    for levels in (63, 1_000, 100_000):
        assert "HTTP 200 without the API's envelope" in doubt(judge(ORDER, answer(200, nested(levels)))).message
        assert isinstance(judge(READ, answer(200, nested(levels))).error, InvalidResponseError)


def test_an_answer_of_millions_of_values_takes_no_memory() -> None:
    body = b'{"status": 200, "message": "", "data": [' + b"[]," * 5_592_000 + b"1]}"
    tracemalloc.start()
    try:
        assert isinstance(judge(READ, answer(200, body)).error, InvalidResponseError)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_long_list_that_is_an_answer_is_read() -> None:
    rows = [{"domain": f"{number}.com", "status": "ACTIVE"} for number in range(20_000)]
    envelope = judge(READ, answer(200, {"status": 200, "message": "", "data": rows})).envelope
    assert envelope is not None
    assert envelope.data == rows


def test_a_read_whose_answer_is_too_long_is_not_repeated() -> None:
    cut = Exchange(
        phase=Phase.STATUS_SEEN, status=200, body=b"<", failure="an answer of more than 9 bytes", too_long=True
    )
    judgement = judge(READ, cut)
    assert judgement.final
    assert isinstance(judgement.error, InvalidResponseError)
    assert judgement.error.message == (
        "The status of order 1 got an answer of more than 9 bytes. If it is an answer of the API, raise the client's "
        "max_answer."
    )
    assert "more than 9 bytes" in doubt(judge(ORDER, cut)).message
