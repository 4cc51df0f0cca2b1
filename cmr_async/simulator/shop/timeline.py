"""A list of things that appear at times known beforehand, so that a page of it costs no look at all of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Generic, TypeVar

import attrs

_Item = TypeVar("_Item")


@attrs.define
class Timeline(Generic[_Item]):
    """Items by the simulated time at which they appear, oldest first; those of one time as they were added."""

    _times: list[float] = attrs.field(factory=list, init=False)
    _items: list[_Item] = attrs.field(factory=list, init=False)

    def add(self, time: float, item: _Item) -> None:
        """Let an item appear at a time."""
        index = bisect_right(self._times, time)
        self._times.insert(index, time)
        self._items.insert(index, item)

    def count(self, now: float) -> int:
        """Return how many items have appeared."""
        return bisect_right(self._times, now)

    def appeared(self, now: float) -> Iterator[_Item]:
        """Yield the items that have appeared."""
        for index in range(self.count(now)):
            yield self._items[index]

    def page(self, now: float, page: int, limit: int) -> list[_Item]:
        """Return one page, from 1 on, of the items that have appeared."""
        start = (page - 1) * limit
        return self._items[start : min(start + limit, self.count(now))]
