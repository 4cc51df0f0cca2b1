"""How far an attempt got, step by step, and what is kept of the error that ended it."""

from __future__ import annotations

import copy

import aiohttp
import pytest

from cmr_async.core.exchange import Phase
from cmr_async.core.redact import Redactor
from cmr_async.transport.attempt import Attempt, describe

KEY = "k3y-that-must-never-show"


def attempt_that_asks(refusal: BaseException | None = None) -> Attempt:
    def leaving() -> None:
        if refusal is not None:
            raise refusal

    return Attempt(1.0, Redactor(KEY), leaving)


def test_what_waits_for_a_connection_is_not_sent_and_with_its_head_it_may_have_been() -> None:
    attempt = attempt_that_asks()
    attempt.phase = Phase.HEAD_SENT  # as long as nothing is known
    attempt.connecting()
    assert attempt.exchange().phase is Phase.NOT_SENT
    attempt.head_goes_out()
    assert attempt.exchange().phase is Phase.HEAD_SENT


def test_who_looks_for_a_connection_again_has_sent_something() -> None:
    attempt = attempt_that_asks()
    attempt.head_goes_out()
    attempt.connecting()
    assert attempt.exchange().phase is Phase.HEAD_SENT
    with pytest.raises(aiohttp.ServerDisconnectedError):
        attempt.head_goes_out()


def test_a_refusal_before_the_head_keeps_the_request_here() -> None:
    refusal = ValueError("no longer")
    attempt = attempt_that_asks(refusal)
    with pytest.raises(ValueError, match="no longer"):
        attempt.head_goes_out()
    assert attempt.refusal is refusal
    assert attempt.exchange().phase is Phase.NOT_SENT


def test_of_a_network_error_its_text_is_kept_without_key_and_query() -> None:
    attempt = attempt_that_asks()
    attempt.fail("no answer", aiohttp.ClientError(f"https://host/path?userId=U {KEY}"))
    exchange = attempt.exchange()
    assert exchange.failure == "no answer"
    assert str(exchange.cause) == "aiohttp.client_exceptions.ClientError: https://host/path?*** ***"
    assert not hasattr(exchange.cause, "__notes__")


def test_of_a_fault_of_some_code_the_traceback_is_kept_too_as_text() -> None:
    attempt = attempt_that_asks()
    attempt.fail("ValueError", ValueError(KEY))
    cause = attempt.exchange().cause
    assert cause is not None
    assert cause.__traceback__ is None
    assert cause.__notes__ == ["ValueError: ***"]


def test_a_complete_exchange_has_no_failure() -> None:
    attempt = attempt_that_asks()
    attempt.fail("too late")
    attempt.phase = Phase.COMPLETE
    assert attempt.exchange().failure is None


def test_an_attempt_is_never_copied() -> None:
    attempt = attempt_that_asks()
    assert copy.deepcopy(attempt) is attempt


def test_an_error_is_named_without_its_text() -> None:
    assert describe(ValueError(KEY)) == "ValueError"
