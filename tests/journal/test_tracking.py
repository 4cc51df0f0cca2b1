"""What a journal keeps of the time after the answer: what became of domains and mailboxes, and which webhooks came."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs
import pytest
import sqlalchemy as sa

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
