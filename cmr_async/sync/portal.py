"""The portal: one daemon thread per process whose event loop runs the async client for every blocking caller.

It starts with the first call and is shared by all clients. What it promises: a waiting thread that is interrupted
is back at once, while an order that had gone out keeps its drain; a fork leaves the parent's loop alone and gets
one of its own; the interpreter exits without a word and without a hang when nobody closed anything.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, cast

from ..core.exchange import CallCancelled
from ..errors import ClientStateError, CMRError, ConfigurationError, OutcomeUnknownError
from ..forks import in_forked_child, leave_to_parent

if TYPE_CHECKING:
    from ..client import AsyncClient

__all__ = ["WAKE_EVERY", "Call", "Portal", "current_portal", "running_portal", "use_uvloop"]

P = ParamSpec("P")
R = TypeVar("R")

logger: logging.Logger = logging.getLogger("cmr_async")

#: Seconds that an interrupted caller waits for its cancelled call. A read and an order that has not left end in a
#: few milliseconds; one that has left goes on without the caller.
_GRACE = 0.5
#: Seconds that the exit of the interpreter waits for the answers to orders that had gone out. Idle, it waits for
#: nothing. Shorter than the drain: an exit that takes long looks like a hang, and gets killed.
_EXIT_GRACE = 5.0
#: Seconds between two looks of a waiting thread; -1: it waits to the end. On Windows a wait without a timeout
#: cannot be interrupted by Ctrl-C.
WAKE_EVERY: float = 0.1 if os.name == "nt" else -1
#: How much of a result is told to a caller that was interrupted as it arrived.
_TOLD = 300
#: Signals for the main thread only: delivered to the loop's thread they would not wake a waiting main thread.
_NOT_OURS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2")


class Call(Generic[R]):
    """One call from a blocking thread: runs a coroutine on the portal's loop and waits for it there."""

    def __init__(
        self,
        portal: Portal,
        function: Callable[[], Awaitable[R]],
        owner: object = None,
        *,
        cancels: bool = True,
    ) -> None:
        """Prepare a call.

        Args:
            portal: Where to run it.
            function: Called on the loop's thread; gives what is awaited.
            owner: Kept alive until the call has ended, also when its caller has long been interrupted.
            cancels: An interrupted caller cancels it. Not so for what closes: it only stops waiting for that.
        """
        #: Where it runs.
        self.portal = portal
        self._function = function
        self._owner = owner
        self._cancels = cancels
        self._over = threading.Lock()
        self._over.acquire()  # its release says that the call has ended
        #: It has ended, in whatever way.
        self.ended: bool = False
        self._left = False
        #: What runs it; `None` before it started and after it ended.
        self.task: asyncio.Task[None] | None = None
        self._result: R | None = None
        self._error: BaseException | None = None

    def run(self) -> R:
        """Run it and wait for the result.

        An exception in the waiting thread (Ctrl-C, a time limit of Celery) cancels the coroutine and goes on at
        once, with notes about what is known of the call.
        """
        try:
            self.start()
            self.wait()
        except ClientStateError:
            raise
        except BaseException as interruption:
            self._interrupt(interruption)
            raise
        error, self._error = self._error, None
        if error is None:
            return cast("R", self._result)  # without an error there is a result
        try:
            raise _for_a_caller(error)
        finally:
            del error  # the traceback holds this frame, which would hold the error

    def start(self, *, background: bool = False) -> None:
        """Run it without waiting.

        Args:
            background: Nobody will wait for it. The exit of the interpreter lets it end instead of cancelling it.
        """
        self._left = background
        # The loop runs `_start` in a copy of this thread's context, which its task takes over
        try:
            self.portal.loop.call_soon_threadsafe(self._start)
        except RuntimeError:  # the loop is closed, and everything on it with it
            if not background:
                raise ClientStateError("The interpreter is exiting: the blocking client has stopped.") from None

    def wait(self) -> None:
        """Wait until it has ended."""
        while not self._over.acquire(timeout=WAKE_EVERY):
            pass

    def announce(self) -> None:
        """Say that it has ended. Runs on the loop's thread."""
        self._over.release()

    def end_for_exit(self) -> None:
        """Cancel it unless nobody waits for it: then it was cancelled before, or is closing something."""
        if self._cancels and not self._left and self.task is not None:
            self.task.cancel()

    async def over(self) -> None:
        """Wait on the loop until it has ended."""
        if self.task is not None:
            await asyncio.wait({self.task})

    def _start(self) -> None:
        self.task = self.portal.loop.create_task(self._run())
        self.portal.calls.add(self)

    async def _run(self) -> None:
        try:
            self._result = await self._function()
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller, not to this loop
            self._error = error
        self._end()

    def _end(self) -> None:
        del self._function, self._owner  # what they keep alive may end now
        self.task = None
        self.ended = True
        self.portal.calls.discard(self)
        if self._left:
            self._tell()
        self.announce()

    def _interrupt(self, interruption: BaseException) -> None:
        """Cancel it, give it a moment, and note on the interruption what became of it."""
        if not self._cancels:
            self._left = True
            return
        with suppress(RuntimeError):  # the loop is closed: the interpreter exits
            self.portal.loop.call_soon_threadsafe(self._cancel)
        if self.ended or self._over.acquire(timeout=_GRACE):
            for note in self.notes():
                interruption.add_note(note)
            return
        with suppress(RuntimeError):
            self.portal.loop.call_soon_threadsafe(self._leave)
        interruption.add_note(
            "What had gone out may have been placed: do not send it again. Its answer is awaited in the background "
            "and logged by the logger 'cmr_async'."
        )

    def _cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()
        elif not self.ended:  # interrupted before the start was under way
            self._error = asyncio.CancelledError()
            self._end()

    def _leave(self) -> None:
        self._left = True
        if self.ended:
            self._tell()

    def _tell(self) -> None:
        for note in self.notes():
            logger.warning("An interrupted call has ended. %s", note)

    def notes(self) -> list[str]:
        """Say what is known of a call whose caller was interrupted."""
        if isinstance(self._error, asyncio.CancelledError):
            notes: list[str] = list(getattr(self._error, "__notes__", ()))
            known = _order_id(_learned(self._error))
            return [*notes, f"Its id: {known}."] if known else notes
        if self._error is None:
            return [f"The call had just returned {self._result!r:.{_TOLD}}"] if self._result is not None else []
        if isinstance(self._error, CMRError):
            return [f"The call had just failed: {self._error}"]
        return []


class Closing(Protocol):
    """What is closed at the exit of the interpreter."""

    async def close(self) -> None:
        """Close it; runs on the loop."""


class Portal:
    """The loop of this process, its thread, and what runs there."""

    def __init__(self, *, uvloop: bool) -> None:
        """Start the thread."""
        self.loop: asyncio.AbstractEventLoop = _new_loop(uvloop=uvloop)
        #: Clients that may hold connections on this loop. They stay alive here until they are closed.
        self.clients: set[AsyncClient] = set()
        #: Iterators that were begun and not yet closed.
        self.sources: set[Closing] = set()
        #: Calls under way; touched by the loop's thread only.
        self.calls: set[Call[Any]] = set()
        self._winding_down: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._serve, name="cmr-async-portal", daemon=True)
        self._thread.start()

    def call(self, function: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a coroutine function on the loop and wait for its result.

        Raises:
            ClientStateError: The calling thread is the loop's own: it would wait for itself for ever.
        """
        self.check_thread()
        return Call(self, lambda: function(*args, **kwargs)).run()

    def check_thread(self) -> None:
        """Raise when the calling thread is the loop's own.

        Raises:
            ClientStateError: It is; waiting there for the loop would never end.
        """
        if threading.get_ident() == self._thread.ident:
            raise ClientStateError(
                "A blocking call was made on the thread that runs the event loop of the blocking client (from a "
                "log handler, a callback, or an async iterable that was passed in). It would wait for itself for "
                "ever. Make the call on another thread."
            )

    async def close(self, client: AsyncClient, *, after: Iterable[Call[Any]] = ()) -> None:
        """Close a client once the given calls have ended; runs on the loop."""
        for call in after:
            await call.over()
        await client.close()
        self.clients.discard(client)

    def stop(self) -> None:
        """End everything at the exit of the interpreter, within a bounded time."""
        wound_down = threading.Event()

        def start() -> None:
            self._winding_down = self.loop.create_task(self._wind_down(wound_down))

        self.loop.call_soon_threadsafe(start)
        if wound_down.wait(_EXIT_GRACE + 2 * _GRACE):
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(_GRACE)
            if not self._thread.is_alive():
                self.loop.close()
        # else the thread goes on until the process is gone; it holds the loop, so nothing is destructed

    def _serve(self) -> None:
        if hasattr(signal, "pthread_sigmask"):
            signals = {getattr(signal, name) for name in _NOT_OURS if hasattr(signal, name)}
            signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        self.loop.run_forever()

    async def _wind_down(self, done: threading.Event) -> None:
        try:
            async with asyncio.timeout(_EXIT_GRACE):
                # Calls before generators, which cannot be closed while they run; never cancelled twice: the second
                # cancellation would cut the drain of an order short
                for call in list(self.calls):
                    call.end_for_exit()
                tasks = {call.task for call in self.calls if call.task is not None}
                if tasks and (await asyncio.wait(tasks, timeout=_GRACE))[1]:
                    logger.warning(
                        "Waiting up to %.0f s for answers to requests that have gone out; Ctrl-C leaves at once.",
                        _EXIT_GRACE,
                    )
                    await asyncio.wait(tasks)
                # Each from its own end: the loop's own way closes generators in any order, inner ones included
                await asyncio.gather(*(source.close() for source in list(self.sources)), return_exceptions=True)
                await self.loop.shutdown_asyncgens()
                for client in list(self.clients):
                    await client.close()
        except TimeoutError:
            logger.warning("Left without the answers: orders that had gone out may have been placed.")
            for client in list(self.clients):
                with suppress(Exception):
                    await client.close()
        finally:
            done.set()


def current_portal() -> Portal | None:
    """Return the portal of this process when it runs."""
    return _portal


def running_portal() -> Portal:
    """Return the portal of this process, started when it does not run yet.

    Raises:
        ClientStateError: The interpreter is exiting.
        ConfigurationError: uvloop was asked for and is not installed.
    """
    global _portal  # noqa: PLW0603 - one per process is the point
    if (portal := _portal) is not None:
        return portal
    with _lock:
        if _exiting:
            raise ClientStateError("The interpreter is exiting: the blocking client has stopped.")
        if _portal is None:
            try:
                _portal = Portal(uvloop=_uvloop)
            except RuntimeError as error:
                raise ClientStateError(f"The thread of the blocking client cannot start: {error}.") from error
        return _portal


def use_uvloop() -> None:
    """Run the blocking clients of this process on uvloop; the environment variable `CMR_UVLOOP=1` does the same.

    Raises:
        ConfigurationError: uvloop is not installed.
        ClientStateError: A blocking call was made before in this process.
    """
    global _uvloop  # noqa: PLW0603 - a setting of the process
    _import_uvloop()
    if _portal is not None:
        raise ClientStateError("use_uvloop() comes before the first blocking call of the process.")
    _uvloop = True


def _import_uvloop() -> Any:
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        raise ConfigurationError("uvloop was asked for and is not installed: `pip install uvloop`.") from None
    return uvloop


def _new_loop(*, uvloop: bool) -> asyncio.AbstractEventLoop:
    if uvloop:
        loop: asyncio.AbstractEventLoop = _import_uvloop().new_event_loop()
        return loop
    return asyncio.new_event_loop()


def _for_a_caller(error: BaseException) -> BaseException:
    """Return what a blocking caller gets for an exception of its coroutine.

    Cancellations stay inside: only the exit of the interpreter cancels calls that somebody waits for.
    """
    if not isinstance(error, asyncio.CancelledError):
        return error
    learned = _learned(error)
    if learned is None:
        return ClientStateError("The interpreter is exiting: the call was cancelled, and no order had gone out.")
    return learned.error or OutcomeUnknownError(
        "The order was accepted just as the interpreter was exiting. Do not send it again.",
        order_id=_order_id(learned),
    )


def _learned(cancelled: asyncio.CancelledError) -> CallCancelled | None:
    """Return what the drain of an order learned."""
    cause = cancelled.__cause__
    return cause if isinstance(cause, CallCancelled) else None


def _order_id(learned: CallCancelled | None) -> str | None:
    data = learned.envelope.data if learned is not None and learned.envelope is not None else None
    known = data.get("orderId") if isinstance(data, Mapping) else None
    return known if isinstance(known, str) else None


_portal: Portal | None = None
_lock = threading.Lock()
_uvloop = os.environ.get("CMR_UVLOOP", "") not in {"", "0"}
_exiting = False


@atexit.register
def _at_exit() -> None:
    global _exiting, _portal  # noqa: PLW0603
    _exiting = True
    portal, _portal = _portal, None
    if portal is not None:
        with suppress(KeyboardInterrupt):  # the second Ctrl-C: leave at once
            portal.stop()


@in_forked_child
def _leave_portal_to_parent() -> None:
    global _lock, _portal  # noqa: PLW0603
    _lock = threading.Lock()
    portal, _portal = _portal, None
    leave_to_parent(portal)
