"""One call of a blocking thread: it runs a coroutine on an event loop in another thread and waits for the result.

A waiting thread that is interrupted (Ctrl-C, a time limit of Celery) is back at once. Its exception gets notes about
what is known of the call, and an order that had been sent keeps its drain.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar, cast

from ..core.printable import printable
from ..errors import ClientStateError, CMRError, OrderPlacedError, OutcomeUnknownError

R = TypeVar("R")

logger: logging.Logger = logging.getLogger("cmr_async")

#: Seconds that an interrupted caller waits for its cancelled call. A read and an order that was not sent yet end in
#: a few milliseconds; an order that was sent goes on without the caller.
_GRACE = 0.5
#: Seconds between two looks of a waiting thread; -1: it waits to the end. On Windows a wait without a timeout
#: cannot be interrupted by Ctrl-C.
WAKE_EVERY: float = 0.1 if os.name == "nt" else -1
#: How many characters of a result an interrupted caller is told.
_SHOWN = 300
_GOES_ON = (
    "An order that had been sent may have been placed: do not send it again. Its answer is awaited in the "
    "background and logged by the logger 'cmr_async'."
)


class Host(Protocol):
    """Where calls run. The portal is the one of the package."""

    #: Runs in a thread of its own.
    loop: asyncio.AbstractEventLoop
    #: Calls under way; touched by the loop's thread only.
    calls: set[Call[Any]]


class Call(Generic[R]):
    """One call from a blocking thread."""

    def __init__(
        self, host: Host, function: Callable[[], Awaitable[R]], owner: object = None, *, cancels: bool = True
    ) -> None:
        """Prepare a call.

        Args:
            host: Where to run it.
            function: Called on the loop's thread; returns what is awaited.
            owner: Kept alive until the call has ended, even if its caller was interrupted long before.
            cancels: An interruption of the caller cancels it. `False` for closing: it goes on without the caller.
        """
        #: Where it runs.
        self.host = host
        self._function = function
        self._owner = owner
        self._cancels = cancels
        # Released when the call has ended. Not a `threading.Event`: a thread interrupted while it waits for one can
        # leave the lock inside it taken, and the loop would hang
        self._under_way = threading.Lock()
        self._under_way.acquire()
        #: It has ended, in whatever way.
        self.ended: bool = False
        self._detached = False  # nobody waits for it
        self._task: asyncio.Task[None] | None = None  # from its start to its end
        self._result: R | None = None
        self._error: BaseException | None = None

    def run(self) -> R:
        """Run it and wait for the result.

        An exception raised in the waiting thread by a signal handler (Ctrl-C, a time limit of Celery) cancels the
        coroutine and propagates at once, with notes about what is known of the call. A `TimeoutError`, or another
        `OSError`, is what people retry: when an order had been sent, the error that says so takes its place.
        """
        try:
            self.start()
            self.wait()
        except ClientStateError:
            raise
        except BaseException as interruption:
            told = self._interrupt(interruption)
            if told is not None and isinstance(interruption, OSError):
                raise told from interruption
            raise
        if self._error is None:
            return cast("R", self._result)  # without an error there is a result
        error = self._error_for_caller(self._error)
        self._error = None
        try:
            raise error
        finally:
            del error  # the traceback holds this frame, which would hold the error

    def start(self, *, background: bool = False) -> None:
        """Run it without waiting.

        Args:
            background: Nobody will wait for it. The exit of the interpreter lets it end instead of cancelling it.
        """
        self._detached = background
        # The loop runs `_start` in a copy of this thread's context, and the task inherits that
        try:
            self.host.loop.call_soon_threadsafe(self._start)
        except RuntimeError:  # the loop is closed, and everything on it has ended
            if not background:
                raise ClientStateError("The interpreter is exiting: the blocking client has stopped.") from None

    def wait(self) -> None:
        """Wait until it has ended."""
        while not self._under_way.acquire(timeout=WAKE_EVERY):
            pass

    def wake_caller(self) -> None:
        """Wake the waiting thread; runs on the loop's thread when the call has ended."""
        self._under_way.release()

    def cancel_for_exit(self) -> asyncio.Task[None] | None:
        """Cancel it if somebody waits for it, and return its task; else it was cancelled before, or closes something.

        Runs on the loop's thread.
        """
        if self._cancels and not self._detached and self._task is not None:
            self._task.cancel()
        return self._task

    async def wait_on_loop(self) -> None:
        """Wait on the loop until it has ended."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def notes(self) -> list[str]:
        """Say what is known of a call whose caller was interrupted."""
        if isinstance(self._error, CMRError):
            return [printable(f"The call had just ended: {self._error}")]
        if self._error is None and self._result is not None:
            return [printable(f"The call had just returned {self._result!r:.{_SHOWN}}")]
        return []

    def _start(self) -> None:
        self._task = self.host.loop.create_task(self._run())
        self._task.add_done_callback(self._end)
        self.host.calls.add(self)

    async def _run(self) -> None:
        try:
            self._result = await self._function()
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller, not to this loop
            self._error = error

    def _end(self, task: asyncio.Task[None] | None = None) -> None:
        if task is None or task.cancelled():  # before its first step: `_run` catches everything
            self._error = asyncio.CancelledError()
        del self._function, self._owner  # what they keep alive may end now
        self._task = None
        self.ended = True
        self.host.calls.discard(self)
        if self._detached:
            self._log_notes()
        self.wake_caller()

    def _interrupt(self, interruption: BaseException) -> CMRError | None:
        """Cancel it, give it a moment, and note on the interruption what became of it.

        Returns:
            What the caller must be told because an order had been sent; `None`: none had.
        """
        if not self._cancels:
            self._detached = True
            return None
        with suppress(RuntimeError):  # the loop is closed: the interpreter exits
            self.host.loop.call_soon_threadsafe(self._cancel)
        if self.ended or self._under_way.acquire(timeout=_GRACE):
            for note in self.notes():
                interruption.add_note(note)
            return self._error if isinstance(self._error, OrderPlacedError | OutcomeUnknownError) else None
        with suppress(RuntimeError):
            self.host.loop.call_soon_threadsafe(self._detach)
        interruption.add_note(_GOES_ON)
        return OutcomeUnknownError(_GOES_ON)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
        elif not self.ended:  # the caller was interrupted before the start had reached the loop
            self._end()

    def _detach(self) -> None:
        self._detached = True
        if self.ended:
            self._log_notes()

    def _log_notes(self) -> None:
        for note in self.notes():
            logger.warning("An interrupted call has ended. %s", note)

    def _error_for_caller(self, error: BaseException) -> BaseException:
        """Return what the caller gets for an exception of the coroutine.

        Cancellations stay inside: only the exit of the interpreter cancels calls that somebody waits for.
        """
        if not isinstance(error, asyncio.CancelledError):
            return error
        notes = self.notes()
        sent = "." if notes else ", and no order had been sent."
        cancelled = ClientStateError(f"The interpreter is exiting: the call was cancelled{sent}")
        cancelled.__notes__ = notes
        return cancelled
