"""Which page of a list to read next, so that thousands of orders are followed with a read every few seconds.

How the API sorts its lists is not documented. New rows come at one end, so what is open lies mostly there, on a few
pages that are read again and again. The other pages are read now and then: they show what lies elsewhere, and at which
end new rows come.

The page to read is the one with the largest expected number of open rows times the square of the time since it was
read: what has changed there unseen grows with that time, and so does how long it has gone unseen.
"""

from __future__ import annotations

import attrs

#: Rows that are expected to come between two reads, at 5 orders a second and a read every 4 seconds.
_COMING = 20
#: What all pages on which nothing is expected weigh together, as the square root of a number of open rows: they get
#: about a tenth of the reads while four pages have 50 open rows each.
_ELSEWHERE = 3.0


@attrs.frozen
class _Seen:
    """What a page showed when it was read last."""

    #: How many reads there had been.
    at: int
    #: How many rows it had.
    rows: int
    #: How many of them were about what is waited for.
    ours: int
    #: How many of those were not done.
    open: int


@attrs.define(eq=False)
class Pages:
    """The pages of one list, numbered from 1."""

    #: Rows of a full page.
    size: int
    #: How many pages there are, as the API said last.
    total: int = attrs.field(default=1, init=False)
    #: By place. Places are counted from the end at which old rows are, so that rows keep their places.
    _seen: dict[int, _Seen] = attrs.field(factory=dict, init=False)
    _reads: int = attrs.field(default=0, init=False)
    #: Whether new rows come on page 1, rather than on the last one.
    _newest_first: bool = attrs.field(default=False, init=False)

    def next(self) -> int:
        """Return the page to read now."""
        self._reads += 1
        return self._turn(max(self._candidates(), key=self._urgency))

    def _candidates(self) -> list[int]:
        """Return the places of which one is read next: of those about which nothing is known, the first is enough."""
        near = {place + by for place in self._seen for by in (-1, 0, 1)} | {self.total}
        first = next((place for place in range(1, self.total + 1) if place not in near), self.total)
        return sorted(place for place in near | {first} if 1 <= place <= self.total)

    def seen(self, page: int, *, total: int, rows: int, ours: int, open_rows: int, has_new: bool) -> None:
        """Note what a page showed.

        Args:
            page: Its number.
            total: How many pages there are.
            rows: How many rows it has.
            ours: How many of them are about what is waited for.
            open_rows: How many of those are not done.
            has_new: It shows something that is waited for and that no page showed before.
        """
        before, self.total = self.total, max(1, total)
        newest_first = page == 1
        if has_new and before > 1 and page in {1, self.total} and newest_first != self._newest_first:
            self._newest_first, self._seen = newest_first, {}
        self._seen[self._turn(page)] = _Seen(self._reads, rows, ours, open_rows)

    def _turn(self, page_or_place: int) -> int:
        """Return the place of a page, or the page at a place."""
        return self.total + 1 - page_or_place if self._newest_first else page_or_place

    def _urgency(self, place: int) -> float:
        seen = self._seen.get(place)
        least = (_ELSEWHERE / self.total) ** 2
        if seen is not None:
            age = self._reads - seen.at
            return max(least, seen.open + self._coming(place, seen.rows, age)) * age**2
        # Never read: what is beside it tells what to expect
        beside = [self._seen[each] for each in (place - 1, place + 1) if each in self._seen]
        expected = [each.ours * (self._reads - each.at) ** 2 for each in beside]
        return max(least * self._reads**2, _COMING * (place == self.total), *expected)

    def _coming(self, place: int, rows: int, age: int) -> int:
        """Return how many rows are expected to have come to a page since it was read."""
        if self._newest_first:
            return min(self.size, _COMING * age) if place == self.total else 0
        return min(self.size - rows, _COMING * age)
