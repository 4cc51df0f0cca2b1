"""What commands print: plans, results and complaints; a table on a terminal, plain lines in a pipe.

Results go to standard output; faults, cautions and progress to standard error. Text from files and answers is
escaped first, so that it cannot control the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TextIO

from ..core.printable import printable
from ..models.requests import OrderState
from ..orderfiles.located import InputFault
from ..preflight.plan import Plan
from ..report.rows import ResultRow

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "LARGEST_TABLE",
    "Cautions",
    "complain",
    "console",
    "counted",
    "is_terminal",
    "result_line",
    "say",
    "show_plan",
    "show_results",
]

#: With more orders than this, a terminal shows a line when an order ends instead of a table at the end.
LARGEST_TABLE = 200

_STYLES = {
    "accepted": "green",
    "rejected": "red",
    "unknown": "bold yellow",
    "not_sent": "cyan",
    "skipped": "dim",
}


def say(text: str) -> None:
    """Print a line to standard output."""
    _print(text, sys.stdout)


def complain(text: str) -> None:
    """Print a line about a problem to standard error."""
    _print(text, sys.stderr)


def _print(text: str, stream: TextIO) -> None:
    """Print a line; a reader that went away (`| head`) must not end a run of paid orders."""
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        # The interpreter flushes once more when it exits: that must not fail either
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def is_terminal() -> bool:
    """Return whether the output goes to a terminal."""
    return sys.stdout.isatty()


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 order`, `2 orders`, `1,000 mailboxes`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def console() -> Console:
    """Return a console of the terminal."""
    from rich.console import Console  # noqa: PLC0415 - slow to import, needed on a terminal only

    return Console(highlight=False)


class Faults:
    """Shows the faults of a file one by one, up to as many as somebody may read."""

    _SHOWN = 1_000

    def __init__(self) -> None:
        """Start without faults."""
        self._count = 0

    def add(self, fault: InputFault) -> None:
        """Print a fault."""
        self._count += 1
        if self._count <= self._SHOWN:
            complain(printable(str(fault)))

    def show_rest(self) -> None:
        """Say how many were not printed."""
        if self._count > self._SHOWN:
            complain(f"... and {counted(self._count - self._SHOWN, 'more fault')}")


class Cautions:
    """Collects cautions and shows them in groups, so that a thousand similar ones take a few lines."""

    _SHOWN = 3
    _GROUPS = 100

    def __init__(self) -> None:
        """Start without cautions."""
        self._groups: dict[str, list[InputFault]] = {}
        self._counts: dict[str, int] = {}

    def add(self, caution: InputFault) -> None:
        """Add a caution."""
        column = caution.column.rpartition(".")[2].partition("[")[0]
        words = (word for word in caution.message.split() if "." not in word.rstrip(".,;:") and not word.isdigit())
        kind = f"{column}: {' '.join(words)}"
        if kind not in self._groups and len(self._groups) >= self._GROUPS:
            kind = "others"
        group = self._groups.setdefault(kind, [])
        if len(group) < self._SHOWN:
            group.append(caution)
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def show(self) -> None:
        """Print the cautions."""
        for kind, group in self._groups.items():
            for caution in group:
                complain(f"caution: {printable(str(caution))}")
            more = self._counts[kind] - len(group)
            if more:
                complain(f"caution: ... and {more:,} more like it")


def show_plan(plan: Plan, *, file: str, confirm: bool, journal: str | None = None, noun: str = "order") -> None:
    """Print what a file would order, or what drafts would buy; `journal` is the name of the run's journal."""
    kind = "paid at once" if confirm else "drafts (cost nothing; processed later)"
    missing = "" if plan.cost_is_complete else ", without warmup, whose price is not published"
    rows = [
        ("file", printable(file)),
        (f"{noun}s", f"{plan.orders:,}, {kind}"),
        ("domains", f"{plan.domains:,} to register"),
        ("mailboxes", f"{plan.mailboxes:,}" + (f", {plan.warmups:,} with warmup" if plan.warmups else "")),
        ("users", f"{plan.users:,}"),
        ("years", _assumed_years(plan)),
        ("cost", f"about ${plan.cost:,.2f} when paid{missing} ({plan.prices.source})"),
    ]
    say("Plan")
    for name, value in rows:
        if value:
            say(f"  {name:<10} {value}")
    if plan.drafts:
        new = counted(plan.to_send - plan.drafts, f"new {noun}")
        say(f"  drafts     {counted(plan.drafts, 'draft')} will be paid, {new}")
    if plan.invalid:
        say(f"  left out   {counted(plan.invalid, 'order')} with faults (--skip-invalid)")
    if journal is not None:
        before = ", ".join(f"{count:,} {printable(_BEFORE.get(state, state))}" for state, count in plan.settled.items())
        known = f"; dealt with before: {before}" if before else ""
        say(f"  journal    {journal}: {counted(plan.to_send, noun)} to send{known}")
    if plan.affordable < plan.to_send:
        say(f"  limit      stops after {counted(plan.affordable, noun)}, about ${plan.affordable_cost:,.2f}")
    if plan.asking_confirm and not confirm:
        asking = counted(plan.asking_confirm, "order")
        say(f"  note       the file says confirm: true of {asking}; made as drafts: only --confirm pays")


def _assumed_years(plan: Plan) -> str:
    """Return what was assumed about the years of the domains; empty when the file gives them all."""
    if not plan.assumed_years:
        return ""
    return f"1 assumed for {counted(plan.assumed_years, 'domain')}: the file gives none, and the API's page requires it"


#: States of a journal that need more words.
_BEFORE = {
    "sent": "sent without an outcome yet",
    "placed": "found placed",
    "absent": "found absent",
}


def show_results(rows: Iterable[ResultRow]) -> None:
    """Print the results as a table."""
    from rich.table import Table  # noqa: PLC0415 - slow to import, needed on a terminal only
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, options in _TABLE_COLUMNS.items():
        table.add_column(name, **options)
    for row in rows:
        cells = (str(row.row), row.state, row.order_id, row.domains, str(row.mailboxes), row.note)
        table.add_row(
            *(Text(printable(cell), style=_STYLES[row.state] if at == 1 else "") for at, cell in enumerate(cells))
        )
    console().print(table)


_TABLE_COLUMNS: dict[str, dict[str, Any]] = {
    "row": {"justify": "right"},
    "state": {"no_wrap": True},
    "order id": {"overflow": "fold"},
    "domains": {"overflow": "fold"},
    "mailboxes": {"justify": "right"},
    "note": {"overflow": "fold"},
}


def result_line(row: ResultRow) -> str:
    """Return one order as a line of cells with tabs between them, for `cut` and `awk`."""
    cells = [
        row.state,
        row.order_id or "-",
        row.user_id,
        row.domains,
        str(row.mailboxes),
        row.reference or "-",
    ]
    if row.note or row.state != OrderState.ACCEPTED:
        cells.append(row.note)
    return "\t".join(map(printable, cells))
