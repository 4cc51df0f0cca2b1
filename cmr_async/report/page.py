"""The journal as files for people and programs: one self-contained HTML page, CSV, or JSON lines.

The page needs no network and runs nothing but its own script, whose hash stands in its content security policy.
It shows neither the bodies of orders (their OAuth routes) nor excerpts of answers.
"""

from __future__ import annotations

import base64
import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from string import Template
from typing import Any, TextIO

import orjson

from ..core.wire import dump_order
from ..journal.identity import fingerprint, order_key
from ..journal.records import JOURNAL_COLUMNS, JournalEntry, Step, StepState, Verdict, storable
from ..models.requests import OrderOutcome
from .rows import ResultFormat, spreadsheet_safe

__all__ = ["ReportPage", "entry_of", "write_entries"]

#: Orders a second that the API allows one key.
_PACE = 5
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 900, 240, 60, 28, 16
_POINTS = 500

#: What needs a person comes first.
_ORDER = (
    StepState.UNKNOWN,
    StepState.REJECTED,
    StepState.SENT,
    StepState.NOT_SENT,
    StepState.PLANNED,
    StepState.ACCEPTED,
)
_RANK = {state: number for number, state in enumerate(_ORDER)}


def write_entries(entries: Iterable[JournalEntry], file: TextIO, *, format: ResultFormat) -> int:  # noqa: A002
    """Write the steps of a journal, one a line under `JOURNAL_COLUMNS`, and return how many.

    Args:
        entries: The steps.
        file: A text file in UTF-8, opened with `newline=""`.
        format: CSV, in which no cell is a formula, or JSON lines, with the values as they are.
    """
    writer = csv.writer(file)
    if format is ResultFormat.CSV:
        writer.writerow(JOURNAL_COLUMNS)
    count = 0
    for entry in entries:
        row = entry.plain()
        if format is ResultFormat.CSV:
            writer.writerow(spreadsheet_safe(_cell(value)) for value in row.values())
        else:
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE).decode())
        count += 1
    return count


class ReportPage:
    """One HTML page about a journal: totals, orders over time, and a table of the steps, unknown ones first.

    Totals and times are those of all steps; the table is bounded, so that a browser can show the page.
    """

    def __init__(self, *, title: str, most_rows: int = 5_000) -> None:
        """Begin a page.

        Args:
            title: Name of the journal, without a password.
            most_rows: Steps that the table shows at most.
        """
        self._title = title
        self._most_rows = most_rows
        self._counts = {step: Counter[StepState]() for step in Step}
        self._in_doubt = 0
        self._first_sent: float | None = None
        self._accepted: list[float] = []
        self._rows: list[JournalEntry] = []

    @property
    def steps(self) -> int:
        """How many steps were added."""
        return sum(counts.total() for counts in self._counts.values())

    def add(self, entry: JournalEntry) -> None:
        """Take a step into the page."""
        self._counts[entry.step][entry.state] += 1
        self._in_doubt += entry.state is StepState.UNKNOWN and entry.verdict not in {Verdict.PLACED, Verdict.ABSENT}
        if entry.sent_at is not None:
            self._first_sent = min(entry.sent_at, self._first_sent or entry.sent_at)
        if entry.step is Step.CREATE and entry.state is StepState.ACCEPTED and entry.ended_at is not None:
            self._accepted.append(entry.ended_at)
        self._rows.append(entry)
        if len(self._rows) >= 2 * self._most_rows:
            self._keep_first_rows()

    def html(self, *, now: float) -> str:
        """Return the page; `now` is when it is made, UTC epoch in seconds."""
        self._keep_first_rows()
        warning = (
            f'<p class="warning">{self._in_doubt:,} may or may not have been placed. Do not send them again: '
            "run <code>cmr orders reconcile</code> on this journal.</p>"
            if self._in_doubt
            else ""
        )
        left_out = self.steps - len(self._rows)
        return Template(_PAGE).substitute(
            title=escape(self._title),
            made=_time(now),
            style=_STYLE,
            style_hash=_hash(_STYLE),
            script=_SCRIPT,
            script_hash=_hash(_SCRIPT),
            warning=warning,
            totals=_totals(self._counts),
            options="".join(f'<option value="{state.value}">{_words(state)}</option>' for state in _ORDER),
            chart=_chart(sorted(self._accepted), first_sent=self._first_sent),
            left_out=f"<p>{left_out:,} more are not shown here: <code>cmr journal export</code> has all.</p>"
            if left_out
            else "",
            rows="\n".join(map(_row, self._rows)),
        )

    def _keep_first_rows(self) -> None:
        self._rows.sort(key=lambda entry: (_RANK[entry.state], entry.position, entry.step))
        del self._rows[self._most_rows :]


def entry_of(outcome: OrderOutcome, *, at: float) -> JournalEntry:
    """Return the entry that a journal would have of an outcome of a run without one.

    Args:
        outcome: How the order ended.
        at: When, UTC epoch in seconds.
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
        message=storable(outcome.error.message if outcome.error else ""),
        planned_at=at,
        ended_at=at,
    )


def _totals(counts: Mapping[Step, Counter[StepState]]) -> str:
    """Show each step by itself: a draft that was processed was accepted twice, and is one order."""
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
    said = " · ".join(filter(None, (entry.message, entry.evidence)))
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
    return f'<tr data-state="{state.value}">{badge}{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'


def _chart(done: Sequence[float], *, first_sent: float | None) -> str:
    """Accepted orders over time as SVG, beside the line of the API's pace; `done` is sorted."""
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


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


_STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--text:#1b2430;--soft:#5b6675;--edge:#dfe3e8;
--unknown:#b45309;--rejected:#b91c1c;--accepted:#15803d;--other:#475569;--line:#2563eb}
@media(prefers-color-scheme:dark){:root{--page:#11151b;--card:#1a2029;--text:#e6eaf0;--soft:#9aa6b5;--edge:#2d3642;
--unknown:#fbbf24;--rejected:#f87171;--accepted:#4ade80;--other:#a3b1c2;--line:#60a5fa}}
body{margin:0 auto;max-width:1280px;padding:24px;background:var(--page);color:var(--text);
font:15px/1.45 system-ui,sans-serif}
h1{font-size:24px;margin:0}.made,.legend{color:var(--soft);margin:2px 0 16px}
.totals{display:grid;grid-template-columns:repeat(auto-fit,minmax(120px,1fr));gap:12px}
.total,.card{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:12px 16px}
.total b{display:block;font-size:26px}.card{margin-top:16px;overflow-x:auto}
.total b,.badge{color:var(--other)}.unknown b,.badge.unknown{color:var(--unknown)}
.rejected b,.badge.rejected{color:var(--rejected)}.accepted b,.badge.accepted{color:var(--accepted)}
.badge{font-weight:600;white-space:nowrap}.warning{border-left:4px solid var(--unknown);padding:8px 12px;
background:var(--card)}
svg{width:100%;height:auto}svg text{fill:var(--soft);font-size:12px}.axis{fill:none;stroke:var(--edge)}
.line,.pace{fill:none;stroke:var(--line);stroke-width:2}.pace{stroke:var(--soft);stroke-dasharray:5 5}
.line-key,.pace-key{display:inline-block;width:24px;border-top:2px solid var(--line);vertical-align:middle;
margin:0 6px 0 14px}.pace-key{border-top:2px dashed var(--soft)}.legend{margin:0}
input,select{font:inherit;padding:6px 10px;border:1px solid var(--edge);border-radius:6px;background:var(--page);
color:inherit;margin-right:8px}input{width:260px}
table{border-collapse:collapse;width:100%;margin-top:12px;font-size:13px}
th,td{text-align:left;padding:6px 10px;border-bottom:1px solid var(--edge);vertical-align:top}
td{overflow-wrap:anywhere;min-width:60px}th{color:var(--soft)}
"""

_SCRIPT = """
const search=document.getElementById("search"),state=document.getElementById("state");
const shown=document.getElementById("shown"),rows=[...document.querySelectorAll("tbody tr")];
const texts=rows.map(row=>row.textContent.toLowerCase());
function filter(){
  const words=search.value.toLowerCase().split(" ").filter(Boolean);let count=0;
  rows.forEach((row,i)=>{
    const fits=(!state.value||row.dataset.state===state.value)&&words.every(word=>texts[i].includes(word));
    row.hidden=!fits;count+=fits;
  });
  shown.textContent=count.toLocaleString("en")+" of "+rows.length.toLocaleString("en");
}
search.addEventListener("input",filter);state.addEventListener("change",filter);filter();
"""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; style-src '$style_hash'; script-src '$script_hash'">
<meta name="viewport" content="width=device-width"><title>$title</title><style>$style</style></head><body>
<h1>$title</h1><p class="made">Made at $made</p>$warning
$totals
<div class="card">$chart</div>
<div class="card"><input id="search" type="search" placeholder="Search" aria-label="Search">
<select id="state" aria-label="State"><option value="">all states</option>$options</select><span id="shown"></span>
<table><thead><tr><th>State</th><th>Step</th><th>Key</th><th>Domains</th><th>User</th><th>Kind</th><th>Order</th>
<th>Attempts</th><th>Sent</th><th>Message and evidence</th></tr></thead><tbody>
$rows
</tbody></table>$left_out</div><script>$script</script></body></html>
"""
