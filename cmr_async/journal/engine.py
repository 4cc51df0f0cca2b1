"""How a journal's database is found, made and connected to, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError, JournalError
from .schema import sa

__all__ = ["READS", "journal_errors", "journal_url", "keep_readers_free", "make_engine", "reading_engine"]

#: Execution option of a connection that only reads.
READS = "cmr_reads"

#: Seconds to wait for another process that is writing.
_BUSY = 30.0


def journal_url(location: str | os.PathLike[str]) -> sa.URL:
    """Return the database URL of a journal's location; a plain path means a SQLite file.

    Raises:
        ConfigurationError: It is neither a path nor a URL of SQLite or PostgreSQL.
    """
    text = os.fspath(location)
    if "://" not in text:
        if not text or text == ":memory:":
            raise ConfigurationError("A journal needs a file or a database; one in memory would be lost.")
        return sa.URL.create("sqlite", database=text)
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        # The text is not shown: it may hold a password
        raise ConfigurationError(
            "The journal's URL cannot be read; one looks like postgresql://user@host/db."
        ) from None
    kind = url.get_backend_name() if url.drivername != "postgres" else "postgresql"
    if kind == "sqlite" and url.database not in {None, "", ":memory:"}:
        return url.set(drivername="sqlite")
    if kind == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise ConfigurationError("A journal is a file (SQLite) or a PostgreSQL database: run.db or postgresql://...")


def make_engine(url: sa.URL, *, name: str, create: bool) -> sa.Engine:
    """Return an engine whose commits are durable; a SQLite file is made first, readable by its owner only.

    Raises:
        ConfigurationError: The database's driver is not installed.
        JournalError: The file cannot be made, or is missing and must not be made.
    """
    if url.get_backend_name() == "sqlite":
        _make_file(Path(str(url.database)), name=name, create=create)
        # One connection writes, two read
        engine = _create_engine(url, connect_args={"timeout": _BUSY}, pool_size=3)
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = _create_engine(url, isolation_level="READ COMMITTED", pool_pre_ping=True, pool_size=3)
        sa.event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _make_file(path: Path, *, name: str, create: bool) -> None:
    try:
        if not create:
            if not path.exists():
                raise JournalError(f"There is no journal {name}.")
            return
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        if hasattr(os, "O_DIRECTORY"):  # the new name itself has to survive a power cut
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
    except FileExistsError:
        if path.is_dir():
            raise JournalError(f"The journal {name} cannot be used: it is a folder.") from None
    except OSError as error:
        raise JournalError(f"The journal {name} cannot be made: {error.strerror}.") from None


def _set_up_sqlite(connection: Any, _: Any) -> None:
    # The driver would begin transactions late and only for some statements; `_begin_sqlite` does it instead
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes its lock at once, because a read lock cannot become one after somebody else has written
    reads = connection.get_execution_options().get(READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _set_up_postgresql(connection: Any, _: Any) -> None:
    # A server may be configured to answer before a commit is on disk, and a claim would be lost that way
    cursor = connection.cursor()
    cursor.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    cursor.close()
    connection.commit()


def reading_engine(url: sa.URL) -> sa.Engine | None:
    """Return an engine that cannot change anything, or `None` if there is no such file.

    Raises:
        ConfigurationError: The database's driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        if not path.exists():
            return None
        # Not `mode=ro`, which leaves behind the files that WAL needs beside the journal
        address = f"{path.resolve().as_uri()}?mode=rw"
        engine = sa.create_engine(
            "sqlite://", creator=lambda: sqlite3.connect(address, uri=True, timeout=_BUSY), poolclass=sa.pool.QueuePool
        )
        sa.event.listen(engine, "connect", lambda made, _: made.execute("PRAGMA query_only = ON"))
        return engine
    return _create_engine(url).execution_options(postgresql_readonly=True)


def _create_engine(url: sa.URL, **options: Any) -> sa.Engine:
    try:
        return sa.create_engine(url, hide_parameters=True, **options)
    except ImportError as error:
        raise ConfigurationError(f'A journal there needs {error.name}: pip install "cmr-async[postgres]"') from None


def keep_readers_free(connection: sa.Connection) -> None:
    """Put a SQLite file into WAL mode, in which readers never block a writer; call it outside a transaction."""
    driver: Any = connection.connection.driver_connection
    # Two processes may do this at the same time, and SQLite does not wait here by itself; the second finds it done.
    # If it never succeeds, the journal is just as safe, only slower.
    for _ in range(100):
        with suppress(sqlite3.OperationalError):
            driver.execute("PRAGMA journal_mode = WAL")
            return
        time.sleep(0.02)


@contextmanager
def journal_errors(name: str) -> Iterator[None]:
    """Turn errors of the database into a `JournalError` that says what to do; `name` is the journal in messages."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise JournalError(f"The journal {name} {_advice(str(cause))}") from error
    except (OSError, sqlite3.Error) as error:
        raise JournalError(f"The journal {name} {_advice(str(error))}") from error


def _advice(said: str) -> str:
    for words, advice in (
        ("not a database", "is no journal: the file holds something else. Choose another file."),
        ("malformed", "is damaged. Keep the file; it may still be readable with the sqlite3 program."),
        ("disk is full", "cannot be written: the disk is full. Free some space and run the same command again."),
        ("readonly", "cannot be written: the file or its folder is read-only."),
        ("unable to open", "cannot be opened. Check that its folder exists and is writable."),
        ("is locked", "is in use by another process that is writing; try again when it has finished."),
    ):
        if words in said:
            return advice
    return f"cannot be used: {said.strip().splitlines()[0] if said.strip() else 'no reason was given'}"
