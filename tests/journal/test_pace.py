"""The slots of a shared pace: evenly spaced on one clock, held back by a pause, wider after it, waited for by all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from cmr_async.journal.journal import Journal
from cmr_async.journal.pace import JournalPace, hold_slots, paused_for, take_slot
from tests.fakes import Clock

Sleep = Callable[[float], Awaitable[None]]


async def take(journal: Journal, name: str = "key", gap: float = 8.0) -> float:
    return await journal._database.write(lambda transaction: take_slot(transaction, name, gap))


async def hold(journal: Journal, seconds: float) -> None:
    await journal._database.write(lambda transaction: hold_slots(transaction, "key", seconds))


async def held(journal: Journal, name: str = "key") -> float:
    return await journal._database.read(lambda transaction: paused_for(transaction, name))


async def test_slots_lie_one_gap_apart(journal: Journal, clock: Clock) -> None:
    assert [await take(journal) for _ in range(3)] == [0.0, 8.0, 16.0]
    clock.now += 20
    assert await take(journal) == 4.0


async def test_a_slot_that_nobody_took_is_not_saved_up(journal: Journal, clock: Clock) -> None:
    await take(journal)
    clock.now += 100
    assert [await take(journal), await take(journal)] == [0.0, 8.0]


async def test_each_name_has_slots_of_its_own(journal: Journal) -> None:
    assert [await take(journal, "one"), await take(journal, "two")] == [0.0, 0.0]


async def test_a_pause_holds_every_slot_back_and_widens_the_gap(journal: Journal) -> None:
    await take(journal)
    await hold(journal, 100.0)
    assert [await take(journal) for _ in range(3)] == [100.0, 110.0, 120.0]


async def test_a_while_after_the_pause_the_gap_is_as_before(journal: Journal, clock: Clock) -> None:
    await hold(journal, 100.0)
    clock.now += 129
    assert [await take(journal) for _ in range(3)] == [0.0, 10.0, 18.0]


async def test_a_shorter_pause_does_not_end_a_longer_one(journal: Journal, clock: Clock) -> None:
    await hold(journal, 100.0)
    await hold(journal, 10.0)
    assert await held(journal) == 100.0
    clock.now += 101
    assert await held(journal) == -1.0


async def test_without_a_row_there_is_no_pause(journal: Journal) -> None:
    assert await held(journal) == 0.0


def a_pace(journal: Journal, sleep: Sleep, *, name: str = "key") -> JournalPace:
    return attrs.evolve(journal.shared_pace(name, 8.0), sleep=sleep)


async def test_two_handles_share_one_pace(journal: Journal, location: str, clock: Clock) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with Journal(location, clock=clock) as other:
        for handle in (journal, other, journal, other):
            await a_pace(handle, sleep).wait()
        await a_pace(other, sleep, name="another key").wait()
    assert waits == [8.0, 16.0, 24.0]


async def test_a_slot_that_comes_up_during_a_pause_is_not_used(journal: Journal, clock: Clock) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.now += seconds
        if len(waits) == 1:
            await shared.pause(100.0)

    shared = a_pace(journal, sleep)
    await shared.wait()
    await shared.wait()
    assert waits == [8.0, 100.0]


async def test_a_pause_that_is_over_when_the_slot_comes_up_holds_nobody(journal: Journal, clock: Clock) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.now += seconds

    shared = a_pace(journal, sleep)
    await shared.pause(5.0)
    await shared.wait()
    assert waits == [5.0]
