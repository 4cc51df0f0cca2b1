"""What a run looks like: a bar and a table on a terminal, plain lines in a pipe.

Results go to standard output; faults, cautions and progress to standard error. Text from files and answers is
made printable first, so that it cannot steer the terminal.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..models.requests import BulkSummary, OrderState
from ..orderfiles.located import InputFault
from ..preflight.plan import Plan
from ..report.rows import ResultRow

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "LARGEST_TABLE",
    "Cautions",
    "Progress",
    "complain",
    "counted",
    "is_terminal",
    "printable",
    "result_line",
    "say",
    "show_plan",
    "show_results",
]

#: With more orders than this a terminal shows lines as orders end, not a table afterwards.
LARGEST_TABLE = 200

_STYLES = {
    "accepted": "green",
    "rejected": "red",
    "unknown": "bold yellow",
    "not_sent": "cyan",
    "skipped": "dim",
}


def printable(text: str) -> str:
    """The text with control characters written out."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def say(text: str) -> None:
    """Print a line for the user; a reader that went away (`| head`) must not end a run of paid orders."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more at its end: let that go nowhere, too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text: str) -> None:
    """Print a line about something that is wrong."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def is_terminal() -> bool:
    """Whether a person is looking at the output."""
    return sys.stdout.isatty()


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """`1 order`, `2 orders`, `1,000 mailboxes`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def _console() -> Console:
    from rich.console import Console  # noqa: PLC0415 - slow to import, needed on a terminal only

    return Console(highlight=False)


class Cautions:
    """Gathers what deserves a look and shows it grouped, so that a thousand equal ones are one line."""

    _SHOWN = 3
    _GROUPS = 100

    def __init__(self) -> None:
        """Start with none."""
        self._groups: dict[str, list[InputFault]] = {}
        self._counts: dict[str, int] = {}

    def add(self, caution: InputFault) -> None:
        """Take one."""
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
        """Print what was gathered."""
        for kind, group in self._groups.items():
            for caution in group:
                complain(f"caution: {printable(str(caution))}")
            more = self._counts[kind] - len(group)
            if more:
                complain(f"caution: ... and {more:,} more like it")


def show_plan(plan: Plan, *, file: str, confirm: bool, journal: str | None = None, noun: str = "order") -> None:
    """Print what the file would order, or the drafts would buy; `journal` is what the run's journal is called."""
    kind = "paid at once" if confirm else "drafts (cost nothing; processed later)"
    missing = "" if plan.cost_is_complete else ", without warmup, whose price is not published"
    rows = [
        ("file", printable(file)),
        (f"{noun}s", f"{plan.orders:,}, {kind}"),
        ("domains", f"{plan.domains:,} to register"),
        ("mailboxes", f"{plan.mailboxes:,}" + (f", {plan.warmups:,} with warmup" if plan.warmups else "")),
        ("users", f"{plan.users:,}"),
        ("cost", f"about ${plan.cost:,.2f} when paid{missing} ({plan.prices.source})"),
    ]
    say("Plan")
    for name, value in rows:
        if value:
            say(f"  {name:<10} {value}")
    if plan.invalid:
        say(f"  left out   {counted(plan.invalid, 'order')} with faults (--skip-invalid)")
    if journal is not None:
        before = ", ".join(f"{count:,} {_BEFORE.get(state, state)}" for state, count in plan.settled.items())
        known = f"; dealt with before: {before}" if before else ""
        say(f"  journal    {journal}: {counted(plan.to_send, noun)} to send{known}")
    if plan.affordable < plan.to_send:
        say(f"  limit      stops after {counted(plan.affordable, noun)}, about ${plan.affordable_cost:,.2f}")
    if plan.asking_confirm and not confirm:
        asking = counted(plan.asking_confirm, "order")
        say(f"  note       the file says confirm: true of {asking}; made as drafts: only --confirm pays")


#: States of a journal that do not explain themselves.
_BEFORE = {"sent": "sent without an outcome yet"}


def show_results(rows: Iterable[ResultRow]) -> None:
    """Print a table of results on a terminal."""
    from rich.table import Table  # noqa: PLC0415 - slow to import, needed on a terminal only
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, options in _TABLE_COLUMNS.items():
        table.add_column(name, **options)
    for row in rows:
        note = row.message if row.state != OrderState.ACCEPTED else ""
        cells = (str(row.row), row.state, row.order_id, row.domains, str(row.mailboxes), note)
        table.add_row(
            *(Text(printable(cell), style=_STYLES[row.state] if at == 1 else "") for at, cell in enumerate(cells))
        )
    _console().print(table)


_TABLE_COLUMNS: dict[str, dict[str, Any]] = {
    "row": {"justify": "right"},
    "state": {"no_wrap": True},
    "order id": {"overflow": "fold"},
    "domains": {"overflow": "fold"},
    "mailboxes": {"justify": "right"},
    "note": {"overflow": "fold"},
}


def result_line(row: ResultRow) -> str:
    """One order as one line of a pipe: tab separated, so that `cut` and `awk` can take it apart."""
    cells = [
        row.state,
        row.order_id or "-",
        row.user_id,
        row.domains,
        str(row.mailboxes),
        row.reference or "-",
    ]
    if row.state != OrderState.ACCEPTED:
        cells.append(row.message)
    return "\t".join(map(printable, cells))


class Progress:
    """How far a run is: a bar on a terminal, a line every few seconds in a pipe."""

    #: Seconds between two lines in a pipe.
    EVERY = 5.0

    def __init__(
        self,
        total: int,
        *,
        to_send: int | None = None,
        lines: bool,
        clock: Callable[[], float] = time.monotonic,
        console: Console | None = None,
    ) -> None:
        """Prepare it.

        Args:
            total: Orders of the run.
            to_send: How many of them the journal has not settled; `None`: all.
            lines: Print each order as a line when it ends.
            clock: Seconds, from any beginning.
            console: Where the bar is drawn; `None`: there is one if a person is looking.
        """
        self._total = total
        self._to_send = total if to_send is None else to_send
        self._lines = lines
        self._clock = clock
        self._started = self._said = clock()
        self._sent = 0
        self._summary = BulkSummary()
        self._console = console
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        """Show the bar."""
        self._started = self._said = self._clock()
        if self._console is not None or (sys.stderr.isatty() and is_terminal()):
            from rich import progress  # noqa: PLC0415 - slow to import, needed on a terminal only

            self._bar = progress.Progress(
                progress.BarColumn(bar_width=30),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.fields[note]}", markup=False),
                console=self._console or _console(),
            )
            self._task = self._bar.add_task("orders", total=self._total, note="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar down."""
        if self._bar is not None:
            self._bar.stop()

    def ended(self, row: ResultRow, summary: BulkSummary) -> None:
        """An order ended."""
        self._summary = summary
        self._sent += row.attempts > 0
        if self._lines:
            self._print(result_line(row))

    def tick(self, paused: float = 0.0) -> None:
        """Show how far it is, a few times a second; `paused`: seconds left of the pause after a 429."""
        done, now = self._summary.total, self._clock()
        if self._bar is not None:
            self._bar.update(self._task, completed=done, note=self._pace(now, paused))
        elif now - self._said >= self.EVERY:
            self._said = now
            complain(f"{done:,} of {counted(self._total, 'order')}, {self._pace(now, paused)}")

    def _pace(self, now: float, paused: float) -> str:
        """Rate, time left, counts and pause. What a journal skips takes no time and says nothing about the rest."""
        passed = now - self._started
        rate = self._sent / passed if passed > 0 else 0.0
        waiting = max(0, min(self._total - self._summary.total, self._to_send - self._sent))
        left = f"{_duration(waiting / rate)} left" if rate else "time left not known yet"
        counts = ", ".join(f"{count:,} {state}" for state, count in _counts(self._summary) if count)
        pause = f"; paused {paused:.1f} s after a 429" if paused else ""
        return f"{rate:.1f} a second, {left}: {counts or 'none has ended yet'}{pause}"

    def note(self, text: str) -> None:
        """Print a line without breaking the bar."""
        if self._bar is not None:
            self._print(text)
        else:
            complain(text)

    def _print(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, soft_wrap=True)
        else:
            say(text)


def _duration(seconds: float) -> str:
    if seconds < 100:  # noqa: PLR2004 - two digits tell enough
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"  # noqa: PLR2004


def _counts(summary: BulkSummary) -> list[tuple[str, int]]:
    return [
        ("accepted", summary.accepted),
        ("rejected", summary.rejected),
        ("unknown", summary.unknown),
        ("not sent", summary.not_sent),
        ("skipped", summary.skipped),
    ]
