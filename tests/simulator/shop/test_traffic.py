"""The rolling second and the counts, as arithmetic."""

from __future__ import annotations

from cmr_async.simulator.shop.traffic import Traffic


def admitted(traffic: Traffic, *moments: float, limit: int) -> list[bool]:
    return [traffic.admit(now, limit) for now in moments]


def test_a_sixth_request_within_one_second_is_refused() -> None:
    moments = [10.0 + 0.1 * n for n in range(6)]
    assert admitted(Traffic(), *moments, limit=5) == [True] * 5 + [False]


def test_a_slot_is_free_again_exactly_one_second_later() -> None:
    assert admitted(Traffic(), 10.0, 10.99, 11.0, 11.5, 12.0, limit=1) == [True, False, True, False, True]


def test_a_refused_request_does_not_count_against_the_limit() -> None:
    assert admitted(Traffic(), 0.0, 0.5, 0.7, 0.9, 1.0, limit=1) == [True, False, False, False, True]


def test_the_window_rolls_over_the_turn_of_a_second() -> None:
    assert admitted(Traffic(), 0.8, 0.9, 1.1, 1.2, limit=2) == [True, True, False, False]


def test_the_densest_second_is_remembered() -> None:
    traffic = Traffic()
    densest = []
    for now in (0.0, 0.5, 0.999, 1.0, 1.6, 9.0):
        traffic.count_arrival("GET /users", now)
        densest.append(traffic.counts({}).most_in_one_second)
    assert densest == [1, 2, 3, 3, 3, 3]


def test_requests_and_answers_are_counted_apart() -> None:
    traffic = Traffic()
    for endpoint in ("GET /users", "other", "GET /users"):
        traffic.count_arrival(endpoint, 1.0)
    traffic.count_answer(200)
    counts = traffic.counts({"reset": 1})
    assert (counts.total, counts.by_endpoint) == (3, {"GET /users": 2, "other": 1})
    assert (counts.by_status, counts.by_fault) == ({200: 1}, {"reset": 1})
