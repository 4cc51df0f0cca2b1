"""Several handles that wait for the slots of one pace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import pytest

from cmr_async.journal.journal import Journal
from cmr_async.journal.shared_pace import JournalPace
from tests.journal.arrange import Clock

Sleep = Callable[[float], Awaitable[None]]
pytestmark = pytest.mark.usefixtures("database_clock")


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
