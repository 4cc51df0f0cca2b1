"""How far a run is: a bar on a terminal, a line every few seconds in a pipe; and why it gets nowhere, if it does."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from ...models.requests import BulkSummary, OrderState
from ...pipeline import Stall
from ...report.rows import ResultRow
from ..streams import complain, counted, is_terminal, note, voice
from .display import console, result_line, show_result

if TYPE_CHECKING:
    from rich.console import Console

#: From this many seconds or minutes on a time is told in the next unit.
_MOST = 100


class Progress:
    """Shows how far a run is: a bar on a terminal, a line every few seconds in a pipe."""

    #: Seconds between two lines in a pipe.
    EVERY = 5.0
    #: Seconds without an outcome after which it is said what holds the run up.
    PATIENCE = 2.0

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
        self._started = self._said = self._ended = clock()
        self._stalled = False
        self._sent = 0
        self._summary = BulkSummary()
        self._screen = screen
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        self._started = self._said = self._ended = self._clock()
        if self._screen is not None or (sys.stderr.isatty() and is_terminal() and not voice.quiet):
            from rich import progress  # noqa: PLC0415 - slow to import, needed on a terminal only

            self._bar = progress.Progress(
                progress.BarColumn(bar_width=30),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.fields[note]}", markup=False),
                console=self._screen or console(stderr=True),
            )
            self._task = self._bar.add_task("orders", total=self._total, note="")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def ended(self, row: ResultRow, summary: BulkSummary) -> None:
        """Count an order that ended."""
        self._summary = summary
        self._ended, self._stalled = self._clock(), False
        self._sent += row.attempts > 0
        if not self._lines:
            return
        if self._bar is None:
            show_result(row)
        else:
            self._bar.console.print(result_line(row), markup=False, soft_wrap=True)

    def tick(self, paused: float = 0.0, limit: float | None = None, stall: Stall | None = None) -> None:
        """Show how far the run is.

        Args:
            paused: Seconds left of the pause after a 429.
            limit: Requests a second that the API was found to take; `None`: all that the client is set to.
            stall: Why the orders under way get nowhere; `None`: no sign of that.
        """
        done, now = self._summary.total, self._clock()
        stuck = "" if stall is None or now - self._ended < self.PATIENCE else f"{stall.message} until {_at(stall.left)}"
        first, self._stalled = bool(stuck) and not self._stalled, bool(stuck)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, note=stuck or self._pace(now, paused, limit))
        elif first or now - self._said >= self.EVERY:
            self._said = now
            far = f"{done:,} of {counted(self._total, 'order')}, "
            if stuck:
                complain(far + stuck)
            else:
                note(far + self._pace(now, paused, limit))

    def _pace(self, now: float, paused: float, limit: float | None) -> str:
        """Return rate, time left, counts, pause and limit; skipped orders take no time, so they do not count."""
        passed = now - self._started
        rate = self._sent / passed if passed > 0 else 0.0
        waiting = max(0, min(self._total - self._summary.total, self._to_send - self._sent))
        left = f"{_duration(waiting / rate)} left" if rate else "time left not known yet"
        by_state = {state.value.replace("_", " "): getattr(self._summary, state.value) for state in OrderState}
        counts = ", ".join(f"{count:,} {state}" for state, count in by_state.items() if count)
        pause = f"; paused {paused:.1f} s after a 429" if paused else ""
        low = (
            f"; the API takes {limit:.3g} a second: other programs use this key, or its limit is lower" if limit else ""
        )
        return f"{rate:.1f} a second, {left}: {counts or 'none has ended yet'}{pause}{low}"

    def complain(self, text: str) -> None:
        """Print a line about a problem without breaking the bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, soft_wrap=True)
        else:
            complain(text)


def _at(seconds: float) -> str:
    """Return the time of day in so many seconds."""
    return time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))


def _duration(seconds: float) -> str:
    if seconds < _MOST:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < _MOST else f"{minutes // 60} h {minutes % 60:02} min"
