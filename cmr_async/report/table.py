"""The table of a report: a row for each step, with values to sort by where the text does not sort by itself."""

from __future__ import annotations

from html import escape

import attrs

from ..core.printable import printable
from ..journal.records import JournalEntry
from ..journal.states import StepState
from .chart import time_text
from .money import Estimate
from .standing import Kind, Standing

#: Headings of the columns. The style sheet repeats them as labels, for screens on which each row is a block.
COLUMNS = (
    "State",
    "Price, about",
    "Reference",
    "Domains",
    "Kind",
    "Attempts",
    "User",
    "Order",
    "Sent (UTC)",
    "Message and evidence",
)


@attrs.frozen(kw_only=True)
class ReportRow:
    """A step of a journal and what it costs."""

    #: The step.
    entry: JournalEntry
    #: Its estimate.
    cost: Estimate

    @property
    def rank(self) -> tuple[int, int, str]:
        """What rows are sorted by: unknown steps first, then by the sequence of the input."""
        return Standing.of(self.entry).rank, self.entry.position, self.entry.step

    def html(self) -> str:
        """Return the row, with a cell for each of `COLUMNS`."""
        entry, standing, kind = self.entry, Standing.of(self.entry), Kind.of(self.entry)
        without = f"without {' '.join(entry.unavailable)}" if entry.unavailable else ""
        # What was said of a step without an answer warns of sending it again, which a verdict has settled
        is_settled = entry.state is StepState.UNKNOWN and standing in {Standing.PLACED, Standing.ABSENT}
        said = " · ".join(filter(None, (without, "" if is_settled else entry.message, entry.evidence)))
        badge = f'<span class="badge {standing.value}">{standing.words}</span>'
        texts = (
            kind.value,
            str(entry.attempts),
            entry.user_id,
            entry.order_id or "",
            time_text(entry.sent_at).removesuffix(" UTC"),
            said,
        )
        rest = "".join(f"<td>{escape(printable(text))}</td>" for text in texts)
        return (
            f'<tr data-state="{standing.value}"><td data-sort="{standing.rank}">{badge}</td>{self._price(kind)}'
            f"{self._reference()}<td>{self._domains()}</td>{rest}</tr>"
        )

    def _reference(self) -> str:
        key = escape(printable(self.entry.key))
        # A hash is long, and nobody reads it: where there is little room it is cut, and shown whole on hovering
        return f"<td>{key}</td>" if self.entry.reference else f'<td class="hash" title="{key}">{key}</td>'

    def _domains(self) -> str:
        names = [escape(printable(name)) for name in self.entry.domains]
        # Each of several is kept on a line, since most may be broken at a hyphen
        return names[0] if len(names) == 1 else " ".join(f"<span>{name}</span>" for name in names)

    def _price(self, kind: Kind) -> str:
        if self.cost.unreadable:
            return "<td>not known</td>"
        text = f"${self.cost.dollars:,.2f}" + " and warmup" * bool(self.cost.unpriced_warmups)
        text += " when paid" * (kind is Kind.DRAFT)
        return f'<td data-sort="{round(self.cost.dollars * 100)}">{text}</td>'
