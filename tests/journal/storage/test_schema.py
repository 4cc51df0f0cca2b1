"""The tables of a journal: made once, migrated once, refused when they are not ours."""

from __future__ import annotations

import asyncio
import json
import pickle
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import attrs
import psycopg
import pytest
import sqlalchemy as sa

from cmr_async.core.order.checked import CheckedOrder
from cmr_async.errors import JournalConflictError, JournalError, JournalVersionError
from cmr_async.journal.identity import content_of, fingerprint, order_key
from cmr_async.journal.journal import Claim, Journal, Step, StepState, Verdict
from cmr_async.journal.storage import schema
from cmr_async.journal.storage.engine import journal_url, reading_engine
from tests.fakes import Clock
from tests.journal.arrange import (
    ACCEPTED,
    NOT_SENT,
    PLANNED,
    REJECTED,
    SENT,
    UNKNOWN,
    a_request,
    changes,
    psycopg_url,
    run_python,
    some_requests,
    stored,
)

#: Journals of older schema versions with an order in every state, as SQL text.
SAMPLES = Path(__file__).parents[2] / "samples"
TABLES = ("deliveries", "events", "meta", "orders", "provisions", "runs", "slots", "steps")
#: The last heartbeat of its last run.
BEATEN = 1_700_000_121.0
NO_REFERENCE = "sha256:d93eb8021e097fabc78a0edc6d296cbea3c6f16e807b5fae1562595b757d28ee"
IN_IT: dict[str, tuple[StepState, Verdict | None, str | None]] = {
    "planned": (PLANNED, None, None),
    "sent": (SENT, None, None),
    "accepted": (ACCEPTED, None, "O-accepted"),
    "rejected": (REJECTED, None, None),
    "unknown": (UNKNOWN, None, None),
    "unknown-placed": (UNKNOWN, Verdict.PLACED, "O-placed"),
    "unknown-absent": (UNKNOWN, Verdict.ABSENT, None),
    "unknown-conflict": (UNKNOWN, Verdict.CONFLICT, None),
    "not-sent": (NOT_SENT, None, None),
    "draft": (ACCEPTED, None, "O-draft"),
    "resubmitted": (PLANNED, None, None),
    NO_REFERENCE: (PLANNED, None, None),
}


@pytest.fixture(params=["1", "2", "3"])
def old_version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def old_journal(location: str, clock: Clock, old_version: str) -> str:
    """Where a journal of an older schema version is; its last run still counts as alive."""
    clock.now = BEATEN + 1
    with closing(sqlite3.connect(location if "://" not in location else ":memory:")) as connection:
        connection.executescript((SAMPLES / f"journal-schema-{old_version}.sql").read_text())
        if "://" in location:
            copy_into_postgresql(connection, location)
    return location


def copy_into_postgresql(connection: sqlite3.Connection, location: str) -> None:
    engine = sa.create_engine(journal_url(location))
    old = sa.MetaData()
    for table in schema._metadata.sorted_tables:
        had = {row[1] for row in connection.execute(f"PRAGMA table_info({table.name})")}
        if had:
            sa.Table(table.name, old, *(column._copy() for column in table.c if column.name in had))
    with engine.begin() as there:
        old.create_all(there)
        for table in old.sorted_tables:
            # PostgreSQL numbers the events itself
            columns = [column for column in table.c if (table.name, column.name) != ("cmr_events", "id")]
            names = ", ".join(f'"{column.name}"' for column in columns)
            rows = connection.execute(f"SELECT {names} FROM {table.name}")
            for row in rows:
                values = zip(columns, row, strict=True)
                kept = {c.name: bool(value) if isinstance(c.type, sa.Boolean) else value for c, value in values}
                there.execute(sa.insert(table).values(**kept))
    engine.dispose()


def version_of(location: str) -> str | None:
    engine = sa.create_engine(journal_url(location))
    with engine.connect() as connection:
        version: str | None = connection.scalar(sa.text("SELECT value FROM cmr_meta WHERE name = 'schema_version'"))
    engine.dispose()
    return version


async def test_the_journal_lives_beside_tables_of_other_programs(postgresql_location: str) -> None:
    with psycopg.connect(psycopg_url(postgresql_location), autocommit=True) as connection:
        connection.execute("CREATE TABLE orders (theirs int)")
    async with Journal(postgresql_location) as journal:
        await journal.add(some_requests(1))
    with psycopg.connect(psycopg_url(postgresql_location)) as connection:
        found = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema"
        )
        names = {row[0] for row in found}
    assert names == {"orders"} | {f"cmr_{name}" for name in TABLES}


async def test_many_that_open_a_new_journal_at_once_make_it_once(postgresql_location: str) -> None:
    journals = [Journal(postgresql_location) for _ in range(6)]
    await asyncio.gather(*(journal.start() for journal in journals))
    await asyncio.gather(*(journal.close() for journal in journals))


async def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(JournalError, match="another program"):
        await Journal(path).start()


async def test_a_journal_of_an_older_version_shows_the_same_entries(old_journal: str, clock: Clock) -> None:
    async with Journal(old_journal, clock=clock) as journal:
        entries = [entry async for entry in journal.entries()]
        process = await stored(journal, "draft", Step.PROCESS)
        history = {key: await changes(journal, key) for key in ("unknown-placed", "resubmitted", "draft")}
    assert {entry.key: (entry.state, entry.verdict, entry.order_id) for entry in entries} == IN_IT
    assert [entry.position for entry in entries] == list(range(12))
    requests = [entry.request for entry in entries]
    contents = [content_of(CheckedOrder(request=request, order=request.order)) for request in requests]
    assert list(zip(map(order_key, requests), map(fingerprint, requests), contents, strict=True)) == [
        (entry.key, entry.fingerprint, entry.content) for entry in entries
    ]
    assert f"sha256:{contents[-1]}" == NO_REFERENCE
    assert [entry.unavailable for entry in entries] == [()] * 12
    assert (process.state, process.verdict, process.order_id) == (UNKNOWN, Verdict.PLACED, "O-draft")
    assert history == {
        "unknown-placed": ["sent", "unknown", "verdict:placed"],
        "resubmitted": ["sent", "unknown", "verdict:absent", "planned"],
        "draft": ["sent", "accepted", "sent", "unknown", "verdict:placed"],
    }
    assert version_of(old_journal) == "4"


async def test_a_run_goes_on_with_a_journal_of_version_1(old_journal: str, clock: Clock) -> None:
    async with Journal(old_journal, clock=clock) as journal:
        requests = [entry.request async for entry in journal.entries()]
        again = await journal.add(requests)
        assert [(entry.key, entry.state) for entry in again] == [(key, IN_IT[key][0]) for key in IN_IT]
        claims = {key: await journal.claim(key) for key in IN_IT}
        assert {key for key, claim in claims.items() if claim} == {"planned", "not-sent", "resubmitted", NO_REFERENCE}
        assert await journal.claim("draft", step=Step.PROCESS) is None
        assert await journal.add_processing() == 0
        with pytest.raises(JournalError, match="the verdict is placed"):
            await journal.resubmit("unknown-placed")
        assert (await journal.resubmit("unknown-absent")).state is PLANNED
        claim = claims["planned"]
        assert claim is not None
        assert await journal.record(claim, ACCEPTED, order_id="O-planned")


async def test_what_a_dead_run_of_an_older_version_had_sent_becomes_unknown(old_journal: str, clock: Clock) -> None:
    async with Journal(old_journal, clock=clock) as journal:
        clock.now += 60
        assert await journal.recover() == 1
        entry = await stored(journal, "sent")
        assert (entry.state, entry.recovered) == (UNKNOWN, True)
        late = Claim(key="sent", step=Step.CREATE, token="token-11", at=BEATEN)
        assert await journal.record(late, ACCEPTED, order_id="O-sent")
        assert (await stored(journal, "sent")).order_id == "O-sent"


async def test_a_changed_order_is_noticed_in_a_journal_of_version_1(old_journal: str, clock: Clock) -> None:
    async with Journal(old_journal, clock=clock) as journal:
        with pytest.raises(JournalConflictError, match=r"accepted: domains\[0\].domain"):
            await journal.add([attrs.evolve(a_request(), reference="accepted")])


async def test_many_that_open_an_old_journal_at_once_all_succeed(old_journal: str, clock: Clock) -> None:
    journals = [Journal(old_journal, clock=clock) for _ in range(4)]
    await asyncio.gather(*(journal.start() for journal in journals))
    assert [(await stored(journal, "unknown-placed")).verdict for journal in journals] == [Verdict.PLACED] * 4
    await asyncio.gather(*(journal.close() for journal in journals))


# The oldest goes through every migration; the test above opens the others
@pytest.mark.parametrize("old_version", ["1"], indirect=True)
@pytest.mark.slow
def test_processes_that_open_an_old_journal_at_once_all_succeed(old_journal: str) -> None:
    code = """
import asyncio, json, sys
sys.path[:0] = json.loads(sys.argv[2])
from cmr_async.journal.journal import Journal
print("ready", flush=True)
sys.stdin.readline()
async def look():
    async with Journal(sys.argv[1], create=False) as journal:
        print((await journal.get("unknown-placed")).verdict)
asyncio.run(look())
"""
    command = [sys.executable, "-c", code, old_journal, json.dumps(sys.path)]
    workers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    assert [worker.communicate(timeout=60)[0] for worker in workers] == ["placed\n", "placed\n"]
    assert [worker.returncode for worker in workers] == [0, 0]


def test_looking_into_an_old_journal_does_not_change_it(old_journal: str, old_version: str) -> None:
    before = None if "://" in old_journal else Path(old_journal).read_bytes()
    engine = reading_engine(journal_url(old_journal))
    assert engine is not None
    with engine.connect() as connection:
        assert schema.schema_version(connection, name="old") == old_version
    engine.dispose()
    assert version_of(old_journal) == old_version
    assert before is None or Path(old_journal).read_bytes() == before


def test_an_empty_database_has_no_tables(location: str) -> None:
    engine = sa.create_engine(journal_url(location))
    with engine.connect() as connection:
        assert schema.schema_version(connection, name="new") is None
    engine.dispose()


async def test_a_newer_journal_is_refused_and_left_alone(location: str) -> None:
    async with Journal(location):
        pass
    engine = sa.create_engine(journal_url(location))
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE cmr_meta SET value = '5' WHERE name = 'schema_version'"))
    with engine.connect() as connection, pytest.raises(JournalVersionError, match="has schema version 5") as caught:
        schema.schema_version(connection, name="newer")
    engine.dispose()
    assert (caught.value.found, caught.value.expected) == ("5", "4")
    with pytest.raises(JournalVersionError, match="Use the version of cmr-async that wrote it"):
        await Journal(location).start()
    assert version_of(location) == "5"


async def test_a_migration_that_is_cut_short_leaves_the_old_journal(
    old_journal: str, old_version: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise JournalError("the power is gone")

    with monkeypatch.context() as patched:
        patched.setattr(schema.deliveries, "create", fail)
        with pytest.raises(JournalError, match="the power is gone"):
            await Journal(old_journal, clock=clock).start()
    assert version_of(old_journal) == old_version
    async with Journal(old_journal, clock=clock) as journal:
        assert len([entry async for entry in journal.entries()]) == 12


async def test_a_migration_fills_the_new_column_in_chunks(
    old_journal: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_AT_ONCE", 5)
    async with Journal(old_journal, clock=clock) as journal:
        assert all([len(entry.content) == 64 async for entry in journal.entries()])


def test_the_version_error_survives_pickling() -> None:
    copy = pickle.loads(pickle.dumps(JournalVersionError("m", found="2", expected="1")))
    assert (copy.message, copy.found, copy.expected) == ("m", "2", "1")


def test_importing_the_package_does_not_import_sqlalchemy() -> None:
    assert run_python("import sys, cmr_async, cmr_async.bulk; print('sqlalchemy' in sys.modules)") == "False\n"


def test_a_missing_sqlalchemy_is_named_with_what_to_install(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
sys.modules["sqlalchemy"] = None
from cmr_async.errors import ConfigurationError
try:
    from cmr_async.journal.journal import Journal
    asyncio.run(Journal({str(tmp_path / "run.db")!r}).start())
except ConfigurationError as error:
    print(error)
"""
    assert 'pip install "cmr-async[journal]"' in run_python(code)
