"""The slots of a shared pace: evenly spaced on one clock, held back by a pause, wider after it."""

from __future__ import annotations

import pytest

from cmr_async.journal.journal import Journal
from cmr_async.journal.pace import hold_slots, paused_for, take_slot
from tests.journal.arrange import Clock

pytestmark = pytest.mark.usefixtures("database_clock")


async def take(journal: Journal, name: str = "key", gap: float = 8.0) -> float:
    return await journal._database.write(lambda transaction: take_slot(transaction.connection, name, gap))


async def hold(journal: Journal, seconds: float) -> None:
    await journal._database.write(lambda transaction: hold_slots(transaction.connection, "key", seconds))


async def held(journal: Journal, name: str = "key") -> list[float]:
    rows = await journal._database.read(paused_for(journal._database.dialect, name))
    return [row[0] for row in rows]


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
    assert await held(journal) == [100.0]
    clock.now += 101
    assert await held(journal) == [-1.0]


async def test_without_a_row_there_is_no_pause(journal: Journal) -> None:
    assert await held(journal) == []
