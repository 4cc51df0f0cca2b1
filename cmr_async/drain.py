"""What happens to a call that must not be repeated when its caller goes away.

The call runs in a task of its own. A caller that is cancelled before the request went out ends it. Afterwards the task
goes on for a bounded time, the drain, to learn the answer; its caller waits for that, and gets an error of this package
that says what became of the order: `asyncio.timeout` would make a `TimeoutError` of a bare cancellation, which people
retry. A second cancellation (Ctrl-C twice; anyio cancels on each turn of the loop) lets the caller go at once, and the
task still writes what it learns into the journal and the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from weakref import WeakSet

from .core.printable import printable
from .errors import CMRError, OrderPlacedError, OutcomeUnknownError
from .forks import in_forked_child, leave_to_parent

logger: logging.Logger = logging.getLogger("cmr_async")

_T = TypeVar("_T")


class Guard:
    """Stands beside one call and knows whether it is on its way; runs with a journal claim their orders here."""

    def __init__(self) -> None:
        """Guard a call that has not begun."""
        #: The head of a request has gone out, and no answer has proved that it did nothing; until the call has ended,
        #: which is after its outcome is in the journal.
        self.in_flight: bool = False
        #: The caller has left: what did not go out is not sent any more.
        self.abandoned: bool = False

    async def claim(self) -> None:
        """Take the right to send; called before each attempt, as its slot of the pace comes.

        Raises:
            CMRError: It must not be sent.
        """

    def veto(self) -> str | None:
        """Return why nothing may leave; asked as the head of a request is about to go out."""
        return "its caller has left." if self.abandoned else None

    def leaves(self) -> None:
        """Note that the head goes out."""
        self.in_flight = True

    async def give_back(self, error: CMRError) -> None:
        """Give the right to send back, after an attempt that did nothing and that is repeated later."""

    def abandon(self, task: asyncio.Task[Any], *, drain: float) -> None:
        """End a call whose caller leaves: at once, or when it is on its way, after the seconds of a drain."""
        self.abandoned = True
        if self.in_flight:
            timer = asyncio.get_running_loop().call_later(drain, task.cancel)
            task.add_done_callback(lambda _: timer.cancel())
        else:
            task.cancel()


class Background:
    """The tasks of a client that may outlive their callers; `finish` waits for them."""

    def __init__(self) -> None:
        """Begin without tasks."""
        self._tasks: set[asyncio.Task[Any]] = set()
        _all.add(self)

    def start(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Run work in a task that `finish` waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self, *, within: float) -> None:
        """Wait for every task; cancel those that take longer than so many seconds, and wait for their ends."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def see_through(
        self,
        work: Coroutine[Any, Any, _T],
        guard: Guard,
        *,
        subject: Callable[[], str],
        order_id: Callable[[_T], str | None],
        drain: float,
    ) -> _T:
        """Run a call in a task of its own and return its result.

        Args:
            work: The call; it keeps to the guard.
            guard: Knows whether the call is on its way.
            subject: Names what the call is about, for messages.
            order_id: Returns the order's id from a result.
            drain: Seconds that the call may go on after its caller was cancelled.

        Raises:
            asyncio.CancelledError: The caller was cancelled, and nothing had gone out.
            OrderPlacedError: The caller was cancelled, and the drain learned that the call was accepted.
            OutcomeUnknownError: The caller was cancelled, and it is not known what became of the call.
            CMRError: What the call raised.
        """
        task = self.start(_result_of(work))
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            had_left = guard.in_flight or task.done()  # at the end of the loop the call is cancelled as well
            guard.abandon(task, drain=drain)
            await self._wait_for_drain(task, had_left=had_left, subject=subject, order_id=order_id)
            if task.cancelled() or (not had_left and isinstance(task.result(), CMRError)):
                raise
            raise _learned(task.result(), subject, order_id) from None
        result = task.result()
        if isinstance(result, CMRError):
            raise result
        return result

    async def _wait_for_drain(
        self,
        task: asyncio.Task[_T | CMRError],
        *,
        had_left: bool,
        subject: Callable[[], str],
        order_id: Callable[[_T], str | None],
    ) -> None:
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            if not had_left:
                raise
            task.add_done_callback(lambda done: _log(done, subject, order_id))
            raise OutcomeUnknownError(
                f"{subject()} may have been placed (its caller was cancelled twice before the answer came). Do not "
                "send it again. The answer is still waited for, and will be logged."
            ) from None


async def _result_of(work: Coroutine[Any, Any, _T]) -> _T | CMRError:
    """Return the error of a call as a value: the end of a loop reports tasks that end with an exception."""
    try:
        return await work
    except CMRError as error:
        return error


def _learned(result: _T | CMRError, subject: Callable[[], str], order_id: Callable[[_T], str | None]) -> CMRError:
    """Return as an error what became of a call whose caller was cancelled."""
    if isinstance(result, CMRError):
        return result
    known = order_id(result)
    name = f" as {printable(known)}" if known else ""
    return OrderPlacedError(
        f"{subject()} was accepted{name}, although its caller was cancelled before the answer came. Do not send it "
        "again.",
        order_id=known,
    )


def _log(task: asyncio.Task[_T | CMRError], subject: Callable[[], str], order_id: Callable[[_T], str | None]) -> None:
    became = f"{subject()} may have been placed." if task.cancelled() else _learned(task.result(), subject, order_id)
    logger.warning("A call whose caller had left has ended. %s", printable(str(became)))


_all: WeakSet[Background] = WeakSet()


@in_forked_child
def _leave_tasks_to_parent() -> None:
    for background in _all:
        leave_to_parent(background._tasks)  # noqa: SLF001 - the class's own module
        background._tasks = set()  # noqa: SLF001
