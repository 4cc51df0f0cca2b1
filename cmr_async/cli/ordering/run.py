"""A run of the bulk engine as a command: its progress, its results, and what Ctrl-C does to it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, suppress

import attrs

from ...bulk import BulkRun
from ...client import AsyncClient
from ...core.order.checked import CheckedOrder
from ...errors import JournalError, OrderFileChangedError
from ...models.requests import BulkSummary, OrderOutcome, OrderState
from ...preflight.checked_file import OrdersToSend
from ...preflight.plan import Plan
from ...report.rows import ResultRow, ResultWriter
from ...report.run_report import RunReport
from ...transport.transport import Timeouts
from ..exit_codes import ExitCode
from ..output.display import LARGEST_TABLE, result_line
from ..output.progress import Progress
from ..streams import complain, counted, is_terminal, voice
from .order_input import OrderInput

#: Seconds between two updates of the progress.
_TICK = 0.2
#: Seconds that an interrupted run waits for answers.
_DRAIN = Timeouts().drain
_IN_FLIGHT = "Left while this order was on its way: it may have been placed. Do not send it again."

#: Returns what the client of a run is opened and closed with, such as the client itself.
Connect = Callable[[], AbstractAsyncContextManager[AsyncClient]]


class CommandRun(ABC):
    """A run of checked orders; the kind of run decides what is sent, and where the rows of the orders are."""

    def __init__(
        self,
        plan: Plan,
        *,
        connect: Connect,
        writer: ResultWriter | None,
        watch: Callable[[OrderOutcome], None] | None = None,
        unrecorded: bool = False,
    ) -> None:
        """Prepare a run.

        Args:
            plan: What is to be sent, as it was shown.
            connect: Returns the client.
            writer: Where results are written, if anywhere.
            watch: Called with every outcome.
            unrecorded: No journal has the orders: those that cannot be printed, nor written, go to standard error.
        """
        self._plan = plan
        self._connect = connect
        self._writer = writer
        self._watch = watch
        self._unrecorded = unrecorded
        self._report = RunReport()
        self._bulk: BulkRun | None = None
        self._interrupts = 0
        self._progress = Progress(plan.orders, to_send=plan.to_send, lines=not self.has_table)

    @abstractmethod
    def begin(self, client: AsyncClient) -> BulkRun:
        """Return the engine's run."""

    @abstractmethod
    def row_of(self, outcome: OrderOutcome) -> ResultRow:
        """Return the outcome's row of the results."""

    @property
    def has_table(self) -> bool:
        """Return whether the results are shown as a table at the end."""
        return is_terminal() and self._plan.orders <= LARGEST_TABLE

    def run(self) -> RunReport:
        """Send the orders and return what happened."""
        return asyncio.run(self._run())

    async def _run(self) -> RunReport:
        async with self._connect() as client:
            run = self._bulk = self.begin(client)
            with _signals(self._interrupt), self._progress:
                ticker = asyncio.get_running_loop().create_task(self._tick(run))
                broken: JournalError | None = None
                try:
                    async with run:
                        async for outcome in run:
                            self._take(outcome, run)
                except JournalError as error:
                    broken = error
                finally:
                    # Whatever went wrong above, what is known about the orders in flight is recorded
                    for outcome in run.drained:
                        self._take(outcome, run)
                    ticker.cancel()
                    with suppress(asyncio.CancelledError):
                        await ticker
                self._progress.tick()
            self._report.summary = run.summary
            self._report.stopped = self._report.stopped or run.summary.stopped
        if broken is not None:
            self._end_without_journal(broken)
        return self._report

    def _end_without_journal(self, error: JournalError) -> None:
        """Report a run whose journal broke; when nothing was sent, the error is all there is to say."""
        if not self._report.sent:
            raise error
        self._report.stopped = error.message

    def _take(self, outcome: OrderOutcome, run: BulkRun) -> None:
        row = self.row_of(outcome)
        if any(outcome is lost for lost in run.unrecorded):
            self._report.unrecorded += 1
            self._progress.complain(f"not written down\t{result_line(row)}")
        self._write(row)
        self._keep_if_lost(outcome)
        self._report.take(outcome, row, keep_all=self.has_table)
        self._progress.ended(row, run.summary)
        if self._watch is not None:
            self._watch(outcome)

    def _keep_if_lost(self, outcome: OrderOutcome) -> None:
        """Let an order that may exist be printed somewhere, if it is written nowhere."""
        may_exist = outcome.state in {OrderState.ACCEPTED, OrderState.UNKNOWN}
        voice.only_printed = self._unrecorded and self._writer is None and may_exist

    def _write(self, row: ResultRow) -> None:
        if self._writer is not None:
            try:
                self._writer.write(row)
            except OSError as error:
                self._writer = None
                self._progress.complain(f"cmr: the results cannot be written any more: {error.strerror}")
                self._progress.complain(result_line(row))
                self._stop("the results cannot be written")

    async def _tick(self, run: BulkRun) -> None:
        while True:
            pace = run.pace
            self._progress.tick(pace.paused_for, pace.limit, run.stall)
            await asyncio.sleep(_TICK)

    def _stop(self, reason: str) -> None:
        if self._bulk is not None:
            self._bulk.stop(reason)

    def _interrupt(self) -> None:
        """Wait for the orders in flight, the second time stop waiting, the third time exit without cleaning up."""
        run = self._bulk
        if run is None:
            return
        self._interrupts += 1
        match self._interrupts:
            case 1:
                self._report.interrupted = True
                run.stop("interrupted")
                if not run.in_flight:
                    self._progress.complain("Stopping: no order is on its way.")
                    run.give_up()
                    return
                sent = counted(len(run.in_flight), "order that was sent", "orders that were sent")
                self._progress.complain(
                    f"Stopping: waiting up to {_DRAIN:.0f} s for the answers to {sent}. Ctrl-C again leaves at once."
                )
                asyncio.get_running_loop().call_later(_DRAIN, run.give_up)
            case 2:
                self._progress.complain("Leaving: what is on its way has no known outcome.")
                run.give_up()
            case _:
                self._leave(run)

    def _leave(self, run: BulkRun) -> None:
        """Exit, whatever hangs; the outcome of the orders in flight will not be known here, so say that first."""
        for index, request in run.in_flight.items():
            outcome = OrderOutcome(index=index, request=request, state=OrderState.UNKNOWN)
            row = attrs.evolve(self.row_of(outcome), message=_IN_FLIGHT)
            self._write(row)
            self._keep_if_lost(outcome)
            self._progress.ended(row, BulkSummary())
        self._progress.__exit__()
        left = len(run.in_flight)
        complain(f"Left at once; {counted(left, 'order')} may or may not have been placed.")
        sys.stdout.flush()
        os._exit(ExitCode.UNKNOWN if left else ExitCode.INTERRUPTED)


class Submission(CommandRun):
    """A run that sends the orders of a checked file."""

    def __init__(
        self,
        orders: OrderInput,
        plan: Plan,
        *,
        concurrency: int,
        writer: ResultWriter | None,
        connect: Connect,
        journal: str | None = None,
        retry_rejected: bool = False,
        watch: Callable[[OrderOutcome], None] | None = None,
        unrecorded: bool = False,
    ) -> None:
        """Prepare a run over a checked file; see `CommandRun`, and `Bulk.submit` for what it is given."""
        super().__init__(plan, connect=connect, writer=writer, watch=watch, unrecorded=unrecorded)
        self._to_send = OrdersToSend(orders, plan)
        self._concurrency = concurrency
        self._journal = journal
        self._retry_rejected = retry_rejected

    def begin(self, client: AsyncClient) -> BulkRun:
        """Return the engine's run over the file."""
        return client.bulk.submit(
            self._orders(),
            journal=self._journal,
            concurrency=self._concurrency,
            retry_rejected=self._retry_rejected,
        )

    def row_of(self, outcome: OrderOutcome) -> ResultRow:
        """Return the outcome's row of the results."""
        return ResultRow.of(outcome, row=self._to_send.row_of(outcome))

    def run(self) -> RunReport:
        """Send the orders and return what happened."""
        report = super().run()
        report.next_row = self._to_send.next_row
        return report

    def _orders(self) -> Iterator[CheckedOrder]:
        """Yield the orders to send; where they end early, those that were taken are still sent."""
        with suppress(OrderFileChangedError):  # `stopped` says it
            yield from self._to_send
        self._report.stopped = self._to_send.stopped


class _signals:  # noqa: N801 - reads as a statement
    """Hand Ctrl-C, SIGTERM and the end of the terminal to a function while the block runs."""

    def __init__(self, handler: Callable[[], None]) -> None:
        self._handler = handler
        self._kinds = [signal.SIGINT, signal.SIGTERM]
        if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else `nohup` runs this
            self._kinds.append(signal.SIGHUP)

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
