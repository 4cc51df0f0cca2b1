"""The schedule against a server that counts every rolling second, in time that only the test moves."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr_async.core.pacing import DEFAULT_GAP, Schedule, Slot

#: Seconds on the way to the server and back, each.
LATENCY = 0.002


@attrs.frozen(kw_only=True)
class Played:
    """What became of the requests of one key."""

    #: When each was let through, and when each was refused.
    passed: list[float]
    refused: list[float]
    #: What another program got through and was refused, each second.
    theirs: list[float]

    @property
    def share_refused(self) -> float:
        return len(self.refused) / len(self.passed + self.refused)

    def rate(self, start: float, end: float) -> float:
        """Return how many a second were let through."""
        return sum(start <= moment < end for moment in self.passed) / (end - start)

    @property
    def busiest_second(self) -> int:
        moments = sorted(self.passed + self.refused)
        return max(
            sum(first <= moment < first + 1 for moment in moments[at : at + 20]) for at, first in enumerate(moments)
        )


def play(
    limit: Callable[[float], int],
    *,
    processes: int = 1,
    jitter: float = 0.0,
    asked: float | None = 1.0,
    others: Callable[[float], float] = lambda _: 0.0,
    gap: float = DEFAULT_GAP,
    seconds: float = 120.0,
    seed: int = 0,
) -> Played:
    """Let processes send as fast as the schedule that they share lets them, each holding one slot at a time.

    Args:
        limit: Requests that the server lets through in any second, by the time.
        processes: How many processes send.
        jitter: Seconds by which the network delays a request, at most.
        asked: `Retry-After` of a 429.
        others: Requests a second of another program on the key, by the time.
        gap: What the client is set to.
        seconds: How long.
        seed: Of what is random.
    """
    game = _Game(limit, jitter=jitter, asked=asked, others=others, gap=gap, seed=seed)
    for process in range(processes):
        game.at(process / 1000, game.ask)
    game.at(0.05, game.arrive_other)
    while game.events[0][0] < seconds:
        game.now, _, what, arguments = heapq.heappop(game.events)
        what(*arguments)
    return Played(passed=game.passed, refused=game.refused, theirs=game.theirs)


class _Game:
    """What happens, in the order of time."""

    def __init__(
        self,
        limit: Callable[[float], int],
        *,
        jitter: float,
        asked: float | None,
        others: Callable[[float], float],
        gap: float,
        seed: int,
    ) -> None:
        self.limit, self.jitter, self.asked, self.others, self.gap = limit, jitter, asked, others, gap
        self.random, self.schedule, self.numbers = Random(seed), Schedule(), count()
        self.events: list[tuple[float, int, Callable[..., None], Any]] = []
        self.admitted = deque[float]()
        self.passed, self.refused, self.theirs = list[float](), list[float](), list[float]()
        self.now = 0.0

    def at(self, moment: float, what: Callable[..., None], *arguments: Any) -> None:
        heapq.heappush(self.events, (moment, next(self.numbers), what, arguments))

    def ask(self) -> None:
        slot = self.schedule.reserve(self.now, self.gap)
        self.at(self.now + slot.wait, self.come, slot)

    def come(self, slot: Slot) -> None:
        if slot.era == self.schedule.era:
            self.at(self.now + LATENCY + self.random.uniform(0, self.jitter), self.arrive, slot)
        self.at(self.now, self.ask)

    def arrive(self, slot: Slot) -> None:
        if self.is_admitted():
            self.passed.append(self.now)
        else:
            self.refused.append(self.now)
            self.at(self.now + LATENCY, self.hear, slot)

    def hear(self, slot: Slot) -> None:
        self.schedule.refused(self.now, slot, self.asked)

    def arrive_other(self) -> None:
        if (rate := self.others(self.now)) > 0 and self.is_admitted():
            self.theirs.append(self.now)
        self.at(self.now + (1 / rate if rate else 1.0), self.arrive_other)

    def is_admitted(self) -> bool:
        while self.admitted and self.admitted[0] <= self.now - 1:
            self.admitted.popleft()
        if len(self.admitted) >= self.limit(self.now):
            return False
        self.admitted.append(self.now)
        return True


def always(limit: int) -> Callable[[float], int]:
    return lambda _: limit


@pytest.mark.parametrize("processes", [1, 3])
def test_at_five_a_second_almost_all_of_it_is_used_and_nothing_refused(processes: int) -> None:
    played = play(always(5), processes=processes)
    assert played.refused == []
    assert played.busiest_second == 5
    assert played.rate(1, 120) >= 0.98 * 5


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize("asked", [None, 1.0])
@pytest.mark.parametrize(("limit", "most"), [(4, 0.01), (3, 0.015), (2, 0.025), (1, 0.04)])
def test_any_lower_limit_is_found_and_kept_to(limit: int, most: float, asked: float | None, processes: int) -> None:
    played = play(always(limit), processes=processes, asked=asked)
    assert played.rate(0, 120) >= 0.95 * limit
    assert played.share_refused <= most


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize(("jitter", "least"), [(0.02, 0.95), (0.05, 0.92)])
@pytest.mark.parametrize("seed", range(5))
def test_a_network_that_moves_requests_together_costs_little(
    jitter: float, least: float, processes: int, seed: int
) -> None:
    played = play(always(5), jitter=jitter, processes=processes, seed=seed)
    assert played.rate(0, 120) >= least * 5
    assert played.share_refused <= 0.015


@pytest.mark.parametrize("processes", [1, 3])
def test_a_limit_that_drops_is_followed_at_once_and_one_that_rises_within_a_minute(processes: int) -> None:
    played = play(lambda now: 3 if 30 <= now < 90 else 5, processes=processes, seconds=180)
    assert played.rate(0, 30) >= 0.97 * 5
    assert played.rate(35, 90) >= 0.9 * 3
    assert played.rate(140, 180) >= 0.97 * 5
    assert played.share_refused <= 0.015


def test_another_program_that_comes_and_goes_gets_its_part() -> None:
    played = play(always(5), others=lambda now: 2.0 if 30 <= now < 90 else 0.0, seconds=180)
    assert played.rate(40, 90) >= 2.5
    assert len(played.theirs) >= 0.9 * 2 * 60
    assert played.rate(150, 180) >= 0.97 * 5
    assert played.share_refused <= 0.02


@given(
    limits=st.lists(st.integers(1, 5), min_size=4, max_size=4),
    processes=st.integers(1, 4),
    jitter=st.floats(0, 0.05),
    asked=st.none() | st.floats(0, 2),
    seed=st.integers(0, 1000),
)
def test_whatever_happens_it_goes_on_and_no_second_has_more_than_five(
    limits: list[int], processes: int, jitter: float, asked: float | None, seed: int
) -> None:
    played = play(
        lambda now: limits[int(now / 10) % 4],
        processes=processes,
        jitter=jitter,
        asked=asked,
        seconds=40,
        seed=seed,
    )
    assert played.busiest_second <= (5 if jitter == 0 else 7)
    assert len(played.passed) >= 20
    assert played.share_refused < 0.35


# Single steps


def used(schedule: Schedule, number: int, now: float = 0.0, *, reads: bool = False) -> list[Slot]:
    return [schedule.reserve(now, DEFAULT_GAP, reads=reads) for _ in range(number)]


def test_what_got_through_in_the_second_before_a_429_is_the_limit() -> None:
    schedule = Schedule()
    *_, last = used(schedule, 4)
    assert schedule.refused(0.7, last, 1.0) == 1.0
    assert schedule.limit == 3
    assert schedule.gap(DEFAULT_GAP) == pytest.approx(1.015 / 3)


def test_a_429_that_asks_for_nothing_pauses_until_the_second_has_room() -> None:
    schedule = Schedule()
    *_, last = used(schedule, 4)
    assert schedule.refused(0.7, last, None) == pytest.approx(1.015 - 0.7)
    assert Schedule().refused(5.0, Slot(wait=0, at=5.0, gap=DEFAULT_GAP, era=0), None) == 1.0


def test_refusals_of_slots_from_before_are_counted_once() -> None:
    schedule = Schedule()
    *_, fourth, fifth = used(schedule, 5)
    schedule.refused(0.9, fourth, 1.0)
    schedule.refused(0.95, fifth, 1.0)
    assert (schedule.limit, schedule.paused_until) == (3, 1.95)


def test_slots_of_before_a_refusal_are_not_used() -> None:
    schedule = Schedule()
    first, second = used(schedule, 2)
    assert first.era == second.era
    schedule.refused(0.1, first, 0.0)
    (again,) = used(schedule, 1, now=0.1)
    assert again.era != second.era
    assert again.at == pytest.approx(schedule.gap(DEFAULT_GAP))


def test_a_429_although_no_more_left_than_the_gap_allows_spreads_the_slots_a_little() -> None:
    schedule = Schedule()
    *_, last = used(schedule, 7)
    schedule.refused(1.3, last, 1.0)
    assert schedule.limit == 0
    assert schedule.gap(DEFAULT_GAP) == pytest.approx(DEFAULT_GAP * 1.02)
    for minute in range(1, 12):
        schedule.reserve(60.0 * minute, DEFAULT_GAP)
    assert schedule.gap(DEFAULT_GAP) == DEFAULT_GAP


def test_below_ten_milliseconds_nothing_is_measured() -> None:
    schedule = Schedule()
    slots = [schedule.reserve(0.0, 0.001) for _ in range(4)]
    assert schedule.refused(0.1, slots[-1], None) == 1.0
    assert (schedule.limit, schedule.spread, schedule.used) == (0, 1, [])


# Lanes


def test_reads_let_others_go_first_but_for_one_slot_of_25() -> None:
    schedule, now, order = Schedule(), 0.0, list[str]()
    for _ in range(104):
        read = schedule.reserve(now, DEFAULT_GAP, reads=True)
        if read.at is not None:
            order.append("read")
            now = read.at
        paid = schedule.reserve(now, DEFAULT_GAP)
        assert paid.at is not None
        order.append("order")
        now = paid.at
    gaps = [at for at, kind in enumerate(order) if kind == "read"]
    assert gaps == [0, 25, 50, 75, 100]


def test_reads_have_all_slots_when_nothing_else_waits() -> None:
    slots = used(Schedule(), 5, reads=True)
    assert [slot.at for slot in slots] == pytest.approx([number * DEFAULT_GAP for number in range(5)])


def test_a_read_that_has_to_wait_takes_no_slot() -> None:
    schedule = Schedule(read_at=0.0)
    used(schedule, 2, now=1.0)
    read = schedule.reserve(1.1, DEFAULT_GAP, reads=True)
    assert read.at is None
    assert read.wait == pytest.approx(1.0 + 2 * DEFAULT_GAP - 1.1)
    (paid,) = used(schedule, 1, now=1.1)
    assert paid.at == pytest.approx(1.0 + 2 * DEFAULT_GAP)
