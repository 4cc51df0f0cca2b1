"""The hunt for planted faults: each has to be found, or whatever should have found it is of no use."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import attrs

from tests.world.crashes import run_crashes
from tests.world.drills import DRILLS, Drill, run_drill
from tests.world.live import run_live
from tests.world.mutants import MUTANTS
from tests.world.planting import Mutant, planted
from tests.world.power import run_power
from tests.world.scenarios import SCENARIOS, Scenario

#: Looks for a broken promise in the package as it is, from a seed, and says which.
Hunter = Callable[[int], str | None]

#: Recoveries that are tried of one seed: most faults show early, and the next seed is another chance.
_RECOVERIES = 25


def _by_power_cuts(seed: int) -> str | None:
    result = run_power(1_000, seed, turns=40)
    return str(result.violations[0]) if result.violations else None


def _by(drill: Drill) -> Hunter:
    return lambda _: run_drill(drill)


def _by_crashes(scenario: Scenario) -> Hunter:
    def look(seed: int) -> str | None:
        found = run_crashes(seed=seed, rounds=1, scenarios=[scenario], most_recoveries=_RECOVERIES).violations
        return str(found[0]) if found else None

    return look


def _by_live_processes(seed: int) -> str | None:
    found = run_live(seed=seed, worlds=1).violations
    return str(found[0]) if found else None


#: All that looks for broken promises, by name; what is quick comes first.
HUNTERS: Mapping[str, Hunter] = {
    "power cuts": _by_power_cuts,
    **{drill.__name__: _by(drill) for drill in DRILLS},
    **{scenario.name: _by_crashes(scenario) for scenario in SCENARIOS},
    "live processes": _by_live_processes,
}


@attrs.frozen(kw_only=True)
class Found:
    """A planted fault that was found."""

    name: str
    #: What found it: a name of `HUNTERS`.
    by: str
    #: The promise that it breaks.
    what: str
    seconds: float

    def __str__(self) -> str:
        what = " ".join(self.what.split())[:120]
        return f"found in {self.seconds:.1f} s by {self.by}: {self.name} ({what})"


@attrs.define(kw_only=True)
class MutantResult:
    """What became of the planted faults."""

    seed: int
    planted: int = 0
    found: list[Found] = attrs.field(factory=list)
    #: What was found although nothing was planted: a fault of the package, or of the hunt.
    alarms: list[str] = attrs.field(factory=list)
    #: Names of the faults that nothing found.
    survivors: list[str] = attrs.field(factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        survivors = f"; NOT FOUND: {', '.join(self.survivors)}" if self.survivors else ""
        alarms = f"; FOUND WITHOUT A FAULT: {', '.join(self.alarms)}" if self.alarms else ""
        found = f"{len(self.found)} of {self.planted} planted faults found"
        return f"{found}, seed {self.seed}, {self.seconds:.1f} s{survivors}{alarms}"

    @property
    def is_good(self) -> bool:
        """Whether each fault was found, and nothing else."""
        return not self.survivors and not self.alarms


def run_mutants(
    seeds: int,
    seed: int,
    *,
    mutants: Iterable[Mutant] = MUTANTS,
    hunters: Mapping[str, Hunter] = HUNTERS,
    told: Callable[[str], None] = lambda _: None,
) -> MutantResult:
    """Plant the faults one after the other, and look for each.

    Args:
        seeds: With how many seeds a fault is looked for; it survives when nothing has found it with any of them.
        seed: The first of them.
        mutants: The faults.
        hunters: What looks for them. That which finds a fault soonest begins.
        told: Gets a line about each fault.

    Raises:
        PlantError: A fault does not apply any more.
    """
    result = MutantResult(seed=seed)
    began = time.perf_counter()
    used: set[str] = set()
    with _quiet():
        for mutant in mutants:
            result.planted += 1
            found = _hunt(mutant, range(seed, seed + seeds), hunters)
            if found is None:
                result.survivors.append(mutant.name)
            else:
                result.found.append(found)
                used.add(found.by)
            told(f"NOT FOUND: {mutant.name}" if found is None else str(found))
        for name in sorted(used):  # who finds something in a sound package as well has found nothing
            if (alarm := _look(hunters[name], seed)) is not None:
                result.alarms.append(f"{name} ({alarm})")
    result.seconds = time.perf_counter() - began
    return result


def _hunt(mutant: Mutant, seeds: Iterable[int], hunters: Mapping[str, Hunter]) -> Found | None:
    began = time.perf_counter()
    in_turn = sorted(hunters, key=lambda name: name != mutant.by)
    for seed in seeds:
        for name in in_turn:
            with planted(mutant):
                what = _look(hunters[name], seed)
            if what is not None:
                return Found(name=mutant.name, by=name, what=what, seconds=time.perf_counter() - began)
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the logs still: a faulty package complains a great deal."""
    loggers = [logging.getLogger(name) for name in ("cmr_async", "asyncio")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _look(hunter: Hunter, seed: int) -> str | None:
    try:
        return hunter(seed)
    except Exception as error:  # noqa: BLE001 - a faulty package may do anything
        return f"{type(error).__name__}: {error}"


def main(arguments: list[str] | None = None) -> int:
    """Hunt the planted faults from the command line; return 1 if one survives, or without one something is found."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="with how many seeds each is looked for (2)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="words in the name of a fault")
    given = parser.parse_args(arguments)
    mutants = [mutant for mutant in MUTANTS if given.only in mutant.name]
    result = run_mutants(given.seeds, given.seed, mutants=mutants, hunters=HUNTERS, told=print)
    print(result)  # noqa: T201 - a command
    return 0 if result.is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
