"""A thread that does one piece of work after the other, so that a database never holds the event loop up.

Not an executor: those take no work once the interpreter is about to exit, and that is when the blocking client still
writes down how its last orders ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

__all__ = ["WorkThread"]

_T = TypeVar("_T")

_Job = tuple[asyncio.Future[Any], Callable[[], Any]]


class WorkThread:
    """Runs what it is given in the order in which it came; the thread starts with the first piece of work."""

    def __init__(self, name: str) -> None:
        """Give the thread its name."""
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: Thread | None = None

    async def run(self, work: Callable[[], _T]) -> _T:
        """Return what the work returns, or raise what it raises. Work that has been given is always done."""
        if self._thread is None:
            # It is a daemon: a program whose journal was not closed may end, as one that is killed does
            thread = Thread(target=_serve, args=(self._jobs,), name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # since Python 3.12 none starts while the interpreter exits
                return work()
            self._thread = thread
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._jobs.put((future, work))
        return await future

    def stop(self) -> None:
        """Let the thread end after the work it has; later work gets another thread."""
        if self._thread is not None:
            self._thread = None
            self._jobs.put(None)
            self._jobs = SimpleQueue()


def _serve(jobs: SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        future, work = job
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - it is the caller's
            error = raised
        loop = future.get_loop()
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            loop.call_soon_threadsafe(_tell, future, result, error)
        del job, future, work, result, error, loop


def _tell(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():  # the caller was cancelled
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
