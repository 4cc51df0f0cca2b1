"""The rolling second, as arithmetic."""

from __future__ import annotations

from collections import deque

from cmr_async.simulator.rate_limit import admit, count


def test_a_sixth_request_within_one_second_is_refused() -> None:
    stamps: deque[float] = deque()
    assert [admit(stamps, 10.0 + 0.1 * n, 5) for n in range(6)] == [True] * 5 + [False]


def test_a_slot_is_free_again_exactly_one_second_later() -> None:
    stamps: deque[float] = deque()
    assert [admit(stamps, at, 1) for at in (10.0, 10.99, 11.0, 11.5, 12.0)] == [True, False, True, False, True]


def test_a_refused_request_does_not_use_up_the_window() -> None:
    stamps: deque[float] = deque()
    admit(stamps, 0.0, 1)
    assert not any(admit(stamps, at, 1) for at in (0.5, 0.7, 0.9))
    assert admit(stamps, 1.0, 1)


def test_the_window_rolls_over_the_turn_of_a_second() -> None:
    stamps: deque[float] = deque()
    assert [admit(stamps, at, 2) for at in (0.8, 0.9, 1.1, 1.2)] == [True, True, False, False]


def test_arrivals_are_counted_over_the_last_second() -> None:
    stamps: deque[float] = deque()
    assert [count(stamps, at) for at in (0.0, 0.5, 0.999, 1.0, 1.6)] == [1, 2, 3, 3, 3]
