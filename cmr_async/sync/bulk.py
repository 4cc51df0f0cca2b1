"""The blocking form of a bulk run. A plain input is pulled in the thread that iterates the run.

That thread is the right one for a generator with a database behind it (connections of Django and sqlite3 belong to
their threads), and a slow generator does not hold up the loop, which is shared by all blocking clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from ..bulk import BulkRun, BulkSummary, OrderOutcome, OrderRequest
from ..bulk.feeds import Request, Requests
from ..core.pacing import Pace
from ..pipeline import Stall
from .call import WAKE_EVERY, Call
from .iterator import BlockingIterator
from .lifetime import Lifetime
from .portal import Portal, current_portal

R = TypeVar("R")


class BlockingBulkRun(BlockingIterator[OrderOutcome]):
    """A run of orders: iterate it to make it go, read `summary` at any time.

    Leaving the loop early stops the run: what has not gone out is not sent, what has gone out gets a bounded
    drain, and its outcomes are in `drained`. At the end of a `with` block and by `close()` that is waited for;
    after Ctrl-C, and when the run is garbage, it happens in the background.
    """

    def __init__(self, lifetime: Lifetime, run: BulkRun, puller: _InputPuller | None = None) -> None:
        """Wrap a run; nothing is sent before the first outcome is asked for. See `Bulk.submit`."""
        self._run = run
        self._puller = puller
        super().__init__(lifetime, _outcomes(run))

    def close(self) -> None:
        """Stop the run: drain what is in flight, start nothing more."""
        super().close()

    def stop(self, reason: str = "stopped by the caller") -> None:
        """Start no further order; those in flight finish and are still yielded.

        Orders that still wait for their slot of the pace are not sent either: they end as `not_sent`.
        """
        self._call_on_loop(partial(self._run.stop, reason))

    def give_up(self) -> None:
        """Stop waiting for the orders in flight: the iteration ends, and they are in `drained`, mostly as unknown."""
        self._call_on_loop(self._run.give_up)

    @property
    def in_flight(self) -> dict[int, OrderRequest]:
        """Orders that were let go and have no outcome yet, by their position in the input; they may be placed."""
        return self._run.in_flight

    @property
    def summary(self) -> BulkSummary:
        """Counts so far."""
        return self._run.summary

    @property
    def pace(self) -> Pace:
        """How fast orders may leave now: the gap, the limit that was measured, the pause, and how many wait."""
        return self._run.pace

    @property
    def stall(self) -> Stall | None:
        """Why the orders under way get nowhere (no connection, no answer) and for how long; `None`: no sign of that."""
        return self._run.stall

    @property
    def paused_for(self) -> float:
        """Seconds that the pause after a 429 still lasts; 0 without one."""
        return self._run.paused_for

    @property
    def drained(self) -> list[OrderOutcome]:
        """Outcomes that came in while the run was being left early; at most as many as the concurrency."""
        return self._run.drained

    def _call_on_loop(self, method: Callable[[], None]) -> None:
        """Call a method of the run on its loop, or here if the run has not begun."""

        async def call() -> None:
            method()

        portal = self._source.portal
        if portal is not None and portal is current_portal():
            portal.call(call)
        else:
            method()

    def _new_step(self, portal: Portal, function: Callable[[], Awaitable[R]]) -> Call[R]:
        return _Step(portal, function, self._lifetime, run=self._run, puller=self._puller)


def pull_in_caller(requests: Requests) -> tuple[Requests, _InputPuller | None]:
    """Return what a run takes as its input, and what pulls it in the caller's thread if that is needed."""
    if isinstance(requests, AsyncIterable | list | tuple):  # pulling from a list or tuple runs no code of the caller's
        return requests, None
    puller = _InputPuller(requests)
    return puller.requests(), puller


async def _outcomes(run: BulkRun) -> AsyncGenerator[OrderOutcome, None]:
    """Yield the outcomes of a run; closing this generator closes the run."""
    async with run:
        async for outcome in run:
            yield outcome


class _Step(Call[R]):
    """One step of a run; the waiting thread pulls the input meanwhile."""

    def __init__(
        self,
        portal: Portal,
        function: Callable[[], Awaitable[R]],
        owner: object,
        *,
        run: BulkRun,
        puller: _InputPuller | None,
    ) -> None:
        super().__init__(portal, function, owner)
        self._bulk_run = run
        self._puller = puller

    def wait(self) -> None:
        """Wait until it has ended, and meanwhile pull the input as the run asks for it."""
        if self._puller is None:
            super().wait()
        else:
            self._puller.pull_until_ended(self)

    def wake_caller(self) -> None:
        """Wake the waiting thread, which may be waiting for the run to ask for input."""
        super().wake_caller()
        if self._puller is not None:
            self._puller.step_ended(self)

    def notes(self) -> list[str]:
        """Say how the orders ended that were under way when the caller was interrupted."""
        return [
            *super().notes(),
            *(
                f"Order {outcome.index} ended as {outcome.state.value}"
                + (f", its id: {outcome.order_id}." if outcome.order_id else ".")
                for outcome in self._bulk_run.drained
            ),
        ]


#: Waits on the loop for the next request; `None` when there are no more.
_Pull = asyncio.Future[Request | None]


class _InputPuller:
    """Pulls a plain iterable in the caller's thread, one request each time the run on the loop asks for one."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._requests: Iterator[Request] = iter(requests)
        #: Pulls that wait for their request, and steps that have ended.
        self._events: SimpleQueue[_Pull | Call[Any]] = SimpleQueue()

    def requests(self) -> AsyncIterable[Request]:
        """Return what the run iterates on the loop; it does not keep the caller's iterable alive."""
        return _pulled(self._events)

    def pull_until_ended(self, step: Call[Any]) -> None:
        """Pull requests as the run asks for them until the step has ended; runs in the caller's thread."""
        while True:
            try:
                event = self._events.get(timeout=WAKE_EVERY if WAKE_EVERY > 0 else None)
            except Empty:
                continue
            if event is step:
                return
            if isinstance(event, asyncio.Future) and not event.done():
                self._answer(event)

    def step_ended(self, step: Call[Any]) -> None:
        """Tell the caller's thread that a step has ended; runs on the loop's thread."""
        self._events.put(step)

    def _answer(self, pull: _Pull) -> None:
        loop = pull.get_loop()
        try:
            request = next(self._requests, None)
        except Exception as error:  # noqa: BLE001 - the run raises it to whoever iterates the run
            loop.call_soon_threadsafe(_resolve, pull, pull.set_exception, error)
        else:
            loop.call_soon_threadsafe(_resolve, pull, pull.set_result, request)


async def _pulled(events: SimpleQueue[_Pull | Call[Any]]) -> AsyncIterator[Request]:
    loop = asyncio.get_running_loop()
    while True:
        pull: _Pull = loop.create_future()
        events.put(pull)
        request = await pull
        if request is None:
            return
        yield request


def _resolve(pull: _Pull, resolve: Callable[[R], None], value: R) -> None:
    if not pull.done():  # it is when the run was stopped meanwhile
        resolve(value)
