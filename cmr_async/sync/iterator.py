"""Plain iterators over async ones: they pull one item per step and close their source when they are left."""

from __future__ import annotations

import os
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from ..errors import ClientStateError
from ..forks import leave_to_parent
from .portal import Call, Portal, current_portal

__all__ = ["BlockingIterator", "Owner"]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class Owner(Protocol):
    """The lifetime of the client that an iterator belongs to."""

    def portal(self) -> Portal:
        """Return the portal of this process."""
        ...

    def run(self, call: Call[T]) -> T:
        """Run a call and wait for it."""
        ...

    def later(self, call: Call[None]) -> None:
        """Run a call in the background."""
        ...


class _End:
    """Comes out of an async iterator that has no more items."""


_END = _End()


class _Source(Generic[R]):
    """The async iterator behind a blocking one. Outlives it for as long as closing takes."""

    def __init__(self, open_items: Callable[[], AsyncIterator[R]]) -> None:
        self._open_items = open_items
        self._items: AsyncIterator[R] | None = None
        self._step: Call[R | _End] | None = None
        self.portal: Portal | None = None
        self.over = False
        self.pid = 0

    async def next(self) -> R | _End:
        """Return the next item; runs on the loop."""
        if self._items is None:
            self._items = aiter(self._open_items())
        return await anext(self._items, _END)

    def begin(self, step: Call[R | _End]) -> None:
        """Remember the step under way: when its caller is interrupted it may outlive it."""
        if self.portal is None:
            self.portal, self.pid = step.portal, os.getpid()
            self.portal.sources.add(self)
        elif self.portal is not step.portal:
            raise ClientStateError("This iterator was begun before a fork and belongs to the parent process.")
        self._step = step

    async def close(self) -> None:
        """Close the async iterator once the step under way has ended; runs on the loop."""
        self.over = True
        if self._step is not None:
            await self._step.over()
        # A run has `close`, an async generator `aclose`
        close = getattr(self._items, "aclose", None) or getattr(self._items, "close", None)
        if close is not None:
            await close()
        self.end()

    def end(self) -> None:
        """There is nothing to close any more."""
        self.over = True
        if self.portal is not None:
            self.portal.sources.discard(self)


class BlockingIterator(Iterator[R_co]):
    """A plain iterator over an async one. Each step runs in the loop's thread while the caller waits.

    Left early, it closes its source: at the end of a `with` block, by `close()`, or, in the background, when it is
    garbage.
    """

    def __init__(self, lifetime: Owner, open_items: Callable[[], AsyncIterator[R_co]]) -> None:
        """Wrap the async iterator that `open_items` will return."""
        self._lifetime = lifetime
        self._source = _Source(open_items)
        weakref.finalize(self, _leave, lifetime, self._source).atexit = False

    def __iter__(self) -> Self:
        """Return the iterator."""
        return self

    def __next__(self) -> R_co:
        """Return the next item."""
        if self._source.over:
            raise StopIteration
        step = self._new_step(self._lifetime.portal(), self._source)
        self._source.begin(step)
        item = self._lifetime.run(step)
        if isinstance(item, _End):
            self._source.end()
            raise StopIteration
        return item

    def __enter__(self) -> Self:
        """Return the iterator."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the source; after Ctrl-C without waiting for what had gone out."""
        if exc_type is None or issubclass(exc_type, Exception):
            self.close()
        else:
            _leave(self._lifetime, self._source)

    def close(self) -> None:
        """Close the source and wait until it is closed; the iterator ends."""
        source = self._source
        if source.portal is not None and source.portal is current_portal():
            source.portal.check_thread()
            self._lifetime.run(Call(source.portal, source.close, self._lifetime, cancels=False))
        source.over = True

    def _new_step(self, portal: Portal, source: _Source[R]) -> Call[R | _End]:
        return Call(portal, source.next, self._lifetime)


def _leave(lifetime: Owner, source: _Source[R]) -> None:
    """Close a source in the background; runs in whatever thread collects the garbage."""
    if source.portal is None or source.over:
        return
    if source.portal is current_portal():
        lifetime.later(Call(source.portal, source.close, lifetime, cancels=False))
    elif source.pid != os.getpid():
        leave_to_parent(source)  # destructed, it would reach for the loop of the parent process
