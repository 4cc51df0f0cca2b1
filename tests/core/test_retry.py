"""What may be repeated and when: a refusal and what never left, within the budget; an order in doubt never."""

from __future__ import annotations

from itertools import islice, pairwise
from random import Random

import pytest

from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.judge import Outcome
from cmr_async.core.retry import RetryPolicy, may_repeat
from cmr_async.errors import ConfigurationError


class Highest(Random):
    """Jitter that never shortens a wait, so that the bounds show."""

    def uniform(self, a: float, b: float) -> float:
        return b


@pytest.mark.parametrize("name", ["orders.create", "orders.process"])
@pytest.mark.parametrize(
    ("outcome", "repeated"),
    [
        (Outcome.ACCEPTED, False),
        (Outcome.REJECTED, False),
        (Outcome.UNKNOWN, False),
        (Outcome.THROTTLED, True),
        (Outcome.NOT_SENT, True),
    ],
)
def test_an_order_is_repeated_only_when_nothing_happened(name: str, outcome: Outcome, *, repeated: bool) -> None:
    assert may_repeat(outcome, ENDPOINTS[name]) is repeated


@pytest.mark.parametrize("name", sorted(name for name, row in ENDPOINTS.items() if row.method == "GET"))
def test_a_read_is_repeated_after_an_unknown_outcome_too(name: str) -> None:
    assert may_repeat(Outcome.UNKNOWN, ENDPOINTS[name])
    assert not may_repeat(Outcome.REJECTED, ENDPOINTS[name])


def test_the_bounds_of_the_waits_double_up_to_the_maximum() -> None:
    policy = RetryPolicy(initial=0.5, maximum=30)
    assert list(islice(policy.waits(Highest()), 9)) == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_the_jitter_spreads_below_the_maximum_too() -> None:
    waits = list(islice(RetryPolicy(initial=1, maximum=2).waits(Random(7)), 2000))
    assert all(0 <= wait <= 2 for wait in waits)
    assert 0.9 < sum(waits) / len(waits) < 1.1  # a clamp after the jitter would gather them at the maximum
    assert all(first != second for first, second in pairwise(waits))


@pytest.mark.parametrize("policy", [RetryPolicy(initial=0.0), RetryPolicy(initial=0), RetryPolicy(maximum=0.0)])
def test_a_schedule_without_waits_lasts_as_long_as_the_budget(policy: RetryPolicy) -> None:
    assert set(islice(policy.waits(Random(1)), 3000)) == {0.0}


def test_the_budget_is_for_the_start_of_the_last_attempt() -> None:
    policy = RetryPolicy(time_budget=10)
    assert policy.allows(4.0, 6.0)
    assert not policy.allows(4.0, 6.1)


def test_a_budget_of_0_allows_no_repetition_even_when_the_clock_did_not_move() -> None:
    assert not RetryPolicy(time_budget=0).allows(0.0, 0.0)


@pytest.mark.parametrize("name", ["time_budget", "initial", "maximum"])
@pytest.mark.parametrize("value", [-1, float("inf"), float("nan")])
def test_numbers_that_make_no_schedule_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=f"RetryPolicy.{name}"):
        RetryPolicy(**{name: value})
