"""One process of a world: its loop, its clocks, its identity, its client. It can die at any moment, stop and go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import TYPE_CHECKING, Any, cast

from cmr_async import AsyncClient, Timeouts, TrackingSettings
from cmr_async.core.pacing import Pacer
from cmr_async.journal.journal import Journal
from cmr_async.journal.liveness import LEASE, Machine, RunRecord
from cmr_async.journal.storage.clock import Clocks
from cmr_async.journal.storage.database import Outside
from tests.world.loop import START, WorldLoop
from tests.world.network import Connector
from tests.world.store import Worker, store

if TYPE_CHECKING:
    from tests.world.world import World

#: The UTC time at which virtual time begins.
EPOCH = 1_800_000_000.0
TIMEOUTS = Timeouts(connect=5.0, read=20.0, drain=5.0)
#: Short times, so that there are few turns of a tracker.
_TRACKING = TrackingSettings(first_look=2.0, read_every=2.0, single_look=4.0)
_PATHS = {"orders.process": "/orders/process"}


class _Clocks(Clocks):
    """The clocks of a host, of which the wall clock may be set."""

    def __init__(self, world: World) -> None:
        self._world = world

    def wall(self) -> float:
        return self._world.epoch + self._world.wall_step

    def elapsed(self) -> float:
        return self._world.now

    def start(self) -> str:
        return "boot"


class _Machine(Machine):
    """A host with its processes."""

    def __init__(self, process: Process) -> None:
        self.open_runs = set()
        self._process = process

    def this_process(self, *, lease: float = LEASE) -> RunRecord:
        process = self._process
        run_id = f"run{process.world.next_number()}"
        return RunRecord(
            id=run_id, host=process.host, machine=process.host, pid=process.pid, born=str(process.pid), lease=lease
        )

    def birth(self, pid: int) -> str | None:
        return str(pid) if (self._process.host, pid) in self._process.world.alive else None

    def new_token(self) -> str:
        return f"token{self._process.world.next_number()}"


class Process:
    """One run of a program that uses the package."""

    def __init__(self, world: World, work: Work, *, host: str = "host") -> None:
        self.world = world
        self.host = host
        self.pid = world.next_number()
        self.rng = Random(f"{world.seed} {self.pid}")
        #: Seconds for which this host was suspended: its monotonic clock did not count them.
        self.suspended = 0.0
        #: Whether it has ended its orders, and must not send anything but reads.
        self.only_reads = False
        #: Until when it gets no turn, because it was stopped.
        self.stopped_until = 0.0
        self.loop = WorldLoop(self.monotonic)
        self.pacer = Pacer()
        self._outside = Outside(
            clocks=_Clocks(world),
            machine=_Machine(self),
            thread=lambda _: Worker(self),
            engine=lambda _: store().engine,
            file=None,
        )
        world.alive.add((host, self.pid))
        with self.loop.running():
            self.main: asyncio.Task[None] = self.loop.create_task(cast("Any", work(self)))
        self._spawned: set[asyncio.Task[None]] = set()

    def monotonic(self) -> float:
        """Return the time of the loop, which begins near 1,000."""
        return self.world.now - self.suspended

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something happen in this process beside its work, as a request to its server does."""
        task = self.loop.create_task(work)
        self._spawned.add(task)
        task.add_done_callback(self._ended)

    @property
    def is_serving(self) -> bool:
        """Whether something that was spawned has not ended."""
        return bool(self._spawned)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._spawned.discard(task)
        task.result()  # the loop tells whoever runs it

    def client(self) -> AsyncClient:
        """Make a client that lives in this process."""
        return AsyncClient(
            "key",
            "http://127.0.0.1:1/api",
            endpoints=_PATHS,
            timeouts=TIMEOUTS,
            tracking=_TRACKING,
            connector_factory=lambda: Connector(self),
            _clock=self.monotonic,
            _rng=self.rng,
            _wall_clock=lambda: self.world.epoch + self.world.wall_step,
            _pacer=self.pacer,
        )

    def journal(self) -> Journal:
        """Make the journal of this world, as this process opens it."""
        return Journal("/world/run.db", _outside=self._outside)

    @property
    def next_turn(self) -> float | None:
        """When it can do something, by the world's clock; `None`: never by itself."""
        if self.loop.has_work:
            return max(self.stopped_until, START)
        timer = self.loop.next_timer
        return None if timer is None else max(self.stopped_until, timer + self.suspended)


#: What a process does.
Work = Callable[[Process], Awaitable[None]]
