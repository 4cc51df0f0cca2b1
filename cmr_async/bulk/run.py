"""A run of many orders: a bounded fan-out over the one path that single orders take, with its stop rules.

Orders are pulled from the input as there is room for them and yielded as they complete, so that memory does not grow
with their number. Nothing new starts unless the caller asks for the next outcome.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, Union

import attrs

from ..errors import AuthenticationError, InsufficientBalanceError, PermissionDeniedError
from ..models.requests import BulkSummary, OrderOutcome, OrderRequest, OrderState
from ..pipeline import Pipeline
from .feeds import Feed
from .sending import Item, OrderSender

if TYPE_CHECKING:
    from ..journal.journal import Journal

__all__ = ["BulkRun", "JournalLike", "opened"]

#: A path (SQLite), a URL (PostgreSQL), an open journal, or none.
JournalLike = Union[str, PathLike[str], "Journal", None]

#: Refusals that every later order would meet as well.
_STOPPING = (AuthenticationError, InsufficientBalanceError, PermissionDeniedError)


class BulkRun:
    """A run of orders: iterate it to make it go, read `summary` at any time.

    Leaving the loop early stops the run: what has not gone out is not sent, what has gone out gets a bounded
    drain, and its outcomes are in `drained`.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        feed: Callable[[Journal | None], Feed],
        *,
        journal: JournalLike = None,
        concurrency: int = 8,
        stop_after_unknown: int = 3,
    ) -> None:
        """Prepare a run; nothing is sent before the first outcome is asked for. See `Bulk.submit`."""
        self._pipeline = pipeline
        self._feed = feed
        self._journal = journal
        self._concurrency = concurrency
        self._stop_after = stop_after_unknown
        self._counts = dict.fromkeys(OrderState, 0)
        self._in_doubt_in_a_row = 0
        self._stopped: str | None = None
        self._puller: asyncio.Task[list[Item]] | None = None
        self._broken: BaseException | None = None
        self._gone: dict[int, OrderRequest] = {}
        self._given_up = asyncio.Event()
        self._outcomes = self._run()
        #: Outcomes that came in while the run was being left early; at most as many as the concurrency.
        self.drained: list[OrderOutcome] = []

    def __aiter__(self) -> Self:
        """Return the run."""
        return self

    async def __anext__(self) -> OrderOutcome:
        """Return the next outcome, in the order of completion."""
        return await self._outcomes.__anext__()

    async def __aenter__(self) -> Self:
        """Return the run."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the run and drain what is in flight."""
        await self.close()

    async def close(self) -> None:
        """Stop the run: drain what is in flight, start nothing more."""
        await self._outcomes.aclose()

    def stop(self, reason: str = "stopped by the caller") -> None:
        """Start no further order; those in flight finish and are still yielded.

        Orders that still wait for their slot of the pace are not sent either: they end as `not_sent`.
        """
        if self._stopped is None:
            self._stopped = reason
            if self._puller is not None:
                self._puller.cancel()

    def give_up(self) -> None:
        """Stop waiting for the orders in flight: the iteration ends, and they are in `drained`, mostly as unknown."""
        self.stop("given up by the caller")
        self._given_up.set()

    @property
    def in_flight(self) -> dict[int, OrderRequest]:
        """Orders that were let go and have no outcome yet, by their position in the input; they may be placed."""
        return dict(self._gone)

    @property
    def summary(self) -> BulkSummary:
        """Counts so far."""
        return BulkSummary(**{state.value: n for state, n in self._counts.items()}, stopped=self._stopped)

    @property
    def paused_for(self) -> float:
        """Seconds that the pause after a 429 still lasts in this process; 0 without one."""
        return self._pipeline.pacer.paused_for(self._pipeline.clock())

    async def _run(self) -> AsyncGenerator[OrderOutcome, None]:
        async with opened(self._journal) as journal:
            pipeline = _with_shared_pace(self._pipeline, journal)
            sender = OrderSender(pipeline=pipeline, journal=journal, veto=self._veto)
            async with aclosing(self._send_all(self._feed(journal), sender)) as outcomes:
                async for outcome in outcomes:
                    yield outcome
        if self._broken is not None:
            raise self._broken

    async def _send_all(self, feed: Feed, sender: OrderSender) -> AsyncGenerator[OrderOutcome, None]:
        ready: deque[Item] = deque()
        running: set[asyncio.Task[OrderOutcome]] = set()
        loop = asyncio.get_running_loop()
        giving_up = loop.create_task(self._given_up.wait())
        try:
            while not giving_up.done():
                while ready and self._stopped is None and len(running) < self._concurrency:
                    running.add(loop.create_task(sender.send(ready.popleft())))
                room = self._concurrency - len(running)
                if not ready and room and self._stopped is None and self._puller is None and not feed.ended:
                    self._puller = loop.create_task(feed.pull(room))
                waiting: set[asyncio.Task[Any]] = {*running}
                if self._puller is not None:
                    waiting.add(self._puller)
                if not waiting:
                    return
                done, _ = await asyncio.wait({*waiting, giving_up}, return_when=asyncio.FIRST_COMPLETED)
                if self._puller in done:
                    ready.extend(self._pulled())
                for task in [task for task in running if task in done]:
                    running.discard(task)
                    yield self._count(task.result())
        finally:
            giving_up.cancel()
            await self._leave(running)

    def _pulled(self) -> list[Item]:
        """Return what was pulled. The error of a broken input is raised after the outcomes of the orders under way."""
        puller, self._puller = self._puller, None
        if puller is None or puller.cancelled():
            return []
        self._broken = puller.exception()
        if self._broken is None:
            return puller.result()
        self.stop("the input could not be read to its end")
        return []

    def _veto(self, item: Item) -> str | None:
        """Return why an order whose turn has come is not sent; `None` when it may go: from then on it may be placed."""
        if self._stopped is not None:
            return "its run had stopped before its turn came. Sending it again is safe."
        self._gone[item.index] = item.checked.request
        return None

    def _count(self, outcome: OrderOutcome) -> OrderOutcome:
        self._gone.pop(outcome.index, None)
        self._counts[outcome.state] += 1
        known_before = outcome.state is OrderState.UNKNOWN and outcome.attempts == 0  # by the journal
        if outcome.state in {OrderState.UNKNOWN, OrderState.NOT_SENT} and not known_before:
            self._in_doubt_in_a_row += 1
        elif outcome.state is not OrderState.SKIPPED and not known_before:
            self._in_doubt_in_a_row = 0
        if isinstance(outcome.error, _STOPPING):
            self.stop(f"the API refused with {outcome.error.status}, which the next orders would meet as well")
        elif self._in_doubt_in_a_row >= self._stop_after:
            self.stop(f"{self._in_doubt_in_a_row} orders in a row without a clear outcome")
        return outcome

    async def _leave(self, running: set[asyncio.Task[OrderOutcome]]) -> None:
        """Cancel what is under way: an order that has gone out is drained by the transport, the others never go."""
        pulling = {self._puller} if self._puller is not None else set()
        self._puller = None
        tasks: set[asyncio.Task[OrderOutcome] | asyncio.Task[list[Item]]] = {*running, *pulling}
        if not tasks:
            return
        self.stop("left early")
        for task in tasks:
            task.cancel()
        try:
            if self._given_up.is_set():
                await asyncio.sleep(0)  # let them begin to drain: a second cancellation ends that
                for task in tasks:
                    task.cancel()
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            for task in tasks:  # a second cancellation: what is not known by now stays unknown
                task.cancel()
            await asyncio.wait(tasks)
            raise
        finally:
            self.drained += [
                self._count(task.result())
                for task in running
                if task.done() and not task.cancelled() and task.exception() is None
            ]


@asynccontextmanager
async def opened(journal: JournalLike) -> AsyncIterator[Journal | None]:
    """Open the journal that the caller named, for the time of a block; an open `Journal` is left open afterwards.

    Raises:
        ConfigurationError: The extra `journal` is not installed, or the location cannot be one.
        JournalError: It cannot be opened.
    """
    if journal is None:
        yield None
        return
    from ..journal.journal import Journal  # noqa: PLC0415 - an extra, and heavy

    if isinstance(journal, Journal):
        yield journal
        return
    async with Journal(journal) as own:
        yield own


def _with_shared_pace(pipeline: Pipeline, journal: Journal | None) -> Pipeline:
    """Return a pipeline that keeps the pace together with every process on the journal."""
    if journal is None or pipeline.gap == 0:
        return pipeline
    return attrs.evolve(pipeline, shared=journal.shared_pace(pipeline.pace_name, pipeline.gap))
