"""What the classes of the blocking twin stand on: how their calls reach the portal, and how long a client lives."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Concatenate, NoReturn, ParamSpec, Self, TypeVar, cast, overload

from ..bulk import BulkRun
from ..bulk.feeds import Requests
from ..client import AsyncClient
from ..errors import ClientStateError
from .bulk import BlockingBulkRun
from .iterator import BlockingIterator
from .portal import Call, Portal, current_portal, running_portal

__all__ = ["NO_LIFETIME", "BlockingClient", "Lifetime", "as_tuple"]

P = ParamSpec("P")
R = TypeVar("R")


class Lifetime:
    """The lifetime of one client, shared by all that is made from it: connections close when the last of it is gone."""

    def __init__(self, client: AsyncClient) -> None:
        """Tie an async client to the lifetime of its blocking twin."""
        self._client = client
        self._closed = False
        self._background: set[Call[Any]] = set()
        # At the exit of the interpreter the portal closes all clients at once
        weakref.finalize(self, _close_later, client).atexit = False

    def call(self, function: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a coroutine function of the async client and wait for its result."""
        return self.run(Call(self.portal(), lambda: function(*args, **kwargs), self))

    def iterate(
        self, function: Callable[P, AsyncIterator[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> BlockingIterator[R]:
        """Return a plain iterator over an async one; nothing runs before its first item is asked for."""
        return BlockingIterator(self, lambda: function(*args, **kwargs))

    def submit(
        self,
        function: Callable[Concatenate[Requests, P], BulkRun],
        requests: Requests,
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> BlockingBulkRun:
        """Return a bulk run whose plain iterable is pulled in the thread that iterates the run."""
        return BlockingBulkRun(self, lambda source: function(source, *args, **kwargs), requests)

    def go(self, function: Callable[P, BulkRun], /, *args: P.args, **kwargs: P.kwargs) -> BlockingBulkRun:
        """Return a bulk run that has no input of the caller's."""
        return BlockingBulkRun(self, lambda _: function(*args, **kwargs), ())

    def portal(self) -> Portal:
        """Return the portal that serves this client in this process.

        Raises:
            ClientStateError: The client is closed, or the calling thread is the portal's own.
        """
        if self._closed:
            raise ClientStateError("This client is closed. Make a new one, or keep its `with` block open.")
        portal = running_portal()
        portal.check_thread()
        portal.clients.add(self._client)
        return portal

    def run(self, call: Call[R]) -> R:
        """Run a call; when its caller is interrupted, remember that it may go on in the background."""
        try:
            return call.run()
        except BaseException:
            if not call.ended:
                self._remember(call)
            raise

    def later(self, call: Call[Any]) -> None:
        """Run a call in the background."""
        self._remember(call)
        call.start(background=True)

    def _remember(self, call: Call[Any]) -> None:
        for other in list(self._background):  # a copy: other threads add as well
            if other.ended:
                self._background.discard(other)
        self._background.add(call)

    def close(self, *, wait: bool = True) -> None:
        """Close the connections once nothing in the background needs them any more.

        Args:
            wait: Wait for that. Without, it happens in the background.
        """
        self._closed = True
        portal = current_portal()
        if portal is None or self._client not in portal.clients:
            return  # nothing was opened in this process
        before = [call for call in self._background if call.portal is portal and not call.ended]
        self._background.clear()
        call = Call(portal, lambda: portal.close(self._client, after=before), self, cancels=False)
        if wait:
            portal.check_thread()
            call.run()
        else:
            call.start(background=True)


@overload
def as_tuple(items: Iterable[R]) -> tuple[R, ...]: ...
@overload
def as_tuple(items: Iterable[R] | None) -> tuple[R, ...] | None: ...
def as_tuple(items: Iterable[R] | None) -> tuple[R, ...] | None:
    """Read a small iterable in the caller's thread, where a database behind it may belong."""
    return None if items is None else tuple(items)


def _close_later(client: AsyncClient) -> None:
    """Close a client that was left without `close()`; runs in whatever thread collects the garbage."""
    portal = current_portal()
    if portal is not None and client in portal.clients:
        Call(portal, lambda: portal.close(client)).start(background=True)


#: For the groups of calls on the class `Client` itself, which belong to no client.
NO_LIFETIME = cast("Lifetime", None)


class BlockingClient:
    """What a blocking client has beside its resources: a lifetime, and the `with` statement."""

    def __init__(self, client: AsyncClient) -> None:
        """Wrap an async client that no event loop has used yet."""
        self._async = client
        self._lifetime = Lifetime(client)

    def __repr__(self) -> str:
        """Name the client without its key."""
        return repr(self._async).replace(type(self._async).__name__, type(self).__name__, 1)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the pickle would hold the key.

        Raises:
            TypeError: Always.
        """
        raise TypeError(
            f"A {type(self).__name__} holds a key and connections and is not pickled: "
            "make one in each process that is spawned. After a fork the one from before goes on working."
        )

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client; after Ctrl-C without waiting for an order that had gone out."""
        self._lifetime.close(wait=exc_type is None or issubclass(exc_type, Exception))

    def close(self) -> None:
        """Close the connections that the client owns; calls after it raise `ClientStateError`.

        Orders with `confirm=True` that are under way get their answers first, for at most
        `Timeouts.drain` (15 s).
        """
        self._lifetime.close()
