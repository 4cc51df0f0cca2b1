"""The index of names: what is remembered of each, however many there are and whatever their hashes."""

from __future__ import annotations

import random
import zlib

import pytest

from cmr_async.preflight import name_index
from cmr_async.preflight.name_index import Mention, NameIndex


def test_the_first_mention_of_a_name_is_remembered() -> None:
    index = NameIndex()
    assert [index.add(f"name-{n}", n) for n in range(1, 5001)] == [None] * 5000
    assert [index.add(f"name-{n}", 9) for n in range(1, 5001)] == [Mention(n, registers=False) for n in range(1, 5001)]
    assert len(index) == 5000
    assert [index.get(name) for name in ("name-1", "name-5000", "name-5001")] == [
        Mention(1, registers=False),
        Mention(5000, registers=False),
        None,
    ]


def test_a_registration_replaces_a_mention_and_nothing_replaces_a_registration() -> None:
    index = NameIndex()
    assert index.add("a.com", 0) is None
    assert index.add("a.com", 3, registers=True) == Mention(0, registers=False)
    assert index.add("a.com", 4, registers=True) == Mention(3, registers=True)
    assert index.add("a.com", 5) == Mention(3, registers=True)
    assert index.get("a.com") == Mention(3, registers=True)
    assert len(index) == 1


def test_the_greatest_row_fits() -> None:
    index = NameIndex()
    index.add("a.com", 2**31 - 1, registers=True)
    assert index.get("a.com") == Mention(2**31 - 1, registers=True)


@pytest.mark.parametrize(
    "hashed",
    [
        lambda name: int(name) << 40,  # all begin in one slot, and one is 0
        lambda name: -int(name),
        lambda name: zlib.crc32(name.encode()),
        lambda name: (int(name) << 3) | 7,  # all begin in the last slots, so that they go on at the first
    ],
    ids=["one slot", "negative", "spread", "wrapping"],
)
def test_nothing_is_forgotten_when_the_index_grows(monkeypatch: pytest.MonkeyPatch, hashed: object) -> None:
    monkeypatch.setattr(name_index, "_INITIAL_SIZE", 8)
    monkeypatch.setattr(name_index, "hash", hashed, raising=False)
    index, known = NameIndex(), dict[str, Mention]()
    chance = random.Random(1)
    for row in range(1000):
        name, registers = str(chance.randrange(2, 400)), chance.random() < 0.3
        before = known.get(name)
        assert index.add(name, row, registers=registers) == before
        if before is None or (registers and not before.registers):
            known[name] = Mention(row, registers=registers)
    assert len(index) == len(known)
    assert {name: index.get(name) for name in map(str, range(2, 401))} == {
        name: known.get(name) for name in map(str, range(2, 401))
    }


def test_names_with_one_hash_are_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_index, "hash", lambda _: 0, raising=False)
    index = NameIndex()
    assert index.add("a.com", 1, registers=True) is None
    assert index.add("b.com", 2) == Mention(1, registers=True)
