"""What the steps of a journal cost, by estimate: of each step, and summed up by what became of the money."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import attrs

from ..core.order.prices import PriceList
from ..errors import ValidationError
from ..journal.records import JournalEntry
from .standing import Kind, Standing


class Fate(StrEnum):
    """What became of the money of a step that pays, or of a draft."""

    #: Accepted, or found placed.
    ORDERED = "ordered"
    #: It may or may not have been ordered.
    IN_DOUBT = "in_doubt"
    #: Refused.
    REFUSED = "refused"
    #: Not sent, still planned, or found absent.
    NOT_ORDERED = "not_ordered"
    #: Drafts that exist and that nobody has begun to pay for.
    DRAFT = "draft"


_FATES = {
    Standing.UNKNOWN: Fate.IN_DOUBT,
    Standing.CONFLICT: Fate.IN_DOUBT,
    Standing.SENT: Fate.IN_DOUBT,
    Standing.REJECTED: Fate.REFUSED,
    Standing.PARTIAL: Fate.ORDERED,
    Standing.NOT_SENT: Fate.NOT_ORDERED,
    Standing.PLANNED: Fate.NOT_ORDERED,
    Standing.ABSENT: Fate.NOT_ORDERED,
    Standing.PLACED: Fate.ORDERED,
    Standing.ACCEPTED: Fate.ORDERED,
}


@attrs.frozen(kw_only=True)
class Estimate:
    """What orders cost when they are paid, as far as that is known."""

    #: How many orders.
    orders: int = 0
    #: US dollars.
    dollars: Decimal = Decimal(0)
    #: Mailboxes with warmup that is not in the dollars, because warmup has no price.
    unpriced_warmups: int = 0
    #: Orders that are not in the dollars, because the journal's text of them is no order.
    unreadable: int = 0

    def __add__(self, other: Estimate) -> Estimate:
        return Estimate(
            orders=self.orders + other.orders,
            dollars=self.dollars + other.dollars,
            unpriced_warmups=self.unpriced_warmups + other.unpriced_warmups,
            unreadable=self.unreadable + other.unreadable,
        )

    def __sub__(self, other: Estimate) -> Estimate:
        return Estimate(
            orders=self.orders - other.orders,
            dollars=self.dollars - other.dollars,
            unpriced_warmups=self.unpriced_warmups - other.unpriced_warmups,
            unreadable=self.unreadable - other.unreadable,
        )


def estimate(entry: JournalEntry, prices: PriceList) -> Estimate:
    """Return what the order of a step costs when it is paid, whatever became of it."""
    try:
        order = entry.order
    except ValidationError:
        return Estimate(orders=1, unreadable=1)
    warmups = 0 if prices.warmup is not None else order.warmup_count
    return Estimate(orders=1, dollars=prices.estimate(order), unpriced_warmups=warmups)


class Money:
    """Sums of the estimates of steps."""

    def __init__(self) -> None:
        """Start without a step."""
        self._sums = dict.fromkeys(Fate, Estimate())

    def add(self, entry: JournalEntry, cost: Estimate) -> None:
        """Count a step of this cost. A draft in any other state than accepted has cost nothing, and is no draft yet."""
        kind, fate = Kind.of(entry), _FATES[Standing.of(entry)]
        if kind is not Kind.DRAFT:
            self._sums[fate] += cost
        elif fate is Fate.ORDERED:
            self._sums[Fate.DRAFT] += cost
        if kind is Kind.PROCESSING:
            # Its draft was counted, or will be: an order is in one sum only
            self._sums[Fate.DRAFT] -= cost

    def sums(self) -> dict[Fate, Estimate]:
        """Return the sums that have an order, in the sequence of `Fate`."""
        return {fate: found for fate, found in self._sums.items() if found.orders > 0}
