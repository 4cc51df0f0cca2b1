"""The thread of a journal: in order, to the end, and also while the interpreter exits."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from cmr_async.work_thread import WorkThread


@pytest.fixture
def thread() -> Iterator[WorkThread]:
    thread = WorkThread("test")
    yield thread
    thread.stop()


def fail() -> None:
    raise LookupError("not there")


async def test_work_is_done_one_after_the_other_in_a_thread_of_its_own(thread: WorkThread) -> None:
    seen: list[int] = []
    names = await asyncio.gather(
        *(thread.run(lambda n=n: seen.append(n) or threading.current_thread().name) for n in range(50))  # type: ignore[misc, func-returns-value]
    )
    assert seen == list(range(50))
    assert set(names) == {"test"}


async def test_what_the_work_raises_is_raised_and_the_thread_goes_on(thread: WorkThread) -> None:
    with pytest.raises(LookupError, match="not there"):
        await thread.run(fail)
    assert await thread.run(lambda: 5) == 5


async def test_work_is_done_although_its_caller_is_cancelled(thread: WorkThread) -> None:
    go, done = threading.Event(), threading.Event()
    busy = asyncio.create_task(thread.run(go.wait))
    cancelled = asyncio.create_task(thread.run(done.set))
    await asyncio.sleep(0)
    cancelled.cancel()
    go.set()
    assert await busy
    await thread.run(lambda: None)
    assert cancelled.cancelled()
    assert done.is_set()


def test_work_may_outlive_its_loop(thread: WorkThread) -> None:
    go = threading.Event()

    async def leave() -> None:
        task = asyncio.create_task(thread.run(go.wait))
        await asyncio.sleep(0)
        task.cancel()

    async def come_back() -> int:
        return await thread.run(lambda: 5)

    asyncio.run(leave())
    go.set()
    assert asyncio.run(come_back()) == 5


async def test_a_stopped_thread_ends_after_its_work_and_can_be_used_again(thread: WorkThread) -> None:
    first = await thread.run(threading.current_thread)
    thread.stop()
    second = await thread.run(threading.current_thread)
    first.join(10)
    assert not first.is_alive()
    assert second is not first


async def test_work_is_done_where_it_is_asked_for_when_no_thread_can_start(
    thread: WorkThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr("cmr_async.work_thread.Thread.start", refuse)
    assert await thread.run(threading.current_thread) is threading.current_thread()


@pytest.mark.parametrize("before", ["", "asyncio.run(thread.run(str))"], ids=["its first work", "further work"])
def test_work_is_still_done_while_the_interpreter_exits(before: str) -> None:
    code = f"""
import asyncio, atexit
from cmr_async.work_thread import WorkThread
thread = WorkThread("test")
{before}
atexit.register(lambda: print(asyncio.run(thread.run(lambda: "written"))))
"""
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout == "written\n"
