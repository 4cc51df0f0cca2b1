"""The pace on a simulated clock: never a sixth request in any second, and hardly any of the limit left unused."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr_async import AsyncClient
from cmr_async.core.pacing import DEFAULT_GAP, Pacer, pace_name, shared_pacer

WINDOW = 1.0
LIMIT = 5


def most_in_a_second(times: list[float]) -> int:
    """As the server counts: requests in every window that begins with one of them."""
    return max(sum(start <= time < start + WINDOW for time in times) for start in times)


def test_the_first_slot_is_free_at_once_and_the_next_ones_are_evenly_spaced() -> None:
    pacer = Pacer()
    assert [pacer.reserve(100.0, 0.25) for _ in range(4)] == [0.0, 0.25, 0.5, 0.75]


def test_a_pacer_that_rested_saves_nothing_up() -> None:
    pacer = Pacer()
    pacer.reserve(0.0, 0.25)
    assert [pacer.reserve(60.0, 0.25) for _ in range(3)] == [0.0, 0.25, 0.5]


def test_sixty_orders_use_the_limit_and_never_break_it() -> None:
    pacer = Pacer()
    times = [1000.0 + pacer.reserve(1000.0) for _ in range(60)]
    assert most_in_a_second(times) == LIMIT
    after_the_first_second = [time for time in times if time >= times[0] + WINDOW]
    share = len(after_the_first_second) / (after_the_first_second[-1] - times[0] - WINDOW + DEFAULT_GAP) / LIMIT
    assert share >= 0.97


@given(st.lists(st.floats(min_value=0, max_value=0.5), min_size=6, max_size=60))
def test_no_pattern_of_arrivals_gets_a_sixth_request_into_a_second(pauses: list[float]) -> None:
    pacer, now, times = Pacer(), 0.0, []
    for pause in pauses:
        now += pause
        times.append(now + pacer.reserve(now))
    assert times == sorted(times)
    assert most_in_a_second(times) <= LIMIT


def test_threads_get_a_slot_each() -> None:
    pacer, waits, start = Pacer(), [], threading.Barrier(8)

    def reserve() -> None:
        start.wait()
        waits.extend([pacer.reserve(0.0, 1.0) for _ in range(50)])

    threads = [threading.Thread(target=reserve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [float(number) for number in range(400)]


def test_without_a_gap_nobody_waits_until_there_is_a_pause() -> None:
    pacer = Pacer()
    assert [pacer.reserve(5.0, 0) for _ in range(3)] == [0.0, 0.0, 0.0]
    pacer.pause(5.0, 2.0)
    assert pacer.reserve(6.0, 0) == 1.0


def test_a_pause_holds_everybody_back() -> None:
    pacer = Pacer()
    pacer.reserve(0.0, 0.25)
    pacer.pause(0.0, 3.0)
    assert pacer.paused_for(1.0) == 2.0
    assert pacer.reserve(1.0, 0.25) == 2.0
    assert pacer.paused_for(3.0) == 0.0


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    pacer = Pacer()
    pacer.pause(0.0, 10.0)
    pacer.pause(1.0, 1.0)
    assert pacer.paused_for(2.0) == 8.0


def test_a_refusal_widens_the_gap_for_half_a_minute() -> None:
    pacer = Pacer()
    pacer.pause(0.0, 1.0)
    assert [pacer.reserve(1.0, 0.2) for _ in range(2)] == [0.0, 0.25]
    assert [pacer.reserve(40.0, 0.2) for _ in range(2)] == [0.0, pytest.approx(0.2)]


def test_the_pace_has_a_name_that_does_not_tell_the_key() -> None:
    name = pace_name("https://one.example", "k3y")
    assert "k3y" not in name
    assert name == pace_name("https://one.example", "k3y")
    assert len({name, pace_name("https://two.example", "k3y"), pace_name("https://one.example", "other")}) == 3


def test_two_clients_with_one_key_share_a_pace_and_others_do_not() -> None:
    make: Callable[..., AsyncClient] = AsyncClient
    first, second = make("shared-key", "https://a.example/x"), make("shared-key", "https://a.example/y", gap=1.0)
    assert first.pacer is second.pacer
    assert make("another-key", "https://a.example/x").pacer is not first.pacer
    assert make("shared-key", "https://b.example/x").pacer is not first.pacer
    assert shared_pacer(pace_name("https://a.example", "shared-key")) is first.pacer


def test_a_fork_in_the_middle_of_a_reservation_does_not_stop_the_child() -> None:
    pacer = Pacer()
    pacer._lock.acquire()  # as another thread of the parent may have, at the instant of the fork
    pacer.renew_lock()
    assert pacer.reserve(0.0) == 0.0
