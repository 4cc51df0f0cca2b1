"""Which page of a list to read next, so that thousands of orders are followed with a read every few seconds.

How the API sorts its lists is not documented. New rows come at one end, so the pages that show something open lie
there: they are read again and again. Every few reads another page is read, in turn: it finds what lies elsewhere, and
at which end new rows come.
"""

from __future__ import annotations

import attrs

__all__ = ["Pages"]

#: Of so many reads one is of a page that nothing is expected on.
_ELSEWHERE = 8
#: Rows that are expected to be new on the page where new ones come, at 5 orders a second and a read every 4 seconds.
_EXPECTED = 20


@attrs.define(eq=False)
class Pages:
    """The pages of one list, numbered from 1."""

    #: How many there are, as the API said last.
    total: int = attrs.field(default=1, init=False)
    #: When each page was read last, by count of reads.
    _read: dict[int, int] = attrs.field(factory=dict, init=False)
    #: How much was open on each page that showed something open when it was read last.
    _open: dict[int, int] = attrs.field(factory=dict, init=False)
    _reads: int = attrs.field(default=0, init=False)
    #: Whether new rows come on page 1, rather than on the last one.
    _newest_first: bool = attrs.field(default=False, init=False)

    def next(self) -> int:
        """Return the page to read now."""
        self._reads += 1
        front = 1 if self._newest_first else self.total
        near = {page for page in (*self._open, front) if page <= self.total}
        if self._newest_first:
            near |= {page + 1 for page in near if page < self.total and page in self._open}
        far = [page for page in range(1, self.total + 1) if page not in near]
        # Pages that were never read come sooner: after a new start, what is open may lie on any of them
        every = 2 if len(self._read) < self.total else _ELSEWHERE
        if far and self._reads % every == 0:
            return min(far, key=self._last_read)
        return max(near, key=lambda page: (self._open.get(page, 0) + (page == front) * _EXPECTED) * self._age(page))

    def seen(self, page: int, *, total: int, open_rows: int, has_new: bool) -> None:
        """Note what a page showed.

        Args:
            page: Its number.
            total: How many pages there are.
            open_rows: How many rows it shows of what is waited for and not done.
            has_new: It shows something that is waited for and that no page showed before.
        """
        self.total = max(1, total)
        self._read[page] = self._reads
        self._open[page] = open_rows
        self._open = {each: rows for each, rows in self._open.items() if rows and each <= self.total}
        if has_new and self.total > 1 and page in {1, self.total}:
            self._newest_first = page == 1

    def _age(self, page: int) -> int:
        """Return how many reads ago a page was read."""
        return self._reads - self._read.get(page, 0)

    def _last_read(self, page: int) -> tuple[int, int]:
        # Of pages that were never read, the last one first: it is at an end, and the others follow from there
        return self._read.get(page, -1), -page
