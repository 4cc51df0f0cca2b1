"""The journal's tables, their version, and the migration of older ones; the same for SQLite and PostgreSQL.

What an order is never changes and stands in `cmr_orders`. What happens to it stands in `cmr_steps`, in short rows
that are cheap to rewrite. The names have a prefix because a PostgreSQL database may be shared with other programs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ConfigurationError, JournalError, JournalVersionError
from .identity import content_of_body
from .records import StepState

# The journal's other modules import SQLAlchemy from here, so that only one place says how to install it
try:
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql, sqlite
except ImportError:
    raise ConfigurationError('A journal needs SQLAlchemy: pip install "cmr-async[journal]"') from None

__all__ = [
    "SCHEMA_VERSION",
    "events",
    "has_tables",
    "insert_missing",
    "is_ours",
    "meta",
    "orders",
    "prepare",
    "runs",
    "sa",
    "slots",
    "steps",
]

#: Version of the tables below and of the values in them; a change of either is a new version, with a migration.
SCHEMA_VERSION = "3"

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
    sa.Column("content", sa.Text, nullable=False, server_default=""),
    sa.Index("cmr_orders_by_content", "content"),
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
    sa.Column("unavailable", sa.Text, nullable=False, server_default="[]"),
    sa.Column("status", sa.Integer),
    sa.Column("message", sa.Text, nullable=False, default=""),
    sa.Column("body_excerpt", sa.Text, nullable=False, default=""),
    sa.Column("planned_at", sa.Double, nullable=False),
    sa.Column("sent_at", sa.Double),
    sa.Column("ended_at", sa.Double),
    sa.Column("verdict_at", sa.Double),
    sa.CheckConstraint(sa.column("state").in_([state.value for state in StepState]), name="cmr_steps_state"),
    # Both end in the columns that lists are sorted by, so that a page of a million rows is read without sorting them
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
    # Runs of older versions had the default
    sa.Column("lease", sa.Double, nullable=False, server_default="30"),
)

slots: sa.Table = sa.Table(
    "cmr_slots",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("next", sa.Double, nullable=False),
    sa.Column("paused_until", sa.Double, nullable=False),
    sa.Column("wider_until", sa.Double, nullable=False),
)

meta: sa.Table = sa.Table(
    "cmr_meta",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)


def insert_missing(table: sa.Table, dialect: str) -> Any:
    """Return an INSERT that skips rows whose key exists."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()


def is_ours(kind: str, name: str) -> bool:
    """Tell whether a journal has a `table` or an `index` of this name."""
    indexes = [index.name for table in _metadata.sorted_tables for index in table.indexes]
    return name in {"table": _metadata.tables, "index": indexes}.get(kind, ())


def prepare(connection: sa.Connection, *, name: str) -> None:
    """Make the tables of a new journal, or bring those of an older version up to date, in one transaction.

    Args:
        connection: A connection of its own, in no transaction.
        name: The journal as messages call it.

    Raises:
        JournalVersionError: The journal has a schema version that this package does not know.
        JournalError: The file is a database of another program.
    """
    with connection.begin():
        # Of several processes that open a journal at once, one does the work and the others wait for its commit.
        # On SQLite the lock that a writing transaction begins with does the same.
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        version = _version(connection, name=name)
        if version is None:
            _metadata.create_all(connection, checkfirst=False)
            connection.execute(sa.insert(meta).values(name="schema_version", value=SCHEMA_VERSION))
        elif version != SCHEMA_VERSION:
            while version in _MIGRATIONS:
                version = _MIGRATIONS[version](connection)
            connection.execute(sa.update(meta).where(meta.c.name == "schema_version").values(value=version))


def has_tables(connection: sa.Connection, *, name: str) -> bool:
    """Return whether a database holds a journal that can be read as it is; nothing is changed.

    Args:
        connection: A connection that may be unable to write.
        name: The journal as messages call it.

    Raises:
        JournalVersionError: The journal has a schema version that this package does not know.
        JournalError: The file is a database of another program.
    """
    return _version(connection, name=name) is not None


def _version(connection: sa.Connection, *, name: str) -> str | None:
    """Return the schema version of a journal that this package can work with; `None` in an empty database."""
    found = sa.inspect(connection).get_table_names()
    if meta.name not in found:
        if found and connection.dialect.name == "sqlite":
            raise JournalError(f"{name} is a database of another program, not a journal. Choose another file.")
        return None
    version = str(connection.scalar(sa.select(meta.c.value).where(meta.c.name == "schema_version")))
    if version != SCHEMA_VERSION and version not in _MIGRATIONS:
        raise JournalVersionError(
            f"The journal {name} has schema version {version}; this version of cmr-async works with versions up to "
            f"{SCHEMA_VERSION}. Use the version of cmr-async that wrote it.",
            found=version,
            expected=SCHEMA_VERSION,
        )
    return version


def _rename_confirmed(connection: sa.Connection) -> str:
    """Version 1 called the verdict `placed` "confirmed", in the steps and in the history."""
    for column, before, after in (
        (steps.c.verdict, "confirmed", "placed"),
        (events.c.change, "verdict:confirmed", "verdict:placed"),
    ):
        connection.execute(sa.update(column.table).where(column == before).values({column: after}))
    return "2"


#: Columns of version 3 that the tables of version 2 lack.
_NEW_IN_3 = (orders.c.content, steps.c.unavailable, runs.c.lease)
#: Orders that the migration reads at once.
_AT_ONCE = 500


def _know_contents(connection: sa.Connection) -> str:
    """Version 2 did not keep what an order buys apart from its name, nor the lease of a run."""
    for column in _NEW_IN_3:
        added = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {added}")
    page = sa.select(orders.c.key, orders.c.user_id, orders.c.body).order_by(orders.c.key).limit(_AT_ONCE)
    fill = sa.update(orders).where(orders.c.key == sa.bindparam("the_key")).values(content=sa.bindparam("the_content"))
    last = ""
    while rows := connection.execute(page.where(orders.c.key > last)).all():
        connection.execute(
            fill, [{"the_key": row.key, "the_content": content_of_body(row.user_id, row.body)} for row in rows]
        )
        last = rows[-1].key
    for index in orders.indexes:
        index.create(connection)
    return "3"


#: For each older schema version, what turns it into the next one. Each returns the version that it made.
_MIGRATIONS: Mapping[str, Callable[[sa.Connection], str]] = {"1": _rename_confirmed, "2": _know_contents}
