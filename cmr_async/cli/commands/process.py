"""`cmr orders process`: pay for the accepted drafts of a journal, by their order ids, each at most once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import attrs
import typer

from ...bulk import BulkRun
from ...client import AsyncClient
from ...core.endpoints import resolve
from ...core.printable import printable
from ...errors import ConfigurationError, ValidationError
from ...journal.identity import order_key
from ...journal.states import Step, StepState
from ...models.requests import OrderOutcome, OrderRequest, OrderState
from ...preflight.checked_file import uncertain_limit
from ...preflight.drafts import Drafts, plan_drafts
from ...preflight.plan import Plan
from ...preflight.prices import Budget
from ...report.rows import ResultRow, ResultWriter
from ...report.run_report import RunReport
from ..api import api_client, require_key
from ..exit_codes import EXIT_CODES, ExitCode, exit_code, plain_errors
from ..journal_choice import JOURNAL_VARIABLE
from ..journal_reading import opened_journal
from ..ordering.run import CommandRun, Connect
from ..ordering.spending import Concurrency, MaxOrders, MaxSpend, Output, Prices, Yes, ask, read_budget
from ..output.display import show_plan, show_results
from ..output.summary import show_summary
from ..streams import complain, counted, note

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_EXAMPLES = """\b
Examples:
  cmr orders process orders.csv.journal.db --dry-run
  cmr orders process orders.csv.journal.db --path /the/path --max-spend 500"""

_NO_PATH = (
    'the path of the API\'s "Process the Order" is not documented. When you know it, say --path /the/path or set '
    "CMR_PROCESS_PATH. Whether the Partner Dashboard can process drafts is not documented either. Nothing was sent."
)
#: Different texts of the API that are shown after a run.
_TEXTS_SHOWN = 3
#: Characters of each.
_SHOWN = 200


class Processing(CommandRun):
    """A run that processes drafts: those that were shown, whatever else the journal holds by now."""

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
        """Prepare a run; see `CommandRun`.

        `rows` are the keys of the drafts, with the number of each among the accepted drafts of the journal.
        """
        super().__init__(plan, connect=connect, writer=writer)
        self._journal = journal
        self._rows = rows
        self._concurrency = concurrency
        #: What the API said about processed drafts, each text with how often.
        self.said: Counter[str] = Counter()

    def begin(self, client: AsyncClient) -> BulkRun:
        """Return the engine's run over the drafts."""
        return client.bulk.process(self._journal, references=self._rows, concurrency=self._concurrency)

    def row_of(self, outcome: OrderOutcome) -> ResultRow:
        """Return the outcome's row of the results; processing a draft pays for it."""
        row = ResultRow.of(outcome, row=self._number(outcome.request))
        if outcome.state is OrderState.ACCEPTED and (row.message in self.said or len(self.said) < _TEXTS_SHOWN):
            self.said[row.message] += 1
        return attrs.evolve(row, confirm=True)

    def _number(self, request: OrderRequest) -> int:
        """Return which draft it was; 0 for one whose key is not made like that, in an old or a changed journal."""
        try:
            key = order_key(request)
        except ValidationError:
            key = ""
        return self._rows.get(key, self._rows.get(request.reference or "", 0))


@app.command(epilog=f"{_EXAMPLES}\n\n{EXIT_CODES}")
def process(  # noqa: PLR0917 - typer calls it by name
    journal: Annotated[
        str,
        typer.Argument(metavar="JOURNAL", envvar=JOURNAL_VARIABLE, help="The journal that the drafts were made with."),
    ],
    path: Annotated[
        str | None,
        typer.Option(
            "--path",
            envvar="CMR_PROCESS_PATH",
            help='Path of "Process the Order" below the base URL, such as /the/path or /orders/{orderId}/the/path: the '
            "API does not document it. What is not in the path goes where the SDK guesses: orderId into the body, "
            "userId into the query.",
        ),
    ] = None,
    reference: Annotated[
        list[str] | None, typer.Option("--reference", help="Only this draft, by its key in the journal; repeatable.")
    ] = None,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be paid; send nothing.")] = False,
    concurrency: Concurrency = 8,
    output: Output = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the --output file if it exists.")] = False,
    max_orders: MaxOrders = None,
    max_spend: MaxSpend = None,
    prices: Prices = None,
) -> None:
    """Process the accepted drafts of JOURNAL, which spends money.

    Each draft is processed at most once, and the journal records it. To go on after an interruption, run the same
    command again: drafts that were processed are skipped, unknown ones are shown and left alone.
    """
    with plain_errors(), ExitStack() as stack:
        _check(path, dry_run=dry_run)
        budget = read_budget(max_orders, max_spend, prices)
        with opened_journal(journal) as opened:
            name = opened.name
            drafts = plan_drafts(
                opened.entries(Step.CREATE, state=StepState.ACCEPTED),
                opened.entries(Step.PROCESS),
                journal=name,
                references=frozenset(reference or ()),
                budget=budget,
                on_fault=lambda fault: complain(printable(str(fault))),
                others=opened.entries(*Step),
            )
        _show(drafts, name, budget, result=dry_run)
        if dry_run:
            note("Dry run: nothing was sent.")
            return
        if not drafts.numbers:
            raise ConfigurationError(f"{name} holds no accepted draft. Nothing was sent.")
        if drafts.plan.affordable and not yes:
            ask(drafts.plan, can_answer=True, noun="draft", asked_by="processing")
        writer = stack.enter_context(ResultWriter(output, overwrite=overwrite)) if output else None
        raise typer.Exit(
            _send(
                drafts,
                journal,
                path or "",
                name=name,
                limit=budget.reached,
                concurrency=concurrency,
                writer=writer,
                output=output,
            )
        )


def _check(path: str | None, *, dry_run: bool) -> None:
    """Refuse what could not be sent anyway, before anything is read."""
    if path:
        resolve({"orders.process": path})
    elif not dry_run:
        raise ConfigurationError(_NO_PATH)
    if not dry_run:
        require_key(". Nothing was sent.")


def _show(drafts: Drafts, name: str, budget: Budget, *, result: bool) -> None:
    """Show what was found, as a result or as a note, and refuse what cannot be sent."""
    if drafts.plan.faults:
        raise ConfigurationError(
            f"{counted(drafts.plan.faults, 'fault')} in {printable(name)}; nothing was sent. Name the drafts that are "
            "right with --reference."
        )
    if uncertain := uncertain_limit(drafts.plan, budget.max_spend):
        raise ConfigurationError(f"{uncertain}. Nothing was sent.")
    show_plan(drafts.plan, file="", confirm=True, journal=printable(name), noun="draft", result=result)


def _send(
    drafts: Drafts,
    journal: str,
    path: str,
    *,
    name: str,
    limit: str,
    concurrency: int,
    writer: ResultWriter | None,
    output: Path | None,
) -> ExitCode:
    plan = drafts.plan
    processing = Processing(
        # Drafts that earlier runs have processed get no outcome in this one
        attrs.evolve(plan, orders=plan.orders - drafts.processed, settled={**plan.settled, "accepted": 0}),
        journal=journal,
        rows=drafts.to_give,
        concurrency=concurrency,
        writer=writer,
        connect=partial(api_client, endpoints={"orders.process": path}),
    )
    report = _with_processed(processing.run(), drafts, limit)
    if processing.has_table:
        show_results(report.rows)
    code = exit_code(report, planned=plan.orders)
    show_summary(
        report,
        plan,
        source=name,
        confirm=True,
        simulator=False,
        output=output,
        journal=printable(name),
        processed=True,
        code=code,
    )
    if processing.said:
        said = "; ".join(
            f"{count:,} x {printable(text)[:_SHOWN] or '(no message)'}" for text, count in processing.said.items()
        )
        note(f"How the API answers when it processes a draft is not documented. It said: {said}")
    return code


def _with_processed(report: RunReport, drafts: Drafts, limit: str) -> RunReport:
    """Add the drafts that earlier runs have processed, and say that a limit kept others back."""
    report.summary = attrs.evolve(report.summary, skipped=report.summary.skipped + drafts.processed)
    if report.stopped is None and drafts.plan.affordable < drafts.plan.to_send:
        report.stopped = limit
    return report
