"""How far a run is: a bar on a terminal, a line every few seconds in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..models.requests import BulkSummary
from ..report.rows import ResultRow
from .display import complain, console, counted, is_terminal, result_line, say

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Progress"]

#: From this many seconds or minutes on a time is told in the next unit.
_MOST = 100


class Progress:
    """Shows how far a run is: a bar on a terminal, a line every few seconds in a pipe."""

    #: Seconds between two lines in a pipe.
    EVERY = 5.0

    def __init__(
        self,
        total: int,
        *,
        to_send: int | None = None,
        lines: bool,
        clock: Callable[[], float] = time.monotonic,
        screen: Console | None = None,
    ) -> None:
        """Prepare the display.

        Args:
            total: Orders of the run.
            to_send: How many of them the journal has not settled; `None`: all.
            lines: Print each order as a line when it ends.
            clock: A monotonic clock, in seconds.
            screen: Where the bar is drawn; `None`: on the terminal if there is one.
        """
        self._total = total
        self._to_send = total if to_send is None else to_send
        self._lines = lines
        self._clock = clock
        self._started = self._said = clock()
        self._sent = 0
        self._summary = BulkSummary()
        self._screen = screen
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        """Show the bar."""
        self._started = self._said = self._clock()
        if self._screen is not None or (sys.stderr.isatty() and is_terminal()):
            from rich import progress  # noqa: PLC0415 - slow to import, needed on a terminal only

            self._bar = progress.Progress(
                progress.BarColumn(bar_width=30),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.fields[note]}", markup=False),
                console=self._screen or console(),
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
        """Count an order that ended."""
        self._summary = summary
        self._sent += row.attempts > 0
        if self._lines:
            self._print(result_line(row))

    def tick(self, paused: float = 0.0, limit: float | None = None) -> None:
        """Show how far the run is.

        Args:
            paused: Seconds left of the pause after a 429.
            limit: Requests a second that the API was found to take; `None`: all that the client is set to.
        """
        done, now = self._summary.total, self._clock()
        if self._bar is not None:
            self._bar.update(self._task, completed=done, note=self._pace(now, paused, limit))
        elif now - self._said >= self.EVERY:
            self._said = now
            complain(f"{done:,} of {counted(self._total, 'order')}, {self._pace(now, paused, limit)}")

    def _pace(self, now: float, paused: float, limit: float | None) -> str:
        """Return rate, time left, counts, pause and limit; skipped orders take no time, so they do not count."""
        passed = now - self._started
        rate = self._sent / passed if passed > 0 else 0.0
        waiting = max(0, min(self._total - self._summary.total, self._to_send - self._sent))
        left = f"{_duration(waiting / rate)} left" if rate else "time left not known yet"
        counts = ", ".join(f"{count:,} {state}" for state, count in _counts(self._summary) if count)
        pause = f"; paused {paused:.1f} s after a 429" if paused else ""
        low = (
            f"; the API takes {limit:.3g} a second: other programs use this key, or its limit is lower" if limit else ""
        )
        return f"{rate:.1f} a second, {left}: {counts or 'none has ended yet'}{pause}{low}"

    def say(self, text: str) -> None:
        """Print a line of results without breaking the bar."""
        self._print(text)

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
    if seconds < _MOST:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < _MOST else f"{minutes // 60} h {minutes % 60:02} min"


def _counts(summary: BulkSummary) -> list[tuple[str, int]]:
    return [
        ("accepted", summary.accepted),
        ("rejected", summary.rejected),
        ("unknown", summary.unknown),
        ("not sent", summary.not_sent),
        ("skipped", summary.skipped),
    ]
