"""Two and three live processes on one journal, which die, are stopped and go on in the middle of their work.

Each does the orders of all, so that they meet at every order. What happens to a process happens right after a step that
the outside can see: a claim that was just committed, a request that has just left. One that died is started again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

import attrs

from tests.world.check import check_end
from tests.world.crashes import Found, settle
from tests.world.graves import bury, unheard
from tests.world.process import Process, Work
from tests.world.scenarios import LIVE, Scenario
from tests.world.world import Violation, World, digest_of, undisturbed

#: Most steps after which something happens to a process, and how far apart they are.
_MOST_ACTS, _APART = 5, 25
#: For how long a process is stopped: for moments, for a while, and longer than any lease.
_STOPS = (0.3, 3.0, 20.0, 45.0)
#: Steps of the wall clocks, in seconds.
_CLOCK_STEPS = (-3600.0, -40.0, 40.0, 3600.0)
#: Seconds until a program that died is started again.
_RESTARTS = (0.0, 1.1, 50.0)
#: Worlds after which the dead are buried.
_COLLECTED = 10


@attrs.define(kw_only=True)
class LiveResult:
    """What worlds of several processes showed."""

    seed: int
    worlds: int = 0
    #: Times a process died, and times one was stopped or its machine suspended.
    deaths: int = 0
    stops: int = 0
    seconds: float = 0.0
    violations: list[Found] = attrs.field(factory=list)
    #: Names for all that happened, one a world.
    digests: list[str] = attrs.field(factory=list)

    @property
    def digest(self) -> str:
        """One name for all that happened."""
        return digest_of(self.digests)

    def __str__(self) -> str:
        return (
            f"{self.worlds:,} worlds of two and three processes with {self.deaths:,} deaths and {self.stops:,} stops, "
            f"{len(self.violations)} violations, seed {self.seed}, {self.seconds:.1f} s"
        )


class _LiveWorld(World):
    """A world in which something happens to a process after some of its steps."""

    def __init__(self, seed: str, scenario: Scenario, result: LiveResult, most_faults: int | None) -> None:
        super().__init__(seed, scenario.weather, most_faults=most_faults)
        self._rng = Random(f"{seed} acts")
        self._result = result
        self._works: dict[int, Work] = {}
        self._noted = 0
        self._acts: list[int] = []
        at = 0
        for _ in range(self._rng.randrange(1, _MOST_ACTS + 1)):
            at += 1 + self._rng.randrange(_APART)
            self._acts.append(at)

    def begin(self, work: Work, host: str) -> None:
        process = self.start(work, host=host)
        self._works[process.pid] = work

    def calm_down(self) -> None:
        """Let nothing happen to anybody any more."""
        self._acts.clear()
        self.draw.calm_down()

    def note(self, what: str) -> None:
        super().note(what)
        self._noted += 1

    def _turn(self, process: Process) -> None:
        super()._turn(process)
        if self._acts and self._noted >= self._acts[0]:
            self._acts.pop(0)
            if process in self.processes:
                self._rng.choice((self._die, self._die, self._stop, self._suspend, self._set_clocks))(process)

    def _die(self, process: Process) -> None:
        self._result.deaths += 1
        self.kill(process)
        work = self._works[process.pid]
        self.later(self._rng.choice(_RESTARTS), lambda: self.begin(work, process.host))

    def _stop(self, process: Process) -> None:
        self._result.stops += 1
        self.stop(process, self._rng.choice(_STOPS))

    def _suspend(self, process: Process) -> None:
        self._result.stops += 1
        seconds = self._rng.choice(_STOPS)
        for one in [one for one in self.processes if one.host == process.host]:
            self.suspend(one, seconds)

    def _set_clocks(self, _: Process) -> None:
        self.wall_step += self._rng.choice(_CLOCK_STEPS)
        self.note(f"wall clocks are off by {self.wall_step:.0f}")


def live(scenario: Scenario, seed: int, result: LiveResult, *, most_faults: int | None = None) -> None:
    """Let two or three processes do the work of a scenario, then one more in good weather; note what is broken."""
    name = f"{scenario.name} {seed}"
    world = _LiveWorld(name, scenario, result, most_faults)
    rng = Random(f"{name} processes")
    hosts = rng.choice((("host",), ("host",), ("host", "another host")))
    result.worlds += 1
    try:
        for _ in range(rng.choice((2, 2, 3))):
            start: Callable[[], None] = _starter(world, scenario.work, rng.choice(hosts))
            world.later(rng.choice((0.0, 0.0, 1.0, 30.0)) * rng.random(), start)
        world.run()
        world.calm_down()
        settle(world)
        check_end(world, scenario, is_calm=False)
        world.start(scenario.again or scenario.work)
        world.run()
        settle(world)
        check_end(world, scenario, is_calm=True)
    except Exception as error:  # noqa: BLE001 - an error that no user should see is a broken promise as well
        what = str(error) if isinstance(error, Violation) else f"{type(error).__name__}: {error}"
        found = Found(scenario=scenario.name, seed=seed, recovery=None, most_faults=most_faults, what=what)
        result.violations.append(found)
    result.digests.append(world.digest)


def _starter(world: _LiveWorld, work: Work, host: str) -> Callable[[], None]:
    return lambda: world.begin(work, host)


def run_live(
    *,
    seed: int,
    worlds: int = 0,
    seconds: float = 0.0,
    scenarios: tuple[Scenario, ...] = LIVE,
    most: int = 1,
    most_faults: int | None = None,
) -> LiveResult:
    """Let worlds of several processes happen, with seeds from the given one on.

    Args:
        seed: The first seed.
        worlds: At least so many of each scenario.
        seconds: Go on for so many seconds.
        scenarios: What the processes do.
        most: Stop after so many violations.
        most_faults: See `explore`.
    """
    result = LiveResult(seed=seed)
    began = time.monotonic()
    turn = 0
    with undisturbed(), unheard():
        while turn < worlds * len(scenarios) or time.monotonic() - began < seconds:
            number = seed + turn // len(scenarios)
            live(scenarios[turn % len(scenarios)], number, result, most_faults=most_faults)
            turn += 1
            if turn % _COLLECTED == 0:
                bury()
            if len(result.violations) >= most:
                break
    result.seconds = time.monotonic() - began
    return result
