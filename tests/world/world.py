"""One world: time, the provider, the network and the processes, and which of them goes on next.

Whatever the outside can see is one step of the world: a request that goes out or arrives, a commit, an outcome that is
told. So a death of a process between two steps covers every death, and two deaths with no such step between them are
one.
"""

from __future__ import annotations

import gc
import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from typing import Any

import attrs
import orjson

from cmr_async.models.requests import OrderState
from tests.world.api import Api, Entry
from tests.world.deliveries import Sender
from tests.world.graves import GRAVES
from tests.world.loop import START
from tests.world.network import Line, Sent
from tests.world.process import EPOCH, Process, Work
from tests.world.provisioning import active
from tests.world.store import store
from tests.world.weather import Draw, Weather

#: Steps after which a world that has not ended will never end.
_MOST_STEPS = 60_000


class Violation(AssertionError):  # noqa: N818 - the word of this room
    """A promise was broken."""


@attrs.frozen
class Told:
    """An outcome that a user was told."""

    key: str
    state: OrderState
    order_id: str | None


@attrs.frozen(kw_only=True)
class Snapshot:
    """The outside of a process at one moment: what is left if it dies now."""

    what: str
    now: float
    database: bytes
    done: tuple[Entry, ...]
    #: Requests that are on the wire and that arrive after all.
    flying: tuple[Sent, ...]
    told: tuple[Told, ...]
    #: Ids of the events whose deliveries were answered with 2xx, as far as the provider knows.
    acknowledged: frozenset[str]
    number: int
    #: When the last requests left.
    starts: tuple[float, ...]


class World:
    """Time, the outside, and the processes in it."""

    def __init__(
        self, seed: str, weather: Weather, snapshot: Snapshot | None = None, *, most_faults: int | None = None
    ) -> None:
        self.seed = seed
        self.draw = Draw(seed, weather, most_faults)
        #: What it begins with.
        self.snapshot = snapshot
        self.now = START if snapshot is None else snapshot.now
        #: Seconds by which the wall clocks were set.
        self.wall_step = 0.0
        self.api = Api() if snapshot is None else Api(snapshot.done)
        #: Hosts and ids of the processes that exist.
        self.alive: set[tuple[str, int]] = set()
        self.processes: list[Process] = []
        #: What users were told.
        self.told: tuple[Told, ...] = () if snapshot is None else snapshot.told
        #: Delivers webhooks, if a process has a receiver.
        self.sender = Sender(self, frozenset() if snapshot is None else snapshot.acknowledged)
        #: When the slot of each request had come.
        self.starts: list[float] = [] if snapshot is None else [*snapshot.starts]
        #: Callbacks that were run, and events of the world.
        self.steps = 0
        #: Names of the states for which there was a snapshot; `None`: snapshots are not asked for.
        self.known: set[bytes] | None = None
        #: A snapshot of each state that was not known.
        self.snapshots: list[Snapshot] = []
        #: Requests on the wire that change something when they arrive.
        self.flying: dict[int, Sent] = {}
        #: Whether some process was stopped, so that its slots have passed.
        self.was_stopped = False
        #: The first promise of `expect` that was broken.
        self.broken = ""
        self._log = hashlib.blake2b(digest_size=16)
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0 if snapshot is None else snapshot.number
        store().reset(None if snapshot is None else snapshot.database)
        self._active = active()

    @property
    def epoch(self) -> float:
        """The true UTC time."""
        return EPOCH + self.now

    @property
    def digest(self) -> str:
        """A name for all that happened."""
        return self._log.hexdigest()

    def next_number(self) -> int:
        """Return a number that nothing else in this world has."""
        self._number += 1
        return self._number

    def start(self, work: Work, *, host: str = "host") -> Process:
        """Start a process."""
        process = Process(self, work, host=host)
        self.processes.append(process)
        return process

    def later(self, seconds: float, event: Callable[..., None], *args: Any) -> None:
        """Let something happen outside of the processes."""
        heappush(self._events, (self.now + seconds, self.next_number(), event, args))

    def note(self, what: str) -> None:
        """Note a step that the outside can see, and keep what is outside at this moment."""
        self._log.update(f"{self.now:.9f} {what}\n".encode())
        if self.known is not None:
            self._keep(what, self.known)

    def _keep(self, what: str, known: set[bytes]) -> None:
        """Keep a snapshot of a state that is new, with what is on the wire lost, and with it arriving."""
        sent = tuple(self.flying.values())
        for flying in ((), sent) if sent else ((),):
            name = self._state(flying)
            if name in known:
                continue
            known.add(name)
            self.snapshots.append(
                Snapshot(
                    what=what,
                    now=self.now,
                    database=store().snapshot(),
                    done=self.api.done,
                    flying=flying,
                    told=self.told,
                    acknowledged=self.sender.acknowledged,
                    number=self._number,
                    starts=tuple(self.starts[-8:]),
                )
            )

    def _state(self, flying: tuple[Sent, ...]) -> bytes:
        """Return a name of what is outside, in which orders have no names: one is as good as another."""
        orders: dict[str, list[str]] = {}
        for (key,) in store().rows("SELECT key FROM cmr_orders"):
            orders[key] = []
        for key, step, change in store().rows("SELECT key, step, change FROM cmr_events ORDER BY id"):
            orders.setdefault(key, []).append(f"{step} {change}")
        for entry in self.api.done:
            orders.setdefault(f"r{entry.domain[1:-4]}", []).append(entry.what)
        keys = {entry.order_id: f"r{entry.domain[1:-4]}" for entry in self.api.done}
        for order_id, kind, state in store().rows("SELECT order_id, kind, state FROM cmr_provisions ORDER BY kind"):
            orders.setdefault(keys[order_id], []).append(f"{kind} {state}")
        for (event_id,) in store().rows("SELECT id FROM cmr_deliveries"):
            name, _, order_id = event_id.partition(" of ")
            orders.setdefault(keys[order_id], []).append(f"{name} {event_id in self.sender.acknowledged}")
        for sent in flying:
            domains = [entry.domain for entry in self.api.done if entry.order_id.encode() in sent.body]
            name = domains[0] if domains else orjson.loads(sent.body)["domains"][0]["domain"]
            orders.setdefault(f"r{name[1:-4]}", []).append(sent.path)
        return hashlib.blake2b(repr(sorted(orders.values())).encode(), digest_size=12).digest()

    def tell(self, key: str, state: OrderState, order_id: str | None, *, domain: str) -> None:
        """Tell a user how an order ended; that nothing was bought has to be true now and later."""
        if state in {OrderState.NOT_SENT, OrderState.REJECTED} and self.may_be_placed(domain):
            raise Violation(f"{key} was told to be {state}, and it was placed or may still be")
        if state is OrderState.ACCEPTED and not self.draw.weather.full:
            *_, (step, known) = store().rows(f"SELECT step, state FROM cmr_steps WHERE key = '{key}' ORDER BY step")
            if known != "accepted":
                raise Violation(f"{key} was told to be accepted before it was written down: its {step} is {known}")
        self.told += (Told(key, state, order_id),)
        self.note(f"told {key} {state} {order_id}")

    def committed(self) -> None:
        """Note a commit to the journal, in which nothing that was active may have gone back."""
        before, self._active = self._active, active()
        self.expect(before <= self._active, f"{sorted(before - self._active)} was active, and is not any more")
        self.note("commit")

    def expect(self, holds: bool, otherwise: str) -> None:
        """Expect that a promise holds, also where whoever calls would take an error for a fault of the wire.

        Raises:
            Violation: It is broken.
        """
        if not holds:
            self.broken = self.broken or otherwise
            raise Violation(otherwise)

    def may_be_placed(self, domain: str) -> bool:
        """Tell whether an order was placed, or is on the wire."""
        bought = self.api.entries(domain, "order", "processing")
        return bool(bought) or any(domain.encode() in sent.body for sent in self.flying.values())

    # The wire

    def send(self, process: Process, line: Line, sent: Sent) -> None:
        """Put a request on the wire."""
        self.expect(sent.method == "GET" or not process.only_reads, f"{sent.method} {sent.path} is sent while tracking")
        self.starts.append(line.began)
        number = self.next_number()
        if sent.spends:
            self.flying[number] = sent
        self.later(self.draw.way(), self._arrive, process, line, sent, number)
        self.note(f"{process.pid} sends {sent.method} {sent.path} {sent.body.hex()}")

    def _arrive(self, process: Process, line: Line, sent: Sent, number: int) -> None:
        self.flying.pop(number, None)
        fault, before = self.draw.fault(sent), self.api.done
        reply = self.api.serve(sent, fault, epoch=self.epoch, stale=self.draw.staleness())
        if self.api.done is not before:
            self.note(f"arrives {sent.path} {fault}")
            self.sender.send_new()
        self._log.update(f"{self.now:.9f} {sent.path} {fault}\n".encode())
        if reply is not None:
            self.later(self.draw.way() + reply.delay, self._answer, process, line, reply)

    def _answer(self, process: Process, line: Line, reply: Any) -> None:
        if process not in self.processes:
            return
        with process.loop.running():
            if reply.data:
                line.deliver(reply.data)
            if reply.resets or reply.cuts:
                line.drop(ConnectionResetError(104, "reset") if reply.resets else None)

    def late_arrival(self, sent: Sent) -> None:
        """Let a request of a dead process arrive."""
        self.api.arrive(sent, epoch=self.epoch)
        self._log.update(f"{self.now:.9f} late {sent.path}\n".encode())
        self.sender.send_new()

    # Life and death

    def kill(self, process: Process) -> None:
        """Let a process die: nothing of it is ever run again, not even its `finally`."""
        if process in self.processes:
            self.processes.remove(process)
            self.alive.discard((process.host, process.pid))
            self.note(f"{process.pid} dies")
            self.sender.cut(process)
            GRAVES.append(process)

    def stop(self, process: Process, seconds: float) -> None:
        """Stop a process for some time, as SIGSTOP does."""
        if process in self.processes:
            process.stopped_until = self.now + seconds
            self.was_stopped = True
            self.note(f"{process.pid} stops")

    def suspend(self, process: Process, seconds: float) -> None:
        """Suspend the machine of a process: its monotonic clock stands still."""
        if process in self.processes:
            self.stop(process, seconds)
            process.suspended += seconds

    def run(self) -> None:
        """Let everything happen until all processes have ended and nothing is on the wire.

        Raises:
            Violation: It does not end.
        """
        while self.processes or self._events:
            self.steps += 1
            if self.steps > _MOST_STEPS:
                raise Violation(f"it does not end: {self.steps} steps, time {self.now:.0f}")
            self._step()

    def _step(self) -> None:
        now = self.now
        ready = [one for one in self.processes if one.loop.has_work and one.stopped_until <= now]
        if ready:
            self._turn(ready[0] if len(ready) == 1 else self.draw.rng.choice(ready))
            return
        turns = [(turn, index) for index, one in enumerate(self.processes) if (turn := one.next_turn) is not None]
        due, index = min(turns, default=(float("inf"), -1))
        if self._events and self._events[0][0] <= due:
            at, _, event, args = heappop(self._events)
            self.now = max(now, at)
            event(*args)
        elif index < 0:
            raise Violation("everybody waits, and for nothing")
        else:
            self.now = max(now, due)
            self._turn(self.processes[index])

    def _turn(self, process: Process) -> None:
        self.steps += process.loop.turn() - 1
        if self.broken:
            raise Violation(self.broken)
        if process.main.done():
            self.processes.remove(process)
            self.alive.discard((process.host, process.pid))
            process.loop.close()
            process.main.result()
            if process.loop.uncaught:
                raise Violation(f"nobody caught {process.loop.uncaught[0]}")


def digest_of(digests: Iterable[str]) -> str:
    """Return one name for what several worlds told."""
    return hashlib.blake2b("".join(digests).encode(), digest_size=16).hexdigest()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the package's log still, since worlds say a great deal, and collect no garbage by chance.

    A coroutine of a world that has ended would run its `finally` when it is collected, in the middle of the next world.
    What was there before the worlds is left out of each collection between them, which then takes little time.
    """
    loggers = [logging.getLogger(name) for name in ("cmr_async", "asyncio")]
    before = [logger.disabled for logger in loggers]
    was_on = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was
        gc.collect()
        if was_on:
            gc.enable()
