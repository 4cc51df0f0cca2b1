"""Every row of the decision table of `outcomes.md`: what one exchange proves about a call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest

from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import Exchange, HTTPLayerError, Phase, Request
from cmr_async.core.judge import Judgement, Outcome, judge
from cmr_async.errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InsufficientBalanceError,
    InvalidResponseError,
    NotFoundError,
    NotSentError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TransportError,
    UnprocessableError,
)
from cmr_async.models import Envelope

SAMPLES = Path(__file__).parent.parent / "samples"
ORDER = Request(endpoint=ENDPOINTS["orders.create"], subject=lambda: "The order for example.com", pays=True)
DRAFT = attrs.evolve(ORDER, pays=False)
READ = Request(endpoint=ENDPOINTS["orders.status"], subject=lambda: "The status of order 1")
CREATED = {"status": 200, "message": "ok", "data": {"orderId": "ord_1"}}
REFUSALS: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: InsufficientBalanceError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableError,
}


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def answer(status: int, body: Any = b"", headers: Mapping[str, str] | None = None) -> Exchange:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return Exchange(phase=Phase.COMPLETE, status=status, headers=headers or {}, body=raw)


def doubt(judgement: Judgement) -> OutcomeUnknownError:
    assert judgement.outcome is Outcome.UNKNOWN
    assert judgement.envelope is None
    assert isinstance(judgement.error, OutcomeUnknownError)
    return judgement.error


# Accepted


def test_the_answer_of_the_page_is_accepted() -> None:
    assert judge(ORDER, answer(200, sample("order_created"))) == Judgement(
        Outcome.ACCEPTED,
        envelope=Envelope(
            status=200,
            message="Order created and queued for processing, make sure to have enough balance in your wallet!",
            data={"orderId": "RJK7NR2W194HAGHGTX75D391P3NB"},
        ),
    )


def test_the_newer_answer_is_accepted_with_its_action_id() -> None:
    envelope = judge(ORDER, answer(200, sample("order_created_newer"))).envelope
    assert envelope is not None
    assert envelope.data == {"orderId": "ord_R8K2LQPZA9XM", "unavailableDomains": []}
    assert envelope.action_id == "ACT_7a078272-0fa7-4db4-a85b-c78697dacea1"


@pytest.mark.parametrize("status", [200, 201, 202, 299])
def test_any_2xx_with_an_order_id_is_accepted(status: int) -> None:
    assert judge(ORDER, answer(status, {"message": "ok", "data": {"orderId": "1"}})).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(
    ("body", "action_id"),
    [
        ({**CREATED, "actionId": "ACT_1"}, "ACT_1"),
        ({**CREATED, "data": {"orderId": "1", "actionId": "ACT_2"}}, "ACT_2"),
        ({**CREATED, "actionId": "ACT_1", "data": {"orderId": "1", "actionId": "ACT_2"}}, "ACT_1"),
        ({**CREATED, "actionId": 5}, None),
        (CREATED, None),
    ],
)
def test_the_action_id_is_found_where_it_is(body: Any, action_id: str | None) -> None:
    envelope = judge(ORDER, answer(200, body)).envelope
    assert envelope is not None
    assert envelope.action_id == action_id


def test_unknown_fields_of_the_envelope_are_kept() -> None:
    envelope = judge(ORDER, answer(200, {**CREATED, "requestId": "r", "took": 3})).envelope
    assert envelope is not None
    assert envelope.extra == {"requestId": "r", "took": 3}


def test_a_message_that_is_no_text_does_not_undo_an_acceptance() -> None:
    envelope = judge(ORDER, answer(200, {**CREATED, "message": None})).envelope
    assert envelope is not None
    assert envelope.message == ""


@pytest.mark.parametrize(
    "body", [{"message": "done"}, {"data": None}, {"status": 200, "message": "ok", "data": []}, {"data": {"a": 1}}]
)
def test_a_read_needs_no_order_id(body: Any) -> None:
    assert judge(READ, answer(200, body)).outcome is Outcome.ACCEPTED


# Rejected


@pytest.mark.parametrize(("status", "kind"), REFUSALS.items())
@pytest.mark.parametrize("request_", [ORDER, DRAFT, READ], ids=["order", "draft", "read"])
def test_a_refusal_in_the_envelope_is_a_rejection(request_: Request, status: int, kind: type[APIError]) -> None:
    judgement = judge(request_, answer(status, {"status": status, "message": "No.", "data": None}))
    assert judgement.outcome is Outcome.REJECTED
    assert type(judgement.error) is kind
    assert judgement.error.status == status
    assert judgement.error.message.startswith(f"{request_.subject()} was refused with {status}: No.")


@pytest.mark.parametrize(
    ("name", "status", "kind", "said"),
    [
        ("missing_user_id", 400, BadRequestError, "Please provide a userId"),
        ("invalid_key", 401, AuthenticationError, "Invalid API Key"),
        ("insufficient_balance", 402, InsufficientBalanceError, "Insufficient wallet balance to run placement test"),
        ("unknown_user", 404, NotFoundError, "The requested user does not exist."),
    ],
)
def test_the_known_refusals_keep_the_words_of_the_api(name: str, status: int, kind: type, said: str) -> None:
    judgement = judge(ORDER, answer(status, sample(name)))
    assert judgement.outcome is Outcome.REJECTED
    assert type(judgement.error) is kind
    assert said in str(judgement.error)


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "Check CMR_API_KEY"),
        (402, "Top up the wallet"),
        (404, "If nothing that the call names is missing, check CMR_BASE_URL."),
    ],
)
def test_a_refusal_says_what_to_do_next(status: int, advice: str) -> None:
    error = judge(ORDER, answer(status, {"status": status, "message": "No."})).error
    assert str(error).startswith(f"The order for example.com was refused with {status}: No. {advice}")


def test_a_refusal_keeps_its_data() -> None:
    counts = {"status": 409, "message": "in use", "data": None, "mailboxCount": 2, "domainCount": 1}
    error = judge(READ, answer(409, counts)).error
    assert isinstance(error, ConflictError)
    assert error.data == {"mailboxCount": 2, "domainCount": 1}
    error = judge(READ, answer(422, {"status": 422, "message": "no", "data": {"a": 1}})).error
    assert isinstance(error, UnprocessableError)
    assert error.data == {"a": 1}


# Throttled


BODIES_OF_429 = {
    "none": b"",
    "cut": b'{"status": 42',
    "html": b"<html>slow down</html>",
    "foreign": b'{"status": 429, "message": "slow down", "error": "rate"}',
    "no message": b'{"status": 429}',
    "other status": b'{"status": 200, "message": "slow down"}',
    "numeric id": b'{"status": 429, "message": "slow down", "data": {"orderId": 12}}',
    "id elsewhere": b'{"status": 429, "message": "slow down", "data": [{"order_id": "X"}]}',
    "twice": b'{"status": 200, "status": 429, "message": "slow down"}',
}
WHOLE_429 = {"status": 429, "message": "Rate limit exceeded"}


def test_a_429_in_the_whole_envelope_is_a_refusal_for_now() -> None:
    judgement = judge(ORDER, answer(429, WHOLE_429, {"retry-after": "2"}))
    assert judgement.outcome is Outcome.THROTTLED
    assert isinstance(judgement.error, RateLimitError)
    assert (judgement.error.status, judgement.error.retry_after) == (429, 2.0)
    assert judgement.error.api_message == "Rate limit exceeded"


@pytest.mark.parametrize("body", BODIES_OF_429.values(), ids=BODIES_OF_429)
def test_any_other_429_leaves_an_order_in_doubt(body: bytes) -> None:
    assert doubt(judge(ORDER, answer(429, body))).status == 429


def test_a_429_whose_answer_was_cut_leaves_an_order_in_doubt() -> None:
    cut = attrs.evolve(answer(429, WHOLE_429), phase=Phase.STATUS_SEEN, failure="cut")
    assert doubt(judge(ORDER, cut)).status == 429


@pytest.mark.parametrize("body", BODIES_OF_429.values(), ids=BODIES_OF_429)
@pytest.mark.parametrize("phase", [Phase.STATUS_SEEN, Phase.COMPLETE])
def test_any_429_throttles_a_read(phase: Phase, body: bytes) -> None:
    exchange = Exchange(phase=phase, status=429, headers={"retry-after": "2"}, body=body, failure="cut")
    judgement = judge(READ, exchange)
    assert judgement.outcome is Outcome.THROTTLED
    assert isinstance(judgement.error, RateLimitError)
    assert (judgement.error.status, judgement.error.retry_after) == (429, 2.0)


# Not sent


@pytest.mark.parametrize("request_", [ORDER, DRAFT, READ], ids=["order", "draft", "read"])
def test_what_never_left_is_not_sent(request_: Request) -> None:
    judgement = judge(request_, Exchange(phase=Phase.NOT_SENT, failure="the name was not found"))
    assert judgement.outcome is Outcome.NOT_SENT
    assert isinstance(judgement.error, NotSentError)
    assert str(judgement.error) == (
        f"{request_.subject()} was not sent: the name was not found. Sending it again is safe."
    )


# Unknown


def test_no_answer_leaves_an_order_in_doubt() -> None:
    error = doubt(judge(ORDER, Exchange(phase=Phase.HEAD_SENT, failure="no answer within 120 seconds")))
    assert error.status is None
    assert str(error).startswith(
        "The order for example.com may have been placed (no answer within 120 seconds). Do not send it again"
    )
    assert "cmr orders reconcile" in str(error)


@pytest.mark.parametrize("status", [200, 302, 400, 404, 500])
def test_an_answer_that_was_cut_leaves_an_order_in_doubt(status: int) -> None:
    body = orjson.dumps({"status": status, "message": "ok", "data": {"orderId": "1"}})
    exchange = Exchange(phase=Phase.STATUS_SEEN, status=status, body=body, failure="reset")
    error = doubt(judge(ORDER, exchange))
    assert error.status == status
    assert error.body_excerpt == body.decode()


@pytest.mark.parametrize(
    "status", [100, 300, 301, 302, 304, 307, 308, 405, 406, 408, 410, 413, 418, 451, 499, 500, 502, 503, 504]
)
def test_a_status_that_proves_nothing_leaves_an_order_in_doubt_even_in_the_envelope(status: int) -> None:
    error = doubt(judge(ORDER, answer(status, {"status": status, "message": "No.", "data": None})))
    assert error.status == status


@pytest.mark.parametrize("status", [0, 520, 521, 522, 523, 524, 525, 526, 530, 599, 600, 700, 999])
def test_statuses_that_no_table_knows_leave_an_order_in_doubt(status: int) -> None:
    error = doubt(judge(ORDER, answer(status, b"error code: 520")))
    assert (error.status, error.body_excerpt) == (status, "error code: 520")


@pytest.mark.parametrize("status", [400, 402, 403, 404, 409, 422])
@pytest.mark.parametrize(
    "body",
    [
        {"message": "Forbidden"},
        {"status": 200, "message": "No.", "data": None},
        {"status": 418, "message": "No.", "data": None},
        {"message": "No.", "data": None},
        [],
        "No.",
        None,
        b"",
        b"<html><h1>Forbidden</h1></html>",
        b'{"status": 403, "mess',
        b"\xff\xfe",
    ],
    ids=repr,
)
def test_a_refusal_outside_the_envelope_may_be_a_proxys(status: int, body: Any) -> None:
    assert doubt(judge(ORDER, answer(status, body))).status == status


@pytest.mark.parametrize(
    "body",
    [
        {"message": "Unauthorized"},
        {"error": "invalid key"},
        {"status": "error", "message": "No."},
        {"status": False, "errors": []},
        {"timestamp": 1, "status": 401, "error": "Unauthorized", "path": "/orders/json"},
        {},
    ],
    ids=repr,
)
@pytest.mark.parametrize("request_", [ORDER, DRAFT, READ], ids=["order", "draft", "read"])
def test_a_401_in_any_json_object_is_a_refusal_of_the_key(request_: Request, body: dict[str, Any]) -> None:
    judgement = judge(request_, answer(401, body))
    assert judgement.outcome is Outcome.REJECTED
    assert type(judgement.error) is AuthenticationError
    said = f": {body['message']}" if "message" in body else ""
    assert str(judgement.error).startswith(
        f"{request_.subject()} was refused with 401{said.rstrip('.')}. Check CMR_API_KEY"
    )


@pytest.mark.parametrize(
    "body",
    [
        [],
        "No.",
        b"",
        b"<html>",
        {"message": "No.", "data": {"orderId": 7}},
        {"orderId": "X"},
        {"status": 200, "message": "ok"},
        {"status": 418, "message": "ok"},
        b'{"error": "no", "error": "yes"}',
    ],
    ids=repr,
)
def test_a_401_that_is_no_object_or_contradicts_itself_leaves_an_order_in_doubt(body: Any) -> None:
    assert doubt(judge(ORDER, answer(401, body))).status == 401


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize(
    "body",
    [
        {"timestamp": "2025-01-10T11:18:31.479Z", "error": "Not Found", "message": "gone", "path": "/orders/json"},
        {"message": "No.", "request_id": "r"},
        {"message": None, "data": None},
        {"message": ["userId must be a string"], "error": "Bad Request"},
        {},
    ],
    ids=["spring", "gateway", "null message", "nest", "status only"],
)
def test_a_refusal_in_another_frameworks_form_is_no_proof(status: int, body: dict[str, Any]) -> None:
    doubt(judge(ORDER, answer(status, {"status": status, **body})))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome to the airport</html>",
        b'{"status": 200, "message": "Order created", "data": {"orderId": "RJK',
        b"null",
        b"[]",
        {},
        {"status": 200},
        {"status": 200, "orderId": "ord_1"},
        {"status": 200, "message": "ok"},
        {"status": 200, "message": "ok", "data": None},
        {"status": 200, "message": "ok", "data": []},
        {"status": 200, "message": "ok", "data": {}},
        {"status": 200, "message": "ok", "data": {"orderId": None}},
        {"status": 200, "message": "ok", "data": {"orderId": ""}},
        {"status": 200, "message": "ok", "data": {"orderId": 12}},
        {"status": 400, "message": "no", "data": {"orderId": "1"}},
        {"status": 500, "message": "no", "data": {"orderId": "1"}},
        {"status": "200", "message": "ok", "data": {"orderId": "1"}},
        {"status": None, "message": "ok", "data": {"orderId": "1"}},
        {"status": True, "message": "ok", "data": {"orderId": "1"}},
        {"status": 200.0, "message": "ok", "data": {"orderId": "1"}},
        b'{"status": 200, "message": "ok", "data": {"orderId": "1", "orderId": "2"}}',
        b'{"status": 200, "message": "ok", "data": {"orderId": "1"}, "data": {"orderId": "1"}}',
    ],
    ids=repr,
)
def test_a_2xx_without_proof_leaves_an_order_in_doubt(body: Any) -> None:
    assert doubt(judge(ORDER, answer(200, body))).status == 200


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_an_answer_that_is_nested_deeply_is_accepted_or_in_doubt_and_no_error_of_a_parser(depth: int) -> None:
    # How deep the parsers read depends on the version of Python
    body = b'{"status": 200, "message": "ok", "data": {"orderId": "1", "x": ' + b"[" * depth + b"]" * depth + b"}}"
    judgement = judge(ORDER, answer(200, body))
    assert judgement.outcome in ({Outcome.ACCEPTED, Outcome.UNKNOWN} if depth == 1_000 else {Outcome.UNKNOWN})


def test_a_2xx_whose_body_says_400_says_so() -> None:
    error = doubt(judge(ORDER, answer(200, {"status": 400, "message": "Please provide a userId", "data": None})))
    assert "HTTP 200 whose body says status 400" in str(error)
    assert "Please provide a userId" in error.body_excerpt


def test_an_id_in_another_form_than_the_documented_one_proves_nothing_and_is_kept() -> None:
    error = doubt(judge(ORDER, answer(200, {"status": 200, "message": "ok", "data": {"orderId": 12}})))
    assert error.order_id == "12"
    assert "HTTP 200 without text in data.orderId" in str(error)


def test_a_doubt_says_what_to_do_and_where_the_setting_may_be_wrong() -> None:
    assert str(doubt(judge(ORDER, answer(404, b"<html>")))) == (
        "The order for example.com may have been placed (HTTP 404 without the API's envelope). Do not send it again; "
        "find out first: run `cmr orders reconcile` on its journal, or look into the Partner Dashboard. If every call "
        "ends like this, check CMR_BASE_URL."
    )


@pytest.mark.parametrize("request_", [ORDER, READ], ids=["order", "read"])
@pytest.mark.parametrize("phase", [Phase.NOT_SENT, Phase.HEAD_SENT, Phase.STATUS_SEEN])
def test_an_error_of_an_attempt_that_failed_keeps_the_cause(request_: Request, phase: Phase) -> None:
    cause = HTTPLayerError("ClientOSError: reset")
    error = judge(request_, Exchange(phase=phase, failure="reset", cause=cause)).error
    assert error is not None
    assert error.__cause__ is cause


def test_the_first_bytes_of_a_doubtful_answer_are_kept_as_evidence() -> None:
    assert doubt(judge(ORDER, answer(502, b"\xff" + b"x" * 1000))).body_excerpt == "\ufffd" + "x" * 299


def test_a_draft_in_doubt_is_said_to_cost_nothing() -> None:
    error = doubt(judge(DRAFT, Exchange(phase=Phase.HEAD_SENT, failure="reset")))
    assert "may have been created as a draft, which costs nothing (reset)" in str(error)
    assert "placed" not in str(error)


def test_processing_a_draft_is_judged_like_an_order() -> None:
    process = Request(endpoint=ENDPOINTS["orders.process"], subject=lambda: "The processing", pays=True)
    doubt(judge(process, answer(500, {"status": 500, "message": "oops", "data": None})))
    assert judge(process, answer(200, {"status": 200, "message": "ok"})).outcome is Outcome.ACCEPTED


# Reads


@pytest.mark.parametrize("status", [301, 403, 408, 500, 503, 520, 700])
def test_what_answers_a_read_outside_the_envelope_is_not_the_api(status: int) -> None:
    judgement = judge(READ, answer(status, b"<html>"))
    assert judgement.outcome is Outcome.UNKNOWN
    assert type(judgement.error) is InvalidResponseError
    assert (judgement.error.status, judgement.error.body_excerpt) == (status, "<html>")


def test_a_login_page_with_status_200_is_not_the_api() -> None:
    error = judge(READ, answer(200, b"<html>Please log in</html>")).error
    assert type(error) is InvalidResponseError
    assert error.message.endswith("got no usable answer: HTTP 200 without the API's envelope. Is CMR_BASE_URL right?")


@pytest.mark.parametrize("status", [500, 503, 599])
def test_a_read_that_the_api_fails_on_is_a_server_error_with_its_words(status: int) -> None:
    judgement = judge(READ, answer(status, {"status": status, "message": "Oops.", "data": None}))
    assert judgement.outcome is Outcome.UNKNOWN
    assert type(judgement.error) is ServerError
    assert (judgement.error.status, judgement.error.api_message) == (status, "Oops.")


def test_a_read_without_an_answer_is_a_transport_error() -> None:
    judgement = judge(READ, Exchange(phase=Phase.HEAD_SENT, failure="reset"))
    assert judgement.outcome is Outcome.UNKNOWN
    assert type(judgement.error) is TransportError
    assert str(judgement.error) == "The status of order 1 got no answer: reset."


# Answers that contradict themselves


def envelope(status: Any, data: Any = None) -> dict[str, Any]:
    return {"status": status, "message": "said", "data": data}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, envelope(400, {"orderId": "X"})),
        (402, envelope(402, {"orderId": "X"})),
        (409, envelope(409, {"orderId": "X"})),
        (401, {"error": "no", "orderId": "X"}),
        (404, envelope(404, [{"order_id": "X"}])),
        (429, envelope(200, {"orderId": "X"})),
        (429, envelope(429, {"orderId": "X"})),
    ],
)
def test_a_refusal_that_names_an_order_is_in_doubt_and_keeps_its_id(status: int, body: dict[str, Any]) -> None:
    judgement = judge(ORDER, answer(status, body))
    assert judgement.outcome is Outcome.UNKNOWN
    assert isinstance(judgement.error, OutcomeUnknownError)
    assert (judgement.error.status, judgement.error.order_id) == (status, "X")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, envelope(200)),
        (400, envelope(409)),
        (400, envelope("400")),
        (400, envelope(400.0)),
        (200, envelope(200, {"orderId": " "})),
        (200, envelope(200.0, {"orderId": "X"})),
        (200, envelope(True, {"orderId": "X"})),  # noqa: FBT003 - JSON's own
        (200, envelope(429, {"orderId": "X"})),
        (302, envelope(200, {"orderId": "X"})),
        (500, envelope(200, {"orderId": "X"})),
    ],
)
def test_an_answer_whose_body_contradicts_its_status_is_in_doubt(status: int, body: dict[str, Any]) -> None:
    assert judge(ORDER, answer(status, body)).outcome is Outcome.UNKNOWN


PROCESS = attrs.evolve(ORDER, endpoint=ENDPOINTS["orders.process"])


@pytest.mark.parametrize(
    "body",
    [{"message": "Welcome to Hotel WLAN"}, {"data": {"login": "/"}}, {"message": "x", "data": None}, {"status": 200}],
)
def test_a_captive_portal_does_not_process_a_draft(body: dict[str, Any]) -> None:
    judgement = judge(PROCESS, answer(200, body))
    assert judgement.outcome is Outcome.UNKNOWN
    assert isinstance(judgement.error, OutcomeUnknownError)


@pytest.mark.parametrize("body", [envelope(200), {"status": 202, "message": "queued", "actionId": "ACT_1"}])
def test_a_processed_draft_is_accepted_in_the_whole_envelope(body: dict[str, Any]) -> None:
    assert judge(PROCESS, answer(200, body)).outcome is Outcome.ACCEPTED


def test_a_processing_in_doubt_says_so() -> None:
    error = judge(PROCESS, Exchange(phase=Phase.HEAD_SENT, failure="reset")).error
    assert str(error).startswith("The order for example.com may have gone through (reset). Do not send it again")


@pytest.mark.parametrize(
    "body",
    [
        b'{"status": 400, "status": 400, "message": "no"}',
        b'{"status": 200, "status": 400, "message": "no"}',
        b'{"status": 400, "message": "no", "data": {"orderId": "X"}, "data": null}',
        b'{"status": 400, "message": "no", "data": {"orderId": "X", "orderId": null}}',
        b'{"status": 400, "message": "no", "data": [{"a": 1, "\\u0061": 2}]}',
    ],
)
@pytest.mark.parametrize("request_", [ORDER, DRAFT, PROCESS], ids=["order", "draft", "processing"])
def test_a_refusal_that_gives_a_field_twice_is_in_doubt(request_: Request, body: bytes) -> None:
    assert "HTTP 400 that gives a field twice" in str(doubt(judge(request_, answer(400, body))))
    assert judge(READ, answer(400, body)).outcome is Outcome.REJECTED


def test_a_refused_draft_may_name_its_own_order() -> None:
    assert judge(PROCESS, answer(402, envelope(402, {"orderId": "X"}))).outcome is Outcome.REJECTED
