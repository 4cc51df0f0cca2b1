"""How a journal's database is found, made and connected to, and what its errors mean."""

from __future__ import annotations

import os
import re
import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...core.printable import printable
from ...core.redact import MASK, Redactor, names_a_secret
from ...errors import ConfigurationError, JournalError
from .schema import StrangeValueError, sa

#: Execution option of a connection that only reads.
READS = "cmr_reads"

#: What is no path but holds a password: `user:password@host`, `//user@host`, `postgresql:...`, `host=... password=...`.
_BROKEN_URL = re.compile(
    r"^(?![A-Za-z]:[\\/]|\.{0,2}/(?!/))[^@]*:[^@]*@|^//[^/]*@|^(postgres(ql)?|sqlite)(\+\w+)?:|passw\w*\s*=",
    re.IGNORECASE,
)

#: Seconds that SQLite itself waits for another process; `Database` goes on waiting, and says so.
_BUSY = 2.0

#: Bytes of the longest row of a SQLite journal. The body of an order of ten thousand mailboxes takes less; a longer row
#: is refused before it is in memory.
_LONGEST_ROW = 16 * 1024 * 1024


def journal_url(location: str | os.PathLike[str]) -> sa.URL:
    """Return the database URL of a journal's location; a plain path means a SQLite file.

    Raises:
        ConfigurationError: It is neither a path nor a URL of SQLite or PostgreSQL.
    """
    text = os.fspath(location) if isinstance(location, str | os.PathLike) else None
    if not isinstance(text, str):
        raise ConfigurationError(f"A journal is named by a path or a URL, not by {type(location).__name__}.")
    if "://" not in text:
        if not text or text == ":memory:":
            raise ConfigurationError("A journal needs a file or a database; one in memory would be lost.")
        if isinstance(location, str) and _BROKEN_URL.search(text):
            raise ConfigurationError(
                "The journal's name looks like a URL or a connection string, and is no whole URL like "
                "postgresql://user@host/db. For a file of such a name, begin with its folder: ./name."
            )
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
        return url.set(drivername="sqlite", query={})  # options such as `nolock` would undo what a journal is for
    if kind == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    raise ConfigurationError("A journal is a file (SQLite) or a PostgreSQL database: run.db or postgresql://...")


def safe_name(location: str | os.PathLike[str]) -> str:
    """Return a journal's location as messages call it: a path as it is, a URL without anything that is secret.

    Raises:
        ConfigurationError: It is neither a path nor a URL of SQLite or PostgreSQL.
    """
    url = journal_url(location)
    if "://" not in os.fspath(location):
        return os.fspath(location)
    query = {name: MASK if names_a_secret(name) else value for name, value in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True).replace(quote(MASK), MASK)


def make_engine(url: sa.URL) -> sa.Engine:
    """Return an engine whose commits are durable; the file of a SQLite journal must be there.

    Raises:
        ConfigurationError: The database's driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        engine = _create_engine(url, connect_args={"timeout": _BUSY})
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = _create_postgresql(url, isolation_level="READ COMMITTED", pool_pre_ping=True)
        sa.event.listen(engine, "connect", _set_up_postgresql)
    return engine


def _set_up_sqlite(connection: Any, _: Any) -> None:
    # The driver would begin transactions late and only for some statements; `_begin_sqlite` does it instead
    connection.isolation_level = None
    _distrust(connection)
    for pragma in ("synchronous = EXTRA", "fullfsync = ON"):  # the second has a meaning on macOS only
        connection.execute(f"PRAGMA {pragma}").close()


def _distrust(connection: sqlite3.Connection) -> None:
    """Let a file that somebody else may have made take no memory, and call no functions but plain ones."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_ROW)
    connection.execute("PRAGMA trusted_schema = OFF").close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes the whole lock at once, so that nothing it does has to wait later: it could not begin anew then
    reads = connection.get_execution_options().get(READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN EXCLUSIVE")


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
            "sqlite://",
            creator=lambda: sqlite3.connect(address, uri=True, timeout=30.0),
            poolclass=sa.pool.QueuePool,
            hide_parameters=True,
        )
        sa.event.listen(engine, "connect", _set_up_reading)
        return engine
    return _create_postgresql(url).execution_options(postgresql_readonly=True)


def _set_up_reading(connection: Any, _: Any) -> None:
    _distrust(connection)
    connection.execute("PRAGMA query_only = ON").close()


def _create_postgresql(url: sa.URL, **options: Any) -> sa.Engine:
    # Else the driver takes the encoding of the database, and fails by itself at a letter that this does not have; and
    # it prepares statements, which the next transaction does not find behind a pooler that changes servers between them
    return _create_engine(url, connect_args={"client_encoding": "utf8", "prepare_threshold": None}, **options)


def _create_engine(url: sa.URL, **options: Any) -> sa.Engine:
    try:
        return sa.create_engine(url, hide_parameters=True, **options)
    except ImportError as error:
        raise ConfigurationError(f'A journal there needs {error.name}: pip install "cmr-async[postgres]"') from None


def leave_wal(connection: sa.Connection) -> bool:
    """Put a SQLite file into rollback mode, in which the file alone is the whole truth; call it in no transaction.

    Returns:
        `False`: it is in WAL mode, as older versions of this package made it, and another connection is open.
    """
    driver: Any = connection.connection.driver_connection
    was_wal = driver.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    try:
        if was_wal:  # SQLite would lower its lock halfway, and another that opens would leave files of WAL behind
            driver.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
        driver.execute("PRAGMA journal_mode = TRUNCATE").fetchone()
    except sqlite3.OperationalError as error:
        if was_wal and is_busy(error):
            return False
        raise
    if was_wal:
        driver.execute("PRAGMA locking_mode = NORMAL").fetchone()
        driver.execute("SELECT count(*) FROM sqlite_master").fetchone()  # lets the lock go
    return True


def is_busy(error: object) -> bool:
    """Tell whether SQLite refused something because another connection holds a lock."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


class DatabaseLayerError(Exception):
    """Stands for an exception of the database layer, as the cause of an error of ours: its class and text, and no more.

    The exception itself holds the connection, which knows the password.
    """


@contextmanager
def journal_errors(name: str) -> Iterator[None]:
    """Turn errors of the database into a `JournalError` that says what to do; `name` is the journal in messages."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        raise JournalError(f"The journal {name} {_advice(str(cause))}") from _stand_in(error)
    except (OSError, sqlite3.Error, UnicodeError) as error:
        raise JournalError(f"The journal {name} {_advice(str(error))}") from _stand_in(error)
    except StrangeValueError as error:
        raise JournalError(
            f"The journal {name} holds {error} that no version of cmr-async wrote: it is damaged, or somebody else "
            "changed it. Keep the file, and find out what was bought before you order with another journal."
        ) from _stand_in(error)


def _stand_in(error: Exception) -> DatabaseLayerError:
    return DatabaseLayerError(Redactor().text("".join(traceback.format_exception_only(error)).strip()))


#: What is said about a PostgreSQL server that gives up too early ...
_SLOW = (
    "waited longer than its server allows (statement_timeout, lock_timeout). Raise that and run the same command again."
)
#: ... and about one that went away, in whatever words its driver has for that.
_CUT = "lost the connection to its server. When that is there again, run the same command again."


def _advice(said: str) -> str:
    for words, advice in (
        ("not a database", "is no journal: the file holds something else. Choose another file."),
        ("malformed", "is damaged. Keep the file; it may still be readable with the sqlite3 program."),
        ("disk is full", "cannot be written: the disk is full. Free some space and run the same command again."),
        ("readonly", "cannot be written: the file or its folder is read-only."),
        ("unable to open", "cannot be opened. Check that its folder exists and is writable."),
        ("too big", f"has a row of more than {_LONGEST_ROW >> 20} MiB, which no order needs. Choose another journal."),
        ("decode to UTF-8", "holds text that is not UTF-8: it is damaged, or somebody else changed it. Keep the file."),
        ("codec can't decode", "holds names that are not UTF-8: it is damaged, or somebody else changed it. Keep it."),
        ("is locked", "is in use by another process that is writing; try again when it has finished."),
        ("read-only transaction", "cannot be written: its server takes no writes, as a standby. Name the primary one."),
        ("no equivalent in encoding", "has a database whose encoding lacks some letters. Use one that is in UTF8."),
        ("statement timeout", _SLOW),
        ("lock timeout", _SLOW),
        ("terminating connection", _CUT),
        ("closed the connection", _CUT),
        ("connection has been closed", _CUT),
        ("connection is closed", _CUT),
    ):
        if words in said:
            return advice
    first = said.strip().splitlines()[0] if said.strip() else "no reason was given"
    return f"cannot be used: {printable(Redactor().text(first))}"
