"""One run of the bulk engine on the command line: its progress, its results and its interrupts."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress

import attrs

from ..bulk import BulkRun
from ..client import AsyncClient
from ..errors import CMRError
from ..models.requests import BulkSummary, OrderOutcome, OrderState
from ..preflight.plan import Plan
from ..report.rows import ResultRow, ResultWriter
from ..transport import Timeouts
from .display import LARGEST_TABLE, Progress, complain, counted, is_terminal, result_line
from .exit_codes import ExitCode

__all__ = ["Connect", "Run", "RunReport"]

#: Seconds between two looks at the progress.
_TICK = 0.2
#: Seconds that an interrupted run waits for the answers to orders on their way.
_DRAIN = Timeouts().drain
_IN_FLIGHT = "Left while this order was on its way: it may have been placed. Do not send it again."

#: Returns the client of a run; what it opens goes on the stack.
Connect = Callable[[AsyncExitStack], Awaitable[AsyncClient]]


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


class Run(ABC):
    """A run of checked orders; what is sent, and where its rows are, is up to the kind of run."""

    def __init__(
        self,
        plan: Plan,
        *,
        connect: Connect,
        writer: ResultWriter | None,
        watch: Callable[[OrderOutcome], None] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            plan: What is to be sent, as it was shown.
            connect: Returns the client.
            writer: Where results are written, if anywhere.
            watch: Called with every outcome; `None`: nobody asks.
        """
        self._plan = plan
        self._connect = connect
        self._writer = writer
        self._watch = watch
        self._report = RunReport()
        self._bulk: BulkRun | None = None
        self._interrupts = 0
        self._progress = Progress(plan.orders, to_send=plan.to_send, lines=not self.has_table)

    @abstractmethod
    def begin(self, client: AsyncClient) -> BulkRun:
        """Return the engine's run."""

    @abstractmethod
    def row_of(self, outcome: OrderOutcome) -> ResultRow:
        """Put an outcome into a row of the results."""

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
            run = self._bulk = self.begin(client)
            with _signals(self._interrupt), self._progress:
                ticker = asyncio.get_running_loop().create_task(self._tick(run))
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
            self._report.stopped = self._report.stopped or run.summary.stopped
        return self._report

    def _take(self, outcome: OrderOutcome, summary: BulkSummary) -> None:
        self._write(self.row_of(outcome), summary)
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

    async def _tick(self, run: BulkRun) -> None:
        while True:
            self._progress.tick(run.paused_for)
            await asyncio.sleep(_TICK)

    def _stop(self, reason: str) -> None:
        if self._bulk is not None:
            self._bulk.stop(reason)

    def _interrupt(self) -> None:
        """First wait for what is on its way, at the second time no longer, at the third leave without a clean-up."""
        run = self._bulk
        if run is None:
            return
        self._interrupts += 1
        match self._interrupts:
            case 1:
                self._report.interrupted = True
                on_their_way = f"up to {_DRAIN:.0f} s for the answers to {counted(len(run.in_flight), 'order')}"
                self._progress.note(f"Stopping: waiting {on_their_way}. Ctrl-C again leaves at once.")
                run.stop("interrupted")
                asyncio.get_running_loop().call_later(_DRAIN, run.give_up)
            case 2:
                self._progress.note("Leaving: what is on its way has no known outcome.")
                run.give_up()
            case _:
                self._leave(run)

    def _leave(self, run: BulkRun) -> None:
        """Leave, whatever hangs; what is on its way will never be known here, so say that first."""
        for index, request in run.in_flight.items():
            outcome = OrderOutcome(index=index, request=request, state=OrderState.UNKNOWN)
            self._write(attrs.evolve(self.row_of(outcome), message=_IN_FLIGHT), BulkSummary())
        self._progress.__exit__(None, None, None)
        complain(f"Left at once; {counted(len(run.in_flight), 'order')} may or may not have been placed.")
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
