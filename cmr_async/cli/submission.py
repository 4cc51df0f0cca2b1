"""One run of a file through the bulk engine, with its progress, its results and its interrupts."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from time import monotonic

import attrs

from ..bulk.files import InputChangedError
from ..bulk.items import BulkSummary, OrderOutcome, OrderRequest, OrderState
from ..bulk.plan import Plan
from ..bulk.results import ResultRow, ResultWriter
from ..client import AsyncClient
from ..errors import CMRError
from .display import LARGEST_TABLE, Progress, complain, counted, is_terminal, result_line
from .exits import ExitCode
from .intake import Intake

__all__ = ["RunReport", "Submission"]

#: Seconds between two looks at the progress.
_TICK = 0.2
_IN_FLIGHT = "Left while this order was on its way: it may have been placed. Do not send it again."


@attrs.define(kw_only=True)
class RunReport:
    """What is left to tell after a run."""

    #: Counts of the engine.
    summary: BulkSummary = attrs.field(factory=BulkSummary)
    #: Every order that has ended when there are few, else those that were not accepted, up to a bound.
    rows: list[ResultRow] = attrs.field(factory=list)
    #: Reasons of orders that were not accepted.
    reasons: Counter[str] = attrs.field(factory=Counter)
    #: Row of the first order that was never started; `None`: all were.
    next_row: int | None = None
    #: How many of the skipped orders were refused before, or are being sent by another run.
    left_alone: int = 0
    #: Why the run ended before its file; `None`: it did not.
    stopped: str | None = None
    #: Ctrl-C or SIGTERM came.
    interrupted: bool = False
    #: Classes of the errors, for advice.
    errors: set[type[CMRError]] = attrs.field(factory=set)


class Submission:
    """Sends the orders of a checked file."""

    def __init__(
        self,
        intake: Intake,
        plan: Plan,
        *,
        concurrency: int,
        writer: ResultWriter | None,
        connect: Callable[[AsyncExitStack], Awaitable[AsyncClient]],
        journal: str | None = None,
        watch: Callable[[OrderOutcome], None] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            intake: The file and how its orders are to be made.
            plan: What its check found.
            concurrency: Orders under way at once.
            writer: Where results are written, if anywhere.
            connect: Returns the client; what it opens goes on the stack.
            journal: Where the run is written down, if anywhere.
            watch: Called with every outcome; `None`: nobody asks.
        """
        self._source = intake.source
        self._skip_invalid = intake.skip_invalid
        self._budget = intake.budget()
        # Read and checked once more: the plan kept no order.
        self._checked = intake.checked()
        self._plan = plan
        self._concurrency = concurrency
        self._writer = writer
        self._connect = connect
        self._journal = journal
        self._watch = watch
        self._report = RunReport()
        self._under_way: dict[int, tuple[int, OrderRequest]] = {}
        self._stop: Callable[[str], None] = lambda _: None
        self._progress = Progress(plan.orders, to_send=plan.to_send, lines=not self.has_table)

    @property
    def has_table(self) -> bool:
        """Whether the results are shown as a table at the end."""
        return is_terminal() and self._plan.orders <= LARGEST_TABLE

    def run(self) -> RunReport:
        """Send the orders and return what happened."""
        return asyncio.run(self._run())

    async def _run(self) -> RunReport:
        async with AsyncExitStack() as stack:
            client = await self._connect(stack)
            run = client.bulk.submit(self._requests(), journal=self._journal, concurrency=self._concurrency)
            self._stop = run.stop
            with _signals(self._interrupt), self._progress:
                ticker = asyncio.get_running_loop().create_task(self._tick(client))
                try:
                    async with run:
                        async for outcome in run:
                            self._take(outcome, run.summary)
                finally:
                    # Whatever went wrong above, what is known about orders on their way is written down.
                    for outcome in run.drained:
                        self._take(outcome, run.summary)
                    ticker.cancel()
                    with suppress(asyncio.CancelledError):
                        await ticker
                self._progress.tick()
            self._report.summary = run.summary
            following = next(self._checked, None)
            if following and not self._report.next_row:
                self._report.next_row = following.row
            # What was given out and has no outcome was waiting when the run stopped: it comes first.
            waiting = [row for row, _ in self._under_way.values()]
            self._report.next_row = min([*waiting, *filter(None, [self._report.next_row])], default=None)
            self._report.stopped = self._report.stopped or run.summary.stopped
        return self._report

    def _requests(self) -> Iterator[OrderRequest]:
        """The orders to send: nothing is sent that was not checked."""
        index = 0
        for checked in self._checked:
            try:
                self._source.raise_if_changed()
            except InputChangedError as error:
                self._end(checked.row, error.message)
                return
            if checked.request is None:
                if self._skip_invalid:
                    continue
                self._end(checked.row, f"{self._source.name} changed while its orders were being sent")
                return
            # What the journal has settled is not sent, so it costs nothing.
            if checked.settled is None and (limit := self._limit(checked.request)):
                self._end(checked.row, limit)
                return
            self._under_way[index] = (checked.row, checked.request)
            yield checked.request
            index += 1

    def _limit(self, request: OrderRequest) -> str | None:
        """The limit that an order would pass: one that was set, or the plan that money was allowed for."""
        if self._budget.orders >= self._plan.to_send:
            return "the journal changed meanwhile: more orders are to be sent than the plan showed"
        return self._budget.take(self._budget.prices.estimate(request.order))

    def _end(self, row: int, reason: str) -> None:
        """Give out no further order; those that were given out are still sent, which stopping the run would not do."""
        self._report.next_row = row
        self._report.stopped = reason

    def _take(self, outcome: OrderOutcome, summary: BulkSummary) -> None:
        row, _ = self._under_way.pop(outcome.index)
        self._write(ResultRow.of(outcome, row=row), summary)
        if self._watch is not None:
            self._watch(outcome)
        if outcome.error is not None:
            self._report.errors.add(type(outcome.error))
            self._report.left_alone += outcome.state is OrderState.SKIPPED

    def _write(self, row: ResultRow, summary: BulkSummary) -> None:
        if self._writer is not None:
            try:
                self._writer.write(row)
            except OSError as error:
                self._writer = None
                self._progress.note(f"cmr: the results cannot be written any more: {error.strerror}")
                self._progress.note(result_line(row))
                self._stop("the results cannot be written")
        if row.state not in {OrderState.ACCEPTED, OrderState.SKIPPED}:
            if len(self._report.reasons) < LARGEST_TABLE:
                self._report.reasons[row.message] += 1
            if len(self._report.rows) < LARGEST_TABLE:
                self._report.rows.append(row)
        elif self.has_table:
            self._report.rows.append(row)
        self._progress.ended(row, summary)

    async def _tick(self, client: AsyncClient) -> None:
        while True:
            self._progress.tick(client.pacer.paused_for(monotonic()))
            await asyncio.sleep(_TICK)

    def _interrupt(self) -> None:
        if not self._report.interrupted:
            self._report.interrupted = True
            waiting = counted(len(self._under_way), "order")
            self._progress.note(f"Stopping: waiting for the answers of {waiting}. Ctrl-C again leaves at once.")
            self._stop("interrupted")
            return
        # The answers of these orders will never be known here: say so before leaving, skip every clean-up.
        for row, request in self._under_way.values():
            outcome = OrderOutcome(index=0, request=request, state=OrderState.UNKNOWN)
            self._write(attrs.evolve(ResultRow.of(outcome, row=row), message=_IN_FLIGHT), BulkSummary())
        self._progress.__exit__(None, None, None)
        complain(f"Left at once; {counted(len(self._under_way), 'order')} may or may not have been placed.")
        sys.stdout.flush()
        os._exit(ExitCode.INTERRUPTED)


class _signals:  # noqa: N801 - reads as a statement
    """Hand Ctrl-C and SIGTERM to a function while the block runs."""

    def __init__(self, handler: Callable[[], None]) -> None:
        self._handler = handler
        self._kinds = (signal.SIGINT, signal.SIGTERM)

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for kind in self._kinds:
            try:
                loop.add_signal_handler(kind, self._handler)
            except NotImplementedError:  # Windows
                signal.signal(kind, lambda *_: loop.call_soon_threadsafe(self._handler))

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for kind in self._kinds:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(kind)
