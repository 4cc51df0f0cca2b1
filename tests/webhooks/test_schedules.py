"""Deliveries in made-up orders, with copies and crashes: no effect is lost, and none happens twice.

`CMR_KILL_SCHEDULES` makes it more schedules, `CMR_KILL_SEED` others; see the session `killstorm` in `noxfile.py`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from enum import Enum, auto
from random import Random
from typing import Any

import attrs
import orjson
import pytest
import sqlalchemy as sa

from cmr_async import Journal
from cmr_async.journal.storage.statements import Transaction
from cmr_async.models.tracking import Sighting, join
from cmr_async.webhooks import Event, Receiver, Refusal, parse, sign
from cmr_async.webhooks.sightings import sightings_of

SCHEDULES = int(os.environ.get("CMR_KILL_SCHEDULES", "100"))
SEED = int(os.environ.get("CMR_KILL_SEED", "7"))
KEY = "key-of-schedules"
EFFECTS = sa.Table("effects", sa.MetaData(), sa.Column("event", sa.Text))  # no key: it would hide a second effect
NAMES = ("domain.order.success", "domain.order.failed", "mailbox.order.success", "mailbox.order.failed")


class Crash(Enum):
    """Where taking a delivery is cut short."""

    BEFORE_THE_EFFECT = auto()
    AFTER_THE_EFFECT = auto()
    BEFORE_THE_COMMIT = auto()
    #: The event is taken, and the API never hears of it.
    BEFORE_THE_ANSWER = auto()


class CrashedError(Exception):
    """What stands for the end of the process."""


@attrs.define
class World:
    """A receiver on a journal whose transactions can be cut short."""

    journal: Journal
    crash: Crash | None = None
    counts: Counter[str] = attrs.field(factory=Counter)
    receiver: Receiver = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.receiver = Receiver(self.journal, keys=KEY, fallback=self.effect)

    def effect(self, event: Event, transaction: sa.Connection) -> None:
        self.fail(Crash.BEFORE_THE_EFFECT)
        transaction.execute(sa.insert(EFFECTS).values(event=event.event_id))
        self.fail(Crash.AFTER_THE_EFFECT)

    def fail(self, place: Crash) -> None:
        if self.crash is place:
            self.crash = None
            self.counts[f"crashed {place.name.lower()}"] += 1
            raise CrashedError

    async def deliver(self, body: bytes, crash: Crash | None) -> bool:
        """Deliver once; tell whether the API got an answer of 2xx."""
        self.crash = crash
        reply = await self.receiver.receive(body, sign(body, key=KEY))
        assert (reply.status, type(reply.error)) in {(200, type(None)), (500, CrashedError)}
        self.counts[reply.text] += 1
        answered = reply.status == 200 and self.crash is not Crash.BEFORE_THE_ANSWER
        self.counts["answers lost"] += reply.status == 200 and not answered
        self.crash = None
        return answered


def events_of(number: int, rng: Random) -> list[bytes]:
    """The bodies of the events of one schedule, about several orders with a few domains and mailboxes each."""
    bodies: list[bytes] = []
    for order in range(rng.randint(1, 3)):
        for _ in range(rng.randint(1, 4)):
            name = rng.choice([*NAMES, "mailbox.created", "mailbox.created", "subscription.renewing"])
            domain = f"{rng.choice('ab')}-{order}.com"
            data = {"orderId": f"O{number}-{order}", "userId": "U", "domainName": domain, "reason": "taken"}
            if name == "mailbox.created":
                data |= {"email": f"{rng.choice(['ada', 'bob'])}@{domain}", "password": "secret"}
            bodies.append(orjson.dumps({"event": name, "eventId": f"E{number}-{len(bodies)}", "data": data}))
    return bodies


async def run(world: World, bodies: list[bytes], rng: Random) -> None:
    """Deliver each event one to three times in a random order, and those again that were not answered with 2xx."""
    waiting = [body for body in bodies for _ in range(rng.randint(1, 3))]
    rng.shuffle(waiting)
    while waiting:
        body = waiting.pop(rng.randrange(len(waiting)))
        crash = rng.choice(list(Crash)) if rng.random() < 0.3 else None
        if not await world.deliver(body, crash):
            waiting.append(body)


def known(sightings: Iterable[Sighting]) -> dict[tuple[str, str, str], tuple[str, str | None]]:
    """What sightings say together; `join` is what the journal promises, tested by itself."""
    joined: dict[tuple[str, str, str], Sighting] = {}
    for one in sightings:
        place = (one.order_id, str(one.kind), one.name)
        joined[place] = join(joined[place], one) if place in joined else one
    return {place: (str(one.state), one.user_id) for place, one in joined.items()}


def expected(bodies: list[bytes], rng: Random) -> dict[tuple[str, str, str], tuple[str, str | None]]:
    """What the events say together, each taken once, in an order of its own."""
    events = [parse(body) for body in rng.sample(bodies, len(bodies))]
    return known(one for event in events if not isinstance(event, Refusal) for one in sightings_of(event))


@pytest.fixture
async def world(location: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with Journal(location) as journal:
        await journal._database.write(lambda transaction: EFFECTS.create(transaction.connection))
        made = World(journal)
        write = journal._database.write

        async def cut_short(work: Any, **options: Any) -> Any:
            def wrapped(transaction: Transaction) -> Any:
                result = work(transaction)
                made.fail(Crash.BEFORE_THE_COMMIT)
                return result

            return await write(wrapped, **options)

        monkeypatch.setattr(journal._database, "write", cut_short)
        yield made


async def test_no_effect_is_lost_and_none_happens_twice(world: World) -> None:
    every: list[bytes] = []
    for number in range(SCHEDULES):
        rng = Random(f"{SEED}-{number}")
        bodies = events_of(number, rng)
        await run(world, bodies, rng)
        every += bodies
    ids = [str(orjson.loads(body)["eventId"]) for body in every]
    effects = await world.journal._database.rows(sa.select(EFFECTS))
    assert Counter(row.event for row in effects) == Counter(ids)  # each once
    assert sorted([one.id async for one in world.journal.tracking.deliveries()]) == sorted(ids)
    assert known([one async for one in world.journal.tracking.provisions()]) == expected(every, Random(SEED))
    assert world.counts["taken"] == len(ids)
    assert all(world.counts[f"crashed {place.name.lower()}"] for place in list(Crash)[:3])
    assert world.counts["answers lost"]
    where = world.journal._database.dialect
    counted = sorted(world.counts.items())
    print(f"{SCHEDULES} schedules on {where} from seed {SEED}, {len(ids)} events:", *counted)  # noqa: T201 - for `-s`
