"""`cmr orders reconcile` and `resubmit`: find out about unknown orders, and plan again what bought nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ...client import AsyncClient
from ...errors import ConfigurationError
from ...journal.journal import Journal
from ...journal.records import Step, Verdict
from ..display import printable, say
from ..exit_codes import ExitCode, plain_errors
from ..journal_reading import Location

__all__ = ["app"]

app: typer.Typer = typer.Typer(rich_markup_mode=None)


@app.command()
def reconcile(
    journal: Location,
    events: Annotated[
        Path | None, typer.Option("--events", help="Webhook events as CMR delivered them, one JSON object a line.")
    ] = None,
    settle: Annotated[
        float,
        typer.Option(
            "--settle", min=0, help="Seconds that must have passed since an order was sent before it is called absent."
        ),
    ] = 900.0,
) -> None:
    """Find out what became of the unknown orders of JOURNAL.

    This only reads from the API; nothing is sent again. Each verdict is written to the journal: placed, absent,
    or conflict.
    """
    with plain_errors():
        undecided = asyncio.run(_reconcile(journal, _events(events), settle))
    if undecided:
        raise typer.Exit(ExitCode.UNKNOWN)


async def _reconcile(location: str, events: list[dict[str, Any]], settle: float) -> int:
    absent = undecided = 0
    async with AsyncClient() as cmr, Journal(location, create=False) as journal:
        async for finding in cmr.bulk.reconcile(journal, settle=settle, events=events):
            verdict = finding.verdict.value if finding.verdict else "undecided"
            row = (verdict, finding.entry.step.value, finding.entry.key, finding.evidence)
            say("\t".join(map(printable, row)))
            absent += finding.verdict is Verdict.ABSENT
            undecided += finding.verdict in {None, Verdict.CONFLICT}
    if absent:
        say(f"{absent} absent: `cmr orders resubmit {printable(location)} --reference KEY` plans one of them again")
        say("(with --step process, where the second column says process).")
    if undecided:
        say(f"{undecided} undecided: look again later, or in the Partner Dashboard. Do not send them again.")
    if not absent and not undecided:
        say("No order is in doubt.")
    return undecided


@app.command()
def resubmit(
    journal: Location,
    reference: Annotated[
        list[str],
        typer.Option("--reference", help="Key of an order that was rejected, or has the verdict absent; repeatable."),
    ],
    step: Annotated[
        str, typer.Option("--step", help="create: the order or draft; process: the processing of a draft.")
    ] = "create",
) -> None:
    """Plan named orders again that certainly bought nothing.

    This sends nothing itself: the next run on JOURNAL does. Repeat the same `cmr orders submit ... --journal` or
    `cmr orders process` command.
    """
    with plain_errors():
        if step not in set(Step):
            raise ConfigurationError(f"{step!r} is no step; the steps are {', '.join(Step)}.")
        asyncio.run(_resubmit(journal, reference, Step(step)))


async def _resubmit(location: str, references: list[str], step: Step) -> None:
    async with Journal(location, create=False) as journal:
        for reference in references:
            entry = await journal.resubmit(reference, step=step)
            say(printable(f"{entry.key} is planned again; the next run on this journal sends it."))


def _events(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    events = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                event = json.loads(line)
                if not isinstance(event, dict):
                    raise ConfigurationError(f"{path}, line {number}: an event is a JSON object.")
                events.append(event)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigurationError(f"{path} is no JSON Lines file in UTF-8: {error}") from None
    return events
