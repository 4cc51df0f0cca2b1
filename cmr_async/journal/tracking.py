"""What a journal keeps of the time after the answer: what became of domains and mailboxes, and which webhooks came."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import attrs
import orjson

from ..errors import JournalError
from ..models.requests import Verdict
from ..models.tracking import Provision, Sighting, StoredDelivery, join
from .records import JournalEntry, excerpt, storable
from .states import Step, StepState
from .storage.database import Database, is_to_be_repeated
from .storage.schema import deliveries, insert_missing, orders, provisions, sa, steps
from .storage.statements import CHUNK, Transaction, chunks, entries, read_entry

_TEXTS = ("order_id", "kind", "name", "state", "user_id", "status", "reason", "object_id", "subscription_id")
_PLACE = (provisions.c.order_id, provisions.c.kind, provisions.c.name)
_SPENT = sa.or_(steps.c.step == Step.PROCESS.value, orders.c.confirm.is_(True)) & sa.or_(
    steps.c.state == StepState.ACCEPTED.value,
    (steps.c.state == StepState.UNKNOWN.value) & (steps.c.verdict == Verdict.PLACED.value),
)
_JOIN = (
    sa.update(provisions)
    .where(*(column == sa.bindparam(f"the_{column.name}") for column in _PLACE))
    .values({name: sa.bindparam(f"new_{name}") for name in (*_TEXTS[3:], "changed_at")})
)


#: Any number, as long as no other program takes the same advisory lock; `adding` has its neighbour.
_LINE = 0x636D725F61737970
_EFFECT = "The effect of a delivery (the handler of its event)"


class _EffectError(Exception):
    """An effect raised something."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


@attrs.frozen
class TrackingRecords:
    """The part of a journal that is about domains, mailboxes and webhook deliveries: `Journal.tracking`."""

    _database: Database

    async def take(
        self,
        delivery: StoredDelivery,
        sightings: Iterable[Sighting] = (),
        effect: Callable[[sa.Connection], object] | None = None,
    ) -> bool:
        """Take a webhook delivery once, with everything that it brings, in one transaction.

        Args:
            delivery: The delivery; its `at` and `number` are the journal's to give.
            sightings: What it says about domains and mailboxes.
            effect: Called in the journal's thread with the SQLAlchemy connection of the transaction: what it writes
                through it is committed together with the delivery, or not at all. It must not commit or roll back, it
                runs a statement that may fail within `connection.begin_nested()`, and it may be called again if the
                database could not commit. On PostgreSQL too one delivery is taken after the other.

        Returns:
            `True` after the commit. `False` for a delivery that was taken before; nothing was done then.

        Raises:
            JournalError: The database could not be written, or `effect` ended or broke the transaction. Nothing of it
                is there, unless `effect` committed it; the delivery may come again.
            Exception: What `effect` raised; nothing was written then. What would end a thread, a task or the program is
                raised as a `RuntimeError`.
        """
        given = tuple(sightings)
        try:
            return await self._database.write(lambda transaction: _take_delivery(transaction, delivery, given, effect))
        except _EffectError as failed:
            error = failed.error
        if isinstance(error, Exception):
            raise error
        raise RuntimeError(f"The effect of a delivery raised {type(error).__name__}.") from error

    async def deliveries(self, *, after: int = 0) -> AsyncGenerator[StoredDelivery, None]:
        """Yield the webhook deliveries that were taken, oldest first.

        Args:
            after: Only those whose `number` is larger.

        Raises:
            JournalError: The database could not be read.
        """
        query = sa.select(deliveries).order_by(deliveries.c.number).limit(CHUNK)
        while rows := await self._database.rows(query.where(deliveries.c.number > after)):
            for row in rows:
                yield _read_delivery(row)
            after = rows[-1].number

    async def note(self, sightings: Iterable[Sighting]) -> int:
        """Write what a source says about domains and mailboxes, joined with what is known; see `models.tracking.join`.

        Returns:
            How many domains and mailboxes changed by it.

        Raises:
            JournalError: The database could not be written. It is safe to try again.
        """
        given = tuple(sightings)

        def note(transaction: Transaction) -> int:
            _wait_in_line(transaction)
            return _note_sightings(transaction, given)

        return await self._database.write(note) if given else 0

    async def provisions(
        self, *, since: float = 0.0, order_ids: Collection[str] | None = None
    ) -> AsyncGenerator[Provision, None]:
        """Yield what is known about the domains and mailboxes of orders, those that changed first before the others.

        Args:
            since: Only what changed at this time or later, UTC epoch in seconds by the journal's clock.
            order_ids: Only what belongs to these orders, read for 500 of them at a time; `None`: to any.

        Raises:
            JournalError: The database could not be read.
        """
        place = (provisions.c.changed_at, provisions.c.order_id, provisions.c.kind, provisions.c.name)
        every = sa.select(provisions).where(provisions.c.changed_at >= since).order_by(*place).limit(CHUNK)
        queries = [every.where(provisions.c.order_id.in_(ids)) for ids in chunks(sorted(order_ids or ()))]
        for query in [every] if order_ids is None else queries:
            page = query
            while rows := await self._database.rows(page):
                for row in rows:
                    yield _read_provision(row)
                last = sa.tuple_(*(sa.literal(getattr(rows[-1], column.name)) for column in place))
                page = query.where(sa.tuple_(*place) > last)

    async def accepted(self, *, since: float = 0.0) -> AsyncGenerator[JournalEntry, None]:
        """Yield the steps that spent money, and so brought domains and mailboxes: accepted, or proven to be placed.

        Args:
            since: Only those of which that was written at this time or later, UTC epoch in seconds by the journal's
                clock; see `JournalEntry.known_at`.

        Raises:
            JournalError: The database could not be read.
        """
        known_at = sa.func.coalesce(steps.c.verdict_at, steps.c.ended_at, type_=sa.Double)
        query = entries().where(_SPENT, steps.c.order_id.is_not(None), known_at >= since)
        query = query.order_by(known_at, steps.c.key, steps.c.step).limit(CHUNK)
        page = query
        while rows := await self._database.rows(page):
            found = [read_entry(row) for row in rows]
            for entry in found:
                yield entry
            last = sa.tuple_(*map(sa.literal, (found[-1].known_at, found[-1].key, found[-1].step.value)))
            page = query.where(sa.tuple_(known_at, steps.c.key, steps.c.step) > last)


def _note_sightings(transaction: Transaction, sightings: Iterable[Sighting]) -> int:
    """Join sightings into what is known; return how many domains and mailboxes changed by it."""
    given: dict[tuple[str, str, str], Sighting] = {}
    for sighting in map(_storable, sightings):
        place = (sighting.order_id, str(sighting.kind), sighting.name)
        given[place] = join(given[place], sighting) if place in given else sighting
    places = sorted(given)  # in one order for all, so that no two transactions wait for each other
    return sum(_note(transaction, some, given) for some in chunks(places))


def _note(
    transaction: Transaction, places: Sequence[tuple[str, str, str]], given: Mapping[tuple[str, str, str], Sighting]
) -> int:
    connection = transaction.connection
    insert = insert_missing(provisions, connection.dialect.name).returning(*_PLACE)
    rows = [_row(given[place], at=transaction.now) for place in places]
    new = {tuple(row) for row in connection.execute(insert, rows)}
    changed = []
    there = [place for place in places if place not in new]
    query = sa.select(provisions).where(sa.tuple_(*_PLACE).in_(there)).with_for_update()
    for row in connection.execute(query) if there else ():
        known = _read_provision(row)
        joined = join(known, given[known.order_id, str(known.kind), known.name])
        if joined != known:
            values = _row(joined, at=transaction.now)
            changed.append(
                {f"the_{column.name}": values[column.name] for column in _PLACE}
                | {f"new_{name}": values[name] for name in (*_TEXTS[3:], "changed_at")}
            )
    if changed:
        connection.execute(_JOIN, changed)
    return len(new) + len(changed)


def _take_delivery(
    transaction: Transaction,
    delivery: StoredDelivery,
    sightings: Iterable[Sighting],
    effect: Callable[[sa.Connection], object] | None,
) -> bool:
    """Write a delivery with everything that it brings; return `False`, and do nothing, if it was taken before."""
    _wait_in_line(transaction)
    row = {
        "id": storable(delivery.id),
        "name": storable(delivery.name),
        "at": transaction.now,
        "content": storable(orjson.dumps(delivery.content).decode()),
    }
    insert = insert_missing(deliveries, transaction.connection.dialect.name).returning(deliveries.c.number)
    if transaction.connection.execute(insert, row).one_or_none() is None:
        return False
    _note_sightings(transaction, sightings)
    if effect is not None:
        _call(effect, transaction)
    return True


def _call(effect: Callable[[sa.Connection], object], transaction: Transaction) -> None:
    """Let an effect write, and make sure that the transaction is still what it was."""
    connection = transaction.connection
    begun = connection.get_transaction()
    try:
        effect(connection)
    except BaseException as error:
        if is_to_be_repeated(error):
            raise
        raise _EffectError(error) from None  # which nothing takes for an error of the journal's own
    if connection.get_transaction() is not begun:
        connection.rollback()
        raise JournalError(f"{_EFFECT} must not commit or roll back: the transaction ends when it returns.")
    try:
        connection.execute(sa.select(1))
    except sa.exc.DBAPIError:
        raise JournalError(
            f"{_EFFECT} went on after a statement had failed, and the database keeps nothing of such a transaction. "
            "Run a statement that may fail in `with transaction.begin_nested():`."
        ) from None


def _wait_in_line(transaction: Transaction) -> None:
    """Make sure that what comes later has a higher number and a later time, for those who read on from where they were.

    PostgreSQL gives numbers when a row is written, not when it is committed. On SQLite one writes after the other.
    """
    if transaction.connection.dialect.name == "postgresql":
        transaction.connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LINE)))


def _read_provision(row: Any) -> Provision:
    """Return a row of the table of provisions."""
    return Provision(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


def _read_delivery(row: Any) -> StoredDelivery:
    """Return a row of the table of deliveries."""
    return StoredDelivery(**dict(row._mapping) | {"content": orjson.loads(row.content)})  # noqa: SLF001 - as above


def _row(sighting: Sighting, *, at: float) -> dict[str, Any]:
    row = {name: getattr(sighting, name) for name in _TEXTS}
    return row | {"kind": str(sighting.kind), "state": str(sighting.state), "changed_at": at}


def _storable(sighting: Sighting) -> Sighting:
    texts = {name: getattr(sighting, name) for name in ("order_id", "name", "user_id", "status", "object_id")}
    texts["subscription_id"] = sighting.subscription_id
    safe: dict[str, Any] = {name: None if value is None else storable(value) for name, value in texts.items()}
    return attrs.evolve(sighting, **safe, reason=excerpt(sighting.reason))
