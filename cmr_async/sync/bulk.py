"""The blocking form of a bulk run. A plain input is pulled in the thread that iterates the run.

That thread is the right one for a generator with a database behind it (connections of Django and sqlite3 belong to
their threads), and a slow generator does not hold up the loop, which is shared by all blocking clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from ..bulk import BulkRun, BulkSummary, OrderOutcome, OrderRequest
from ..bulk.feeds import Request, Requests
from .iterator import BlockingIterator, Owner, _End, _Source
from .portal import WAKE_EVERY, Call, Portal, current_portal

__all__ = ["BlockingBulkRun"]

R = TypeVar("R")


class BlockingBulkRun(BlockingIterator[OrderOutcome]):
    """A run of orders: iterate it to make it go, read `summary` at any time.

    Leaving the loop early stops the run: what has not gone out is not sent, what has gone out gets a bounded
    drain, and its outcomes are in `drained`. At the end of a `with` block and by `close()` that is waited for;
    after Ctrl-C, and when the run is garbage, it happens in the background.
    """

    def __init__(self, lifetime: Owner, submit: Callable[[Requests], BulkRun], requests: Requests) -> None:
        """Prepare a run; nothing is sent before the first outcome is asked for. See `Bulk.submit`."""
        # Of a list or tuple no code of the caller runs when it is pulled
        direct = isinstance(requests, list | tuple)
        self._feed = None if direct or isinstance(requests, AsyncIterable) else _Feed(requests)
        self._run = run = submit(requests if self._feed is None else self._feed.requests())
        super().__init__(lifetime, lambda: run)

    def close(self) -> None:
        """Stop the run: drain what is in flight, start nothing more."""
        super().close()

    def stop(self, reason: str = "stopped by the caller") -> None:
        """Start no further order; those in flight finish and are still yielded.

        Orders that still wait for their slot of the pace are not sent either: they end as `not_sent`.
        """
        self._tell(partial(self._run.stop, reason))

    def give_up(self) -> None:
        """Stop waiting for the orders in flight: the iteration ends, and they are in `drained`, mostly as unknown."""
        self._tell(self._run.give_up)

    @property
    def in_flight(self) -> dict[int, OrderRequest]:
        """Orders that were let go and have no outcome yet, by their position in the input; they may be placed."""
        return self._run.in_flight

    @property
    def summary(self) -> BulkSummary:
        """Counts so far."""
        return self._run.summary

    @property
    def paused_for(self) -> float:
        """Seconds that the pause after a 429 still lasts in this process; 0 without one."""
        return self._run.paused_for

    @property
    def drained(self) -> list[OrderOutcome]:
        """Outcomes that came in while the run was being left early; at most as many as the concurrency."""
        return self._run.drained

    def _tell(self, what: Callable[[], None]) -> None:
        """Tell the run something in its own loop, if it has begun there."""
        portal = self._source.portal
        if portal is None or portal is not current_portal():
            what()
        else:
            portal.call(self._in_loop, what)

    async def _in_loop(self, what: Callable[[], None]) -> None:
        what()

    def _new_step(self, portal: Portal, source: _Source[R]) -> Call[R | _End]:
        return _Step(portal, source.next, self._lifetime, self._run, self._feed)


class _Step(Call[R]):
    """One step of a run, whose waiting thread serves the input meanwhile."""

    def __init__(
        self,
        portal: Portal,
        function: Callable[[], Awaitable[R]],
        owner: object,
        run: BulkRun,
        feed: _Feed | None,
    ) -> None:
        super().__init__(portal, function, owner)
        self._bulk = run
        self._feed = feed

    def wait(self) -> None:
        """Wait until it has ended and pull the input meanwhile, as the run asks for it."""
        if self._feed is None:
            super().wait()
        else:
            self._feed.serve(self)

    def announce(self) -> None:
        """Say that it has ended, also to a thread that waits for pulls."""
        super().announce()
        if self._feed is not None:
            self._feed.wake(self)

    def notes(self) -> list[str]:
        """Say how the orders ended that were under way when the caller was interrupted."""
        return [
            *super().notes(),
            *(
                f"Order {outcome.index} ended as {outcome.state.value}"
                + (f", its id: {outcome.order_id}." if outcome.order_id else ".")
                for outcome in self._bulk.drained
            ),
        ]


class _Feed:
    """Carries items from a plain iterable, pulled in the caller's thread, to the run on the loop."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._items: Iterator[Request] = iter(requests)
        #: Pulls that wait for an item, and steps that have ended.
        self._events: SimpleQueue[asyncio.Future[Request | None] | Call[Any]] = SimpleQueue()

    def requests(self) -> AsyncIterable[Request]:
        """Return the side of the loop, which does not keep the iterable alive."""
        return _pulled(self._events)

    def serve(self, step: Call[Any]) -> None:
        """Pull items as they are asked for until the step has ended; runs in the caller's thread."""
        while True:
            try:
                event = self._events.get(timeout=WAKE_EVERY if WAKE_EVERY > 0 else None)
            except Empty:
                continue
            if event is step:
                return
            if isinstance(event, asyncio.Future) and not event.done():
                self._supply(event)

    def wake(self, step: Call[Any]) -> None:
        """Say that a step has ended; runs on the loop's thread."""
        self._events.put(step)

    def _supply(self, asked: asyncio.Future[Request | None]) -> None:
        try:
            item = next(self._items, None)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever iterates the run, by way of the run
            asked.get_loop().call_soon_threadsafe(_settle, asked, None, error)
        else:
            asked.get_loop().call_soon_threadsafe(_settle, asked, item, None)


async def _pulled(events: SimpleQueue[asyncio.Future[Request | None] | Call[Any]]) -> AsyncIterator[Request]:
    loop = asyncio.get_running_loop()
    while True:
        asked: asyncio.Future[Request | None] = loop.create_future()
        events.put(asked)
        item = await asked
        if item is None:
            return
        yield item


def _settle(asked: asyncio.Future[Request | None], item: Request | None, error: Exception | None) -> None:
    if asked.done():  # the run was stopped meanwhile
        return
    if error is None:
        asked.set_result(item)
    else:
        asked.set_exception(error)
