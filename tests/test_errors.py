"""The exception tree: one root, safe from retry decorators, and whole after a trip through pickle and copy."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from cmr_async import errors
from cmr_async.errors import (
    APIError,
    ClientStateError,
    CMRError,
    ConfigurationError,
    EndpointNotConfiguredError,
    Fault,
    InvalidResponseError,
    NotSentError,
    OrderWarning,
    OutcomeUnknownError,
    RateLimitError,
    ServerError,
    TransportError,
    ValidationError,
)

CLASSES: list[type[CMRError]] = [
    kind for name in errors.__all__ if isinstance(kind := getattr(errors, name), type) and issubclass(kind, CMRError)
]
API_CLASSES = [kind for kind in CLASSES if issubclass(kind, APIError)]
TRIPS: list[Callable[[Any], Any]] = [
    copy.copy,
    copy.deepcopy,
    *(lambda error, protocol=protocol: pickle.loads(pickle.dumps(error, protocol)) for protocol in range(6)),
]
TRIP_NAMES = ["copy", "deepcopy", *(f"pickle{protocol}" for protocol in range(6))]
EXAMPLES: list[CMRError] = [
    *(kind(f"a {kind.__name__}") for kind in CLASSES),
    *(kind("refused", status=418, api_message="No.", data={"a": [1]}, retry_after=1.5) for kind in API_CLASSES),
    EndpointNotConfiguredError("no path", endpoint="orders.process"),
    ValidationError("two faults", faults=(Fault("confirm", "must be true"), Fault("domains[0].years", "is 0"))),
    InvalidResponseError("a login page", status=200, body_excerpt="<html>"),
    OutcomeUnknownError("in doubt", status=502, body_excerpt="<html>", order_id="ord_1"),
]


@pytest.mark.parametrize("trip", TRIPS, ids=TRIP_NAMES)
@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_keeps_its_message_attempts_and_fields(error: CMRError, trip: Callable[[Any], Any]) -> None:
    error.attempts = 7
    there = trip(error)
    assert type(there) is type(error)
    assert there is not error
    assert there.message == error.message == str(there)
    assert vars(there) == vars(error)
    assert there.attempts == 7


def test_a_note_survives_pickling() -> None:
    error = NotSentError("no")
    error.add_note("while ordering")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["while ordering"]


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_needs_no_argument_and_counts_no_attempt(kind: type[CMRError]) -> None:
    error = kind()
    assert (error.message, error.attempts) == ("", 0)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_says_in_its_docstring_what_it_means(kind: type[CMRError]) -> None:
    assert kind.__doc__


def test_the_defaults_of_the_fields_say_that_nothing_is_known() -> None:
    assert vars(OutcomeUnknownError("x")) == {
        "attempts": 0, "status": None, "api_message": "", "body_excerpt": "", "order_id": None
    }  # fmt: skip
    assert vars(APIError("x")) == {
        "attempts": 0, "status": None, "api_message": "", "data": None, "retry_after": None
    }  # fmt: skip
    assert vars(EndpointNotConfiguredError("x")) == {"attempts": 0, "endpoint": ""}
    assert vars(InvalidResponseError("x")) == {"attempts": 0, "status": None, "body_excerpt": ""}
    assert vars(ValidationError("x")) == {"attempts": 0, "faults": ()}


@pytest.mark.parametrize(
    "status_class",
    [
        "BadRequestError",
        "AuthenticationError",
        "InsufficientBalanceError",
        "PermissionDeniedError",
        "NotFoundError",
        "ConflictError",
        "UnprocessableError",
        "RateLimitError",
        "ServerError",
    ],
)
def test_every_refusal_with_a_status_is_an_api_error(status_class: str) -> None:
    assert issubclass(getattr(errors, status_class), APIError)


@pytest.mark.parametrize(
    "kind", [OutcomeUnknownError, NotSentError, TransportError, ValidationError, InvalidResponseError]
)
def test_what_is_no_answer_of_the_api_is_no_api_error(kind: type[CMRError]) -> None:
    assert not issubclass(kind, APIError)


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (EndpointNotConfiguredError, ConfigurationError),
        (ValidationError, ValueError),
        (ClientStateError, RuntimeError),
        (OrderWarning, UserWarning),
    ],
)
def test_the_tree_meets_the_standard_library_where_callers_expect_it(kind: type, parent: type) -> None:
    assert issubclass(kind, parent)


@pytest.mark.parametrize(
    "caught_by_retries", [TimeoutError, OSError, ConnectionError, aiohttp.ClientError, ServerError, TransportError]
)
@pytest.mark.parametrize("kind", [OutcomeUnknownError, NotSentError, RateLimitError])
def test_no_retry_decorator_catches_an_order_by_accident(kind: type, caught_by_retries: type) -> None:
    assert not issubclass(kind, caught_by_retries)


def test_an_order_in_doubt_is_nothing_but_a_cmr_error() -> None:
    assert OutcomeUnknownError.__mro__ == (OutcomeUnknownError, CMRError, Exception, BaseException, object)


def test_a_validation_error_without_a_message_lists_its_faults() -> None:
    error = ValidationError(faults=(Fault("confirm", "must be true"), Fault("domains[0].years", "must be 1")))
    assert str(error) == "confirm: must be true\ndomains[0].years: must be 1"
