"""Connections and transactions: what fails, what is repeated, what outlives its caller."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import uuid
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
import sqlalchemy as sa

from cmr_async.errors import JournalError
from cmr_async.journal.journal import Journal
from cmr_async.journal.liveness import Machine
from cmr_async.journal.states import StepState
from cmr_async.journal.storage import database as databases
from cmr_async.journal.storage import engine
from cmr_async.journal.storage.clock import JournalClock
from cmr_async.journal.storage.database import Database
from cmr_async.journal.storage.statements import Transaction
from tests.fakes import Clock, make_request
from tests.journal.arrange import psycopg_url, some_requests

SAMPLES = Path(__file__).parents[2] / "samples"


async def test_groups_that_cross_each_other_end_without_harm(postgresql_location: str) -> None:
    """Two handles free and claim the same rows in opposite order, again and again."""
    keys = [f"R{n}" for n in range(30)]
    async with Journal(postgresql_location) as one, Journal(postgresql_location) as two:
        await one.add(some_requests(30))

        async def work(journal: Journal, key: str) -> int:
            sends = 0
            while sends < 3 and (claim := await journal.claim(key)):
                sends += 1
                await journal.record(claim, StepState.NOT_SENT)
            return sends

        done = await asyncio.gather(*(work(one, key) for key in keys), *(work(two, key) for key in reversed(keys)))
        counts = await one.counts()
        sent = [event.change for key in keys for event in await one.history(key)].count("sent")
    assert counts[StepState.NOT_SENT] == 30
    assert sent == sum(done)


async def test_a_lost_connection_is_said_and_replaced(postgresql_location: str) -> None:
    async with Journal(postgresql_location) as journal:
        await journal.add(some_requests(2))
        with psycopg.connect(psycopg_url(postgresql_location), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND backend_type = 'client backend'"
            )
        with pytest.raises(JournalError, match="lost the connection to its server"):
            await journal.claim("R0")
        assert await journal.claim("R1") is not None
        entry = await journal.get("R0")
    assert entry is not None
    assert entry.state is StepState.PLANNED


async def test_a_database_whose_encoding_lacks_a_letter_is_said_with_what_to_do(postgresql: str) -> None:
    name = f"latin_{uuid.uuid4().hex}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    location = sa.make_url(postgresql).set(database=name).render_as_string(hide_password=False)
    async with Journal(location) as journal:
        [entry] = await journal.add([make_request(reference="caf\u00e9")])
        assert entry.key == "caf\u00e9"
        with pytest.raises(JournalError, match=r"encoding lacks some letters\. Use one that is in UTF8"):
            await journal.add([make_request("b", reference="\u65e5\u672c")])
        claim = await journal.claim("caf\u00e9")
        assert claim is not None
        with pytest.raises(JournalError, match="encoding lacks some letters"):
            await journal.record(claim, StepState.ACCEPTED, order_id="O", message="\u65e5\u672c")
        assert await journal.record(claim, StepState.ACCEPTED, order_id="O", message="\u00fc")


async def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        pass
    await journal.close()
    with pytest.raises(JournalError, match="is not open"):
        await journal.claim("A")
    with pytest.raises(JournalError, match="is not open"):
        await journal.counts()


async def test_another_process_that_holds_the_journal_is_waited_for_and_it_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "_BUSY", 0.01)
    path = tmp_path / "run.db"
    async with Journal(path) as journal:
        await journal.add(some_requests(2))
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
            other.execute("BEGIN EXCLUSIVE")
            tries = 0

            def let_go_at_the_third_try(error: object) -> bool:
                nonlocal tries
                tries += 1
                if tries == 3:
                    other.execute("ROLLBACK")
                return engine.is_busy(error)

            monkeypatch.setattr(databases, "is_busy", let_go_at_the_third_try)
            assert await journal.claim("R0") is not None
            assert tries == 3
            assert [record.message for record in caplog.records] == [
                f"waiting for another process that holds the journal {path}"
            ]
            other.execute("BEGIN EXCLUSIVE")
            monkeypatch.setattr(journal._database, "_patience", 0.0)
            with pytest.raises(JournalError, match="is in use by another process that is writing"):
                await journal.claim("R1")
            other.execute("ROLLBACK")
        entry = await journal.get("R1")
    assert entry is not None
    assert entry.state is StepState.PLANNED


async def test_a_journal_of_an_older_version_leaves_wal_mode_whoever_opens_it(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((SAMPLES / "journal-schema-2.sql").read_text())
        connection.execute("PRAGMA journal_mode = WAL")
    path.chmod(0o600)
    journals = [Journal(path) for _ in range(4)]
    await asyncio.gather(*(journal.start() for journal in journals))
    assert names(tmp_path) in (["run.db"], ["run.db", "run.db-journal"])
    entry = await journals[0].get("accepted")
    assert entry is not None
    assert entry.order_id == "O-accepted"
    for journal in journals:
        await journal.close()
    assert names(tmp_path) == ["run.db"]


async def test_a_journal_that_an_older_version_uses_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "_PAUSE", 0.0)
    path = tmp_path / "run.db"
    with closing(sqlite3.connect(path)) as older:
        older.executescript((SAMPLES / "journal-schema-2.sql").read_text())
        older.execute("PRAGMA journal_mode = WAL")
        older.execute("SELECT * FROM cmr_meta").fetchall()
        path.chmod(0o600)
        with pytest.raises(JournalError, match=r"is in use by an older version of cmr-async\. Let that end"):
            await Journal(path).start()
    async with Journal(path) as journal:
        assert await journal.get("accepted") is not None


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def nothing(_: Transaction) -> None:
    pass


async def test_a_database_whose_opening_is_cancelled_is_closed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()

    def wait(_: Transaction) -> None:
        begun.set()
        go.wait()

    database = a_database(tmp_path / "run.db")
    opening = asyncio.create_task(database.start(wait))
    await asyncio.to_thread(begun.wait)
    thread = database._thread._thread
    assert thread is not None
    opening.cancel()
    await asyncio.wait([opening])
    go.set()
    await asyncio.to_thread(thread.join)
    assert opening.cancelled()
    assert (database.is_open, database._engine) == (False, None)


async def test_a_last_transaction_that_fails_closes_the_database_all_the_same(tmp_path: Path) -> None:
    def fail(_: Transaction) -> NoReturn:
        raise LookupError("not there")

    database = a_database(tmp_path / "run.db")
    await database.start(nothing)
    with pytest.raises(LookupError, match="not there"):
        await database.end(fail)
    assert (database.is_open, database._engine) == (False, None)


def a_database(path: Path) -> Database:
    return Database(path, run=Machine().this_process(), clock=JournalClock(Clock()), create=True)


@pytest.mark.parametrize("refusals", [0, 1, 4])
async def test_a_transaction_that_stood_in_anothers_way_is_run_again(journal: Journal, refusals: int) -> None:
    errors = iter([psycopg.errors.SerializationFailure(), psycopg.errors.DeadlockDetected()] * 2)
    tries = 0

    def work(transaction: Transaction) -> str:
        nonlocal tries
        tries += 1
        if tries <= refusals:
            raise sa.exc.OperationalError("UPDATE", {}, next(errors))
        return transaction.journal

    assert await journal._database.write(work) == journal.name
    assert tries == refusals + 1


@pytest.mark.parametrize(
    ("error", "tries"), [(psycopg.errors.DeadlockDetected("again"), 5), (psycopg.errors.DiskFull("disk is full"), 1)]
)
async def test_what_fails_for_good_is_raised(journal: Journal, error: psycopg.Error, tries: int) -> None:
    seen: list[Transaction] = []

    def work(transaction: Transaction) -> NoReturn:
        seen.append(transaction)
        raise sa.exc.OperationalError("UPDATE", {}, error)

    with pytest.raises(JournalError, match=str(error)):
        await journal._database.write(work)
    assert len(seen) == tries
    assert (await journal.counts())[StepState.PLANNED] == 0


async def test_a_transaction_that_fails_leaves_nothing(journal: Journal) -> None:
    def work(transaction: Transaction) -> NoReturn:
        transaction.append_events([transaction.event("A", "create", "sent", reason="")])
        raise LookupError("in the middle")

    with pytest.raises(LookupError, match="in the middle"):
        await journal._database.write(work)
    assert await journal.history("A") == []


async def test_a_transaction_is_finished_although_its_caller_is_cancelled(journal: Journal) -> None:
    begun, go = threading.Event(), threading.Event()

    def work(transaction: Transaction) -> None:
        begun.set()
        go.wait()
        transaction.append_events([transaction.event("A", "create", "sent", reason="")])

    caller = asyncio.create_task(journal._database.write(work))
    await asyncio.to_thread(begun.wait)
    caller.cancel()
    await asyncio.wait([caller])
    go.set()
    assert caller.cancelled()
    assert [event.change for event in await journal.history("A")] == ["sent"]


async def test_a_database_that_cannot_be_opened_leaves_nothing_open(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database " * 100)
    database = a_database(path)
    with pytest.raises(JournalError, match="holds something else"):
        await database.start(nothing)
    assert (database.is_open, database._engine) == (False, None)
    await database.end(nothing)  # once more does no harm


async def test_a_database_is_open_between_start_and_the_end(tmp_path: Path) -> None:
    database = a_database(tmp_path / "run.db")
    assert (database.is_open, database.dialect, database.name) == (False, "sqlite", str(tmp_path / "run.db"))
    await database.start(nothing)
    assert database.is_open
    await database.end(nothing)
    with pytest.raises(JournalError, match="is not open"):
        await database.write(lambda _: None)
