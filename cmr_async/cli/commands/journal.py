"""`cmr journal`: show the journal of a run, write it to a file, or take it over."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from ...core.printable import printable
from ...journal.journal import Journal
from ...journal.states import Step, StepState
from ...preflight.prices import read_prices
from ...report.output import OutputFile, unwritable
from ...report.rows import ResultFormat, write_entries
from ..exit_codes import ExitCode, plain_errors
from ..journal_reading import Location, opened_journal
from ..ordering.spending import Prices
from ..output.report_page import check_page, read_page, write_page
from ..streams import complain, counted, emit, note, say, voice

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_SHOW = """\b
Examples:
  cmr journal show orders.csv.journal.db --state unknown
  cmr journal show orders.csv.journal.db | cut -f4"""

_EXPORT = """\b
Examples:
  cmr journal export orders.csv.journal.db --output run.csv
  cmr journal export orders.csv.journal.db --output run.jsonl"""

_REPORT = """\b
Example:
  cmr journal report orders.csv.journal.db --output run.html"""

_ADOPT = """\b
Example:
  cmr journal adopt backup/orders.csv.journal.db"""

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the --output file if it exists.")]


@app.command(epilog=_SHOW)
def show(
    journal: Location,
    state: Annotated[StepState | None, typer.Option("--state", help="Only orders in this state.")] = None,
    step: Annotated[
        Step | None,
        typer.Option("--step", help="Only this step: create (orders and drafts) or process (drafts that are paid)."),
    ] = None,
) -> None:
    """List the orders of JOURNAL and count them by state.

    A draft that is processed has a second line for that step, with a state of its own.
    """
    with plain_errors():
        steps = list(Step) if step is None else [step]
        with opened_journal(journal) as opened:
            for kind in steps:
                counts = opened.counts(kind)
                if voice.json:
                    emit("counts", {"step": kind, "states": counts})
                elif any(counts.values()):
                    note(f"{kind}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items() if count))
            for entry in opened.entries(*steps, state=state):
                if voice.json:
                    emit("step", entry.plain())
                    continue
                verdict = f" ({entry.verdict})" if entry.verdict else ""
                cells = (
                    f"{entry.state}{verdict}",
                    entry.step,
                    entry.key,
                    entry.order_id or "-",
                    entry.user_id,
                    " ".join(entry.domains),
                    entry.message,
                )
                say("\t".join(map(printable, cells)))


@app.command(epilog=_EXPORT)
def export(
    journal: Location,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .csv or .jsonl file.")],
    overwrite: Overwrite = False,
) -> None:
    """Write every step of JOURNAL to a CSV or JSON Lines file."""
    with plain_errors():
        file_format = ResultFormat.of(output)
        with opened_journal(journal) as opened:
            try:
                with OutputFile(output, overwrite=overwrite) as file:
                    count = write_entries(opened.entries(*Step), file, file_format=file_format)
            except OSError as error:
                raise unwritable(output, error) from None
        _done(count, output)


@app.command(epilog=_REPORT)
def report(
    journal: Location,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .html file to write.")],
    overwrite: Overwrite = False,
    prices: Prices = None,
) -> None:
    """Write JOURNAL as one HTML page.

    It shows totals, what was ordered in dollars by estimate, accepted orders over time, and a table with the unknown
    orders first.
    """
    with plain_errors():
        check_page(output)
        page = read_page(journal, prices=read_prices(prices) if prices else None)
        write_page(output, page, overwrite=overwrite)
        _done(page.steps, output)


@app.command(epilog=_ADOPT)
def adopt(
    journal: Location,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before taking it over.")] = False,
) -> None:
    """Take over JOURNAL, a copy, a backup, or one of another account.

    A journal is refused in these cases, because orders may have been placed that are not in it. This shows what it
    says, and asks. With CMR_API_KEY set, the journal belongs to that account afterwards.
    """
    from ..api import own_account  # noqa: PLC0415 - the client is slow to import, and looking needs none

    with plain_errors(), asyncio.Runner() as runner:
        opened, account = Journal(journal, create=False, look=True), own_account()
        runner.run(opened.start())
        try:
            doubts = runner.run(opened.doubts(account))
            if not doubts:
                note(printable(f"{opened.name} is in order: there is nothing to take over."))
                return
            for doubt in doubts:
                complain(printable(doubt))
            for step in Step:
                counts = runner.run(opened.counts(step=step))
                shown = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "none"
                complain(f"  {step}: {shown}")
            complain(
                "What was sent after a copy or a backup was made, or with another journal, is not in it, and the next\n"
                "run would send it again. Compare it with the Partner Dashboard first."
            )
            if not yes and not (sys.stdin.isatty() and typer.confirm("Take it over as it is?", err=True)):
                complain("cmr: it was not taken over. Where nobody can be asked, add --yes.")
                raise typer.Exit(ExitCode.USAGE)
            runner.run(opened.adopt(account))
            note(printable(f"{opened.name} is taken over. No order in it became one that is sent again."))
        finally:
            runner.run(opened.close())


def _done(steps: int, output: Path) -> None:
    note(f"{counted(steps, 'step')} written to {printable(str(output))}.")
