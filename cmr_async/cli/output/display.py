"""What commands show: faults, cautions, plans and results; a table on a terminal, plain lines in a pipe.

Text from files and answers is escaped first, so that it cannot control the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import attrs

from ...core.printable import printable
from ...models.requests import OrderState
from ...orderfiles.located import InputFault
from ...preflight.plan import Plan
from ...report.rows import ResultRow
from ..streams import complain, counted, emit, note, say, voice

if TYPE_CHECKING:
    from rich.console import Console

#: With more orders than this, a terminal shows a line when an order ends instead of a table at the end.
LARGEST_TABLE = 200

_STYLES = {
    "accepted": "green",
    "rejected": "red",
    "unknown": "bold yellow",
    "not_sent": "cyan",
    "skipped": "dim",
}


def console(*, stderr: bool = False, width: int | None = None) -> Console:
    """Return a console of the terminal, for results or for what goes on."""
    from rich.console import Console  # noqa: PLC0415 - slow to import, needed on a terminal only

    return Console(highlight=False, stderr=stderr, width=width)


class Faults:
    """Shows the faults of a file one by one, up to as many as somebody may read; all of them as JSON."""

    _SHOWN = 1_000

    def __init__(self) -> None:
        """Start without faults."""
        self._count = 0

    def add(self, fault: InputFault) -> None:
        """Print a fault."""
        self._count += 1
        if voice.json:
            emit("fault", attrs.asdict(fault))
        elif self._count <= self._SHOWN:
            complain(printable(str(fault)))

    def show_rest(self) -> None:
        """Say how many were not printed."""
        if self._count > self._SHOWN and not voice.json:
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
        if voice.json:
            emit("caution", attrs.asdict(caution))
            return
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


def show_plan(
    plan: Plan,
    *,
    file: str,
    confirm: bool,
    journal: str | None = None,
    is_new: bool = False,
    noun: str = "order",
    result: bool = True,
) -> None:
    """Show what a file would order, or what drafts would buy.

    Args:
        plan: The plan.
        file: Name of the file; empty: there is none.
        confirm: The orders are to be paid at once.
        journal: Name of the run's journal; `None`: there is none.
        is_new: The run makes that journal, so nothing that was sent before is known.
        noun: What the run sends.
        result: The plan is what the command was called for; else it is a note.
    """
    if voice.json:
        emit("plan", _plan_values(plan, file=file, confirm=confirm, journal=journal))
        return
    show: Callable[[str], None] = say if result else note
    for line in _plan_lines(plan, file=file, confirm=confirm, journal=journal, is_new=is_new, noun=noun):
        show(line)


def _plan_values(plan: Plan, *, file: str, confirm: bool, journal: str | None) -> dict[str, Any]:
    counts = ("orders", "to_send", "drafts", "domains", "mailboxes", "warmups", "users", "invalid", "faults")
    return {
        "file": file or None,
        "journal": journal,
        "confirm": confirm,
        **{name: getattr(plan, name) for name in counts},
        "cautions": plan.cautions,
        "assumed_years": plan.assumed_years,
        "settled": dict(plan.settled),
        "cost": str(plan.cost),
        "cost_is_complete": plan.cost_is_complete,
        "affordable": plan.affordable,
        "affordable_cost": str(plan.affordable_cost),
    }


def _plan_lines(plan: Plan, *, file: str, confirm: bool, journal: str | None, is_new: bool, noun: str) -> list[str]:
    kind = "paid at once" if confirm else "drafts (cost nothing; processed later)"
    missing = "" if plan.cost_is_complete else ", without warmup, whose price is not published"
    orders = f"{plan.orders:,}, {kind}"
    known = recorded = ""
    if plan.settled:
        known = ", ".join(f"{count:,} {printable(_BEFORE.get(state, state))}" for state, count in plan.settled.items())
        orders, known = f"{plan.orders:,}, {plan.to_send:,} of them to send, {kind}", f"; dealt with before: {known}"
    if journal is not None:
        named = f"{journal} (new)" if is_new else journal
        recorded = f"{named}: {counted(plan.to_send, noun)} to send{known}"
    rows = [
        ("file", printable(file)),
        (f"{noun}s", orders),
        ("journal", recorded),
        ("domains", f"{plan.domains:,} to register"),
        ("mailboxes", f"{plan.mailboxes:,}" + (f", {plan.warmups:,} with warmup" if plan.warmups else "")),
        ("users", f"{plan.users:,}"),
        ("years", _assumed_years(plan)),
        ("cost", f"about ${plan.cost:,.2f} when paid{missing} ({plan.prices.source})"),
    ]
    lines = ["Plan", *(f"  {name:<10} {value}" for name, value in rows if value)]
    if plan.drafts:
        new = counted(plan.to_send - plan.drafts, f"new {noun}")
        lines.append(f"  drafts     {counted(plan.drafts, 'draft')} will be paid, {new}")
    if plan.invalid:
        lines.append(f"  left out   {counted(plan.invalid, 'order')} with faults (--skip-invalid)")
    if plan.affordable < plan.to_send:
        lines.append(f"  limit      stops after {counted(plan.affordable, noun)}, about ${plan.affordable_cost:,.2f}")
    if plan.asking_confirm and not confirm:
        asking = counted(plan.asking_confirm, "order")
        lines.append(f"  note       the file says confirm: true of {asking}; made as drafts: only --confirm pays")
    return lines


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


def show_results(rows: Iterable[ResultRow], *, width: int | None = None) -> None:
    """Print results for people: a table, or a few lines each on a narrow terminal; no order id is ever broken.

    Args:
        rows: The results.
        width: Columns of the terminal; `None`: it is asked.
    """
    from rich.table import Table  # noqa: PLC0415 - slow to import, needed on a terminal only
    from rich.text import Text  # noqa: PLC0415

    rows = list(rows)
    screen = console(width=width)
    widest = max([len("order id"), *(len(printable(row.order_id)) for row in rows)])
    if screen.width < widest + _BESIDE_ID:
        for row in rows:
            _show_block(row, screen)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, options in _TABLE_COLUMNS.items():
        table.add_column(name, **options, min_width=widest if name == "order id" else None)
    for row in rows:
        cells = (str(row.row), row.state, row.order_id, row.domains, str(row.mailboxes), row.note)
        table.add_row(
            *(Text(printable(cell), style=_STYLES[row.state] if at == 1 else "") for at, cell in enumerate(cells))
        )
    screen.print(table)


def _show_block(row: ResultRow, screen: Console) -> None:
    """Print one result below the others: what identifies it, then the rest of it, folded and indented."""
    from rich.padding import Padding  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    head = Text.assemble(f"row {row.row}  ", (row.state, _STYLES[row.state]))
    screen.print(head, soft_wrap=True)
    if row.order_id:
        screen.print(Text(f"  {printable(row.order_id)}"), soft_wrap=True)
    boxes = counted(row.mailboxes, "mailbox", "mailboxes")
    for text in (f"{row.domains}, {boxes}", row.note):
        if text:
            screen.print(Padding(Text(printable(text)), (0, 0, 0, 2)))


#: Columns of a table that row, state, domains, mailboxes and note need beside the order id.
_BESIDE_ID = 68

_TABLE_COLUMNS: dict[str, dict[str, Any]] = {
    "row": {"justify": "right"},
    "state": {"no_wrap": True},
    "order id": {"no_wrap": True},
    "domains": {"overflow": "fold"},
    "mailboxes": {"justify": "right", "no_wrap": True},
    "note": {"overflow": "fold"},
}


def show_result(row: ResultRow) -> None:
    """Print one order as soon as it has ended: a line of cells with tabs between them, or JSON."""
    if voice.json:
        emit("order", attrs.asdict(row))
    else:
        say(result_line(row))


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
