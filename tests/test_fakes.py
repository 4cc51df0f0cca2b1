"""The clock that tests share: sleeping moves it, and sleepers wake in the order of their times."""

from __future__ import annotations

import asyncio

import pytest

from tests.fakes import Clock


async def test_tasks_that_sleep_at_once_wake_in_the_order_of_their_times() -> None:
    clock, woken = Clock(0.0), list[tuple[str, float]]()

    async def sleep(name: str, *seconds: float) -> None:
        for each in seconds:
            await clock.sleep(each)
            woken.append((name, clock.now))

    await asyncio.gather(sleep("late", 10), sleep("often", 2, 2, 3), sleep("at once", 0, 7))
    assert woken == [("at once", 0), ("often", 2), ("often", 4), ("often", 7), ("at once", 7), ("late", 10)]
    assert clock.sleeps == [10, 2, 0, 7, 2, 3]


async def test_a_sleeper_that_is_cancelled_holds_nobody_up() -> None:
    clock = Clock(0.0)
    gone = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    gone.cancel()
    await clock.sleep(5)
    assert clock.now == 5
    with pytest.raises(asyncio.CancelledError):
        await gone
