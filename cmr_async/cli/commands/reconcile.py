"""`cmr journal` and `cmr orders reconcile`, `resubmit`: look into a journal, and find out about unknown orders."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ...errors import ConfigurationError
from ..exit_codes import ExitCode, plain_errors

__all__ = ["app", "reconcile", "resubmit"]

app: typer.Typer = typer.Typer(help="Look into the journal of a run.", no_args_is_help=True, rich_markup_mode=None)

Location = Annotated[
    str, typer.Argument(metavar="JOURNAL", help="A journal: a path (SQLite) or a URL (postgresql://...).")
]


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
    """Show the orders of JOURNAL, one a line, and how many there are in each state.

    A draft that is processed has a second line for that step, which has a state of its own.
    """
    with plain_errors():
        asyncio.run(_show(journal, state, step))


async def _show(location: str, state: str | None, step_name: str | None) -> None:
    from ...journal.journal import Journal, Step, StepState  # noqa: PLC0415 - fast help, and an extra
    from ..display import printable, say  # noqa: PLC0415

    if state is not None and state not in set(StepState):
        raise ConfigurationError(f"{state!r} is no state; the states are {', '.join(StepState)}.")
    if step_name is not None and step_name not in set(Step):
        raise ConfigurationError(f"{step_name!r} is no step; the steps are {', '.join(Step)}.")
    wanted = None if state is None else StepState(state)
    steps = list(Step) if step_name is None else [Step(step_name)]
    async with Journal(location, create=False) as journal:
        for step in steps:
            counts = await journal.counts(step=step)
            if any(counts.values()):
                found = ", ".join(f"{count:,} {name.value}" for name, count in counts.items() if count)
                say(f"{step.value}: {found}")
        for step in steps:
            async for entry in journal.entries(state=wanted, step=step):
                verdict = f" ({entry.verdict.value})" if entry.verdict else ""
                row = (
                    f"{entry.state.value}{verdict}",
                    step.value,
                    entry.key,
                    entry.order_id or "-",
                    entry.user_id,
                    " ".join(entry.domains),
                    entry.message,
                )
                say("\t".join(map(printable, row)))


def reconcile(
    journal: Location,
    events: Annotated[
        Path | None, typer.Option("--events", help="Webhook events as CMR delivered them, one JSON object a line.")
    ] = None,
    settle: Annotated[
        float, typer.Option("--settle", min=0, help="Seconds after its send before an order can be called absent.")
    ] = 900.0,
) -> None:
    """Look for what became of the unknown orders of JOURNAL. It only reads from the API; nothing is sent again.

    Each verdict is written into the journal: placed, absent, or conflict.
    """
    with plain_errors():
        undecided = asyncio.run(_reconcile(journal, _events(events), settle))
    if undecided:
        raise typer.Exit(ExitCode.UNKNOWN)


async def _reconcile(location: str, events: list[dict[str, Any]], settle: float) -> int:
    from ...client import AsyncClient  # noqa: PLC0415
    from ...journal.journal import Journal, Verdict  # noqa: PLC0415 - fast help, and an extra
    from ..display import printable, say  # noqa: PLC0415

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


def resubmit(
    journal: Location,
    reference: Annotated[
        list[str], typer.Option("--reference", help="Key of an order with the verdict absent, or rejected; repeatable.")
    ],
    step: Annotated[
        str, typer.Option("--step", help="create: the order or draft; process: the processing of a draft.")
    ] = "create",
) -> None:
    """Plan orders again, by name, that certainly bought nothing; the next run on JOURNAL sends them.

    It sends nothing itself: run the same `cmr orders submit ... --journal` or `cmr orders process` command again.
    """
    with plain_errors():
        asyncio.run(_resubmit(journal, reference, step))


async def _resubmit(location: str, references: list[str], step: str) -> None:
    from ...journal.journal import Journal, Step  # noqa: PLC0415 - fast help, and an extra
    from ..display import printable, say  # noqa: PLC0415

    if step not in set(Step):
        raise ConfigurationError(f"{step!r} is no step; the steps are {', '.join(Step)}.")
    async with Journal(location, create=False) as journal:
        for reference in references:
            entry = await journal.resubmit(reference, step=Step(step))
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
