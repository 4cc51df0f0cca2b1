"""The world from the command line: every death of a process, several live ones, power cuts, and the planted faults.

Without arguments it does what each change has to pass, in two processes. `--seconds` goes on for longer, and `--only`
with `--seed` and `--faults` repeats what a violation names.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from itertools import count

import attrs

from tests.world.crashes import MOST_RECOVERIES, CrashResult, Found, run_crashes
from tests.world.hunting import MutantResult, run_mutants
from tests.world.live import LiveResult, run_live
from tests.world.mutants import MUTANTS
from tests.world.power import PowerResult, run_power
from tests.world.scenarios import LIVE, SCENARIOS
from tests.world.world import digest_of

#: What a session without `--seconds` does at least.
_POINTS, _CUTS = 200_000, 100_000
#: Worlds of several processes for one seed.
_WORLDS = 15
#: Seeds with which one planted fault is looked for.
_SEEDS = 2
#: Parts that the planted faults and the power cuts are done in.
_PARTS = 2
#: Distance of the seeds of those parts.
_FAR = 1_000_000


@attrs.define(kw_only=True)
class Totals:
    """What a session has seen."""

    points: int = 0
    recoveries: int = 0
    worlds: int = 0
    deaths: int = 0
    stops: int = 0
    #: The last seed.
    last: int = 0
    hours: float = 0.0
    digests: list[str] = attrs.field(factory=list)
    violations: list[str] = attrs.field(factory=list)

    def take(self, result: CrashResult | LiveResult) -> None:
        """Add what one scenario showed with one seed."""
        if isinstance(result, CrashResult):
            self.points += result.points
            self.recoveries += result.recoveries
            self.hours += result.hours
        else:
            self.worlds += result.worlds
            self.deaths += result.deaths
            self.stops += result.stops
        self.last = result.seed
        self.digests.append(result.digest)
        self.violations += [str(shrunk(found)) for found in result.violations]


def one_story(name: str, seed: int) -> CrashResult | LiveResult:
    """Explore one scenario with one seed, or let some worlds of several processes happen."""
    scenarios = [one for one in SCENARIOS if one.name == name]
    if scenarios:
        return run_crashes(seed=seed, rounds=1, scenarios=scenarios)
    return run_live(seed=seed, worlds=_WORLDS, scenarios=tuple(one for one in LIVE if one.name == name))


def shrunk(found: Found) -> Found:
    """Return the same violation, or another one of the same seed, with the fewest faults of the wire."""
    for faults in range(_ENOUGH):
        again = _again(found.scenario, found.seed, faults, most_recoveries=_SHRUNK)
        if again is not None:
            return again
    return found


#: Faults of the wire, and recoveries, that are tried when a violation is shrunk: somebody is waiting for it.
_ENOUGH, _SHRUNK = 6, 60


def _again(name: str, seed: int, faults: int | None, *, most_recoveries: int = MOST_RECOVERIES) -> Found | None:
    scenarios = [one for one in SCENARIOS if one.name == name]
    if scenarios:
        violations = run_crashes(
            seed=seed, rounds=1, scenarios=scenarios, most_faults=faults, most_recoveries=most_recoveries
        ).violations
    else:
        lives = tuple(one for one in LIVE if one.name == name)
        violations = run_live(seed=seed, worlds=1, scenarios=lives, most_faults=faults).violations
    return violations[0] if violations else None


def _hunt(part: int, seed: int) -> MutantResult:
    return run_mutants(_SEEDS, seed, mutants=MUTANTS[part::_PARTS])


def _cut(part: int, seed: int) -> PowerResult:
    return run_power(_CUTS // _PARTS, seed + part * _FAR)


def _stories(pool: ProcessPoolExecutor, seed: int, jobs: int) -> Iterator[CrashResult | LiveResult]:
    """Yield what each scenario showed with each seed, in their order, and stay ahead of whoever takes it."""
    under_way: deque[Future[CrashResult | LiveResult]] = deque()
    todo = ((scenario.name, number) for number in count(seed) for scenario in (*LIVE, *SCENARIOS))
    while True:
        while len(under_way) <= jobs:
            under_way.append(pool.submit(one_story, *next(todo)))
        yield under_way.popleft().result()


def session(seed: int, *, seconds: float, points: int, jobs: int, say: Callable[[str], None]) -> int:
    """Do everything once; return 1 if a promise was broken, or a planted fault was not found."""
    began = time.monotonic()
    totals = Totals()
    with ProcessPoolExecutor(jobs) as pool:
        cuts = [pool.submit(_cut, part, seed) for part in range(_PARTS)]
        hunts = [pool.submit(_hunt, part, seed) for part in range(_PARTS)]
        for result in _stories(pool, seed, jobs):
            totals.take(result)
            if totals.violations or (totals.points >= points and time.monotonic() - began >= seconds):
                break
        powers, hunted = [one.result() for one in cuts], [one.result() for one in hunts]
        pool.shutdown(cancel_futures=True)
    for power in powers:
        totals.violations += [str(violation) for violation in power.violations]
    for violation in totals.violations:
        say(f"VIOLATION: {violation}")
    for hunt in hunted:
        for survivor in hunt.survivors:
            say(f"NOT FOUND: {survivor}")
        for alarm in hunt.alarms:
            say(f"FOUND WITHOUT A FAULT: {alarm}")
    found, planted = sum(len(hunt.found) for hunt in hunted), sum(hunt.planted for hunt in hunted)
    say(f"seeds {seed} to {totals.last}; log {digest_of(totals.digests)} on Python {sys.version.split()[0]}")
    say(f"live worlds: {totals.worlds:,} of two and three processes, {totals.deaths:,} deaths, {totals.stops:,} stops")
    say(f"virtual hours: {totals.hours:,.1f}")
    say(f"crash points: {totals.points:,}")
    say(f"distinct recoveries: {totals.recoveries:,}")
    say(f"power cuts: {sum(power.cuts for power in powers):,}")
    say(f"planted faults: {found} found of {planted}")
    spent = os.times()
    cpu = spent.user + spent.system + spent.children_user + spent.children_system
    say(f"seconds: {time.monotonic() - began:.0f}, of the processor: {cpu:.0f}")
    return 1 if totals.violations or not all(hunt.is_good for hunt in hunted) else 0


def main(arguments: list[str] | None = None) -> int:
    """Do a session, or repeat one seed of one scenario; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.world", description=main.__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--seconds", type=float, default=0.0, help="go on for so many seconds")
    parser.add_argument("--points", type=int, default=_POINTS, help=f"crash points at least ({_POINTS})")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes (2)")
    parser.add_argument("--only", help="one scenario of one seed")
    parser.add_argument("--faults", type=int, help="with --only: faults of the wire at most")
    given = parser.parse_args(arguments)
    say = partial(print, flush=True)
    if given.only is None:
        return session(given.seed, seconds=given.seconds, points=given.points, jobs=given.jobs, say=say)
    names = [scenario.name for scenario in (*SCENARIOS, *LIVE)]
    if given.only not in names:
        parser.error(f"the scenarios are: {', '.join(names)}")
    found = _again(given.only, given.seed, given.faults)
    say(f"nothing is broken in {given.only}, seed {given.seed}" if found is None else str(found))
    return 0 if found is None else 1


if __name__ == "__main__":
    raise SystemExit(main())
