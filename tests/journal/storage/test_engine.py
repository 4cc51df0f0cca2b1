"""Where a journal may be, what its file is like, and what errors of the database say."""

from __future__ import annotations

import os
import sqlite3
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cmr_async.errors import ConfigurationError, JournalError
from cmr_async.journal.journal import Journal
from cmr_async.journal.storage.engine import (
    DatabaseLayerError,
    is_busy,
    journal_errors,
    journal_url,
    leave_wal,
    make_engine,
    reading_engine,
    safe_name,
)
from cmr_async.journal.storage.schema import StrangeValueError
from tests.journal.arrange import PLANNED, a_request, claimed


def modes_of(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_a_journal_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        await journal.add([a_request()])
        modes = modes_of(tmp_path)
    assert modes == {"run.db": 0o600, "run.db-journal": 0o600}


async def test_every_commit_of_a_sqlite_journal_is_on_disk(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        writer = journal._database._connection
        assert writer is not None
        values = [writer.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
        writer.rollback()
    assert values == ["truncate", 3]


async def test_a_server_that_answers_before_the_commit_is_on_disk_is_told_not_to(postgresql_location: str) -> None:
    url = sa.make_url(postgresql_location)
    options = f"{url.query['options']} -c synchronous_commit=off"
    async with Journal(url.update_query_dict({"options": options}).render_as_string()) as journal:
        writer = journal._database._connection
        assert writer is not None
        assert writer.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        writer.rollback()


async def test_no_statement_stays_behind_on_a_server_that_a_pooler_may_change(postgresql_location: str) -> None:
    async with Journal(postgresql_location) as journal:
        for _ in range(8):
            await journal.beat()
        writer = journal._database._connection
        assert writer is not None
        assert writer.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar() == 0
        writer.rollback()


async def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("user_id,domain\n" * 100)
    with pytest.raises(JournalError, match="holds something else"):
        await Journal(path).start()
    assert path.read_text() == "user_id,domain\n" * 100


async def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="it is a folder"):
        await Journal(tmp_path).start()
    with pytest.raises(JournalError, match="cannot be made: No such file or directory"):
        await Journal(tmp_path / "no" / "run.db").start()


async def test_a_journal_is_not_made_when_it_should_be_there(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="There is no journal"):
        await Journal(tmp_path / "typo.db", create=False).start()
    assert modes_of(tmp_path) == {}


async def test_a_full_disk_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        await journal.add([a_request("A")])
        writer = journal._database._connection
        assert writer is not None
        pages = writer.exec_driver_sql("PRAGMA page_count").scalar()
        writer.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        writer.rollback()
        many = [a_request(f"R{n}", domain=f"d{n}.com") for n in range(500)]
        with pytest.raises(JournalError, match="the disk is full"):
            await journal.add(many)
        await claimed(journal)
        assert (await journal.counts())[PLANNED] == 0


@pytest.mark.parametrize("location", ["", ":memory:", "sqlite://", "mysql://host/db", "://", "postgresql://h:port/x"])
def test_what_is_no_place_for_a_journal_is_refused(location: str) -> None:
    with pytest.raises(ConfigurationError):
        Journal(location)


def test_a_password_is_in_no_message() -> None:
    assert Journal("postgresql://ada:secret@host/db").name == "postgresql+psycopg://ada:***@host/db"


async def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    password = f"{os.getpid()}-secret"
    with pytest.raises(JournalError) as caught:
        await Journal(f"postgresql://ada:{password}@127.0.0.1:1/db?connect_timeout=2").start()
    assert "postgresql+psycopg://ada:***@127.0.0.1:1/db" in caught.value.message
    assert password not in caught.value.message
    assert isinstance(caught.value.__cause__, DatabaseLayerError)
    assert caught.value.__context__ is None  # the driver's own error holds the connection, and that the password
    assert password not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("postgresql://ada:s3cret@host/db", "postgresql+psycopg://ada:***@host/db"),
        ("postgresql://ada:s3c/ret@host/db", "postgresql+psycopg://ada:***@host/db"),
        (
            "postgresql://host/db?user=ada&password=s3cret&sslpassword=s3cret&sslmode=require",
            "postgresql+psycopg://host/db?password=***&sslmode=require&sslpassword=***&user=ada",
        ),
        ("sqlite:///run.db?password=s3cret", "sqlite:///run.db"),
        (Path("odd:name@here.db"), "odd:name@here.db"),
        ("./odd:name@here.db", "./odd:name@here.db"),
        ("/runs/odd:name@here.db", "/runs/odd:name@here.db"),
        ("C:\\runs\\ada@home.db", "C:\\runs\\ada@home.db"),
        ("ada@home.db", "ada@home.db"),
    ],
)
def test_the_name_of_a_journal_has_nothing_secret(location: str | Path, name: str) -> None:
    assert (safe_name(location), Journal(location).name) == (name, name)


@pytest.mark.parametrize(
    "location",
    [
        "ada:s3cret@host/db",
        "//ada:s3cret@host/db",
        "//ada@host/db",
        "postgresql:ada:s3cret@host/db",
        "postgres:/ada:s3cret@host/db",
        "postgresql+psycopg:s3cret",
        "host=h user=ada password=s3cret",
        "dbname=x sslpassword = s3cret",
    ],
)
def test_a_url_without_its_scheme_is_no_path_and_is_not_shown(location: str) -> None:
    with pytest.raises(ConfigurationError, match="looks like a URL or a connection string") as caught:
        Journal(location)
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize("location", [None, 5, b"run.db", ["run.db"]])
def test_a_journal_of_another_type_is_refused(location: Any) -> None:
    with pytest.raises(ConfigurationError, match="A journal is named by a path or a URL, not by"):
        Journal(location)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("run.db", "sqlite:///run.db"),
        (Path("folder/run.db"), "sqlite:///folder/run.db"),
        ("sqlite:///run.db", "sqlite:///run.db"),
        ("sqlite+aiosqlite:///run.db", "sqlite:///run.db"),
        ("postgres://host/db", "postgresql+psycopg://host/db"),
        ("postgresql+asyncpg://host/db", "postgresql+psycopg://host/db"),
    ],
)
def test_a_path_is_sqlite_and_a_url_says_which(location: str | Path, url: str) -> None:
    assert journal_url(location).render_as_string() == url


@pytest.mark.skipif(os.name != "posix", reason="a colon is no part of a name on Windows")
@pytest.mark.parametrize("options", ["mode=memory&cache=shared", "nolock=1", "vfs=unix-none", "immutable=1"])
async def test_no_option_of_a_url_makes_a_journal_forget_or_leave_its_file_unlocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    monkeypatch.chdir(tmp_path)
    async with Journal(f"sqlite:///file:run.db?{options}&uri=true") as journal:
        await journal.add([a_request("A")])
        writer = journal._database._connection
        assert writer is not None
        writer.exec_driver_sql("SELECT 1")  # in a transaction, which takes the lock
        other = sqlite3.connect(tmp_path / "file:run.db", timeout=0)
        with closing(other), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("SELECT 1 FROM cmr_orders")
        writer.rollback()
    assert list(modes_of(tmp_path)) == ["file:run.db"]
    async with Journal(tmp_path / "file:run.db") as journal:
        assert (await journal.counts())[PLANNED] == 1


def test_a_missing_driver_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr(sa, "create_engine", no_driver)
    url = journal_url("postgresql://host/db")
    with pytest.raises(ConfigurationError, match=r'needs psycopg: pip install "cmr-async\[postgres\]"'):
        make_engine(url)
    with pytest.raises(ConfigurationError, match=r'needs psycopg: pip install "cmr-async\[postgres\]"'):
        reading_engine(url)


def test_what_is_not_there_is_not_read(tmp_path: Path) -> None:
    assert reading_engine(journal_url(tmp_path / "run.db")) is None
    assert modes_of(tmp_path) == {}


async def test_a_reading_engine_cannot_write(location: str) -> None:
    async with Journal(location) as journal:
        await journal.add([a_request()])
        engine = reading_engine(journal_url(location))
        assert engine is not None
        with engine.connect() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM cmr_orders")) == 1
            with pytest.raises(sa.exc.DBAPIError, match=r"readonly|read-only"):
                connection.execute(sa.text("DELETE FROM cmr_steps"))
        engine.dispose()


async def test_a_file_may_have_been_made_by_anybody(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        reading = reading_engine(journal_url(tmp_path / "run.db"))
        writer = journal._database._connection
        assert reading is not None
        assert writer is not None
        with reading.connect() as reader:
            for connection in (reader, writer):
                assert connection.exec_driver_sql("PRAGMA trusted_schema").scalar() == 0
                with pytest.raises(sa.exc.DataError, match="too big"):
                    connection.exec_driver_sql("SELECT zeroblob(20000000)")
                connection.rollback()
                with pytest.raises(sa.exc.DBAPIError) as failed:
                    connection.execute(sa.text("SELECT * FROM missing WHERE x = :secret"), {"secret": "a user's name"})
                assert "a user's name" not in str(failed.value)
                connection.rollback()
        reading.dispose()


@pytest.mark.parametrize("somebody_reads", [False, True])
def test_a_file_leaves_wal_mode_unless_somebody_else_has_it_open(tmp_path: Path, somebody_reads: bool) -> None:
    path = tmp_path / "run.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("CREATE TABLE t (x)")
        if not somebody_reads:
            other.close()
        engine = make_engine(journal_url(path))
        with engine.connect() as connection:
            assert leave_wal(connection) is not somebody_reads
        engine.dispose()
    assert path.read_bytes()[18:20] == (b"\2\2" if somebody_reads else b"\1\1")


def test_a_lock_of_somebody_else_is_no_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE t (x)")
        other.execute("BEGIN EXCLUSIVE")
        engine = sa.create_engine(journal_url(path), connect_args={"timeout": 0})
        with engine.connect() as connection, pytest.raises(sqlite3.OperationalError, match="locked") as caught:
            leave_wal(connection)
        assert is_busy(caught.value)
        engine.dispose()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (sqlite3.DatabaseError("database disk image is malformed"), "is damaged. Keep the file"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "the file or its folder is read-only"),
        (sqlite3.OperationalError("unable to open database file"), "Check that its folder exists and is writable"),
        (sqlite3.OperationalError("database is locked"), "is in use by another process that is writing"),
        (OSError("the cable is out\nand more"), "cannot be used: the cable is out"),
        (OSError("the cable\x1b[2J is out"), r"cannot be used: the cable\x1b[2J is out"),
        (sqlite3.DataError("string or blob too big"), "has a row of more than 16 MiB, which no order needs"),
        (UnicodeDecodeError("utf-8", b"\x80", 0, 1, "invalid start byte"), "holds names that are not UTF-8"),
        (sqlite3.OperationalError("Could not decode to UTF-8 column 'a' with text '\x1b'"), "holds text that is not"),
        (StrangeValueError("a state"), "holds a state that no version of cmr-async wrote: it is damaged, or somebody"),
        (OSError(), "cannot be used: no reason was given"),
        (sa.exc.DBAPIError("SELECT 1", {}, Exception("database or disk is full")), "the disk is full"),
        (sa.exc.ArgumentError("no such option"), "cannot be used: no such option"),
        (
            OSError("cannot execute INSERT in a read-only transaction"),
            "takes no writes, as a standby. Name the primary",
        ),
        *(
            (OSError(words), "lost the connection to its server. When that is there again, run the same command")
            for words in (
                "terminating connection due to administrator command",
                "consuming input failed: server closed the connection unexpectedly",
                "SSL connection has been closed unexpectedly",
                "the connection is closed",
            )
        ),
    ],
)
def test_what_the_database_raises_says_what_to_do(error: Exception, words: str) -> None:
    with pytest.raises(JournalError) as caught, journal_errors("run.db"):
        raise error
    assert caught.value.message.startswith("The journal run.db ")
    assert words in caught.value.message
    assert "\n" not in caught.value.message
    cause = caught.value.__cause__
    assert isinstance(cause, DatabaseLayerError)
    assert str(cause).startswith(f"{type(error).__module__}.".removeprefix("builtins.") + type(error).__name__)
    assert vars(cause) == {}
