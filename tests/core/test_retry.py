"""Which attempts may be repeated, and when."""

from __future__ import annotations

from itertools import islice
from random import Random
from typing import Any

import attrs
import pytest

from cmr_async.core.endpoints import ENDPOINTS, Endpoint
from cmr_async.core.judge import Outcome
from cmr_async.core.retry import RetryPolicy, may_repeat
from cmr_async.errors import ConfigurationError
from tests.fakes import Highest


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS.keys())
@pytest.mark.parametrize("outcome", [Outcome.THROTTLED, Outcome.NOT_SENT])
def test_what_did_not_happen_may_be_repeated_everywhere(endpoint: Endpoint, outcome: Outcome) -> None:
    assert may_repeat(outcome, endpoint)


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS.keys())
@pytest.mark.parametrize("outcome", [Outcome.ACCEPTED, Outcome.REJECTED])
def test_what_was_answered_is_never_repeated(endpoint: Endpoint, outcome: Outcome) -> None:
    assert not may_repeat(outcome, endpoint)


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_an_unknown_outcome_is_repeated_only_where_twice_changes_nothing(endpoint: Endpoint) -> None:
    assert may_repeat(Outcome.UNKNOWN, endpoint) is endpoint.repeatable


def test_an_order_in_doubt_is_never_repeated() -> None:
    assert not may_repeat(Outcome.UNKNOWN, ENDPOINTS["orders.create"])
    assert not may_repeat(Outcome.UNKNOWN, ENDPOINTS["orders.process"])


def test_the_bounds_of_the_waits_double_up_to_the_maximum() -> None:
    policy = RetryPolicy(initial=0.5, maximum=3.0)
    assert list(islice(policy.waits(Highest()), 5)) == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_an_initial_wait_of_zero_means_no_waits_at_all() -> None:
    assert list(islice(RetryPolicy(initial=0).waits(Highest()), 100)) == [0.0] * 100


def test_the_jitter_is_full_below_the_bounds() -> None:
    waits = list(islice(RetryPolicy(initial=1.0, maximum=1.0).waits(Random(1)), 500))
    assert 0 <= min(waits) < 0.05
    assert 0.95 < max(waits) <= 1.0


def test_one_seed_is_one_schedule() -> None:
    policy = RetryPolicy()
    assert list(islice(policy.waits(Random(3)), 9)) == list(islice(policy.waits(Random(3)), 9))


@pytest.mark.parametrize(("elapsed", "wait", "allowed"), [(0, 10, True), (5, 5, True), (5, 5.1, False), (11, 0, False)])
def test_the_last_attempt_starts_within_the_budget(elapsed: float, wait: float, *, allowed: bool) -> None:
    assert RetryPolicy(time_budget=10.0).allows(elapsed, wait) is allowed


@pytest.mark.parametrize("field", ["time_budget", "initial", "maximum"])
@pytest.mark.parametrize("value", [-1, float("inf"), float("nan")])
def test_numbers_that_make_no_schedule_are_refused(field: str, value: float) -> None:
    settings: dict[str, Any] = {field: value}
    with pytest.raises(ConfigurationError, match=rf"RetryPolicy\.{field} must be 0 or more seconds"):
        RetryPolicy(**settings)


def test_a_policy_cannot_be_changed() -> None:
    policy: Any = RetryPolicy()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        policy.initial = 1.0
