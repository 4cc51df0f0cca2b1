"""An index of names that stays small: a million names in 25 MiB, each with the row that mentions it first.

A dictionary of strings takes four times that. Names are kept as 64-bit hashes, so two names may be taken for one;
among a million names the chance that any two share a hash is below one in ten million.
"""

from __future__ import annotations

from array import array

import attrs

#: The largest number that an index keeps as a row.
LARGEST_ROW = 2**31 - 1
_INITIAL_SIZE = 1 << 16
#: Stands for the hash 0, which marks a free slot.
_HASH_OF_ZERO = 1


@attrs.frozen
class Mention:
    """What an index knows about a name."""

    #: Where the name is mentioned: a row, or any other number from 0 to `LARGEST_ROW`.
    row: int
    #: The order at that row registers the name; else it only mentions it.
    registers: bool


class NameIndex:
    """Remembers names by their hashes, with open addressing in two plain arrays."""

    def __init__(self) -> None:
        """Make an empty index."""
        self._count = 0
        self._allocate(_INITIAL_SIZE)

    def __len__(self) -> int:
        return self._count

    def get(self, name: str) -> Mention | None:
        """Return what is known about a name; `None`: it was never added."""
        slot = self._slot(hash(name) or _HASH_OF_ZERO)
        return self._unpack(slot) if self._hashes[slot] else None

    def add(self, name: str, row: int, *, registers: bool = False) -> Mention | None:
        """Remember the first mention of a name, or the first one that registers it.

        Args:
            name: The name.
            row: Where it is mentioned.
            registers: It is registered there. This replaces a mention that only mentions the name.

        Returns:
            What was known about the name before; `None`: it is new.
        """
        hashed = hash(name) or _HASH_OF_ZERO
        slot = self._slot(hashed)
        if self._hashes[slot]:
            known = self._unpack(slot)
            if registers and not known.registers:
                self._mentions[slot] = row * 2 + 1
            return known
        self._hashes[slot] = hashed
        self._mentions[slot] = row * 2 + registers
        self._count += 1
        if self._count > self._most:
            self._grow()
        return None

    def _unpack(self, slot: int) -> Mention:
        packed = self._mentions[slot]
        return Mention(packed // 2, bool(packed % 2))

    def _slot(self, hashed: int) -> int:
        """Return where a hash is, or the free slot where it belongs."""
        hashes, last = self._hashes, self._last
        slot = hashed & last
        while (found := hashes[slot]) and found != hashed:
            slot = (slot + 1) & last
        return slot

    def _allocate(self, size: int) -> None:
        """Make room; the size is a power of two, and a third of it stays free."""
        self._hashes = array("q", [0]) * size
        #: Of each hash twice the row, plus one if the name is registered there.
        self._mentions = array("I", [0]) * size
        self._last = size - 1
        self._most = size * 2 // 3

    def _grow(self) -> None:
        known = zip(self._hashes, self._mentions, strict=True)
        self._allocate(2 * len(self._hashes))
        for hashed, mention in known:
            if hashed:
                slot = self._slot(hashed)
                self._hashes[slot] = hashed
                self._mentions[slot] = mention
