"""The report about a journal: one self-contained HTML page.

The page needs no network and runs nothing but its own script, whose hash is in its content security policy.
It shows neither the bodies of orders (with their OAuth routes) nor excerpts of answers.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from string import Template

from ..core.printable import printable
from ..core.wire import dump_order
from ..journal.identity import fingerprint, order_key
from ..journal.records import JournalEntry, storable
from ..journal.states import Step, StepState
from ..models.requests import OrderOutcome, Verdict

__all__ = ["ReportPage", "entry_of"]

#: Orders a second that the API allows one key.
_PACE = 5
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 900, 240, 60, 28, 16
_POINTS = 500

#: What a person has to deal with comes first.
_ORDER = (
    StepState.UNKNOWN,
    StepState.REJECTED,
    StepState.SENT,
    StepState.NOT_SENT,
    StepState.PLANNED,
    StepState.ACCEPTED,
)
_RANK = {state: number for number, state in enumerate(_ORDER)}


def _rank(entry: JournalEntry) -> int:
    return _RANK[StepState.REJECTED] if entry.unavailable else _RANK[entry.state]


class ReportPage:
    """One HTML page about a journal: totals, orders over time, and a table of the steps, unknown ones first.

    Totals and times cover all steps; the table is limited, so that a browser can show the page.
    """

    def __init__(self, *, title: str, most_rows: int = 5_000) -> None:
        """Start an empty page.

        Args:
            title: Name of the journal, without a password.
            most_rows: How many steps the table shows at most.
        """
        self._title = title
        self._most_rows = most_rows
        self._counts = {step: Counter[StepState]() for step in Step}
        self._in_doubt = self._incomplete = 0
        self._first_sent: float | None = None
        self._accepted: list[float] = []
        self._rows: list[JournalEntry] = []

    @property
    def steps(self) -> int:
        """How many steps were added."""
        return sum(counts.total() for counts in self._counts.values())

    def add(self, entry: JournalEntry) -> None:
        """Add a step to the page."""
        self._counts[entry.step][entry.state] += 1
        self._in_doubt += entry.state is StepState.UNKNOWN and entry.verdict not in {Verdict.PLACED, Verdict.ABSENT}
        self._incomplete += bool(entry.unavailable)
        if entry.sent_at is not None:
            self._first_sent = min(entry.sent_at, self._first_sent or entry.sent_at)
        if entry.step is Step.CREATE and entry.state is StepState.ACCEPTED and entry.ended_at is not None:
            self._accepted.append(entry.ended_at)
        self._rows.append(entry)
        if len(self._rows) >= 2 * self._most_rows:
            self._keep_first_rows()

    def add_outcome(self, outcome: OrderOutcome, *, at: float) -> None:
        """Add an order of a run without a journal; `at` is the time it ended, in seconds since the epoch."""
        self.add(entry_of(outcome, at=at))

    def html(self, *, now: float) -> str:
        """Return the page; `now` is the time it is made, in seconds since the epoch."""
        self._keep_first_rows()
        warning = (
            f'<p class="warning">{self._in_doubt:,} may or may not have been placed. Do not send them again: '
            "run <code>cmr orders reconcile</code> on this journal.</p>"
            if self._in_doubt
            else ""
        )
        if self._incomplete:
            warning += (
                f'<p class="warning">{self._incomplete:,} accepted without some of their domains, which the API calls '
                "unavailable: the table says which.</p>"
            )
        left_out = self.steps - len(self._rows)
        style, script = _package_file("page.css"), _package_file("page.js")
        return Template(_package_file("page.html")).substitute(
            title=escape(printable(self._title)),
            made=_time(now),
            style=style,
            style_hash=_hash(style),
            script=script,
            script_hash=_hash(script),
            warning=warning,
            totals=_totals(self._counts),
            options="".join(f'<option value="{state.value}">{_words(state)}</option>' for state in _ORDER),
            chart=_chart(sorted(self._accepted), first_sent=self._first_sent),
            left_out=f"<p>{left_out:,} more are not shown here: <code>cmr journal export</code> has all of them.</p>"
            if left_out
            else "",
            rows="\n".join(map(_row, self._rows)),
        )

    def _keep_first_rows(self) -> None:
        self._rows.sort(key=lambda entry: (_rank(entry), entry.position, entry.step))
        del self._rows[self._most_rows :]


def entry_of(outcome: OrderOutcome, *, at: float) -> JournalEntry:
    """Return the entry that a journal would hold for an outcome, for a run without a journal.

    Args:
        outcome: How the order ended.
        at: When it ended, in seconds since the epoch.
    """
    request = outcome.request
    return JournalEntry(
        key=storable(request.reference) if request.reference else order_key(request),
        step=Step.CREATE,
        position=outcome.index,
        user_id=storable(request.user_id),
        reference=request.reference,
        body=dump_order(request.order).decode(),
        fingerprint=fingerprint(request),
        confirm=request.order.confirm,
        state=StepState(outcome.state.value),
        attempts=outcome.attempts,
        order_id=outcome.order_id,
        unavailable=tuple(map(storable, outcome.unavailable_domains)),
        message=storable(outcome.error.message if outcome.error else ""),
        planned_at=at,
        ended_at=at,
    )


def _totals(counts: Mapping[Step, Counter[StepState]]) -> str:
    """Count each step separately: a draft that was processed was accepted twice, but is one order."""
    heading = {Step.CREATE: "<h2>Orders and drafts</h2>", Step.PROCESS: "<h2>Processing of drafts</h2>"}
    named = bool(counts[Step.PROCESS])
    return "".join(
        (heading[step] if named else "")
        + '<div class="totals">'
        + "".join(f'<div class="total {state.value}"><b>{found[state]:,}</b>{_words(state)}</div>' for state in _ORDER)
        + "</div>"
        for step, found in counts.items()
        if found or step is Step.CREATE
    )


def _row(entry: JournalEntry) -> str:
    verdict = f" ({entry.verdict.value})" if entry.verdict else ""
    without = f"without {' '.join(entry.unavailable)}" if entry.unavailable else ""
    said = " · ".join(filter(None, (without, entry.message, entry.evidence)))
    cells = (
        entry.step.value,
        entry.key,
        " ".join(entry.domains),
        entry.user_id,
        "paid" if entry.confirm or entry.step is Step.PROCESS else "draft",
        entry.order_id or "",
        str(entry.attempts),
        _time(entry.sent_at),
        said,
    )
    state = entry.state
    badge = f'<td><span class="badge {state.value}">{_words(state)}{escape(verdict)}</span></td>'
    return (
        f'<tr data-state="{state.value}">{badge}{"".join(f"<td>{escape(printable(cell))}</td>" for cell in cells)}</tr>'
    )


def _chart(done: Sequence[float], *, first_sent: float | None) -> str:
    """Draw the accepted orders over time as SVG, next to the API's pace; `done` is sorted."""
    if not done:
        return "<p>No order is accepted yet.</p>"
    start = min(done[0], first_sent or done[0])
    span, total = max(done[-1] - start, 1.0), len(done)

    def point(seconds: float, count: float) -> str:
        x = _LEFT + (_WIDTH - _LEFT - 10) * seconds / span
        y = _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * count / total
        return f"{x:.1f},{y:.1f}"

    step = max(1, -(-total // _POINTS))
    shown = sorted({*range(0, total, step), total - 1})
    line = " ".join([point(0, 0), *(point(done[index] - start, index + 1) for index in shown)])
    reached = min(span, total / _PACE)
    pace = f"{point(0, 0)} {point(reached, reached * _PACE)}"
    base = _HEIGHT - _BOTTOM
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Accepted orders over time">'
        f'<path class="axis" d="M{_LEFT} {_TOP}V{base}H{_WIDTH - 10}"/>'
        f'<polyline class="pace" points="{pace}"/><polyline class="line" points="{line}"/>'
        f'<text x="{_LEFT - 8}" y="{_TOP + 5}" text-anchor="end">{total:,}</text>'
        f'<text x="{_LEFT - 8}" y="{base}" text-anchor="end">0</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 8}">{_time(start)}</text>'
        f'<text x="{_WIDTH - 10}" y="{_HEIGHT - 8}" text-anchor="end">{_time(done[-1])}</text></svg>'
        f'<p class="legend"><span class="line-key"></span>accepted orders '
        f'<span class="pace-key"></span>{_PACE} a second, the limit of the API</p>'
    )


def _words(state: StepState) -> str:
    return state.value.replace("_", " ")


def _time(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _package_file(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
