"""`cmr orders watch`: wait for the domains and mailboxes of a journal's orders, and show how far they are."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Annotated

import attrs
import typer

from ...client import AsyncClient
from ...core.printable import printable
from ...errors import ConfigurationError
from ...journal.journal import Journal, JournalEntry, Step, StepState, Verdict
from ...models.progress import OrderProgress
from ...models.tracking import ProvisionKind, ProvisionState
from ..api import api_client, require_key
from ..exit_codes import ExitCode, plain_errors
from ..journal_reading import Location
from ..streams import complain, counted, emit, note, say, voice

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_EXAMPLES = """\b
Examples:
  cmr orders watch orders.csv.journal.db
  cmr orders watch orders.csv.journal.db --timeout 600 --json

Exit codes: 0 when every paid order is active; 1 when something failed, is not done when the time is over, or is not
sent yet; 3 when an order may have been placed and cannot be waited for."""

#: Seconds until the first note about how far it is, when the journal's orders are known, and between two of them.
_FIRST, _EVERY = 0.5, 5.0
#: Names that one line shows.
_SHOWN = 3


@app.command(epilog=_EXAMPLES)
def watch(
    journal: Location,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=0.001, help="Seconds to wait; without it, until every order is settled."),
    ] = None,
) -> None:
    """Wait for the domains and mailboxes of the paid orders of JOURNAL.

    This only reads from the API, every few seconds, and writes what it sees into the journal: another process, or the
    same command later, goes on from there. What a webhook receiver writes into the journal counts at once.
    """
    with plain_errors(otherwise=ExitCode.REJECTED, usage=(ConfigurationError,)):
        require_key()
        seen = asyncio.run(_watch(journal, timeout))
    if seen.exit_code is not ExitCode.ACCEPTED:
        raise typer.Exit(seen.exit_code)


@attrs.frozen(kw_only=True)
class _Unwatched:
    """How many paid orders of the journal nobody waits for."""

    #: They may have been placed.
    in_doubt: int = 0
    #: They were placed, by the evidence, but nothing told their ids.
    without_id: int = 0
    #: They were not sent yet, or are being sent.
    unsent: int = 0

    @classmethod
    async def of(cls, journal: Journal) -> _Unwatched:
        counts: Counter[str] = Counter()
        for state in (StepState.UNKNOWN, StepState.PLANNED, StepState.NOT_SENT, StepState.SENT):
            for step in Step:
                async for entry in journal.entries(state=state, step=step):
                    counts[_why_unwatched(entry)] += 1
        counts.pop("", None)
        return cls(**counts)

    def say(self, journal: str) -> None:
        """Say of each kind what to do."""
        if self.in_doubt:
            orders = counted(self.in_doubt, "paid order")
            complain(
                f"Not watched: {orders} in doubt, which may have been placed. Do not send them again; "
                f"`cmr orders reconcile {journal}` looks for them."
            )
        if self.without_id:
            orders = counted(self.without_id, "paid order")
            complain(
                f"Not watched: {orders} that the evidence shows as placed, but whose ids are not known. Look for their "
                f"domains in the dashboard; `cmr journal show {journal}` names them."
            )
        if self.unsent:
            orders = counted(self.unsent, "paid order")
            complain(f"Not watched: {orders} not sent yet. Run the command that sends them, unless it still runs.")


def _why_unwatched(entry: JournalEntry) -> str:
    """Return the field of `_Unwatched` that counts an entry, empty for one that took no money."""
    if not (entry.confirm or entry.step is Step.PROCESS):
        return ""
    if entry.state is not StepState.UNKNOWN:
        return "unsent"
    match entry.verdict:
        case Verdict.ABSENT:
            return ""
        case Verdict.PLACED:
            return "" if entry.order_id else "without_id"
        case _:
            return "in_doubt"


@attrs.define
class _Seen:
    """Where every order stands, and what was said of it."""

    client: AsyncClient
    orders: dict[str, OrderProgress] = attrs.field(factory=dict)
    unwatched: _Unwatched = attrs.field(factory=_Unwatched)
    said: str = ""

    @property
    def exit_code(self) -> ExitCode:
        if self.unwatched.in_doubt or self.unwatched.without_id:
            return ExitCode.UNKNOWN
        is_good = all(each.state is ProvisionState.ACTIVE for each in self.orders.values())
        return ExitCode.ACCEPTED if is_good and not self.unwatched.unsent else ExitCode.REJECTED

    def take(self, progress: OrderProgress) -> None:
        """Note how far an order is, and show it once it is settled."""
        self.orders[progress.order_id] = progress
        if progress.is_settled:
            _show(progress)

    async def say_again(self) -> None:
        """Say how far all orders are every few seconds, for ever."""
        await asyncio.sleep(_FIRST)
        while True:
            self.say()
            await asyncio.sleep(_EVERY)

    def say(self) -> None:
        """Say how far all orders are and what holds that up, unless there are none or that was said before."""
        states = Counter(each.state for each in self.orders.values())
        mailboxes = sum(each.count(ProvisionKind.MAILBOX) for each in self.orders.values())
        active = sum(each.count(ProvisionKind.MAILBOX, ProvisionState.ACTIVE) for each in self.orders.values())
        words = f"{states[ProvisionState.ACTIVE]:,} of {counted(len(self.orders), 'order')} active"
        if mailboxes:
            words += f", {active:,} of {counted(mailboxes, 'mailbox', 'mailboxes')}"
        if states[ProvisionState.FAILED]:
            words += f"; {states[ProvisionState.FAILED]:,} failed"
        if (stall := self.client.stall) is not None:
            words += f"; {stall.message}"
        if self.orders and words != self.said:
            note(words)
            self.said = words


async def _watch(location: str, timeout: float | None) -> _Seen:
    async with api_client() as client, Journal(location, create=False) as journal:
        seen = _Seen(client)
        saying = asyncio.create_task(seen.say_again())
        try:
            async for progress in client.bulk.track(journal, changes=True, timeout=timeout):
                seen.take(progress)
        finally:
            saying.cancel()
        seen.unwatched = await _Unwatched.of(journal)
    seen.say()
    if not seen.orders:
        note("The journal has no paid order that was accepted: there is nothing to wait for.")
    late = [each for each in seen.orders.values() if not each.is_settled]
    for progress in late:
        _show(progress)
    if late:
        complain(
            f"{counted(len(late), 'order')} not done when the time was over. They go on: run the same command again, "
            "and do not send them again."
        )
    seen.unwatched.say(printable(journal.name))
    if voice.json:
        states = Counter(each.state.value for each in seen.orders.values())
        counts = {state.value: states[state.value] for state in ProvisionState}
        emit("progress_summary", counts | attrs.asdict(seen.unwatched) | {"exit_code": int(seen.exit_code)})
    return seen


def _show(progress: OrderProgress) -> None:
    if voice.json:
        emit("progress", _plain(progress))
        return
    names = [each.name for each in progress.provisions if each.kind is ProvisionKind.DOMAIN]
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    what = "; ".join(
        [f"{each.name}: {each.reason or 'failed'}" for each in progress.failures]
        or [f"{each.name} is not done" for each in progress.waiting]
    )
    reference = progress.token.reference or "-"
    line = (progress.state.value, progress.order_id, reference, f"{', '.join(names[:_SHOWN])}{rest}", what)
    say("\t".join(map(printable, line)).rstrip("\t"))


def _plain(progress: OrderProgress) -> dict[str, object]:
    def counts(kind: ProvisionKind) -> dict[str, int]:
        states = {state: progress.count(kind, state) for state in (ProvisionState.ACTIVE, ProvisionState.FAILED)}
        return {"total": progress.count(kind), **{state.value: count for state, count in states.items()}}

    return {
        "order_id": progress.order_id,
        "reference": progress.token.reference or "",
        "user_id": progress.token.user_id,
        "state": progress.state.value,
        "status": progress.status,
        "domains": counts(ProvisionKind.DOMAIN),
        "mailboxes": counts(ProvisionKind.MAILBOX),
        "failures": [{"kind": each.kind.value, "name": each.name, "reason": each.reason} for each in progress.failures],
        "waiting": [each.name for each in progress.waiting],
    }
