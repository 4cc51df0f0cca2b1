"""Plain iterators over async ones: they pull one item per step and close their source when they are left."""

from __future__ import annotations

import os
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from ..errors import ClientStateError
from ..forks import leave_to_parent
from .call import Call
from .lifetime import Lifetime
from .portal import Portal, current_portal

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class _Source(Generic[R]):
    """The async generator behind a blocking iterator; it outlives the iterator for as long as closing takes."""

    def __init__(self, items: AsyncGenerator[R, None]) -> None:
        self._items = items
        self._step: Call[R] | None = None
        #: Where it runs; `None` before its first step.
        self.portal: Portal | None = None
        #: Process of that portal.
        self.pid = 0
        #: There are no more items.
        self.exhausted = False

    async def next(self) -> R:
        """Return the next item; runs on the loop."""
        return await anext(self._items)

    def begin(self, step: Call[R], portal: Portal) -> None:
        """Remember the step under way, which goes on when its caller is interrupted."""
        if self.portal is None:
            self.portal, self.pid = portal, os.getpid()
            portal.sources.add(self)
        elif self.portal is not portal:
            raise ClientStateError("This iterator was begun before a fork and belongs to the parent process.")
        self._step = step

    async def close(self) -> None:
        """Close the async generator once the step under way has ended; runs on the loop."""
        self.exhausted = True
        if self._step is not None:
            await self._step.wait_on_loop()
        await self._items.aclose()
        self.forget()

    def forget(self) -> None:
        """Note that there is nothing left to close."""
        self.exhausted = True
        if self.portal is not None:
            self.portal.sources.discard(self)


class BlockingIterator(Iterator[R_co]):
    """A plain iterator over an async one. Each step runs in the loop's thread while the caller waits.

    Left early, it closes its source: at the end of a `with` block, by `close()`, or, in the background, when it is
    garbage.
    """

    def __init__(self, lifetime: Lifetime, items: AsyncGenerator[R_co, None]) -> None:
        """Wrap an async generator; nothing runs before its first item is asked for."""
        self._lifetime = lifetime
        self._source = _Source(items)
        weakref.finalize(self, _close_in_background, lifetime, self._source).atexit = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> R_co:
        if self._source.exhausted:
            raise StopIteration
        portal = self._lifetime.portal()
        step = self._new_step(portal, self._source.next)
        self._source.begin(step, portal)
        try:
            return self._lifetime.wait_for(step)
        except StopAsyncIteration:
            self._source.forget()
            raise StopIteration from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the source; after Ctrl-C without waiting for what had been sent."""
        if exc_type is None or issubclass(exc_type, Exception):
            self.close()
        else:
            _close_in_background(self._lifetime, self._source)

    def close(self) -> None:
        """Close the source and wait until it is closed; the iterator ends."""
        source = self._source
        if source.portal is not None and source.portal is current_portal():
            source.portal.check_thread()
            self._lifetime.wait_for(Call(source.portal, source.close, self._lifetime, cancels=False))
        source.exhausted = True

    def _new_step(self, portal: Portal, function: Callable[[], Awaitable[R]]) -> Call[R]:
        return Call(portal, function, self._lifetime)


def _close_in_background(lifetime: Lifetime, source: _Source[R]) -> None:
    """Close a source without waiting; runs in whatever thread collects the garbage."""
    if source.portal is None or source.exhausted:
        return
    if source.portal is current_portal():
        lifetime.run_in_background(Call(source.portal, source.close, lifetime, cancels=False))
    elif source.pid != os.getpid():
        leave_to_parent(source)  # its destructor would reach for the loop of the parent process
