"""`cmr journal`: show the journal of a run, write it to a file, or take it over."""

from __future__ import annotations

import asyncio
import sys
from os import environ
from pathlib import Path
from typing import Annotated

import typer

from ...core.account import Account, ApiKey
from ...core.endpoints import DEFAULT_BASE_URL
from ...core.printable import printable
from ...errors import ConfigurationError
from ...journal.journal import Journal
from ...journal.states import Step, StepState
from ...preflight.prices import read_prices
from ...report.output import OutputFile, unwritable
from ...report.rows import ResultFormat, write_entries
from ...settings import check_base_url
from ..display import complain, counted, say
from ..exit_codes import ExitCode, plain_errors
from ..journal_reading import Location, opened_journal
from ..report_page import check_page, read_page, write_page
from ..spending import Prices

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
                with OutputFile(output, overwrite=overwrite) as file:
                    count = write_entries(opened.entries(*Step), file, file_format=file_format)
            except OSError as error:
                raise unwritable(output, error) from None
        _done(count, output)


@app.command()
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


@app.command()
def adopt(
    journal: Location,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before taking it over.")] = False,
) -> None:
    """Take over JOURNAL, a copy, a backup, or one of another account.

    A journal is refused in these cases, because orders may have been placed that are not in it. This shows what it
    says, and asks. With CMR_API_KEY set, the journal belongs to that account afterwards.
    """
    with plain_errors(), asyncio.Runner() as runner:
        opened, account = Journal(journal, create=False, look=True), _account()
        runner.run(opened.start())
        try:
            doubts = runner.run(opened.doubts(account))
            if not doubts:
                say(printable(f"{opened.name} is in order: there is nothing to take over."))
                return
            for doubt in doubts:
                say(printable(doubt))
            for step in Step:
                counts = runner.run(opened.counts(step=step))
                shown = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "none"
                say(f"  {step}: {shown}")
            say(
                "What was sent after a copy or a backup was made, or with another journal, is not in it, and the next\n"
                "run would send it again. Compare it with the Partner Dashboard first."
            )
            if not yes and not (sys.stdin.isatty() and typer.confirm("Take it over as it is?")):
                complain("cmr: it was not taken over. Where nobody can be asked, add --yes.")
                raise typer.Exit(ExitCode.USAGE)
            runner.run(opened.adopt(account))
            say(printable(f"{opened.name} is taken over. No order in it became one that is sent again."))
        finally:
            runner.run(opened.close())


def _account() -> Account | None:
    key = environ.get("CMR_API_KEY")
    if not key:
        return None
    base = check_base_url(environ.get("CMR_BASE_URL") or DEFAULT_BASE_URL, allow_plain_http=True)
    return Account.of(str(base), ApiKey(key).text)


def _done(steps: int, output: Path) -> None:
    say(f"{counted(steps, 'step')} written to {printable(str(output))}.")
