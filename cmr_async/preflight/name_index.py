"""A set of names that stays small: a million names in 24 MiB, each with the row where it was met first.

Python's own set of strings would take several times that. Names are kept as 64-bit hashes; among a million
names the chance that any two share one is below one in ten million.
"""

from __future__ import annotations

from array import array

__all__ = ["NameIndex"]

_ROOM_AT_FIRST = 1 << 16


class NameIndex:
    """Remembers names by their hash, with open addressing in two plain arrays."""

    def __init__(self) -> None:
        """Make an empty set."""
        self._hashes = array("q", [0]) * _ROOM_AT_FIRST
        self._rows = array("I", [0]) * _ROOM_AT_FIRST
        self._last = _ROOM_AT_FIRST - 1
        self._count = 0
        self._most = _ROOM_AT_FIRST * 2 // 3

    def __len__(self) -> int:
        return self._count

    def get(self, name: str) -> int:
        """Return the row of a name, 0 when it is not there."""
        return self._rows[self._place(hash(name) or 1)]

    def mark(self, name: str, row: int) -> None:
        """Change the row of a name that is there."""
        self._rows[self._place(hash(name) or 1)] = row

    def add(self, name: str, row: int) -> int:
        """Remember a name.

        Args:
            name: The name.
            row: Where it was met, from 1 to 2**32 - 1.

        Returns:
            0 when the name is new, else the row where it was met first.
        """
        mark = hash(name) or 1  # 0 means a free place
        at = mark & self._last
        if self._hashes[at]:
            at = self._place(mark)
            if self._hashes[at]:
                return self._rows[at]
        self._hashes[at] = mark
        self._rows[at] = row
        self._count += 1
        if self._count > self._most:
            self._grow()
        return 0

    def _place(self, mark: int) -> int:
        """Where a hash stands, or the free place where it belongs."""
        hashes, last = self._hashes, self._last
        at = mark & last
        while (found := hashes[at]) and found != mark:
            at = (at + 1) & last
        return at

    def _grow(self) -> None:
        old_hashes, old_rows = self._hashes, self._rows
        size = 2 * len(old_hashes)
        hashes = self._hashes = array("q", [0]) * size
        rows = self._rows = array("I", [0]) * size
        last = self._last = size - 1
        self._most = size * 2 // 3
        for mark, row in zip(old_hashes, old_rows, strict=True):
            if mark:
                at = mark & last
                while hashes[at]:
                    at = (at + 1) & last
                hashes[at] = mark
                rows[at] = row
