"""A run of many orders: a bounded fan-out over the one path that single orders take, with its stop rules.

Orders are pulled from the input as there is room for them and yielded as they complete, so that memory does not grow
with their number. Nothing new starts unless the caller asks for the next outcome.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from os import PathLike
from typing import TYPE_CHECKING, Any, Self, Union

import attrs

from ..core.pacing import Pace
from ..errors import ConfigurationError, JournalError
from ..models.requests import BulkSummary, OrderOutcome, OrderRequest, OrderState
from ..pipeline import Pipeline, Stall
from .feeds import Feed
from .sending import Ended, Item, OrderGuard, OrderSender
from .stopping import StopRules

if TYPE_CHECKING:
    from ..journal.journal import Journal

#: A path (SQLite), a URL (PostgreSQL), an open journal, or none.
JournalLike = Union[str, PathLike[str], "Journal", None]


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
        retry_rejected: bool = False,
    ) -> None:
        """Prepare a run; nothing is sent before the first outcome is asked for. See `Bulk.submit`."""
        self._pipeline = pipeline
        self._feed = feed
        self._journal = journal
        self._concurrency = concurrency
        self._retry_rejected = retry_rejected
        self._rules = StopRules(after_unknown=stop_after_unknown)
        self._counts = dict.fromkeys(OrderState, 0)
        self._puller: asyncio.Task[list[Item]] | None = None
        self._running: dict[asyncio.Task[Ended], OrderGuard] = {}
        self._broken: BaseException | None = None
        self._gone: dict[int, OrderRequest] = {}
        self._given_up = asyncio.Event()
        self._ending = False
        self._outcomes = self._run()
        #: Outcomes that came in while the run was being left early; at most as many as the concurrency.
        self.drained: list[OrderOutcome] = []
        #: Outcomes that the journal could not be told; the run ends with the journal's error after them.
        self.unrecorded: list[OrderOutcome] = []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OrderOutcome:
        """Return the next outcome, in the order of completion."""
        return await self._outcomes.__anext__()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the run and drain what is in flight."""
        await self.close()

    async def close(self) -> None:
        """Stop the run: drain what is in flight, start nothing more."""
        await self._outcomes.aclose()

    def stop(self, reason: str = "stopped by the caller") -> None:
        """Start no further order; those in flight finish and are still yielded.

        Orders that still wait for their slot of the pace are not sent either: they end as `not_sent`.
        """
        self._rules.stop(reason)
        if self._puller is not None:
            self._puller.cancel()

    def give_up(self) -> None:
        """Stop waiting for the orders in flight: the iteration ends, and they are in `drained`, mostly as unknown."""
        self.stop("given up by the caller")
        self._given_up.set()
        if self._ending:
            for task in self._running:
                task.cancel()

    @property
    def in_flight(self) -> dict[int, OrderRequest]:
        """Orders that were let go and have no outcome yet, by their position in the input; they may be placed."""
        return dict(self._gone)

    @property
    def summary(self) -> BulkSummary:
        """Counts so far."""
        counts = {state.value: count for state, count in self._counts.items()}
        return BulkSummary(**counts, stopped=self._rules.stopped, held_users=self._rules.held_users)

    @property
    def pace(self) -> Pace:
        """How fast orders may leave now: the gap, the limit that was measured, the pause, and how many wait."""
        return self._pipeline.slots.pace()

    @property
    def stall(self) -> Stall | None:
        """Why the orders under way get nowhere (no connection, no answer) and for how long; `None`: no sign of that."""
        return self._pipeline.stall()

    @property
    def paused_for(self) -> float:
        """Seconds that the pause after a 429 still lasts; 0 without one."""
        return self.pace.paused_for

    async def _run(self) -> AsyncGenerator[OrderOutcome, None]:
        stack = AsyncExitStack()
        feed: Feed | None = None
        journal: Journal | None = None
        try:
            journal = await stack.enter_async_context(opened(self._journal, pipeline=self._pipeline))
            self._pipeline = with_shared_pace(self._pipeline, journal)
            sender = OrderSender(pipeline=self._pipeline, journal=journal, retry_rejected=self._retry_rejected)
            feed = self._feed(journal)
            async with aclosing(self._send_all(feed, sender)) as outcomes:
                async for outcome in outcomes:
                    yield outcome
        finally:
            # In a task of its own: when the caller is cancelled again meanwhile, it ends all the same
            ending = self._pipeline.background.start(self._end(feed, journal, stack))
            await asyncio.wait({ending})
            ending.result()
        if self._broken is not None:
            raise self._broken

    async def _send_all(self, feed: Feed, sender: OrderSender) -> AsyncGenerator[OrderOutcome, None]:
        ready: deque[Item] = deque()
        loop = asyncio.get_running_loop()
        giving_up = loop.create_task(self._given_up.wait())
        try:
            while not giving_up.done():
                while ready and self._rules.stopped is None and len(self._running) < self._concurrency:
                    item = ready.popleft()
                    guard = OrderGuard(item, veto=self._rules.veto, departed=self._departed)
                    self._running[loop.create_task(sender.send(item, guard))] = guard
                room = self._concurrency - len(self._running)
                wanted = not ready and room and self._rules.stopped is None and not feed.ended
                if wanted and self._puller is None:
                    self._puller = loop.create_task(feed.pull(room))
                waiting: set[asyncio.Task[Any]] = {*self._running}
                if self._puller is not None:
                    waiting.add(self._puller)
                if not waiting:
                    return
                done, _ = await asyncio.wait({*waiting, giving_up}, return_when=asyncio.FIRST_COMPLETED)
                if self._puller in done:
                    ready.extend(self._pulled())
                for task in [task for task in self._running if task in done]:
                    del self._running[task]
                    yield await self._take(task.result(), sender.journal)
        finally:
            giving_up.cancel()

    def _pulled(self) -> list[Item]:
        """Return what was pulled. The error of a broken input is raised after the outcomes of the orders under way."""
        puller, self._puller = self._puller, None
        if puller is None or puller.cancelled():
            return []
        error = puller.exception()
        if error is None:
            return puller.result()
        self._broken = self._broken or error
        self.stop("the input could not be read to its end")
        return []

    def _departed(self, item: Item) -> None:
        """Note that an order goes out: from then on it may be placed."""
        self._gone[item.index] = item.checked.request

    async def _take(self, ended: Ended, journal: Journal | None) -> OrderOutcome:
        """Count an outcome and apply the stop rules to it."""
        outcome = ended.outcome
        self._gone.pop(outcome.index, None)
        self._counts[outcome.state] += 1
        self._rules.take(ended)
        if ended.journal_error is not None:
            self.unrecorded.append(outcome)
            self._broken = self._broken or ended.journal_error
            self.stop("the journal cannot be written")
        await self._give_back_blameless(journal)
        return outcome

    async def _give_back_blameless(self, journal: Journal | None) -> None:
        """Plan the orders again whose refusal showed that a setting is wrong."""
        blameless, self._rules.blameless = self._rules.blameless, []
        for ended in blameless:
            if journal is not None and ended.entry is not None:
                try:
                    await journal.resubmit(ended.entry.key, step=ended.entry.step, reason="refused like all others")
                except JournalError as error:
                    self._broken = self._broken or error

    async def _end(self, feed: Feed | None, journal: Journal | None, stack: AsyncExitStack) -> None:
        """End what is under way: an order that has gone out gets its drain, the others never go."""
        self._ending = True
        running = dict(self._running)
        tasks: set[asyncio.Task[Any]] = {*running}
        puller, self._puller = self._puller, None
        if puller is not None:
            tasks.add(puller)
            puller.cancel()
        try:
            if tasks:
                self.stop("left early")
                for task, guard in running.items():
                    if self._given_up.is_set():
                        task.cancel()
                    else:
                        guard.abandon(task, drain=self._pipeline.timeouts.drain)
                await asyncio.wait(tasks)
                for task in running:
                    del self._running[task]
                    if not task.cancelled():  # it is when it was cancelled before its first step
                        self.drained.append(await self._take(task.result(), journal))
        finally:
            if feed is not None:
                await feed.close()
            await stack.aclose()


@asynccontextmanager
async def opened(journal: JournalLike, *, pipeline: Pipeline | None = None) -> AsyncIterator[Journal | None]:
    """Open the journal that the caller named, for the time of a block; an open `Journal` is left open afterwards.

    Args:
        journal: What the caller named.
        pipeline: Of the client that uses it: the journal must belong to the client's account, and its lease must be
            longer than the way to the wire. `None`: it is used without a client.

    Raises:
        ConfigurationError: The extra `journal` is not installed, the location cannot be one, or the lease of an open
            journal is too short.
        JournalError: It cannot be opened, or belongs to another account.
    """
    if journal is None:
        yield None
        return
    from ..journal.journal import Journal  # noqa: PLC0415 - an extra, and heavy
    from ..journal.liveness import LEASE  # noqa: PLC0415 - the same

    connect = 0.0 if pipeline is None else pipeline.timeouts.connect
    async with AsyncExitStack() as stack:
        if not isinstance(journal, Journal):
            journal = await stack.enter_async_context(Journal(journal, lease=max(LEASE, 2 * connect)))
        elif journal.lease <= connect:
            raise ConfigurationError(
                f"The lease of the journal {journal.name} ({journal.lease:g} s) must be longer than Timeouts.connect "
                f"({connect:g} s): else another run could take over an order that is just connecting."
            )
        if pipeline is not None and pipeline.account is not None:
            await journal.bind(pipeline.account)
        yield journal


def with_shared_pace(pipeline: Pipeline, journal: Journal | None) -> Pipeline:
    """Return a pipeline that keeps the pace together with every process on the journal."""
    slots = pipeline.slots
    if journal is None or slots.gap == 0 or slots.shared is not None:
        return pipeline
    return attrs.evolve(pipeline, slots=slots.shared_with(journal.shared_pace(pipeline.pace_name)))
