"""Webhooks in a world: the provider tells a receiver what became of each order, until it is answered with 2xx.

Deliveries come in any order, and some come twice. The receiver is the package's own and takes the bytes of a delivery.
Its answer is a step that the outside can see, and may be lost on its way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from cmr_async.journal.storage.schema import sa
from cmr_async.webhooks import Event, Receiver, sign
from tests.world.api import USER, Entry
from tests.world.store import EFFECTS, store

if TYPE_CHECKING:
    from tests.world.process import Process
    from tests.world.world import World

_KEY = "key-of-the-world"
#: Seconds until a delivery that had no 2xx is repeated; the last of them counts for all further ones.
_REPEATS = (0.0, 30.0, 300.0)
#: Seconds by which deliveries overtake each other.
_APART = (0.0, 0.02, 1.0, 40.0)
#: Share of the deliveries that are sent twice.
_TWICE = 0.3


class HandlerError(Exception):
    """The handler of a receiver failed."""


@cache
def _bodies(order_id: str, domain: str) -> dict[str, bytes]:
    """Return the events about an order by their ids, in the order in which they happen."""
    about = {"orderId": order_id, "userId": USER, "domainName": domain}
    happened: tuple[tuple[str, dict[str, Any]], ...] = (
        ("domain.order.success", {"domains": [{"domain": domain, "status": "PENDING"}]}),
        ("mailbox.created", {"email": f"ada@{domain}", "mailboxId": "M1"}),
    )
    ids = [f"{name} of {order_id}" for name, _ in happened]
    return {
        event_id: orjson.dumps({"event": name, "eventId": event_id, "data": about | more})
        for event_id, (name, more) in zip(ids, happened, strict=True)
    }


def _events(done: tuple[Entry, ...]) -> Iterator[tuple[str, bytes]]:
    for entry in done:
        if entry.what != "draft":
            yield from _bodies(entry.order_id, entry.domain).items()


def receiver(process: Process, journal: Any) -> Receiver:
    """Make a receiver whose handler writes a row for each event, and fails now and then."""

    def handle(event: Event, transaction: sa.Connection) -> None:
        transaction.execute(sa.insert(EFFECTS).values(event=event.event_id))
        if process.world.draw.delivery_fails():
            raise HandlerError

    return Receiver(journal, keys=_KEY, fallback=handle, now=lambda: process.world.epoch)


class Sender:
    """What the provider still has to deliver."""

    def __init__(self, world: World, acknowledged: frozenset[str] = frozenset()) -> None:
        #: Ids of the events of which a 2xx has come back.
        self.acknowledged = acknowledged
        self._world = world
        self._known: set[str] = set()
        self._receivers: dict[Process, Receiver] = {}
        #: What was delivered and not answered: to whom, and how often before.
        self._open: list[tuple[Process, str, bytes, int]] = []

    @property
    def has_open(self) -> bool:
        """Whether some event was not answered with 2xx."""
        return any(event_id not in self.acknowledged for event_id, _ in _events(self._world.api.done))

    def begin(self, process: Process, taker: Receiver) -> None:
        """Deliver to the receiver of a process, beside those of others, from now on."""
        self._receivers[process] = taker
        self.send_new()

    def send_new(self) -> None:
        """Begin to deliver what is new; nothing, as long as there was no receiver."""
        if not self._receivers:
            return
        rng = self._world.draw.rng
        for event_id, body in _events(self._world.api.done):
            if event_id not in self._known | self.acknowledged:
                self._known.add(event_id)
                for _ in range(1 + (rng.random() < _TWICE)):
                    self._world.later(rng.choice(_APART) * rng.random(), self._attempt, event_id, body, 0)

    def _attempt(self, event_id: str, body: bytes, number: int) -> None:
        if event_id in self.acknowledged:
            return
        alive = [process for process in self._receivers if process in self._world.processes]
        if alive:
            process = self._world.draw.rng.choice(alive)
            self._open.append((process, event_id, body, number))
            with process.loop.running():
                process.spawn(self._deliver(process, event_id, body, number))
        else:
            self._repeat(event_id, body, number)

    def cut(self, process: Process) -> None:
        """Deliver again what a process that has died did not answer."""
        for lost in [each for each in self._open if each[0] is process]:
            self._open.remove(lost)
            self._repeat(*lost[1:])

    async def _deliver(self, process: Process, event_id: str, body: bytes, number: int) -> None:
        world = self._world
        reply = await self._receivers[process].receive(body, sign(body, key=_KEY, now=world.epoch))
        self._open.remove((process, event_id, body, number))
        if reply.status == 200:
            world.expect(
                _effects()[event_id] == 1, f"{event_id} was answered with 2xx, with {_effects()[event_id]} effects"
            )
        world.note(f"{process.pid} answers {reply.status} to {event_id}")
        if reply.status == 200 and not world.draw.delivery_fails():
            world.later(world.draw.way(), self._acknowledge, event_id)
        else:
            self._repeat(event_id, body, number)

    def _repeat(self, event_id: str, body: bytes, number: int) -> None:
        self._world.later(_REPEATS[min(number, len(_REPEATS) - 1)], self._attempt, event_id, body, number + 1)

    def _acknowledge(self, event_id: str) -> None:
        if event_id not in self.acknowledged:
            self.acknowledged |= {event_id}
            self._world.note(f"acknowledged {event_id}")


def _effects() -> Counter[str]:
    return Counter(event for (event,) in store().rows("SELECT event FROM effects"))


def check_deliveries(world: World) -> None:
    """Check that each event had its effect once, and that the journal knows what they say together.

    Raises:
        Violation: Something is missing, or is there twice.
    """
    expected = Counter(event_id for event_id, _ in _events(world.api.done))
    world.expect(_effects() == expected, f"the events are {expected}, and the effects are {_effects()}")
    states = {(name, state) for name, state in store().rows("SELECT name, state FROM cmr_provisions")}
    names = [f"{at}{entry.domain}" for entry in world.api.done if entry.what != "draft" for at in ("", "ada@")]
    world.expect(states == {(name, "active") for name in names}, f"{names} are active, and the journal has {states}")
