"""A set of names that stays small: a million names in 24 MiB, each with the row where it was met first.

Python's own set of strings would take several times that. Names are kept as 64-bit hashes; among a million
names the chance that any two share one is below one in ten million.
"""

from __future__ import annotations

from array import array

__all__ = ["SeenNames"]

_MASK = (1 << 64) - 1


class SeenNames:
    """Remembers names by their hash, with open addressing in two plain arrays."""

    def __init__(self) -> None:
        """Make an empty set."""
        self._size = 1 << 16
        self._hashes = array("Q", [0]) * self._size
        self._rows = array("I", [0]) * self._size
        self._count = 0

    def get(self, name: str) -> int:
        """Return the row of a name, 0 when it is not there."""
        mark = hash(name) & _MASK or 1
        at = mark & (self._size - 1)
        while found := self._hashes[at]:
            if found == mark:
                return self._rows[at]
            at = (at + 1) & (self._size - 1)
        return 0

    def mark(self, name: str, row: int) -> None:
        """Change the row of a name that is there."""
        mark = hash(name) & _MASK or 1
        at = mark & (self._size - 1)
        while self._hashes[at] != mark:
            at = (at + 1) & (self._size - 1)
        self._rows[at] = row

    def __len__(self) -> int:
        return self._count

    def add(self, name: str, row: int) -> int:
        """Remember a name.

        Args:
            name: The name.
            row: Where it was met, from 1 to 2**32 - 1.

        Returns:
            0 when the name is new, else the row where it was met first.
        """
        mark = hash(name) & _MASK or 1  # 0 means a free place
        hashes, last = self._hashes, self._size - 1
        at = mark & last
        while found := hashes[at]:
            if found == mark:
                return self._rows[at]
            at = (at + 1) & last
        hashes[at] = mark
        self._rows[at] = row
        self._count += 1
        if self._count * 3 > self._size * 2:
            self._grow()
        return 0

    def _grow(self) -> None:
        old_hashes, old_rows = self._hashes, self._rows
        self._size *= 2
        last = self._size - 1
        hashes = array("Q", [0]) * self._size
        rows = array("I", [0]) * self._size
        for mark, row in zip(old_hashes, old_rows, strict=True):
            if mark:
                at = mark & last
                while hashes[at]:
                    at = (at + 1) & last
                hashes[at] = mark
                rows[at] = row
        self._hashes, self._rows = hashes, rows
