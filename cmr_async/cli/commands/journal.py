"""`cmr journal`: show the journal of a run, or write it to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...errors import ConfigurationError
from ...journal.records import Step, StepState
from ...report.rows import ResultFormat, write_entries
from ..display import counted, printable, say
from ..exit_codes import plain_errors
from ..journal_reading import Location, opened_journal
from ..report_page import check_page, read_page, unwritable, write_page

__all__ = ["app"]

app: typer.Typer = typer.Typer(rich_markup_mode=None)

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the --output file if it exists.")]


@app.command()
def show(
    journal: Location,
    state: Annotated[
        str | None, typer.Option("--state", help="Only orders in this state: unknown, accepted, rejected, ...")
    ] = None,
    step: Annotated[
        str | None,
        typer.Option("--step", help="Only this step: create (orders and drafts) or process (drafts that are paid)."),
    ] = None,
) -> None:
    """List the orders of JOURNAL and count them by state.

    A draft that is processed has a second line for that step, with a state of its own.
    """
    with plain_errors():
        if state is not None and state not in set(StepState):
            raise ConfigurationError(f"{state!r} is no state; the states are {', '.join(StepState)}.")
        if step is not None and step not in set(Step):
            raise ConfigurationError(f"{step!r} is no step; the steps are {', '.join(Step)}.")
        steps = list(Step) if step is None else [Step(step)]
        with opened_journal(journal) as opened:
            for kind in steps:
                counts = opened.counts(kind)
                if any(counts.values()):
                    say(f"{kind}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items() if count))
            for entry in opened.entries(*steps, state=None if state is None else StepState(state)):
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


@app.command()
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
                with output.open("w" if overwrite else "x", encoding="utf-8", newline="") as file:
                    count = write_entries(opened.entries(*Step), file, file_format=file_format)
            except OSError as error:
                raise unwritable(output, error) from None
        _done(count, output)


@app.command()
def report(
    journal: Location,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .html file to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Write JOURNAL as one HTML page.

    It shows totals, accepted orders over time, and a table with the unknown orders first.
    """
    with plain_errors():
        check_page(output)
        page = read_page(journal)
        write_page(output, page, overwrite=overwrite)
        _done(page.steps, output)


def _done(steps: int, output: Path) -> None:
    say(f"{counted(steps, 'step')} written to {printable(str(output))}.")
