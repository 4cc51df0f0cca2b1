"""The pace, on a clock that only the test moves."""

from __future__ import annotations

import os
import threading
from bisect import bisect_left

import pytest

from cmr_async.core import pacing
from cmr_async.core.pacing import DEFAULT_GAP, Pacer, pace_name, shared_pacer


def slots(pacer: Pacer, number: int, now: float = 0.0, gap: float = DEFAULT_GAP) -> list[float]:
    return [now + pacer.reserve(now, gap).wait for _ in range(number)]


def busiest_second(times: list[float]) -> int:
    return max(bisect_left(times, start + 1.0) - index for index, start in enumerate(times))


def test_sixty_orders_never_meet_the_limit_and_use_almost_all_of_it() -> None:
    times = slots(Pacer(), 60)
    assert busiest_second(times) == 5
    after_the_first_second = [time for time in times if time >= 1.0]
    taken = (len(after_the_first_second) - 1) / (after_the_first_second[-1] - after_the_first_second[0])
    assert taken >= 0.97 * 5


def test_the_first_slot_is_free_at_once() -> None:
    assert Pacer().reserve(1000.0).wait == 0.0


def test_slots_are_evenly_spaced() -> None:
    assert slots(Pacer(), 4, gap=0.25) == [0.0, 0.25, 0.5, 0.75]


def test_idle_time_is_not_saved_up_for_a_burst() -> None:
    pacer = Pacer()
    pacer.reserve(0.0, 0.25)
    assert slots(pacer, 3, now=100.0, gap=0.25) == [100.0, 100.25, 100.5]


def test_a_gap_of_zero_turns_pacing_off_but_a_pause_still_holds() -> None:
    pacer = Pacer()
    assert slots(pacer, 3, gap=0) == [0.0, 0.0, 0.0]
    pacer.pause(0.0, 2.0)
    assert slots(pacer, 3, gap=0) == [2.0, 2.0, 2.0]


def test_a_pause_holds_everybody() -> None:
    pacer = Pacer()
    pacer.reserve(0.0)
    pacer.pause(0.0, 5.0)
    assert pacer.pace(1.0, DEFAULT_GAP).paused_for == 4.0
    assert slots(pacer, 2, now=1.0)[0] == 5.0
    assert pacer.pace(5.0, DEFAULT_GAP).paused_for == 0.0


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    pacer = Pacer()
    pacer.pause(0.0, 10.0)
    pacer.pause(1.0, 1.0)
    assert pacer.pace(1.0, DEFAULT_GAP).paused_for == 9.0


def test_threads_that_reserve_at_once_never_share_a_slot() -> None:
    pacer = Pacer()
    taken: list[float] = []
    start = threading.Barrier(16)

    def reserve() -> None:
        start.wait()
        taken.extend([pacer.reserve(0.0, 1.0).wait for _ in range(200)])

    threads = [threading.Thread(target=reserve) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [float(slot) for slot in range(16 * 200)]


def test_one_name_is_one_pacer() -> None:
    assert shared_pacer("test-a") is shared_pacer("test-a")
    assert shared_pacer("test-a") is not shared_pacer("test-b")


def test_the_name_of_a_pace_tells_key_and_origin_apart_but_tells_neither() -> None:
    name = pace_name("https://a.example", "secret-key")
    assert name == pace_name("https://a.example", "secret-key")
    assert len({name, pace_name("https://b.example", "secret-key"), pace_name("https://a.example", "other")}) == 3
    assert "secret" not in name
    assert "example" not in name


def test_renewed_locks_are_free_whoever_held_the_old_ones() -> None:
    pacer = shared_pacer("test-renew")
    with pacer._lock, pacing._registry_lock:
        pacing.renew_locks()
        assert not pacer._lock.locked()
        assert not pacing._registry_lock.locked()
        assert shared_pacer("test-renew") is pacer
        assert pacer.reserve(0.0).wait == 0.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_renews_locks_that_another_thread_held() -> None:
    pacer = shared_pacer("test-fork")
    with pacer._lock, pacing._registry_lock:
        child = os.fork()
        if child == 0:
            free = pacer._lock.acquire(blocking=False) and pacing._registry_lock.acquire(blocking=False)
            os._exit(0 if free else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
