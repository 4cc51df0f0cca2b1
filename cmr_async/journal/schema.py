"""The journal's tables, and how a database becomes a journal: SQLite and PostgreSQL by one schema and one code path.

What an order is never changes and stands in `cmr_orders`. What happens to it stands in `cmr_steps`, in short rows
that are cheap to rewrite. The names have a prefix because a PostgreSQL database may be shared with other programs.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import ConfigurationError, JournalError, JournalVersionError
from .records import StepState

# The journal's other modules take SQLAlchemy from here, so that it is missed in one place only
try:
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql, sqlite
except ImportError:
    raise ConfigurationError('A journal needs SQLAlchemy: pip install "cmr-async[journal]"') from None

__all__ = [
    "READS",
    "SCHEMA_VERSION",
    "database_now",
    "events",
    "has_tables",
    "insert_missing",
    "journal_errors",
    "journal_url",
    "make_engine",
    "orders",
    "prepare",
    "reading_engine",
    "runs",
    "sa",
    "slots",
    "steps",
]

#: Version of the tables below; a change of them is a new version.
SCHEMA_VERSION = "1"

#: Execution option of a connection that only reads.
READS = "cmr_reads"

#: Seconds to wait for another process that is writing.
_BUSY = 30.0

#: Any number, as long as no other program takes the same advisory lock: the first bytes of "cmr_async".
_SCHEMA_LOCK = 0x636D725F6173796E

_metadata = sa.MetaData()
_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")

orders: sa.Table = sa.Table(
    "cmr_orders",
    _metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("reference", sa.Text),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("confirm", sa.Boolean, nullable=False),
)

steps: sa.Table = sa.Table(
    "cmr_steps",
    _metadata,
    sa.Column("key", sa.Text, sa.ForeignKey("cmr_orders.key"), primary_key=True),
    sa.Column("step", sa.Text, primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("recovered", sa.Boolean, nullable=False, default=False),
    sa.Column("verdict", sa.Text),
    sa.Column("evidence", sa.Text, nullable=False, default=""),
    sa.Column("run_id", sa.Text),
    sa.Column("token", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("order_id", sa.Text),
    sa.Column("action_id", sa.Text),
    sa.Column("status", sa.Integer),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("body_excerpt", sa.Text, nullable=False, default=""),
    sa.Column("planned_at", sa.Double, nullable=False),
    sa.Column("sent_at", sa.Double),
    sa.Column("ended_at", sa.Double),
    sa.Column("verdict_at", sa.Double),
    sa.CheckConstraint(sa.column("state").in_([state.value for state in StepState]), name="cmr_steps_state"),
    # Both end in the order of listing, so that a page of a million rows is read without sorting them
    sa.Index("cmr_steps_by_state", "step", "state", "position", "key"),
    sa.Index("cmr_steps_by_position", "step", "position", "key"),
)

events: sa.Table = sa.Table(
    "cmr_events",
    _metadata,
    sa.Column("id", _id, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("step", sa.Text, nullable=False),
    sa.Column("change", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("token", sa.Text),
    sa.Column("order_id", sa.Text),
    sa.Index("cmr_events_by_key", "key", "step"),
)

runs: sa.Table = sa.Table(
    "cmr_runs",
    _metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("machine", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("born", sa.Text, nullable=False),
    sa.Column("started", sa.Double, nullable=False),
    sa.Column("heartbeat", sa.Double, nullable=False),
    sa.Column("ended", sa.Double),
)

slots: sa.Table = sa.Table(
    "cmr_slots",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("next", sa.Double, nullable=False),
    sa.Column("paused_until", sa.Double, nullable=False),
    sa.Column("wider_until", sa.Double, nullable=False),
)

_meta = sa.Table(
    "cmr_meta",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)


def insert_missing(table: sa.Table, dialect: str) -> Any:
    """Return an INSERT that leaves rows alone whose key is there already."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()


def database_now(dialect: str) -> sa.ColumnElement[float]:
    """Return the database's own clock as an expression: UTC epoch in seconds.

    On PostgreSQL it is the time of reading, not of the start of the transaction, which may have waited for a lock.
    """
    if dialect == "postgresql":
        return sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()), sa.Double)
    return (sa.func.julianday("now", type_=sa.Double) - 2440587.5) * 86400.0


def journal_url(location: str | os.PathLike[str]) -> sa.URL:
    """Return where a journal is: a path means SQLite, a URL means what it says.

    Raises:
        ConfigurationError: It is neither a path nor a URL of SQLite or PostgreSQL.
    """
    text = os.fspath(location)
    if "://" not in text:
        if not text or text == ":memory:":
            raise ConfigurationError("A journal needs a file or a database: one in memory would remember nothing.")
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
    """Return an engine whose every commit is durable; a SQLite file is made first, readable by its owner only.

    Raises:
        ConfigurationError: The database's driver is not installed.
        JournalError: The file cannot be made, or is missing and must not be made.
    """
    if url.get_backend_name() == "sqlite":
        _make_file(Path(str(url.database)), name=name, create=create)
        # Two connections read while one writes
        options: dict[str, Any] = {"connect_args": {"timeout": _BUSY}, "pool_size": 3}
    else:
        options = {"isolation_level": "READ COMMITTED", "pool_pre_ping": True, "pool_size": 3}
    try:
        engine = sa.create_engine(url, hide_parameters=True, **options)
    except ImportError as error:
        extra = "journal" if url.get_backend_name() == "sqlite" else "postgres"
        raise ConfigurationError(f'A journal there needs {error.name}: pip install "cmr-async[{extra}]"') from None
    if url.get_backend_name() == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    else:
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
    # A writer takes its lock at once: a read lock that grows into one fails when another has written meanwhile
    reads = connection.get_execution_options().get(READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _set_up_postgresql(connection: Any, _: Any) -> None:
    # A server may be set up to answer before a commit is on disk; a claim must not be lost that way
    cursor = connection.cursor()
    cursor.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    cursor.close()
    connection.commit()


def prepare(connection: sa.Connection, *, name: str) -> None:
    """Make the tables, once, or check that those that are there fit; then set the database up for this use.

    Args:
        connection: A connection of its own, in no transaction.
        name: The journal as messages call it.

    Raises:
        JournalVersionError: The journal has another schema version.
        JournalError: The file is a database of another program.
    """
    is_sqlite = connection.dialect.name == "sqlite"
    _make_tables(connection, name=name, is_sqlite=is_sqlite)
    if is_sqlite:
        _keep_readers_free(connection)


def _make_tables(connection: sa.Connection, *, name: str, is_sqlite: bool) -> None:
    with connection.begin():
        if not is_sqlite:  # held until the commit; SQLite's BEGIN IMMEDIATE is such a lock already
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        if has_tables(connection, name=name):
            return
        _metadata.create_all(connection, checkfirst=False)
        connection.execute(sa.insert(_meta).values(name="schema_version", value=SCHEMA_VERSION))


def has_tables(connection: sa.Connection, *, name: str) -> bool:
    """Return whether a database has the tables of a journal; `name` is what messages call it.

    Raises:
        JournalVersionError: The journal has another schema version.
        JournalError: The file is a database of another program.
    """
    found = sa.inspect(connection).get_table_names()
    if _meta.name not in found:
        if found and connection.dialect.name == "sqlite":
            raise JournalError(f"{name} is a database of another program, not a journal. Choose another file.")
        return False
    version = connection.scalar(sa.select(_meta.c.value).where(_meta.c.name == "schema_version"))
    if version != SCHEMA_VERSION:
        raise JournalVersionError(
            f"The journal {name} has schema version {version}, this version of cmr-async works with "
            f"{SCHEMA_VERSION}. Finish its run with the version of cmr-async that began it.",
            found=str(version),
            expected=SCHEMA_VERSION,
        )
    return True


def reading_engine(url: sa.URL) -> sa.Engine | None:
    """Return an engine that can change nothing, or `None` when there is no such file.

    Raises:
        ConfigurationError: The database's driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        if not path.exists():
            return None
        # Not `mode=ro`, which leaves the files beside the journal behind that WAL needs
        address = f"{path.resolve().as_uri()}?mode=rw"
        engine = sa.create_engine(
            "sqlite://", creator=lambda: sqlite3.connect(address, uri=True, timeout=_BUSY), poolclass=sa.pool.QueuePool
        )
        sa.event.listen(engine, "connect", lambda made, _: made.execute("PRAGMA query_only = ON"))
        return engine
    try:
        engine = sa.create_engine(url, hide_parameters=True)
    except ImportError as error:
        raise ConfigurationError(f'A journal there needs {error.name}: pip install "cmr-async[postgres]"') from None
    return engine.execution_options(postgresql_readonly=True)


def _keep_readers_free(connection: sa.Connection) -> None:
    """Put a SQLite file into WAL mode, in which a reader never stops a writer; outside a transaction."""
    driver: Any = connection.connection.driver_connection
    # Two processes may do this at the same time, and SQLite does not wait here by itself; whoever comes second finds
    # it done. Should it never succeed, the journal is as safe, only slower.
    for _ in range(100):
        with suppress(sqlite3.OperationalError):
            driver.execute("PRAGMA journal_mode = WAL")
            return
        time.sleep(0.02)


@contextmanager
def journal_errors(name: str) -> Iterator[None]:
    """Turn what the database raises into a `JournalError` that says what to do; `name` is what it calls the journal."""
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
        ("unable to open", "cannot be opened. Look whether its folder exists and may be written."),
        ("is locked", "is held by another process that is writing; try again when it has finished."),
    ):
        if words in said:
            return advice
    return f"cannot be used: {said.strip().splitlines()[0] if said.strip() else 'no reason was given'}"
