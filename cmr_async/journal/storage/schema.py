"""The journal's tables, their version, and the migration of older ones; the same for SQLite and PostgreSQL.

What an order is never changes and stands in `cmr_orders`. What happens to it stands in `cmr_steps`, in short rows
that are cheap to rewrite; what became of its domains and mailboxes in `cmr_provisions`, and the webhooks that were
taken in `cmr_deliveries`. The names have a prefix because a PostgreSQL database may be shared with other programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import orjson

from ...core.pacing import Schedule
from ...core.printable import printable
from ...errors import ConfigurationError, JournalError, JournalVersionError
from ...models.requests import Verdict
from ...models.tracking import ProvisionKind, ProvisionState
from ..identity import content_of_body
from ..states import OrderKind, Step, StepState

# The journal's other modules import SQLAlchemy from here, so that only one place says how to install it
try:
    import sqlalchemy as sa
    from sqlalchemy.dialects import postgresql, sqlite
except ImportError:
    raise ConfigurationError('A journal needs SQLAlchemy: pip install "cmr-async[journal]"') from None

__all__ = [
    "LATEST",
    "SCHEMA_VERSION",
    "StrangeValueError",
    "deliveries",
    "events",
    "insert_missing",
    "is_ours",
    "meta",
    "orders",
    "prepare",
    "provisions",
    "runs",
    "sa",
    "schema_version",
    "slots",
    "steps",
]

#: Version of the tables below and of the values in them; a change of either is a new version, with a migration.
SCHEMA_VERSION = "4"

#: Any number, as long as no other program takes the same advisory lock: the first bytes of "cmr_async".
_SCHEMA_LOCK = 0x636D725F6173796E

#: The last second that has a date, UTC epoch.
LATEST = 253_402_300_799.0


class StrangeValueError(ValueError):
    """A value in the database that no version of this package wrote; the text says where it is."""


class _Checked(sa.TypeDecorator[Any]):
    """A column whose values are checked as they are read: a SQLite file that somebody made may hold anything in any."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, stored: Any, name: str, is_right: Callable[[Any], bool], *, or_null: bool = False) -> None:
        super().__init__()
        self.impl = stored
        self.name = name
        self.is_right = is_right
        self.or_null = or_null

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:  # noqa: ARG002 - the signature is given
        """Return the value as it is.

        Raises:
            StrangeValueError: It is none of this column.
        """
        if self.or_null if value is None else self.is_right(value):
            return value
        raise StrangeValueError(f"a {self.name}")


def _column(name: str, stored: Any, is_right: Callable[[Any], bool], *arguments: Any, **options: Any) -> sa.Column[Any]:
    """Return a column that may not be null unless the options say so."""
    or_null = options.setdefault("nullable", False)
    return sa.Column(name, _Checked(stored, name, is_right, or_null=or_null), *arguments, **options)


def _text(name: str, *arguments: Any, words: Iterable[str] = (), **options: Any) -> sa.Column[Any]:
    known = frozenset(words)
    return _column(name, sa.Text(), known.__contains__ if known else _is_text, *arguments, **options)


def _number(name: str, stored: Any, *arguments: Any, most: float = LATEST, **options: Any) -> sa.Column[Any]:
    """Return a column of numbers from 0; the default of `most` is that of a time."""
    whole = isinstance(stored, sa.Integer)

    def is_right(value: Any) -> bool:
        return type(value) in ({int} if whole else {int, float}) and 0 <= value <= most

    return _column(name, stored, is_right, *arguments, **options)


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_body(value: Any) -> bool:
    """Tell whether a value is the JSON of an order, as far as journals look into it."""
    try:
        body = orjson.loads(value)
        orjson.dumps(body)  # which stops at a depth that everything else can follow
    except (TypeError, ValueError):
        return False
    if not isinstance(body, dict):
        return False
    domains, mailboxes = body.get("domains", []), body.get("mailboxes", {})
    return (
        isinstance(domains, list)
        and isinstance(mailboxes, dict)
        and all(isinstance(entry, dict) and isinstance(entry.get("domain", ""), str) for entry in domains)
        and all(isinstance(boxes, list) for boxes in mailboxes.values())
    )


def _is_object(value: Any) -> bool:
    try:
        return isinstance(orjson.loads(value), dict)
    except (TypeError, ValueError):
        return False


def _is_list_of_names(value: Any) -> bool:
    try:
        names = orjson.loads(value)
    except ValueError:
        return False
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _is_schedule(value: Any) -> bool:
    """Tell whether a value is the JSON of a `Schedule`, as far as its arithmetic needs."""
    try:
        state = orjson.loads(value)
    except (TypeError, ValueError):
        return False
    if not isinstance(state, dict) or not state.keys() <= _OF_A_SCHEDULE:
        return False
    used = state.pop("used", [])
    if not isinstance(used, list) or not all(
        type(number) in {int, float} and -1 <= number <= LATEST for number in (*used, *state.values())
    ):
        return False
    limit = state.get("limit", 0)
    return bool(state.get("spread", 1) >= 1 and (limit == 0 or limit >= 1))


_OF_A_SCHEDULE = frozenset(field.name for field in attrs.fields(Schedule))

_metadata = sa.MetaData()
_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOST_32, _MOST_64 = 2**31 - 1, 2**63 - 1

orders: sa.Table = sa.Table(
    "cmr_orders",
    _metadata,
    _text("key", primary_key=True),
    _text("user_id"),
    _text("reference", nullable=True),
    _column("body", sa.Text(), _is_body),
    _text("fingerprint"),
    sa.Column("confirm", sa.Boolean, nullable=False),
    _text("content", server_default=""),
    _text("kind", words=[kind.value for kind in OrderKind], server_default=OrderKind.ORDER.value),
    sa.Index("cmr_orders_by_content", "content"),
)

steps: sa.Table = sa.Table(
    "cmr_steps",
    _metadata,
    _text("key", sa.ForeignKey("cmr_orders.key"), primary_key=True),
    _text("step", words=[step.value for step in Step], primary_key=True),
    _number("position", sa.BigInteger(), most=_MOST_64),
    _text("state", words=[state.value for state in StepState]),
    sa.Column("recovered", sa.Boolean, nullable=False, default=False),
    # Version 1 has another word for `placed`
    _text("verdict", words=["confirmed", *(verdict.value for verdict in Verdict)], nullable=True),
    _text("evidence", default=""),
    _text("run_id", nullable=True),
    _text("token", nullable=True),
    _number("attempts", sa.Integer(), most=_MOST_32, default=0),
    _text("order_id", nullable=True),
    _text("action_id", nullable=True),
    _column("unavailable", sa.Text(), _is_list_of_names, server_default="[]"),
    _number("status", sa.Integer(), most=_MOST_32, nullable=True),
    _text("message", default=""),
    _text("body_excerpt", default=""),
    _number("planned_at", sa.Double()),
    _number("sent_at", sa.Double(), nullable=True),
    _number("ended_at", sa.Double(), nullable=True),
    _number("verdict_at", sa.Double(), nullable=True),
    sa.CheckConstraint(sa.column("state").in_([state.value for state in StepState]), name="cmr_steps_state"),
    # Both end in the columns that lists are sorted by, so that a page of a million rows is read without sorting them
    sa.Index("cmr_steps_by_state", "step", "state", "position", "key"),
    sa.Index("cmr_steps_by_position", "step", "position", "key"),
)

events: sa.Table = sa.Table(
    "cmr_events",
    _metadata,
    sa.Column("id", _id, primary_key=True, autoincrement=True),
    _number("at", sa.Double()),
    _text("key"),
    _text("step", words=[step.value for step in Step]),
    _text("change"),
    _text("reason"),
    _text("run_id"),
    _text("token", nullable=True),
    _text("order_id", nullable=True),
    sa.Index("cmr_events_by_key", "key", "step"),
)

runs: sa.Table = sa.Table(
    "cmr_runs",
    _metadata,
    _text("id", primary_key=True),
    _text("host"),
    _text("machine"),
    _number("pid", sa.Integer(), most=_MOST_32),
    _text("born"),
    _number("started", sa.Double()),
    _number("heartbeat", sa.Double()),
    _number("ended", sa.Double(), nullable=True),
    # Runs of older versions had the default
    _number("lease", sa.Double(), server_default="30"),
)

slots: sa.Table = sa.Table(
    "cmr_slots",
    _metadata,
    _text("name", primary_key=True),
    _column("state", sa.Text(), _is_schedule),
)

#: What became of the domains and mailboxes of orders, by the order's id.
provisions: sa.Table = sa.Table(
    "cmr_provisions",
    _metadata,
    _text("order_id", primary_key=True),
    _text("kind", words=[kind.value for kind in ProvisionKind], primary_key=True),
    _text("name", primary_key=True),
    _text("state", words=[state.value for state in ProvisionState]),
    _text("user_id", nullable=True),
    _text("status", nullable=True),
    _text("reason", default=""),
    _text("object_id", nullable=True),
    _text("subscription_id", nullable=True),
    _number("changed_at", sa.Double()),
    sa.Index("cmr_provisions_by_change", "changed_at"),
)

#: Webhook deliveries that were taken, which is for ever: a delivery that comes again is known by its id.
deliveries: sa.Table = sa.Table(
    "cmr_deliveries",
    _metadata,
    sa.Column("number", _id, primary_key=True, autoincrement=True),
    _text("id", unique=True),
    _text("name"),
    _number("at", sa.Double()),
    _column("content", sa.Text(), _is_object),
)

meta: sa.Table = sa.Table("cmr_meta", _metadata, _text("name", primary_key=True), _text("value"))


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
        version = schema_version(connection, name=name)
        if version is None:
            _metadata.create_all(connection, checkfirst=False)
            connection.execute(sa.insert(meta).values(name="schema_version", value=SCHEMA_VERSION))
        elif version != SCHEMA_VERSION:
            while version in _MIGRATIONS:
                version = _MIGRATIONS[version](connection)
            connection.execute(sa.update(meta).where(meta.c.name == "schema_version").values(value=version))


def schema_version(connection: sa.Connection, *, name: str) -> str | None:
    """Return the schema version of a journal that this package can work with; `None` in an empty database.

    Args:
        connection: A connection that may be unable to write.
        name: The journal as messages call it.

    Raises:
        JournalVersionError: The journal has a schema version that this package does not know.
        JournalError: The file is a database of another program.
    """
    found = sa.inspect(connection).get_table_names()
    if meta.name not in found:
        if found and connection.dialect.name == "sqlite":
            raise JournalError(f"{name} is a database of another program, not a journal. Choose another file.")
        return None
    version = str(connection.scalar(sa.select(meta.c.value).where(meta.c.name == "schema_version")))
    if version != SCHEMA_VERSION and version not in _MIGRATIONS:
        raise JournalVersionError(
            f"The journal {name} has schema version {printable(version)}; this version of cmr-async works with "
            f"versions up to {SCHEMA_VERSION}. Use the version of cmr-async that wrote it.",
            found=version,
            expected=SCHEMA_VERSION,
        )
    newer = {table.name for table in _NEW_TABLES_IN_4} if version != SCHEMA_VERSION else set()
    missing = [table for table in _metadata.tables if table not in {*found, *newer}]
    if missing:
        raise JournalError(f"The journal {name} lacks the table {missing[0]}: it is damaged. Keep the file.")
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
    """Version 2 did not keep what an order buys apart from its name, nor the lease of a run, and measured no pace."""
    for column in _NEW_IN_3:
        _add_column(connection, column)
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
    slots.drop(connection)  # slots are of the moment
    slots.create(connection)
    return "3"


#: Tables of version 4 that older versions lack.
_NEW_TABLES_IN_4 = (provisions, deliveries)


def _know_deliveries(connection: sa.Connection) -> str:
    """Version 3 had one kind of order, and kept nothing of what comes after the answer to it."""
    _add_column(connection, orders.c.kind)
    for table in _NEW_TABLES_IN_4:
        table.create(connection)
    return "4"


def _add_column(connection: sa.Connection, column: sa.Column[Any]) -> None:
    added = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
    connection.exec_driver_sql(f"ALTER TABLE {column.table.name} ADD COLUMN {added}")


#: For each older schema version, what turns it into the next one. Each returns the version that it made.
_MIGRATIONS: Mapping[str, Callable[[sa.Connection], str]] = {
    "1": _rename_confirmed,
    "2": _know_contents,
    "3": _know_deliveries,
}
