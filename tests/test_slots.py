"""How calls wait for their slots: in lanes, at the pace of this process and at a shared one; a test moves the time."""

from __future__ import annotations

import asyncio
import heapq
import logging
import os
from collections.abc import Awaitable
from contextlib import suppress
from itertools import count

import pytest

from cmr_async import AsyncClient, Client, CMRError, ConfigurationError, Pace
from cmr_async.core.pacing import DEFAULT_GAP, Pacer, Slot
from cmr_async.slots import Slots


class Timeline:
    """A clock that goes on when every task waits for it."""

    def __init__(self) -> None:
        self.now = 100.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), future))
        await future

    async def play(self, *awaitables: Awaitable[object]) -> None:
        """Let time pass until all have ended."""
        everything = asyncio.gather(*awaitables)
        while not everything.done():
            for _ in range(10):
                await asyncio.sleep(0)
            if self._sleepers:
                moment, _, future = heapq.heappop(self._sleepers)
                if not future.done():
                    self.now = moment
                    future.set_result(None)
        await everything


@pytest.fixture
def time() -> Timeline:
    return Timeline()


def make_slots(time: Timeline, pacer: Pacer | None = None, gap: float = DEFAULT_GAP) -> Slots:
    return Slots(pacer or Pacer(), gap, clock=time, sleep=time.sleep)


async def take(slots: Slots, time: Timeline, taken: list[float], *, reads: bool = False) -> None:
    await slots.wait(reads=reads)
    taken.append(time.now)


@pytest.mark.parametrize("clients", [1, 2])
async def test_orders_leave_at_the_pace_of_an_empty_queue_however_many_reads_wait(time: Timeline, clients: int) -> None:
    pacer, reads, orders = Pacer(), list[float](), list[float]()
    reading = make_slots(time, pacer)
    sending = reading if clients == 1 else make_slots(time, pacer)
    waiting = [asyncio.ensure_future(take(reading, time, reads, reads=True)) for _ in range(1000)]
    await asyncio.sleep(0)
    await time.play(*(take(sending, time, orders) for _ in range(100)))
    assert orders[0] == pytest.approx(100.0 + 2 * DEFAULT_GAP)  # one read has left, and one has the next slot
    assert orders[-1] - orders[0] <= 99 * DEFAULT_GAP * 1.05
    assert 3 <= len(reads) <= 6  # and no lane starves
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_calls_that_are_cancelled_while_they_wait_in_their_lane_cost_no_slot(time: Timeline) -> None:
    slots, taken = make_slots(time), list[float]()
    await slots.wait(reads=False)
    waiting = [asyncio.ensure_future(take(slots, time, taken)) for _ in range(20)]
    await asyncio.sleep(0)
    for task in waiting[1:19]:
        task.cancel()
    await time.play(waiting[0], waiting[19])
    assert taken == pytest.approx([100.0 + DEFAULT_GAP, 100.0 + 2 * DEFAULT_GAP])


class OtherProcesses:
    """A pace that is shared: after each slot some others take theirs."""

    def __init__(self, time: Timeline, *, others: int = 0) -> None:
        self._time = time
        self._others = others
        self._pacer = Pacer()

    async def reserve(self, gap: float, *, reads: bool) -> Slot:
        slot = self._pacer.reserve(self._time.now, gap, reads=reads)
        for _ in range(self._others):
            self._pacer.reserve(self._time.now, gap)
        return slot

    async def holds(self, slot: Slot) -> bool:
        return self._pacer.holds(slot)

    async def refused(self, slot: Slot, asked: float | None) -> float:
        return self._pacer.refused(self._time.now, slot, asked)

    def pace(self, gap: float) -> Pace:
        return self._pacer.pace(self._time.now, gap)


class Claims:
    """Claims what is sent, in turn: each takes some time, and succeeds or does not."""

    def __init__(self, time: Timeline, *claims: tuple[float, bool]) -> None:
        self._time = time
        self._claims = list(claims)

    async def __call__(self) -> None:
        seconds, succeeds = self._claims.pop(0)
        if seconds:
            await self._time.sleep(seconds)
        if not succeeds:
            raise CMRError("claimed by another process")


async def claim_and_take(slots: Slots, time: Timeline, taken: list[float], claims: Claims) -> None:
    with suppress(CMRError):
        await slots.wait(reads=False, claim=claims)
        taken.append(time.now)


async def test_a_slot_whose_call_does_not_get_its_claim_is_for_the_next_call(time: Timeline) -> None:
    slots, taken = make_slots(time), list[float]()
    claims = Claims(time, (0.003, True), (0.003, False), (0.003, False), (0.003, True), (0.003, True))
    await time.play(*(claim_and_take(slots, time, taken, claims) for _ in range(5)))
    assert taken == pytest.approx([100.003, 100.009 + DEFAULT_GAP, 100.003 + 2 * DEFAULT_GAP])


async def test_claims_before_a_slot_that_is_shared_delay_nothing(time: Timeline) -> None:
    slots, taken = make_slots(time).shared_with(OtherProcesses(time, others=2)), list[float]()
    claims = Claims(time, (0, True), (0.01, False), (0.01, False), (0.005, True), (0.01, True))
    await time.play(*(claim_and_take(slots, time, taken, claims) for _ in range(5)))
    assert taken == pytest.approx([100.0, 100.0 + 3 * DEFAULT_GAP, 100.0 + 6 * DEFAULT_GAP])


async def test_a_slot_that_was_handed_on_for_too_long_is_not_used(time: Timeline) -> None:
    slots, taken = make_slots(time), list[float]()
    claims = Claims(time, (0.006, False), (0.006, False), (0, True))
    await time.play(*(claim_and_take(slots, time, taken, claims) for _ in range(3)))
    assert taken == pytest.approx([100.0 + DEFAULT_GAP])


@pytest.mark.parametrize("is_shared", [False, True])
async def test_a_slot_of_before_a_refusal_is_not_handed_on(time: Timeline, is_shared: bool) -> None:
    slots, taken = make_slots(time), list[float]()
    if is_shared:
        slots = slots.shared_with(OtherProcesses(time))
    refused = await slots.wait(reads=False)

    async def refuse() -> None:
        await slots.refused(refused, 2.0)
        raise CMRError("claimed by another process")

    with pytest.raises(CMRError, match="claimed"):
        await time.play(slots.wait(reads=False, claim=refuse))
    await time.play(take(slots, time, taken))
    assert taken[0] >= 102.0


async def test_a_refusal_is_followed_by_all_that_wait(time: Timeline) -> None:
    slots, taken = make_slots(time, gap=0.25), list[float]()
    first = await slots.wait(reads=False)
    waiting = [asyncio.ensure_future(take(slots, time, taken)) for _ in range(3)]
    await asyncio.sleep(0)
    assert await slots.refused(first, 2.0) == 2.0
    await time.play(*waiting)
    assert taken == pytest.approx([102.0, 102.5075, 103.015])  # half as fast: nothing had got through


async def test_the_pace_tells_limit_pause_and_who_waits(time: Timeline, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="cmr_async")
    slots = make_slots(time)
    assert slots.pace() == Pace(gap=DEFAULT_GAP, limit=None, paused_for=0.0)
    *_, slot = [slots.pacer.reserve(time.now, DEFAULT_GAP) for _ in range(3)]
    waiting = [asyncio.ensure_future(slots.wait(reads=reads)) for reads in (False, False, True)]
    await asyncio.sleep(0)
    time.now += 0.5
    await slots.refused(slot, 1.5)
    pace = slots.pace()
    assert (pace.limit, pace.paused_for, pace.orders_waiting, pace.reads_waiting) == (2.0, 1.5, 2, 1)
    assert pace.gap == pytest.approx(1.015 / 2)
    assert caplog.messages == [
        "the API lets 2 of 4.9 requests a second through: other programs use this key, or its limit is lower"
    ]
    for task in waiting:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert (slots.pace().orders_waiting, slots.pace().reads_waiting) == (0, 0)


async def test_a_repetition_is_not_begun_too_late_nor_behind_those_that_have_had_no_slot(time: Timeline) -> None:
    slots, taken = make_slots(time), list[float]()
    await slots.wait(reads=False)
    waiting = [asyncio.ensure_future(take(slots, time, taken)) for _ in range(5)]
    await asyncio.sleep(0)
    assert await slots.wait_again(reads=False, latest=time.now + DEFAULT_GAP) is None
    again = list[Slot | None]()

    async def repeat() -> None:
        again.append(await slots.wait_again(reads=False, latest=time.now + 5.0))
        taken.append(-1.0)

    await time.play(*waiting, repeat())
    assert [slot is not None for slot in again] == [True]
    assert taken.index(-1.0) <= 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_waits_for_no_call_of_its_parent(time: Timeline) -> None:
    slots = make_slots(time)

    def fork() -> int:
        child = os.fork()
        if child == 0:
            os._exit(slots._sending.turn.locked() or slots.pace().orders_waiting)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    async def fork_while_calls_wait() -> None:
        await slots.wait(reads=False)
        waiting = asyncio.ensure_future(slots.wait(reads=False))
        await asyncio.sleep(0)
        assert fork() == 0
        assert slots._sending.turn.locked()
        waiting.cancel()

    asyncio.run(fork_while_calls_wait())


# The settings of a client


def test_room_for_others_makes_the_gap_wider() -> None:
    assert AsyncClient("key", leave_room=1).pace.gap == pytest.approx(1 / (1 / DEFAULT_GAP - 1))
    with Client("key", gap=0.5, leave_room=0.5) as cmr:
        assert cmr.pace.gap == pytest.approx(1 / 1.5)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"leave_room": -1}, "leave_room must be 0 or more requests a second: got -1"),
        ({"leave_room": "1"}, "leave_room must be 0 or more"),
        ({"leave_room": 5}, r"leave_room=5 requests a second leaves nothing of the 4\.93 that gap=0\.203 allows"),
        ({"leave_room": 1, "gap": 0}, "leave_room needs a gap: gap=0 turns pacing off"),
        ({"pace": "mysql://host/db"}, "is a file"),
    ],
)
def test_settings_that_leave_no_pace_are_refused(settings: dict[str, float], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        AsyncClient("key", **settings)  # type: ignore[arg-type]
