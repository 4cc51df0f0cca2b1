"""The lifetime of a blocking client: how its calls reach the portal, and when its connections close."""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, NoReturn, ParamSpec, Self, TypeVar, cast, overload

from ..client import AsyncClient
from ..errors import ClientStateError
from .call import Call
from .portal import Portal, current_portal, running_portal

P = ParamSpec("P")
R = TypeVar("R")


class Lifetime:
    """The lifetime of one client, shared by its groups of calls and iterators.

    The connections close by `close()`, or when the client and everything made from it is garbage.
    """

    def __init__(self, client: AsyncClient) -> None:
        """Start the lifetime of a blocking client that wraps an async one."""
        self._client = client
        self._closed = False
        self._background: set[Call[Any]] = set()
        # At the exit of the interpreter the portal closes all clients at once
        weakref.finalize(self, _close_later, client).atexit = False

    def call(self, function: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a coroutine function of the async client and wait for its result."""
        return self.wait_for(Call(self.portal(), lambda: function(*args, **kwargs), self))

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

    def wait_for(self, call: Call[R]) -> R:
        """Run a call and wait for it; when its caller is interrupted, remember that it may go on in the background."""
        try:
            return call.run()
        except BaseException:
            if not call.ended:
                self._remember(call)
            raise

    def run_in_background(self, call: Call[Any]) -> None:
        """Run a call in the background."""
        self._remember(call)
        call.start(background=True)

    def _remember(self, call: Call[Any]) -> None:
        self._background -= {other for other in list(self._background) if other.ended}  # other threads add as well
        self._background.add(call)

    def close(self, *, wait: bool = True) -> None:
        """Close the connections once nothing in the background needs them any more.

        Args:
            wait: Wait until they are closed; `False` closes them in the background.
        """
        self._closed = True
        portal = current_portal()
        if portal is None or self._client not in portal.clients:
            return  # nothing was opened in this process
        before = [call for call in self._background if call.host is portal and not call.ended]
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
    """Read a small iterable in the caller's thread: a database behind it may belong to that thread."""
    return None if items is None else tuple(items)


def _close_later(client: AsyncClient) -> None:
    """Close a client that became garbage without `close()`; runs in whatever thread collects it."""
    portal = current_portal()
    if portal is not None and client in portal.clients:
        Call(portal, lambda: portal.close(client)).start(background=True)


#: For the groups of calls on the class `Client` itself, which belong to no client.
NO_LIFETIME = cast("Lifetime", None)


class BlockingClient:
    """What a blocking client has besides its groups of calls: a lifetime and the `with` statement."""

    #: For a repr while the settings are checked.
    _async: AsyncClient = cast("AsyncClient", None)

    def __init__(self, client: AsyncClient) -> None:
        """Wrap an async client that no event loop has used yet."""
        self._async = client
        self._lifetime = Lifetime(client)

    def __repr__(self) -> str:
        """Name the client without its key."""
        if self._async is None:
            return f"<{type(self).__name__} not made>"
        return repr(self._async).replace(type(self._async).__name__, type(self).__name__, 1)

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: the pickle would hold the key.

        Raises:
            TypeError: Always.
        """
        raise TypeError(
            f"A {type(self).__name__} holds a key and connections and cannot be pickled: make one in each spawned "
            "process. A forked child can go on using the one made before the fork."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client; after Ctrl-C without waiting for orders that had been sent."""
        self._lifetime.close(wait=exc_type is None or issubclass(exc_type, Exception))

    def close(self) -> None:
        """Close the connections that the client owns; calls after it raise `ClientStateError`.

        Orders that are under way get their answers first, for at most `Timeouts.drain` (15 s).
        """
        self._lifetime.close()
