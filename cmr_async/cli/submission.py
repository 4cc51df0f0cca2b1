"""One run of a file of orders through the bulk engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..bulk import BulkRun
from ..client import AsyncClient
from ..errors import OrderFileChangedError
from ..models import Order
from ..models.requests import OrderOutcome, OrderRequest
from ..preflight.plan import Plan
from ..report.rows import ResultRow, ResultWriter
from .order_input import Intake
from .run import Connect, Run, RunReport

__all__ = ["Submission"]


class Submission(Run):
    """Sends the orders of a checked file."""

    def __init__(
        self,
        intake: Intake,
        plan: Plan,
        *,
        concurrency: int,
        writer: ResultWriter | None,
        connect: Connect,
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
        super().__init__(plan, connect=connect, writer=writer, watch=watch)
        self._source = intake.source
        self._skip_invalid = intake.skip_invalid
        self._budget = intake.budget()
        # Read and checked once more: the plan kept no order.
        self._checked = intake.checked()
        self._concurrency = concurrency
        self._journal = journal
        # Row of each order that was given out and has no outcome yet.
        self._given_out: dict[int, int] = {}

    def begin(self, client: AsyncClient) -> BulkRun:
        """Return the engine's run over the file."""
        return client.bulk.submit(self._requests(), journal=self._journal, concurrency=self._concurrency)

    def row_of(self, outcome: OrderOutcome) -> ResultRow:
        """Put an outcome into a row of the results."""
        return ResultRow.of(outcome, row=self._given_out.pop(outcome.index))

    def run(self) -> RunReport:
        """Send the orders and return what happened."""
        report = super().run()
        following = next(self._checked, None)
        if following and not report.next_row:
            report.next_row = following.row
        # What was given out and has no outcome was waiting when the run stopped: it comes first.
        report.next_row = min([*self._given_out.values(), *filter(None, [report.next_row])], default=None)
        return report

    def _requests(self) -> Iterator[OrderRequest]:
        """The orders to send: nothing is sent that was not checked."""
        index = 0
        for found in self._checked:
            try:
                self._source.raise_if_changed()
            except OrderFileChangedError as error:
                self._end(found.row, error.message)
                return
            if found.checked is None:
                if self._skip_invalid:
                    continue
                fault = next(iter(map(str, found.faults)), f"{self._source.name}, row {found.row}")
                self._end(found.row, f"this was sound when the file was checked: {fault}")
                return
            # What the journal has settled is not sent, so it costs nothing.
            if found.settled is None and (limit := self._limit(found.checked.order)):
                self._end(found.row, limit)
                return
            self._given_out[index] = found.row
            yield found.checked.request
            index += 1

    def _limit(self, order: Order) -> str | None:
        """The limit that an order would pass: one that was set, or the plan that money was allowed for."""
        if self._budget.orders >= self._plan.to_send:
            return "the journal changed meanwhile: more orders are to be sent than the plan showed"
        return self._budget.take(self._budget.prices.estimate(order))

    def _end(self, row: int, reason: str) -> None:
        """Give out no further order; those that were given out are still sent, which stopping the run would not do."""
        self._report.next_row = row
        self._report.stopped = reason
