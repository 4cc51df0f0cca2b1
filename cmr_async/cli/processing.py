"""One run over the accepted drafts of a journal."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..bulk import BulkRun
from ..client import AsyncClient
from ..journal.identity import order_key
from ..models.requests import OrderOutcome
from ..preflight.plan import Plan
from ..report.rows import ResultRow, ResultWriter
from .run import Connect, Run

__all__ = ["Processing"]


class Processing(Run):
    """Processes drafts; only those that were shown, whatever else the journal holds by now."""

    def __init__(
        self,
        plan: Plan,
        *,
        journal: str,
        rows: Mapping[str, int],
        concurrency: int,
        writer: ResultWriter | None,
        connect: Connect,
    ) -> None:
        """Prepare a run.

        Args:
            plan: What was shown.
            journal: Where the drafts are.
            rows: The keys of the drafts, with the number of each among the accepted drafts of the journal.
            concurrency: Drafts under way at once.
            writer: Where results are written, if anywhere.
            connect: Returns the client.
        """
        super().__init__(plan, connect=connect, writer=writer)
        self._journal = journal
        self._rows = rows
        self._concurrency = concurrency

    def begin(self, client: AsyncClient) -> BulkRun:
        """Return the engine's run over the drafts."""
        return client.bulk.process(self._journal, references=self._rows, concurrency=self._concurrency)

    def row_of(self, outcome: OrderOutcome) -> ResultRow:
        """Put an outcome into a row of the results; whoever processes a draft pays for it."""
        row = ResultRow.of(outcome, row=self._rows[order_key(outcome.request)])
        return attrs.evolve(row, confirm=True)
