"""Crash everywhere: from one run, a process begins anew from each distinct state that a death could leave behind.

A request that is on the wire at that moment arrives, or does not; so such a state is tried twice.
"""

from __future__ import annotations

import gc
import time
from collections import Counter, deque
from collections.abc import Iterable
from functools import partial

import attrs

from tests.world.check import check_end
from tests.world.graves import GRAVES, unheard
from tests.world.process import Process
from tests.world.scenarios import SCENARIOS, Scenario
from tests.world.store import store
from tests.world.weather import CALM
from tests.world.world import Snapshot, Violation, World, digest_of, undisturbed

#: Seconds until a program that died is started again.
_RESTART = 1.1
_LONGER_THAN_A_LEASE = 40.0
#: Recoveries of one seed; more are rarely needed.
MOST_RECOVERIES = 600
#: Recoveries after which garbage is collected, between two of them.
_COLLECTED = 50


@attrs.frozen(kw_only=True)
class Found:
    """A broken promise, and where it was seen."""

    scenario: str
    seed: int
    #: Number of the recovery, from 0; `None`: the run itself.
    recovery: int | None
    what: str
    #: Faults of the wire that are needed for it; `None`: all of them.
    most_faults: int | None = None

    def __str__(self) -> str:
        where = "" if self.recovery is None else f" in recovery {self.recovery}"
        faults = "" if self.most_faults is None else f" --faults {self.most_faults}"
        again = f"python -m tests.world --only '{self.scenario}' --seed {self.seed}{faults}"
        return f"{self.scenario}: {self.what}{where}: {again}"


@attrs.define(kw_only=True)
class CrashResult:
    """What some runs showed."""

    seed: int
    runs: int = 0
    #: Steps of the runs and of their recoveries, after each of which a death was considered.
    points: int = 0
    #: Distinct states that a death could leave, each tried.
    recoveries: int = 0
    #: Real time.
    seconds: float = 0.0
    #: Hours of virtual time.
    hours: float = 0.0
    ended: Counter[str] = attrs.field(factory=Counter)
    violations: list[Found] = attrs.field(factory=list)
    #: Names for all that happened, one a run.
    digests: list[str] = attrs.field(factory=list)

    @property
    def digest(self) -> str:
        """One name for all that happened."""
        return digest_of(self.digests)


def explore(
    scenario: Scenario,
    seed: int,
    result: CrashResult,
    *,
    most_recoveries: int = MOST_RECOVERIES,
    most_faults: int | None = None,
) -> None:
    """Let a scenario run once, and from each distinct state that a death could leave; note what is broken.

    A recovery is a run as well, in which the process can die again. Two states are one if they differ only in times,
    in ids, and in which order is which: the journal's history of each order, what the provider did and what is on the
    wire are the same.

    Args:
        scenario: What runs.
        seed: What is drawn from.
        result: Gets the counts and the first violation.
        most_recoveries: States that are tried at most.
        most_faults: Requests of which something goes wrong, at most; the others go well.
    """
    name = f"{scenario.name} {seed}"
    known: set[bytes] = set()
    # The states of each run, then its number of steps: they count when all states have been tried
    waiting: deque[Snapshot | int] = deque()
    recovery: int | None = None
    calm = attrs.evolve(CALM, stale=scenario.weather.stale)  # old copies are no fault
    result.runs += 1
    world = World(name, scenario.weather, most_faults=most_faults)
    world.known = known
    try:
        world.start(scenario.work)
        steps = _finish(world, scenario, result, is_calm=False)
        waiting += (*world.snapshots, steps)
        recovery = -1
        while waiting and recovery + 1 < most_recoveries:
            snapshot = waiting.popleft()
            if isinstance(snapshot, int):
                result.points += snapshot
                continue
            recovery += 1
            if recovery % _COLLECTED == 0:
                gc.collect()
            world = World(f"{name} {recovery}", calm, snapshot)
            world.known = known
            steps = _recover(world, scenario, result)
            waiting += (*world.snapshots, steps)
    except Exception as error:  # noqa: BLE001 - an error that no user should see is a broken promise as well
        what = str(error) if isinstance(error, Violation) else f"{type(error).__name__}: {error}"
        GRAVES.extend(world.processes)
        result.violations.append(
            Found(scenario=scenario.name, seed=seed, recovery=recovery, most_faults=most_faults, what=what)
        )


def _recover(world: World, scenario: Scenario, result: CrashResult) -> int:
    result.recoveries += 1
    rng = world.draw.rng
    for sent in world.snapshot.flying if world.snapshot is not None else ():
        world.later(rng.choice((0.0, 3.0)) * rng.random(), partial(world.late_arrival, sent))
    host = rng.choice(("host", "host", "host", "another host"))
    world.later(_RESTART, lambda: _start(world, scenario, host))
    return _finish(world, scenario, result, is_calm=host == "host")


def _start(world: World, scenario: Scenario, host: str) -> None:
    world.start(scenario.again or scenario.work, host=host)


def _finish(world: World, scenario: Scenario, result: CrashResult, *, is_calm: bool) -> int:
    """Let a world run to its end and check it; return its steps."""
    began = world.now
    world.run()
    steps = world.steps
    world.known = None
    settle(world)
    result.ended += check_end(world, scenario, is_calm=is_calm)
    result.hours += (world.now - began) / 3600
    result.digests.append(world.digest)
    return steps


def settle(world: World) -> None:
    """Open the journal once more when every lease is over, as the next run would, if a claim is left."""
    if not store().rows("SELECT 1 FROM cmr_steps WHERE state = 'sent' LIMIT 1"):
        return
    world.draw.calm_down()
    world.now += _LONGER_THAN_A_LEASE

    async def look(process: Process) -> None:
        async with process.journal():
            pass

    world.start(look, host="a third host")
    world.run()


def run_crashes(
    *,
    seed: int,
    rounds: int = 0,
    points: int = 0,
    seconds: float = 0.0,
    scenarios: Iterable[Scenario] = SCENARIOS,
    most: int = 1,
    most_recoveries: int = MOST_RECOVERIES,
    most_faults: int | None = None,
) -> CrashResult:
    """Explore the scenarios, one after the other, with seeds from the given one on.

    Args:
        seed: The first seed.
        rounds: Explore each scenario with so many seeds.
        points: Go on until so many crash points were considered.
        seconds: Go on for so many seconds.
        scenarios: What is explored.
        most: Stop after so many violations.
        most_recoveries: Try so many states of one seed at most.
        most_faults: See `explore`.
    """
    result = CrashResult(seed=seed)
    began = time.monotonic()
    chosen = tuple(scenarios)
    turn = 0
    with undisturbed(), unheard():
        while turn < rounds * len(chosen) or result.points < points or time.monotonic() - began < seconds:
            scenario, number = chosen[turn % len(chosen)], seed + turn // len(chosen)
            explore(scenario, number, result, most_recoveries=most_recoveries, most_faults=most_faults)
            turn += 1
            if len(result.violations) >= most:
                break
    result.seconds = time.monotonic() - began
    return result
