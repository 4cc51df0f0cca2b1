"""The decision table: what one exchange proves about a call. Pure functions, so every row is tested without a loop.

An outcome never claims more than was proved, because an order that is sent a second time is paid a second time.
That a refusal in the API's own envelope means "nothing was done" is our reading: its page documents no error of an
order. `docs/outcomes.md` shows the table to users and says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

import attrs

from ..errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    CMRError,
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
from ..models import Envelope
from .exchange import LONGEST_ID, Exchange, Phase, Request
from .printable import printable

#: What we take as proof that nothing was done (in the API's envelope), and the errors (reference, section 5).
_REFUSALS: Mapping[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: InsufficientBalanceError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableError,
}
#: What to do next, by status, where the API's own words do not say it.
_ADVICE: Mapping[int, str] = {
    401: (
        "Check CMR_API_KEY (Partner Dashboard, Settings, Integrations) and CMR_KEY_HEADER: a sandbox key does not work "
        "in production, and has a header of its own."
    ),
    402: "Top up the wallet in the Partner Dashboard.",
    404: "If nothing that the call names is missing, check CMR_BASE_URL.",
}
#: The keys of an error envelope; a JSON error page of a proxy has others (reference, section 4).
_ENVELOPE_KEYS = frozenset({"status", "message", "data", "actionId", "mailboxCount", "domainCount"})
#: The keys that an envelope has fields for; it keeps the others as they are.
_READ_KEYS = frozenset({"status", "message", "data", "actionId"})
_EXCERPT = 300
#: Characters of the API's own words that are kept.
_LONGEST_MESSAGE = 4000
#: Characters of a value that should not be there.
_LONGEST_SHOWN = 80
_KEY_REFUSED = 401
_THROTTLED = 429


class Outcome(StrEnum):
    """What an attempt proves."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    THROTTLED = "throttled"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


@attrs.define
class Judgement:
    """An outcome with its proof: the envelope when accepted, the error otherwise. Never changed after it is made."""

    outcome: Outcome
    envelope: Envelope | None = None
    error: CMRError | None = None
    #: Another attempt would end the same way.
    final: bool = False


def judge(request: Request, exchange: Exchange) -> Judgement:
    """Return what an exchange proves about its request."""
    if exchange.phase is Phase.NOT_SENT:
        error = NotSentError(f"{request.subject()} was not sent: {exchange.failure}. Sending it again is safe.")
        error.__cause__ = exchange.cause
        return Judgement(Outcome.NOT_SENT, error=error)
    status = exchange.status
    repeatable = request.endpoint.repeatable
    if status == _THROTTLED and repeatable:  # sending it again changes nothing, so anybody's word will do
        return _throttled(request, exchange, exchange.json_object())
    if exchange.phase is not Phase.COMPLETE or status is None:
        return _unknown(request, exchange, exchange.failure or "the answer was cut")

    body = exchange.json_object()
    if body is None:
        return _unknown(request, exchange, f"HTTP {status} without the API's envelope")
    if not repeatable and _repeats_a_key(exchange.body):
        return _unknown(request, exchange, f"HTTP {status} that gives a field twice", said=body)
    if 200 <= status < 300:  # noqa: PLR2004
        return _judge_success(request, exchange, status, body)
    if _claimed_id(request, body) is not None:  # refused and done at once: the answer contradicts itself
        return _unknown(request, exchange, f"HTTP {status} that names an order id", said=body)
    if status == _THROTTLED and _is_error_envelope(body, status):
        return _throttled(request, exchange, body)
    if status in _REFUSALS and (_is_error_envelope(body, status) or _is_key_refusal(body, status)):
        return _refused(request, exchange, status, body)
    return _unknown(request, exchange, f"HTTP {status}", said=body)


def refusal(status: int | None, message: str) -> APIError:
    """Return the error of a refusal that is known by its status and its message, from a journal for example."""
    return _REFUSALS.get(status or 0, APIError)(message, status=status)


def _refused(request: Request, exchange: Exchange, status: int, body: dict[str, Any]) -> Judgement:
    said, advice = _message(exchange, body), _ADVICE.get(status)
    message = f"{request.subject()} was refused with {status}{f': {printable(said)}' if said else ''}"
    error = _REFUSALS[status](
        f"{message.rstrip('.')}. {advice}" if advice else message,
        status=status,
        api_message=said,
        data=exchange.redactor.value(_error_data(body)),
    )
    return Judgement(Outcome.REJECTED, error=error)


def _throttled(request: Request, exchange: Exchange, body: dict[str, Any] | None) -> Judgement:
    error = RateLimitError(
        f"{request.subject()} was refused with 429: over the rate limit of this key. Sending it again later is safe.",
        status=exchange.status,
        api_message=_message(exchange, body),
        retry_after=retry_after(exchange.headers),
    )
    return Judgement(Outcome.THROTTLED, error=error)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a `Retry-After` header; `None` without a readable one.

    The API does not state its unit. That a number means seconds is a guess, from the norm of HTTP; a date is read too.
    """
    text = headers.get("retry-after")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            until = parsedate_to_datetime(text)
            start = parsedate_to_datetime(headers["date"]) if "date" in headers else datetime.now(UTC)
            seconds = (until - start).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if seconds < float("inf") else None


def _judge_success(request: Request, exchange: Exchange, status: int, body: dict[str, Any]) -> Judgement:
    said = body.get("status", status)
    if type(said) is not int or not 200 <= said < 300:  # noqa: PLR2004
        shown = printable(exchange.redactor.text(repr(said)))[:_LONGEST_SHOWN]
        return _unknown(request, exchange, f"HTTP {status} whose body says status {shown}", said=body)
    if denial := _denial(request, body):
        return _unknown(request, exchange, f"HTTP {status} whose body {denial}", said=body)
    if _names_another_order(request, body):
        return _unknown(request, exchange, f"HTTP {status} that names another order", said=body)
    endpoint = request.endpoint
    # Where no id proves it, a call that must not be repeated needs the whole envelope: a captive portal has a message
    whole = endpoint.proof is not None or endpoint.repeatable or {"status", "message"} <= body.keys()
    if ("message" not in body and "data" not in body) or not whole:
        return _unknown(request, exchange, f"HTTP {status} without the API's envelope")
    if endpoint.proof is not None and not _proves(endpoint.proof, body):
        return _unknown(request, exchange, f"HTTP {status} without text in data.{endpoint.proof}", said=body)
    return Judgement(Outcome.ACCEPTED, envelope=_envelope(exchange, status, body))


def _denial(request: Request, body: dict[str, Any]) -> str:
    """Return in words that the body of a 2xx says itself that the call failed; empty when it does not."""
    # What a read brings may be about something that failed, such as an order
    parts = (body,) if request.endpoint.repeatable else (body, body.get("data"))
    if any(part.get("success") is False for part in parts if isinstance(part, dict)):
        return "says success false"
    return next((f"has {name}" for name in ("error", "errors") if body.get(name)), "")


def _names_another_order(request: Request, body: dict[str, Any]) -> bool:
    """Tell whether an answer about one order has the id of another: its path may be one that makes orders."""
    data = body.get("data")
    named = data.get("orderId") if isinstance(data, dict) else None
    return request.order_id is not None and isinstance(named, str) and named != request.order_id


def _envelope(exchange: Exchange, status: int, body: dict[str, Any]) -> Envelope:
    data = body.get("data")
    action_id = body.get("actionId")
    if action_id is None and isinstance(data, dict):
        action_id = data.get("actionId")
    return Envelope(
        status=status,
        message=_message(exchange, body),
        data=data,
        action_id=action_id if isinstance(action_id, str) and len(action_id) <= LONGEST_ID else None,
        extra={} if body.keys() <= _READ_KEYS else {k: v for k, v in body.items() if k not in _READ_KEYS},
    )


def _proves(proof: str, body: dict[str, Any]) -> bool:
    """Tell whether the answer has the id that proves that the call was done."""
    data = body.get("data")
    value = data.get(proof) if isinstance(data, dict) else None
    return isinstance(value, str) and len(value) <= LONGEST_ID and bool(value.strip())


def _claimed_id(request: Request, value: object) -> str | None:
    """Return what an answer gives for the proving id, in whatever form and place; `None` where it gives none."""
    proof = request.endpoint.proof
    if proof is None:
        return None
    rest = [value]
    while rest:  # not by recursion: an answer may be nested deeper than Python's stack
        value = rest.pop()
        if isinstance(value, dict):
            for name, inner in value.items():
                if name.replace("_", "").lower() == proof.lower() and inner is not None and str(inner).strip():
                    return str(inner)[:LONGEST_ID]
            rest += value.values()
        elif isinstance(value, list):
            rest += value
    return None


def _message(exchange: Exchange, body: dict[str, Any] | None) -> str:
    """Return the API's own words, redacted and not endless; empty without any."""
    message = body.get("message") if body is not None else None
    if not isinstance(message, str):
        return ""
    if len(message) > _LONGEST_MESSAGE:  # cut after it is redacted, or half a key might be left at the end
        return exchange.redactor.text(message[: 8 * _LONGEST_MESSAGE])[:_LONGEST_MESSAGE] + "..."
    return exchange.redactor.text(message)


def _is_error_envelope(body: dict[str, Any], status: int) -> bool:
    said = body.get("status")
    return (
        said == status and type(said) is int and isinstance(body.get("message"), str) and body.keys() <= _ENVELOPE_KEYS
    )


def _is_key_refusal(body: dict[str, Any], status: int) -> bool:
    """Tell whether this is a 401 in any form: a key is checked before anything is done."""
    said = body.get("status", status)
    return status == _KEY_REFUSED and (said == status or type(said) is not int)


def _error_data(body: dict[str, Any]) -> Any:
    counts = {key: body[key] for key in ("mailboxCount", "domainCount") if key in body}
    return counts or body.get("data")


def _unknown(request: Request, exchange: Exchange, why: str, *, said: dict[str, Any] | None = None) -> Judgement:
    """Return the judgement that nothing is proved: an order in doubt, or on a repeatable call a failed attempt."""
    status = exchange.status
    excerpt = exchange.redactor.excerpt(exchange.body, _EXCERPT)
    error: CMRError
    if not request.endpoint.repeatable:
        if not request.pays:
            may_have = "may have been created as a draft, which costs nothing"
        else:
            may_have = "may have been placed" if request.endpoint.proof is not None else "may have gone through"
        where = " If every call ends like this, check CMR_BASE_URL." if status is not None and said is None else ""
        error = OutcomeUnknownError(
            f"{request.subject()} {may_have} ({why}). Do not send it again; find out first: run `cmr orders "
            f"reconcile` on its journal, or look into the Partner Dashboard.{where}",
            status=status,
            api_message=_message(exchange, said),
            body_excerpt=excerpt,
            order_id=_claimed_id(request, said),
        )
    elif exchange.too_long:
        error = InvalidResponseError(
            f"{request.subject()} got {why}. If it is an answer of the API, raise the client's max_answer.",
            status=status,
            body_excerpt=excerpt,
        )
        return Judgement(Outcome.UNKNOWN, error=error, final=True)
    elif exchange.phase is not Phase.COMPLETE or status is None:
        error = TransportError(f"{request.subject()} got no answer: {why}.")
    elif status >= 500 and said is not None and _is_error_envelope(said, status):  # noqa: PLR2004
        error = ServerError(f"{request.subject()} failed: {why}.", status=status, api_message=_message(exchange, said))
    else:
        error = InvalidResponseError(
            f"{request.subject()} got no usable answer: {why}. Is CMR_BASE_URL right?",
            status=status,
            body_excerpt=excerpt,
        )
    error.__cause__ = exchange.cause
    return Judgement(Outcome.UNKNOWN, error=error)


def _repeats_a_key(body: bytes) -> bool:
    """Tell whether the answer gives a field twice: readers of JSON do not agree on which one counts."""
    try:
        json.loads(body.decode(), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError):
        return True
    return False


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is there twice")
    return found
