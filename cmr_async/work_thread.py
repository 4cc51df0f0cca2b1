"""A thread that does one job after the other, so that a database never blocks the event loop.

It is no executor, because executors refuse work while the interpreter exits, which is when the blocking client still
writes how its last orders ended. No job depends on the event loop: once it is asked for, it is done, in its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from .errors import JournalError

_T = TypeVar("_T")

_Job = tuple[asyncio.Future[Any] | None, Callable[[], Any]]


class WorkThread:
    """Runs jobs in the order in which they come; the thread starts with the first one."""

    def __init__(self, name: str) -> None:
        """Give the thread its name."""
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: Thread | None = None

    async def run(self, work: Callable[[], _T]) -> _T:
        """Return what the work returns, or raise what it raises. It is done even if the caller is cancelled."""
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        self._put(future, work)
        return await future

    def run_unheard(self, work: Callable[[], object]) -> None:
        """Do some work that nobody waits for; what it raises is lost."""
        self._put(None, work)

    def _put(self, future: asyncio.Future[Any] | None, work: Callable[[], Any]) -> None:
        if self._thread is None:
            # A daemon, so that a program whose journal was not closed can end, just as a killed one does
            thread = Thread(target=_serve, args=(self._jobs,), name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # since Python 3.12 no thread starts while the interpreter exits
                _do(future, work)
                return
            self._thread = thread
        self._jobs.put((future, work))

    def stop(self) -> None:
        """Let the thread end after the jobs it has; later jobs get another thread."""
        if self._thread is not None:
            self._thread = None
            self._jobs.put(None)
            self._jobs = SimpleQueue()


def _serve(jobs: SimpleQueue[_Job | None]) -> None:
    while (job := jobs.get()) is not None:
        _do(*job)
        del job


def _do(future: asyncio.Future[Any] | None, work: Callable[[], Any]) -> None:
    result, error = None, None
    try:
        result = work()
    except BaseException as raised:  # noqa: BLE001 - it is the caller's
        error = raised
        if isinstance(raised, JournalError):  # its cause stands for what it came from, which holds the connection
            raised.__context__ = None
    if future is not None:
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            future.get_loop().call_soon_threadsafe(_deliver, future, result, error)


def _deliver(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():  # the caller was cancelled
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
