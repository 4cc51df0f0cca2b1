"""The portal: one daemon thread per process whose event loop runs the async client for every blocking caller.

It starts with the first call and is shared by all clients and threads, also inside a running event loop. What it
promises: a waiting thread that is interrupted is back at once, while an order that had been sent keeps its drain; a
forked child leaves the parent's loop alone and gets one of its own; the interpreter exits silently and promptly even
when nobody closed anything.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent import futures
from contextlib import suppress
from typing import Any, ParamSpec, Protocol, TypeVar

from ..errors import ClientStateError, ConfigurationError
from ..forks import in_forked_child, leave_to_parent
from .call import Call

P = ParamSpec("P")
R = TypeVar("R")

logger: logging.Logger = logging.getLogger("cmr_async")

#: Seconds that the exit of the interpreter waits for cancelled calls, and for the thread to end.
_CANCEL_GRACE = 0.5
#: Seconds that the exit of the interpreter waits for the answers to orders that had been sent; without such orders
#: it does not wait. Shorter than the drain: an exit that takes long looks like a hang, and gets killed.
_EXIT_GRACE = 5.0
#: Signals for the main thread only: delivered to the loop's thread they would not wake a waiting main thread.
_MAIN_THREAD_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGUSR1", "SIGUSR2")


class Closable(Protocol):
    """A client or an iterator, which is closed at the exit of the interpreter."""

    async def close(self) -> None:
        """Close it; runs on the loop."""


class Portal:
    """The loop of this process, its thread, and what runs there."""

    def __init__(self, *, uvloop: bool) -> None:
        """Start the thread."""
        #: Runs in the portal's thread.
        self.loop: asyncio.AbstractEventLoop = (_import_uvloop() if uvloop else asyncio).new_event_loop()
        #: Clients that may hold connections on this loop. They stay alive here until they are closed.
        self.clients: set[Closable] = set()
        #: Iterators that were begun and not yet closed.
        self.sources: set[Closable] = set()
        #: Calls under way; touched by the loop's thread only.
        self.calls: set[Call[Any]] = set()
        self._thread = threading.Thread(target=self._serve, name="cmr-async-portal", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self.loop.close()
            raise

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

    async def close(self, client: Closable, *, after: Iterable[Call[Any]] = ()) -> None:
        """Close a client once the given calls have ended; runs on the loop."""
        for call in after:
            await call.wait_on_loop()
        await client.close()
        self.clients.discard(client)

    def stop(self) -> None:
        """End everything at the exit of the interpreter, within a bounded time."""
        wound_down = asyncio.run_coroutine_threadsafe(self._wind_down(), self.loop)
        if futures.wait({wound_down}, timeout=_EXIT_GRACE + 2 * _CANCEL_GRACE).done:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(_CANCEL_GRACE)
            if not self._thread.is_alive():
                self.loop.close()
        # Otherwise the thread goes on until the process is gone; it holds the loop, so no destructor runs

    def _serve(self) -> None:
        if hasattr(signal, "pthread_sigmask"):
            signals = {getattr(signal, name) for name in _MAIN_THREAD_SIGNALS if hasattr(signal, name)}
            signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        self.loop.run_forever()

    async def _wind_down(self) -> None:
        try:
            async with asyncio.timeout(_EXIT_GRACE):
                # Calls before generators, which cannot be closed while they run. Nothing is cancelled twice: the second
                # cancellation would cut the drain of an order short
                tasks = {task for call in list(self.calls) if (task := call.cancel_for_exit()) is not None}
                if tasks and (await asyncio.wait(tasks, timeout=_CANCEL_GRACE))[1]:
                    logger.warning(
                        "Waiting up to %.0f s for answers to orders that have been sent; Ctrl-C exits at once.",
                        _EXIT_GRACE,
                    )
                    await asyncio.wait(tasks)
                # Outermost generators first: `shutdown_asyncgens` closes them in any order
                await asyncio.gather(*(source.close() for source in list(self.sources)), return_exceptions=True)
                await self.loop.shutdown_asyncgens()
                for client in list(self.clients):
                    await client.close()
        except TimeoutError:
            logger.warning("Exiting without the answers: orders that had been sent may have been placed.")
            for client in list(self.clients):
                with suppress(Exception):
                    await client.close()


def current_portal() -> Portal | None:
    """Return the portal of this process, or `None` when it is not running."""
    return _portal


def running_portal() -> Portal:
    """Return the portal of this process; start it when it is not running yet.

    Raises:
        ClientStateError: The interpreter is exiting, or no thread can be started.
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
        raise ClientStateError("Call use_uvloop() before the first blocking call of the process.")
    _uvloop = True


def _import_uvloop() -> Any:
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        raise ConfigurationError("uvloop was asked for and is not installed: `pip install uvloop`.") from None
    return uvloop


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
        with suppress(KeyboardInterrupt):  # a second Ctrl-C: exit at once
            portal.stop()


@in_forked_child
def _leave_portal_to_parent() -> None:
    global _lock, _portal  # noqa: PLW0603
    _lock = threading.Lock()
    portal, _portal = _portal, None
    leave_to_parent(portal)
