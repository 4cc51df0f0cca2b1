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
from ...journal.journal import Journal
from ...models.progress import OrderProgress
from ...models.tracking import ProvisionKind, ProvisionState
from ..api import api_client, require_key
from ..exit_codes import ExitCode, plain_errors
from ..journal_reading import Location
from ..streams import complain, counted, emit, note, say, voice

__all__ = ["app"]

app: typer.Typer = typer.Typer(rich_markup_mode=None)

_EXAMPLES = """\b
Examples:
  cmr orders watch orders.csv.journal.db
  cmr orders watch orders.csv.journal.db --timeout 600 --json

Exit codes: 0 when everything is active, 1 when something failed or is not done when the time is over."""

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
    if not seen.is_good:
        raise typer.Exit(ExitCode.REJECTED)


@attrs.define
class _Seen:
    """Where every order stands, and what was said of it."""

    client: AsyncClient
    orders: dict[str, OrderProgress] = attrs.field(factory=dict)
    said: str = ""

    @property
    def is_good(self) -> bool:
        return all(each.state is ProvisionState.ACTIVE for each in self.orders.values())

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
    line = (progress.state.value, progress.order_id, f"{', '.join(names[:_SHOWN])}{rest}", what)
    say("\t".join(map(printable, line)).rstrip("\t"))


def _plain(progress: OrderProgress) -> dict[str, object]:
    def counts(kind: ProvisionKind) -> dict[str, int]:
        states = {state: progress.count(kind, state) for state in (ProvisionState.ACTIVE, ProvisionState.FAILED)}
        return {"total": progress.count(kind), **{state.value: count for state, count in states.items()}}

    return {
        "order_id": progress.order_id,
        "user_id": progress.token.user_id,
        "state": progress.state.value,
        "status": progress.status,
        "domains": counts(ProvisionKind.DOMAIN),
        "mailboxes": counts(ProvisionKind.MAILBOX),
        "failures": [{"kind": each.kind.value, "name": each.name, "reason": each.reason} for each in progress.failures],
        "waiting": [each.name for each in progress.waiting],
    }
