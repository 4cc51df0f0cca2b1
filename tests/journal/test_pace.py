"""The slots that processes share: on one clock, measured together, each process told of the refusals of others."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from cmr_async.core.pacing import Slot
from cmr_async.errors import ConfigurationError, JournalError
from cmr_async.journal import pace as paces
from cmr_async.journal.journal import Journal
from cmr_async.journal.pace import StoredPace
from cmr_async.journal.storage.database import Database
from tests.fakes import Clock, wait_for_slot


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give databases on a slow machine their time."""
    monkeypatch.setattr(paces, "_PATIENCE", 60.0)


async def take(journal: Journal, name: str = "key", gap: float = 8.0) -> Slot:
    return await journal.shared_pace(name).reserve(gap, reads=False)


async def test_slots_lie_one_gap_apart(journal: Journal, clock: Clock) -> None:
    assert [(await take(journal)).wait for _ in range(3)] == [0.0, 8.0, 16.0]
    clock.now += 20
    assert (await take(journal)).wait == 4.0


async def test_a_slot_that_nobody_took_is_not_saved_up(journal: Journal, clock: Clock) -> None:
    await take(journal)
    clock.now += 100
    assert [(await take(journal)).wait for _ in range(2)] == [0.0, 8.0]


async def test_each_name_has_slots_of_its_own(journal: Journal) -> None:
    assert [(await take(journal, name)).wait for name in ("one", "two")] == [0.0, 0.0]


async def test_two_handles_share_one_pace(journal: Journal, location: str, clock: Clock) -> None:
    async with Journal(location, clock=clock) as other:
        waits = [(await wait_for_slot(handle.shared_pace("key")))[1] for handle in (journal, other, journal, other)]
        assert waits == [0.0, 8.0, 16.0, 24.0]
        assert (await wait_for_slot(other.shared_pace("another key")))[1] == 0.0


async def test_what_one_process_measures_holds_for_all(journal: Journal, location: str, clock: Clock) -> None:
    async with Journal(location, clock=clock) as other:
        mine, theirs = journal.shared_pace("key"), other.shared_pace("key")
        await mine.reserve(0.2, reads=False)
        slot = await mine.reserve(0.2, reads=False)
        waiting = await theirs.reserve(0.2, reads=False)
        clock.now += 0.3
        assert await mine.refused(slot, 1.0) == 1.0
        assert not await theirs.holds(waiting)
        again = await theirs.reserve(0.2, reads=False)
        assert await theirs.holds(again)
        assert again.wait == pytest.approx(1.0)
        assert mine.pace(0.2).limit == theirs.pace(0.2).limit == 1.0
        assert theirs.pace(0.2).gap == pytest.approx(1.015)
        clock.now += 0.25
        assert theirs.pace(0.2).paused_for == pytest.approx(0.75)


async def test_reads_of_one_process_let_the_orders_of_another_go_first(
    journal: Journal, location: str, clock: Clock
) -> None:
    async with Journal(location, clock=clock) as other:
        for _ in range(2):
            await journal.shared_pace("key").reserve(8.0, reads=True)
        await journal.shared_pace("key").reserve(8.0, reads=False)
        read = await other.shared_pace("key").reserve(8.0, reads=True)
    assert (read.at, read.wait) == (None, 24.0)


async def test_a_slot_that_comes_up_during_a_pause_is_not_used(journal: Journal, clock: Clock) -> None:
    waits: list[float] = []
    shared = journal.shared_pace("key")

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        clock.now += seconds
        if len(waits) == 1:
            await shared.refused(first, 100.0)

    first, _ = await wait_for_slot(shared, sleep)
    await wait_for_slot(shared, sleep)
    assert waits == pytest.approx([7.97, 99.97, 0.03])


@pytest.mark.parametrize(
    "state",
    [
        "",
        "[]",
        "null",
        '{"next": "soon"}',
        '{"next": true}',
        '{"next": 1e300}',
        '{"next": NaN}',
        '{"used": 1}',
        '{"used": ["x"]}',
        '{"used": [null]}',
        '{"another": 1}',
        '{"era": []}',
        '{"spread": 0}',
        '{"limit": -1}',
        '{"limit": "5"}',
        '{"limit": 1e-300}',
    ],
)
async def test_a_row_that_no_version_wrote_is_refused(tmp_path: Path, state: str) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        await take(journal)
        with closing(sqlite3.connect(tmp_path / "run.db")) as other, other:
            other.execute("UPDATE cmr_slots SET state = ?", (state,))
        with pytest.raises(JournalError, match="holds a state that no version of cmr-async wrote"):
            await take(journal)


# A pace without a journal


@pytest.fixture
async def pace(location: str) -> AsyncIterator[StoredPace]:
    pace = StoredPace(location, "key")
    yield pace
    await pace.close()


async def test_a_pace_needs_no_journal(pace: StoredPace, location: str) -> None:
    other = StoredPace(location, "key")
    try:
        first = await pace.reserve(1000.0, reads=False)
        second = await other.reserve(1000.0, reads=False)
    finally:
        await other.close()
    assert first.wait == 0.0
    assert second.wait == pytest.approx(1000.0, abs=60)
    assert await pace.holds(second)
    assert await pace.refused(first, 500.0) == 500.0
    assert not await pace.holds(second)
    assert pace.pace(1000.0).paused_for == pytest.approx(500.0, abs=60)


async def test_it_is_opened_again_after_it_was_closed(pace: StoredPace) -> None:
    await pace.reserve(1000.0, reads=False)
    await pace.close()
    assert (await pace.reserve(1000.0, reads=False)).wait > 900


async def test_a_journal_can_be_the_pace_of_others(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        await journal.shared_pace("key").reserve(1000.0, reads=False)
        pace = StoredPace(tmp_path / "run.db", "key")
        assert (await pace.reserve(1000.0, reads=False)).wait > 900
        await pace.close()


@pytest.mark.parametrize("location", ["mysql://host/db", ":memory:", ""])
def test_a_place_that_can_be_none_is_refused_at_once(location: str) -> None:
    with pytest.raises(ConfigurationError):
        StoredPace(location, "key")


async def test_while_the_database_fails_the_process_keeps_a_pace_of_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cmr_async")
    clock, file = Clock(100.0), tmp_path / "pace.db"
    file.write_bytes(b"")  # an empty file is refused
    pace = StoredPace(file, "key", clock=clock)
    slots = [await pace.reserve(0.25, reads=False) for _ in range(3)]
    assert [slot.wait for slot in slots] == [0.0, 0.25, 0.5]
    clock.now += 0.6
    assert await pace.refused(slots[2], 1.0) == 1.0
    assert not await pace.holds(slots[2])
    assert pace.pace(0.25).limit == 2.0
    file.unlink()
    clock.now += 60
    slot = await pace.reserve(0.25, reads=False)
    assert await pace.holds(slot)
    assert pace._trial is not None
    await pace._trial
    assert (await pace.reserve(1000.0, reads=False)).wait == 0.0
    assert (await pace.reserve(1000.0, reads=False)).wait > 900
    await pace.close()
    assert [record.message.partition(" (")[0] for record in caplog.records] == [
        f"the pace in {file} cannot be used",
        f"the pace in {file} works again",
    ]


async def test_a_database_that_somebody_holds_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file, clock = tmp_path / "pace.db", Clock(100.0)
    pace = StoredPace(file, "key", clock=clock)
    stored = await pace.reserve(0.25, reads=False)
    monkeypatch.setattr(paces, "_PATIENCE", 0.01)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert (await pace.reserve(0.25, reads=False)).wait == 0.0
        assert "no answer within 0.01 s" in caplog.text
        assert await pace.holds(stored)
        assert await pace.refused(stored, None) == 1.0
        clock.now += 60
        await pace.reserve(0.25, reads=False)
        assert pace._trial is not None
        await pace._trial
        assert pace._failed_at == clock.now
        other.execute("ROLLBACK")
    await pace.close()


async def test_the_copy_of_a_journal_is_still_a_pace(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db"):
        pass
    copy = tmp_path / "copy.db"
    copy.write_bytes((tmp_path / "run.db").read_bytes())
    copy.chmod(0o600)
    pace = StoredPace(copy, "key")
    assert (await pace.reserve(1000.0, reads=False)).wait == 0.0
    assert (await pace.reserve(1000.0, reads=False)).wait > 900
    await pace.close()
    with pytest.raises(JournalError, match="a copy or a backup"):
        await Journal(copy).start()


async def test_a_forked_child_opens_the_database_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pace = StoredPace(tmp_path / "pace.db", "key")
    await pace.reserve(1000.0, reads=False)
    opened = pace._open
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert (await pace.reserve(1000.0, reads=False)).wait > 900
    assert pace._open is not opened
    await pace.close()


async def test_a_forked_child_closes_nothing_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pace = StoredPace(tmp_path / "pace.db", "key")
    await pace.reserve(1000.0, reads=False)
    database = pace._database
    assert database is not None
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: -1)
        await pace.close()
    assert database.is_open
    await database.end(lambda _: None)


async def test_a_pace_that_is_closed_while_it_opens_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = threading.Event()

    class Noted(Database):
        def _disconnect(self) -> None:
            super()._disconnect()
            assert not self.is_open
            closed.set()

    monkeypatch.setattr(paces, "Database", Noted)
    pace = StoredPace(tmp_path / "pace.db", "key")
    waiting = asyncio.ensure_future(pace.reserve(1000.0, reads=False))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    await pace.close()
    assert await asyncio.to_thread(closed.wait, 60)
