"""Crash everywhere: from one run, a process begins anew from each distinct state that a death could leave behind.

A request that is on the wire at that moment arrives, or does not; so such a state is tried twice.
"""

from __future__ import annotations

import gc
import hashlib
import time
from collections import Counter
from collections.abc import Iterable
from functools import partial

import attrs

from tests.world.check import check_end
from tests.world.process import Process
from tests.world.scenarios import SCENARIOS, Scenario
from tests.world.store import store
from tests.world.weather import CALM
from tests.world.world import Snapshot, ViolationError, World, quiet

__all__ = ["CrashResult", "Found", "explore", "run_crashes"]

#: Seconds until a program that died is started again.
_RESTART = 1.1
_LONGER_THAN_A_LEASE = 40.0


@attrs.frozen(kw_only=True)
class Found:
    """A broken promise, and where it was seen."""

    scenario: str
    seed: int
    #: Number of the recovery, from 0; `None`: the run itself.
    recovery: int | None
    what: str

    def __str__(self) -> str:
        where = "" if self.recovery is None else f" --recovery {self.recovery}"
        return f"{self.scenario}: {self.what}: python -m tests.world --only '{self.scenario}' --seed {self.seed}{where}"


@attrs.define(kw_only=True)
class CrashResult:
    """What some runs showed."""

    seed: int
    runs: int = 0
    #: Steps of the runs, after each of which a death was considered.
    points: int = 0
    #: Distinct states that a death could leave, each tried.
    recoveries: int = 0
    seconds: float = 0.0
    #: Hours of virtual time.
    hours: float = 0.0
    ended: Counter[str] = attrs.field(factory=Counter)
    violations: list[Found] = attrs.field(factory=list)
    #: A name for all that happened in each.
    digests: list[str] = attrs.field(factory=list)

    @property
    def digest(self) -> str:
        """One name for the logs of all runs and recoveries: the same for the same seed, on every interpreter."""
        return hashlib.blake2b("".join(self.digests).encode(), digest_size=8).hexdigest()


def explore(scenario: Scenario, seed: int, result: CrashResult, *, only: int | None = None) -> None:
    """Let a scenario run once, and from each distinct state that a death could leave; note what is broken."""
    world = World(f"{scenario.name} {seed}", scenario.weather)
    world.snapshots = []
    world.start(scenario.work)
    result.runs += 1
    recovery: int | None = None
    try:
        world.run()
        snapshots, world.snapshots = world.snapshots, None
        _settle(world)
        result.ended += check_end(world, scenario, is_calm=False)
        result.points += world.steps
        result.hours += (world.now - 1000.0) / 3600
        result.digests.append(world.digest)
        tried: set[bytes] = set()
        recovery = -1
        for snapshot in snapshots:
            for arrives in (False, True) if snapshot.flying else (False,):
                name = snapshot.name(arrives=arrives)
                if name in tried:
                    continue
                tried.add(name)
                recovery += 1
                if only in {None, recovery}:
                    _recover(scenario, seed, recovery, snapshot, result, arrives=arrives)
    except Exception as error:  # noqa: BLE001 - an error that no user should see is a broken promise as well
        what = str(error) if isinstance(error, ViolationError) else f"{type(error).__name__}: {error}"
        result.violations.append(Found(scenario=scenario.name, seed=seed, recovery=recovery, what=what))


def _recover(
    scenario: Scenario, seed: int, number: int, snapshot: Snapshot, result: CrashResult, *, arrives: bool
) -> None:
    world = World(f"{scenario.name} {seed} {number}", CALM, snapshot)
    result.recoveries += 1
    if arrives:
        for sent in snapshot.flying:
            world.later(world.draw.rng.choice((0.0, 3.0)) * world.draw.rng.random(), world.late_arrival, sent)
    host = world.draw.rng.choice(("host", "host", "host", "another host"))
    world.later(_RESTART, partial(world.start, scenario.again or scenario.work, host=host))
    world.run()
    _settle(world)
    result.ended += check_end(world, scenario, is_calm=host == "host")
    result.hours += (world.now - snapshot.now) / 3600
    result.digests.append(world.digest)


def _settle(world: World) -> None:
    """Open the journal once more when every lease is over, as the next run would."""
    world.draw.calm_down()
    if not store().rows("SELECT 1 FROM cmr_steps WHERE state = 'sent'"):
        return
    world.now += _LONGER_THAN_A_LEASE

    async def look(process: Process) -> None:
        async with process.journal():
            pass

    world.start(look, host="a third host")
    world.run()


def run_crashes(
    *,
    seed: int,
    points: int = 0,
    seconds: float = 0.0,
    scenarios: Iterable[Scenario] = SCENARIOS,
    most: int = 1,
) -> CrashResult:
    """Explore the scenarios, one after the other, with seeds from the given one on.

    Args:
        seed: The first seed.
        points: Go on until so many crash points were considered.
        seconds: Go on for so many seconds.
        scenarios: What is explored.
        most: Stop after so many violations.
    """
    result = CrashResult(seed=seed)
    began = time.monotonic()
    chosen = tuple(scenarios)
    turn = 0
    was_on = gc.isenabled()
    with quiet():
        gc.disable()  # a coroutine that is collected would run its `finally` in the next world
        try:
            while result.points < points or time.monotonic() - began < seconds:
                explore(chosen[turn % len(chosen)], seed + turn // len(chosen), result)
                turn += 1
                if len(result.violations) >= most:
                    break
                if turn % 5 == 0:
                    gc.collect()
        finally:
            if was_on:
                gc.enable()
    result.seconds = time.monotonic() - began
    return result
