"""One world: time, the provider, the network and the processes, and which of them goes on next.

Whatever the outside can see is one step of the world: a request that goes out or arrives, a commit, an outcome that is
told. So a death of a process between two steps covers every death, and two deaths with no such step between them are
one.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from typing import Any

import attrs

from cmr_async.models.requests import OrderState
from tests.world.api import Api, Entry
from tests.world.loop import START
from tests.world.network import Line, Sent
from tests.world.process import EPOCH, Process, Work
from tests.world.store import store
from tests.world.weather import Draw, Weather

__all__ = ["Snapshot", "Told", "ViolationError", "World", "quiet"]

#: Steps after which a world that has not ended will never end.
_MOST_STEPS = 60_000


class ViolationError(AssertionError):
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
    #: Requests that are on the wire, and that may arrive or not.
    flying: tuple[Sent, ...]
    told: tuple[Told, ...]
    number: int
    #: When the last requests left.
    starts: tuple[float, ...]

    def name(self, *, arrives: bool) -> bytes:
        """Return what tells distinct recoveries apart."""
        outside = repr((self.done, self.flying if arrives else (), self.told)).encode()
        return hashlib.blake2b(self.database + outside, digest_size=16).digest()


class World:
    """Time, the outside, and the processes in it."""

    def __init__(self, seed: str, weather: Weather, snapshot: Snapshot | None = None) -> None:
        self.seed = seed
        self.draw = Draw(seed, weather)
        self.now = START if snapshot is None else snapshot.now
        #: Seconds by which the wall clocks were set.
        self.wall_step = 0.0
        self.api = Api() if snapshot is None else Api(snapshot.done)
        #: Hosts and ids of the processes that exist.
        self.alive: set[tuple[str, int]] = set()
        self.processes: list[Process] = []
        #: What users were told.
        self.told: tuple[Told, ...] = () if snapshot is None else snapshot.told
        #: When each request left for its connection.
        self.starts: list[float] = [] if snapshot is None else [*snapshot.starts]
        #: Callbacks that were run, and events of the world.
        self.steps = 0
        #: Snapshots at each step that the outside can see, if they are asked for.
        self.snapshots: list[Snapshot] | None = None
        #: Requests on the wire that change something when they arrive.
        self.flying: dict[int, Sent] = {}
        #: Whether some process was stopped, so that its slots have passed.
        self.was_stopped = False
        self._log = hashlib.blake2b(digest_size=16)
        self._events: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._number = 0 if snapshot is None else snapshot.number
        store().reset(None if snapshot is None else snapshot.database)

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

    def later(self, seconds: float, event: Callable[..., object], *args: Any) -> None:
        """Let something happen outside of the processes."""
        heappush(self._events, (self.now + seconds, self.next_number(), event, args))

    def note(self, what: str) -> None:
        """Note a step that the outside can see, and keep what is outside at this moment."""
        self._log.update(f"{self.now:.9f} {what}\n".encode())
        if self.snapshots is not None:
            self.snapshots.append(
                Snapshot(
                    what=what,
                    now=self.now,
                    database=store().snapshot(),
                    done=self.api.done,
                    flying=tuple(self.flying.values()),
                    told=self.told,
                    number=self._number,
                    starts=tuple(self.starts[-5:]),
                )
            )

    def tell(self, key: str, state: OrderState, order_id: str | None, *, domain: str) -> None:
        """Tell a user how an order ended; that nothing was bought has to be true now and later."""
        if state in {OrderState.NOT_SENT, OrderState.REJECTED} and self.may_be_placed(domain):
            raise ViolationError(f"{key} was told to be {state}, and it was placed or may still be")
        self.told += (Told(key, state, order_id),)
        self.note(f"told {key} {state} {order_id}")

    def may_be_placed(self, domain: str) -> bool:
        """Tell whether an order was placed, or is on the wire."""
        bought = self.api.entries(domain, "order", "processing")
        return bool(bought) or any(domain.encode() in sent.body for sent in self.flying.values())

    # The wire

    def connects(self, process: Process) -> None:
        """Note that the slot of a request has come, and that it goes for its connection."""
        self.starts.append(self.now)
        self._log.update(f"{self.now:.9f} {process.pid} connects\n".encode())

    def send(self, process: Process, line: Line, sent: Sent) -> None:
        """Put a request on the wire."""
        number = self.next_number()
        if sent.spends:
            self.flying[number] = sent
        self.later(self.draw.way(), self._arrive, process, line, sent, number)
        self.note(f"{process.pid} sends {sent.method} {sent.path} {sent.body.hex()}")

    def _arrive(self, process: Process, line: Line, sent: Sent, number: int) -> None:
        self.flying.pop(number, None)
        fault, before = self.draw.fault(sent), self.api.done
        reply = self.api.serve(sent, fault, epoch=self.epoch)
        if self.api.done is not before:
            self.note(f"arrives {sent.path} {fault}")
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

    # Life and death

    def kill(self, process: Process) -> None:
        """Let a process die: nothing of it is ever run again, not even its `finally`."""
        if process in self.processes:
            self.processes.remove(process)
            self.alive.discard((process.host, process.pid))
            self.note(f"{process.pid} dies")
            _GRAVES.append(process)

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
            ViolationError: It does not end.
        """
        while self.processes or self._events:
            self.steps += 1
            if self.steps > _MOST_STEPS:
                raise ViolationError(f"it does not end: {self.steps} steps, time {self.now:.0f}")
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
            raise ViolationError("everybody waits, and for nothing")
        else:
            self.now = max(now, due)
            self._turn(self.processes[index])

    def _turn(self, process: Process) -> None:
        self.steps += process.loop.turn() - 1
        if process.main.done():
            self.processes.remove(process)
            self.alive.discard((process.host, process.pid))
            process.loop.close()
            process.main.result()
            if process.loop.uncaught:
                raise ViolationError(f"nobody caught {process.loop.uncaught[0]}")


#: Processes that have died. What is left of them must not be collected while a world runs.
_GRAVES: list[Process] = []


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the package's log still: worlds say a great deal."""
    loggers = [logging.getLogger(name) for name in ("cmr_async", "asyncio")]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.disabled = was
