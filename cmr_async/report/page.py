"""The report about a journal: one self-contained HTML page.

The page needs no network and runs nothing but its own script, whose hash is in its content security policy.
It shows neither the bodies of orders (with their OAuth routes) nor excerpts of answers.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template

from ..core.order.prices import PriceList
from ..core.printable import printable
from ..core.wire import dump_order
from ..errors import APIError
from ..journal.identity import fingerprint, kind_of, order_key
from ..journal.records import JournalEntry, storable
from ..journal.states import Step, StepState
from ..models.requests import OrderOutcome, OrderState, Verdict
from .chart import chart, time_text
from .money import Estimate, Fate, Money, estimate
from .notices import notices
from .standing import Kind, Standing
from .table import COLUMNS, ReportRow

#: Shown even when there is none of them.
_ALWAYS_SHOWN = {Standing.UNKNOWN, Standing.REJECTED, Standing.ACCEPTED}
_KINDS = {Kind.PAID: "Paid orders", Kind.DRAFT: "Drafts", Kind.PROCESSING: "Processing of drafts"}
_FATES = {
    Fate.ORDERED: ("Ordered", "accepted, or found placed"),
    Fate.IN_DOUBT: ("In doubt", "may or may not have been ordered"),
    Fate.REFUSED: ("Refused", "by our reading nothing was bought"),
    Fate.NOT_ORDERED: ("Not ordered", "not sent, planned, or found absent"),
    Fate.DRAFT: ("Unpaid drafts", "cost nothing until they are processed"),
}


def mark_of(journal: str | None) -> str:
    """Return the line of a page by which it is known; `journal`: the name of its journal, `None`: it has none."""
    whole = "" if journal is None else f", of the journal {printable(journal)}"
    return f'<meta name="generator" content="cmr_async{escape(whole)}">'


class ReportPage:
    """One HTML page about a journal: totals, money, orders over time, and a table of the steps, unknown ones first.

    Totals, money and times cover all steps; the table is limited, so that a browser can show the page.
    """

    def __init__(
        self, *, title: str, prices: PriceList | None = None, has_journal: bool = True, most_rows: int = 5_000
    ) -> None:
        """Start an empty page.

        Args:
            title: Name of the journal, without a password, or of what was sent without one.
            prices: The prices of the estimates; `None`: the default ones.
            has_journal: The steps stand in a journal, so that commands can work on them.
            most_rows: How many steps the table shows at most.
        """
        self._title = title
        self._prices = prices or PriceList()
        self._has_journal = has_journal
        self._most_rows = most_rows
        self._counts = {kind: Counter[Standing]() for kind in Kind}
        self._money = Money()
        self._cost = Estimate()
        self._first_sent: float | None = None
        self._accepted: list[float] = []
        self._rows: list[ReportRow] = []

    @property
    def steps(self) -> int:
        """How many steps were added."""
        return sum(counts.total() for counts in self._counts.values())

    def add(self, entry: JournalEntry) -> None:
        """Add a step to the page."""
        cost = estimate(entry, self._prices)
        self._cost += cost
        self._money.add(entry, cost)
        self._counts[Kind.of(entry)][Standing.of(entry)] += 1
        if entry.sent_at is not None:
            self._first_sent = min(entry.sent_at, self._first_sent or entry.sent_at)
        if entry.step is Step.CREATE and entry.state is StepState.ACCEPTED and entry.ended_at is not None:
            self._accepted.append(entry.ended_at)
        self._rows.append(ReportRow(entry=entry, cost=cost))
        if len(self._rows) >= 2 * self._most_rows:
            self._keep_first_rows()

    def add_outcome(self, outcome: OrderOutcome, *, at: float) -> None:
        """Add the outcome of an order; `at` is the time it ended, in seconds since the epoch.

        One that was skipped is shown as the journal of the run has it: accepted, refused, or under way elsewhere.
        """
        self.add(entry_of(outcome, at=at))

    def html(self, *, now: float) -> str:
        """Return the page; `now` is the time it is made, in seconds since the epoch."""
        self._keep_first_rows()
        left_out = self.steps - len(self._rows)
        where = "<code>cmr journal export</code>" if self._has_journal else "<code>--output</code>"
        shown = {Standing.of(row.entry) for row in self._rows}
        style, script = _package_file("page.css"), _package_file("page.js")
        return Template(_package_file("page.html")).substitute(
            mark=mark_of(self._title if self._has_journal else None),
            title=escape(printable(self._title)),
            made=time_text(now),
            style=style,
            style_hash=_hash(style),
            script=script,
            script_hash=_hash(script),
            notices=notices(self._counts, has_journal=self._has_journal),
            totals=_totals(self._counts),
            money=_money(self._money.sums()),
            prices=escape(printable(self._price_note())),
            chart=chart(sorted(self._accepted), first_sent=self._first_sent),
            options="".join(
                f'<option value="{standing.value}">{standing.words}</option>'
                for standing in Standing
                if standing in shown
            ),
            headings="".join(f'<th scope="col">{name}</th>' for name in COLUMNS),
            rows="\n".join(row.html() for row in self._rows),
            left_out=f"<p>{left_out:,} more are not shown here: {where} has all of them.</p>" if left_out else "",
        )

    def _keep_first_rows(self) -> None:
        self._rows.sort(key=lambda row: row.rank)
        del self._rows[self._most_rows :]

    def _price_note(self) -> str:
        prices = self._prices
        note = (
            f"Estimates, since the API quotes no prices: mailboxes at ${prices.mailbox:,.2f} each for the first month; "
            f"{prices.source}."
        )
        if self._cost.unpriced_warmups:
            note += " Warmup has no published price and is not included."
        elif prices.warmup is not None:
            note += f" Warmup at ${prices.warmup:,.2f} for each mailbox that starts it."
        return f"{note} Charge and provisioning of an accepted order can still fail, domain by domain."


def entry_of(outcome: OrderOutcome, *, at: float) -> JournalEntry:
    """Return the entry that a journal would hold for an outcome.

    Args:
        outcome: How the order ended.
        at: When it ended, in seconds since the epoch.
    """
    request = outcome.request
    skipped = outcome.state is OrderState.SKIPPED
    return JournalEntry(
        key=storable(request.reference) if request.reference else order_key(request),
        step=Step.CREATE,
        position=outcome.index,
        user_id=storable(request.user_id),
        reference=request.reference,
        body=dump_order(request.order).decode(),
        fingerprint=fingerprint(request),
        confirm=request.order.confirm,
        kind=kind_of(request.order),
        state=_settled_state(outcome) if skipped else StepState(outcome.state.value),
        verdict=outcome.verdict,
        attempts=outcome.attempts,
        order_id=outcome.order_id,
        unavailable=tuple(map(storable, outcome.unavailable_domains)),
        message=storable(outcome.error.message if outcome.error else ""),
        planned_at=at,
        ended_at=None if skipped else at,
    )


def _settled_state(outcome: OrderOutcome) -> StepState:
    """Return the state, in the journal of its run, of an order that was skipped."""
    match outcome.error:
        case None:
            return StepState.UNKNOWN if outcome.verdict is Verdict.PLACED else StepState.ACCEPTED
        case APIError():
            return StepState.REJECTED
        case _:
            return StepState.SENT  # another run sends it, or left a draft whose acceptance nobody saw


def _totals(counts: Mapping[Kind, Counter[Standing]]) -> str:
    """Count each kind separately: a draft that was processed was accepted twice, but is one order."""
    found = {kind: counted for kind, counted in counts.items() if counted} or {Kind.PAID: Counter[Standing]()}
    return "\n".join(
        f'<h2>{_KINDS[kind]}</h2>\n<div class="totals">'
        + "".join(
            f'<div class="total {standing.value}"><b>{counted[standing]:,}</b>{standing.words}</div>'
            for standing in Standing
            if counted[standing] or standing in _ALWAYS_SHOWN
        )
        + "</div>"
        for kind, counted in found.items()
    )


def _money(sums: Mapping[Fate, Estimate]) -> str:
    if not sums:
        return "<p>Nothing in it costs money.</p>"
    return f'<dl class="money">{"".join(_sum(fate, found) for fate, found in sums.items())}</dl>'


def _sum(fate: Fate, found: Estimate) -> str:
    name, meaning = _FATES[fate]
    orders = f"{found.orders:,} order{'s' * (found.orders != 1)}"
    text = f"about ${found.dollars:,.2f}"
    if found.unpriced_warmups:
        text += f" and the warmup of {found.unpriced_warmups:,} mailbox{'es' * (found.unpriced_warmups != 1)}"
    if found.unreadable:
        text += f", without {found.unreadable:,} whose text in the journal is no order"
    return f'<div class="{fate.value}"><dt>{name} <span>{orders}, {meaning}</span></dt><dd>{text}</dd></div>'


def _package_file(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
