"""What a journal keeps of the time after the answer: what became of domains and mailboxes, and which webhooks came."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

from cmr_async.errors import JournalError
from cmr_async.journal.journal import Journal
from cmr_async.models.tracking import Provision, ProvisionKind, ProvisionState, Sighting, StoredDelivery
from tests.fakes import Clock

WAITING = Sighting(order_id="O", kind=ProvisionKind.MAILBOX, name="a@b.com", state=ProvisionState.WAITING)
ACTIVE = attrs.evolve(WAITING, state=ProvisionState.ACTIVE, status="ACTIVE", object_id="M", user_id="U")
FAILED = attrs.evolve(WAITING, state=ProvisionState.FAILED, reason="taken")


def a_delivery(name: str = "E1") -> StoredDelivery:
    return StoredDelivery(id=name, name="mailbox.created", content={"event": "mailbox.created", "data": {}})


async def known(journal: Journal, *, since: float = 0.0) -> list[Provision]:
    return [provision async for provision in journal.tracking.provisions(since=since)]


async def taken(journal: Journal, *, after: int = 0) -> list[str]:
    return [delivery.id async for delivery in journal.tracking.deliveries(after=after)]


async def test_a_delivery_is_taken_once_with_what_it_brings(journal: Journal, clock: Clock) -> None:
    clock.now += 3
    assert await journal.tracking.take(a_delivery(), [ACTIVE])
    assert not await journal.tracking.take(a_delivery(), [FAILED, attrs.evolve(ACTIVE, name="c@b.com")])
    assert await known(journal) == [Provision(**attrs.asdict(ACTIVE), changed_at=clock.now)]
    delivery = [each async for each in journal.tracking.deliveries()][0]  # noqa: RUF015 - there is no other way
    assert delivery == attrs.evolve(a_delivery(), at=clock.now, number=delivery.number)


async def test_of_many_that_take_a_delivery_at_once_one_does(journal: Journal) -> None:
    took = await asyncio.gather(*(journal.tracking.take(a_delivery(), [ACTIVE]) for _ in range(5)))
    assert sorted(took) == [False] * 4 + [True]


async def test_an_effect_is_written_with_the_delivery_or_not_at_all(journal: Journal) -> None:
    effects: list[Any] = []

    def write(connection: sa.Connection) -> None:
        connection.execute(sa.text("UPDATE cmr_meta SET value = 'changed' WHERE name = 'mine'"))
        effects.append(connection.scalar(sa.text("SELECT count(*) FROM cmr_deliveries")))

    def fail(connection: sa.Connection) -> None:
        write(connection)
        raise LookupError("no such customer")

    with pytest.raises(LookupError, match="no such customer"):
        await journal.tracking.take(a_delivery(), [ACTIVE], fail)
    assert (await known(journal), await taken(journal)) == ([], [])
    assert await journal.tracking.take(a_delivery(), [ACTIVE], write)
    assert not await journal.tracking.take(a_delivery(), [ACTIVE], write)
    assert effects == [1, 1]


@pytest.mark.parametrize(
    "error", [LookupError("no such customer"), StopIteration(), sqlite3.OperationalError("database is locked")]
)
async def test_what_an_effect_raises_is_raised_once(journal: Journal, error: Exception) -> None:
    calls = []

    def fail(connection: sa.Connection) -> None:
        calls.append(connection)
        raise error

    expected = RuntimeError if isinstance(error, StopIteration) else type(error)
    with pytest.raises(expected) as caught:
        await journal.tracking.take(a_delivery(), [ACTIVE], fail)
    assert error in {caught.value, caught.value.__cause__}
    assert (len(calls), await known(journal), await taken(journal)) == (1, [], [])


@pytest.mark.parametrize("error", [SystemExit(2), asyncio.CancelledError(), KeyboardInterrupt()])
async def test_no_effect_ends_the_program(journal: Journal, error: BaseException) -> None:
    def leave(connection: sa.Connection) -> None:
        raise error

    with pytest.raises(RuntimeError, match=type(error).__name__) as caught:
        await journal.tracking.take(a_delivery(), [ACTIVE], leave)
    assert caught.value.__cause__ is error
    assert (await known(journal), await taken(journal)) == ([], [])


@pytest.mark.parametrize("end", [sa.Connection.commit, sa.Connection.rollback])
@pytest.mark.parametrize("goes_on", [True, False])
async def test_an_effect_that_ends_the_transaction_is_an_error(
    journal: Journal, end: Callable[[sa.Connection], None], goes_on: bool
) -> None:
    def end_it(connection: sa.Connection) -> None:
        end(connection)
        if goes_on:
            connection.execute(sa.select(1))

    error: type[Exception] = sa.exc.InvalidRequestError if goes_on else JournalError
    said = "closed transaction" if goes_on else "must not commit or roll back"  # the former is SQLAlchemy's
    with pytest.raises(error, match=said):
        await journal.tracking.take(a_delivery(), [], end_it)
    assert await journal.tracking.take(a_delivery("E2"), [ACTIVE])


async def test_an_effect_that_hides_the_failure_of_a_statement_is_an_error_where_it_breaks_the_transaction(
    location: str, journal: Journal
) -> None:
    def hide(connection: sa.Connection) -> None:
        with suppress(sa.exc.DBAPIError):
            connection.execute(sa.text("SELECT * FROM no_such_table"))

    def hide_in_a_savepoint(connection: sa.Connection) -> None:
        with suppress(sa.exc.DBAPIError), connection.begin_nested():
            connection.execute(sa.text("SELECT * FROM no_such_table"))

    assert await journal.tracking.take(a_delivery(), [ACTIVE], hide_in_a_savepoint)
    if location.startswith("postgresql"):
        with pytest.raises(JournalError, match="begin_nested"):
            await journal.tracking.take(a_delivery("E2"), [], hide)
    else:
        assert await journal.tracking.take(a_delivery("E2"), [], hide)
    assert await taken(journal) == (["E1"] if location.startswith("postgresql") else ["E1", "E2"])


async def test_what_is_taken_later_is_read_later(postgresql_location: str, clock: Clock) -> None:
    """Who reads on from what was read would miss what comes later with a lower number or an earlier time."""
    is_under_way, go_on = threading.Event(), threading.Event()
    locks = sa.table("pg_locks", sa.column("locktype", sa.Text), sa.column("granted", sa.Boolean))
    waiting = sa.select(locks).where(locks.c.locktype == "advisory", ~locks.c.granted)

    def wait(connection: sa.Connection) -> None:
        is_under_way.set()
        assert go_on.wait(60)

    async with AsyncExitStack() as stack:
        one, other, reader = [await stack.enter_async_context(Journal(postgresql_location, clock=clock)) for _ in "123"]
        slow = asyncio.create_task(one.tracking.take(a_delivery("slow"), [ACTIVE], wait))
        assert await asyncio.to_thread(is_under_way.wait, 60)
        clock.now += 1
        quick = asyncio.create_task(other.tracking.take(a_delivery("quick"), [attrs.evolve(ACTIVE, name="c@d.com")]))
        noted = asyncio.create_task(other.tracking.note([attrs.evolve(ACTIVE, name="e@f.com")]))
        while not (quick.done() or await reader._database.rows(waiting)):
            pass
        clock.now += 1
        go_on.set()
        assert (await slow, await quick, await noted) == (True, True, 1)
        assert await taken(reader) == ["slow", "quick"]
        changed = {each.name: each.changed_at for each in await known(reader)}
        assert changed == {"a@b.com": clock.now - 2, "c@d.com": clock.now, "e@f.com": clock.now}


async def test_deliveries_are_read_in_the_order_in_which_they_came(journal: Journal) -> None:
    names = [f"E{number}" for number in range(7)]
    for name in names:
        await journal.tracking.take(a_delivery(name))
    numbers = [delivery.number async for delivery in journal.tracking.deliveries()]
    assert await taken(journal) == names
    assert await taken(journal, after=numbers[3]) == names[4:]


async def test_what_is_noted_is_joined_with_what_is_known(journal: Journal, clock: Clock) -> None:
    assert await journal.tracking.note([]) == 0
    assert await journal.tracking.note([WAITING, ACTIVE, FAILED]) == 1
    noted = await known(journal)
    clock.now += 10
    assert await journal.tracking.note([FAILED, WAITING]) == 0
    assert await known(journal) == noted
    assert [(each.state, each.object_id) for each in noted] == [(ProvisionState.ACTIVE, "M")]
    assert await journal.tracking.note([attrs.evolve(ACTIVE, subscription_id="S")]) == 1
    assert [each.subscription_id for each in await known(journal, since=clock.now)] == ["S"]
    assert await known(journal, since=clock.now + 1) == []


async def test_many_are_noted_and_read_in_pages(journal: Journal) -> None:
    many = [attrs.evolve(WAITING, name=f"{number:04d}@b.com") for number in range(1234)]
    assert await journal.tracking.note(many) == 1234
    assert [each.name for each in await known(journal)] == [each.name for each in many]
    assert await journal.tracking.note([attrs.evolve(each, status="IN_PROGRESS") for each in many[::2]]) == 617


async def test_text_that_no_database_takes_is_kept_readably(journal: Journal) -> None:
    odd = attrs.evolve(FAILED, name="a\0@b.com", reason="\ud800")
    assert await journal.tracking.note([odd]) == 1
    assert [(each.name, each.reason) for each in await known(journal)] == [("a\ufffd@b.com", "?")]
    assert await journal.tracking.take(attrs.evolve(a_delivery("E\0"), content={"reason": "a\0b"}))


async def test_another_process_sees_what_was_noted(location: str, clock: Clock) -> None:
    async with Journal(location, clock=clock) as one, Journal(location, clock=clock) as other:
        await one.tracking.take(a_delivery(), [ACTIVE])
        assert [each.name for each in await known(other)] == ["a@b.com"]
        assert not await other.tracking.take(a_delivery(), [FAILED])
