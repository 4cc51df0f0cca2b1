"""`cmr orders reconcile`: find out what became of unknown orders, at once or when their time to settle is over."""

from __future__ import annotations

import asyncio
import shlex
import sys
from asyncio import sleep
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import attrs
import orjson
import typer

from ...bulk.evidence import Finding, is_draft
from ...bulk.reconcile import CHANGED, DEFAULT_SETTLE
from ...client import AsyncClient
from ...core.printable import printable
from ...errors import ConfigurationError
from ...journal.journal import Journal
from ...journal.records import JournalEntry
from ...journal.states import Step
from ...models.requests import Verdict
from ..api import api_client
from ..exit_codes import ExitCode, plain_errors
from ..journal_reading import Location
from ..streams import complain, counted, emit, note, program, say, voice

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_EXAMPLES = """\b
Examples:
  cmr orders reconcile orders.csv.journal.db --wait
  cmr orders reconcile orders.csv.journal.db --events hooks.jsonl"""

#: Seconds between two looks at the clock while orders settle; a computer that was suspended goes on soon.
_TICK = 30.0
#: Bytes of one event in a file; deliveries have a few hundred.
_LONGEST_EVENT = 1 << 20
#: Said before absent orders are planned again.
_PENDING = (
    "First look for absent orders in the Partner Dashboard: one that is still Pending there, such as for a wallet that "
    "was too low, leaves no trace that can be looked up, and is bought twice if it is sent again."
)


@app.command(epilog=_EXAMPLES)
def reconcile(
    journal: Location,
    events: Annotated[
        Path | None, typer.Option("--events", help="Webhook events as CMR delivered them, one JSON object a line.")
    ] = None,
    settle: Annotated[
        float,
        typer.Option(
            "--settle",
            min=0,
            help="Seconds that must have passed since an order was sent before it is called absent. With fewer than "
            f"{DEFAULT_SETTLE:.0f}, an order that the API is still working on is called absent, and is bought twice if "
            "it is sent again.",
        ),
    ] = DEFAULT_SETTLE,
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay until these seconds are over for every order, then look again.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask when --settle is below its default.")] = False,
) -> None:
    """Find out what became of the unknown orders of JOURNAL.

    This only reads from the API; nothing is sent again. Each verdict is written to the journal: placed, absent,
    or conflict.
    """
    with plain_errors():
        if settle < DEFAULT_SETTLE:
            _warn(settle, asks=not yes)
        in_doubt = asyncio.run(_Reconciliation(events=_events(events), settle=settle, wait=wait).run(journal))
    if in_doubt:
        raise typer.Exit(ExitCode.UNKNOWN)


def _warn(settle: float, *, asks: bool) -> None:
    """Say what a short time to settle may cost, and exit unless the user takes the risk."""
    complain(
        f"warning: --settle {settle:g} is less than {DEFAULT_SETTLE:.0f} seconds: an order that the API is still "
        "working on is called absent, and is bought twice if it is sent again."
    )
    if not asks:
        return
    if not sys.stdin.isatty():
        complain("cmr: nobody can be asked here whether that is meant: add --yes. Nothing was looked up.")
        raise typer.Exit(ExitCode.USAGE)
    if not typer.confirm("Call orders absent that early?", err=True):
        complain("Nothing was looked up.")
        raise typer.Exit(ExitCode.REJECTED)


@attrs.define(kw_only=True)
class _Reconciliation:
    """One call of the command, and what it has found so far."""

    events: list[dict[str, Any]]
    settle: float
    wait: bool
    #: Absent orders by their step, which is an option of `resubmit`.
    absent: Counter[Step] = attrs.field(factory=Counter)
    #: Orders that stay in doubt; drafts are counted apart.
    undecided: int = 0
    drafts: int = 0
    #: When the time to settle of the last order is over; `None`: for none it goes on.
    settles_at: float | None = None

    async def run(self, location: str) -> int:
        """Show every finding, and what to do next; return how many orders are still in doubt."""
        async with api_client() as client, Journal(location, create=False) as journal:
            settling = await self._look(client, journal, None)
            while settling:
                await _until_settled(journal, settling)
                settling = await self._look(client, journal, settling)
            self._say_what_next(shlex.quote(journal.name))
        return self.undecided + self.drafts

    async def _look(self, client: AsyncClient, journal: Journal, waited_for: list[Finding] | None) -> list[Finding]:
        """Look at every unknown order, or at those that were waited for; return those that still have to settle."""
        keys = None if waited_for is None else [finding.entry.key for finding in waited_for]
        settling, seen = [], set()
        async for finding in client.bulk.reconcile(journal, references=keys, settle=self.settle, events=self.events):
            seen.add((finding.entry.key, finding.entry.step))
            if self.wait and finding.settles_at is not None:
                settling.append(finding)
            else:
                self._show(finding)
        for finding in waited_for or ():
            if (finding.entry.key, finding.entry.step) not in seen:
                _print("changed", finding.entry, CHANGED, None)
        return settling

    def _show(self, finding: Finding) -> None:
        verdict = finding.verdict.value if finding.verdict else "undecided"
        _print(verdict, finding.entry, finding.evidence, finding.settles_at)
        if finding.settles_at is not None:
            self.settles_at = max(finding.settles_at, self.settles_at or 0.0)
        if finding.verdict is Verdict.ABSENT:
            self.absent[finding.entry.step] += 1
        elif finding.verdict is None and is_draft(finding.entry):
            self.drafts += 1
        elif finding.verdict is not Verdict.PLACED:
            self.undecided += 1

    def _say_what_next(self, journal: str) -> None:
        if self.absent:
            note(_PENDING)
        resubmit = f"{program()} orders resubmit {printable(journal)}"
        for step, count in self.absent.items():
            option = "" if step is Step.CREATE else f" --step {step.value}"
            note(f"{count:,} absent: `{resubmit} --all-absent{option}` plans them again, --reference KEY one of them.")
        if self.drafts:
            note(
                f"{counted(self.drafts, 'draft')} in doubt: no look-up shows drafts. A second draft costs nothing: "
                f"`{resubmit} --all-drafts` plans them again."
            )
        if self.settles_at is not None:
            command = f"`{program()} orders reconcile {printable(journal)} --wait`"
            note(f"Some have to settle until {_time(self.settles_at)}: {command} stays until then.")
        if self.undecided:
            complain(
                f"{self.undecided:,} undecided: look again later, or in the Partner Dashboard. Do not send them again."
            )
        if not (self.absent or self.drafts or self.undecided):
            note("No order is in doubt.")


async def _until_settled(journal: Journal, settling: list[Finding]) -> None:
    until = max(finding.settles_at or 0.0 for finding in settling)
    orders = counted(len(settling), "order settles", "orders settle")
    complain(f"{orders} until {_time(until)}. Ctrl-C loses nothing: run the same command again later.")
    left = until - await journal.now()
    while left > 0:
        await sleep(min(left, _TICK))
        left = until - await journal.now()


def _print(verdict: str, entry: JournalEntry, evidence: str, settles_at: float | None) -> None:
    if voice.json:
        values = {"verdict": verdict, "step": entry.step.value, "key": entry.key, "order_id": entry.order_id}
        emit("finding", {**values, "evidence": evidence, "settles_at": settles_at})
        return
    say("\t".join(map(printable, (verdict, entry.step.value, entry.key, evidence))))


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%H:%M:%S")


def _events(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    events: list[dict[str, Any]] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(partial(file.readline, _LONGEST_EVENT + 1), b""), 1):
                events += _event(line, f"{printable(str(path))}, line {number}")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    return events


def _event(line: bytes, where: str) -> list[dict[str, Any]]:
    """Return the event of a line; none for a blank one."""
    if len(line) > _LONGEST_EVENT:
        raise ConfigurationError(f"{where}: an event has at most {_LONGEST_EVENT:,} bytes.")
    if not line.strip():
        return []
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ConfigurationError(f"{where}: is no JSON in UTF-8: {error}.") from None
    if not isinstance(event, dict):
        raise ConfigurationError(f"{where}: an event is a JSON object.")
    return [event]
