"""The hunt for planted faults: each has to be found, or whatever should have found it is of no use."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable, Iterable, Mapping

import attrs

from tests.world.drills import run_drills
from tests.world.mutants import MUTANTS
from tests.world.planting import Mutant, planted
from tests.world.power import run_power

__all__ = ["HUNTERS", "Found", "MutantResult", "run_mutants"]

#: Looks for a broken promise in the package as it is, from a seed, and says which.
Hunter = Callable[[int], str | None]


def _by_power_cuts(seed: int) -> str | None:
    result = run_power(2_000, seed, turns=40)
    return str(result.violations[0]) if result.violations else None


def _by_drills(_: int) -> str | None:
    return run_drills()


HUNTERS: Mapping[str, Hunter] = {"power cuts": _by_power_cuts, "drills": _by_drills}


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
        return f"found in {self.seconds:.1f} s by {self.by}: {self.name} ({self.what[:120]})"


@attrs.define(kw_only=True)
class MutantResult:
    """What became of the planted faults."""

    seed: int
    planted: int = 0
    found: list[Found] = attrs.field(factory=list)
    #: Names of the faults that nothing found.
    survivors: list[str] = attrs.field(factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        survivors = f"; NOT FOUND: {', '.join(self.survivors)}" if self.survivors else ""
        return f"{len(self.found)} of {self.planted} planted faults found, seed {self.seed}, {self.seconds:.1f} s{survivors}"


def run_mutants(
    budget: float,
    seed: int,
    *,
    mutants: Iterable[Mutant] = MUTANTS,
    hunters: Mapping[str, Hunter] = HUNTERS,
    told: Callable[[str], None] = lambda _: None,
) -> MutantResult:
    """Plant the faults one after the other, and look for each.

    Args:
        budget: Seconds to look for one fault; it survives when they are over.
        seed: Of what is drawn.
        mutants: The faults.
        hunters: What looks for them. That which finds a fault soonest begins.
        told: Gets a line about each fault.

    Raises:
        PlantError: A fault does not apply any more.
    """
    result = MutantResult(seed=seed)
    began = time.perf_counter()
    level = logging.getLogger("cmr_async").level
    logging.getLogger("cmr_async").setLevel(logging.CRITICAL)
    try:
        for mutant in mutants:
            result.planted += 1
            found = _hunt(mutant, budget, seed, hunters)
            if found is None:
                result.survivors.append(mutant.name)
            else:
                result.found.append(found)
            told(f"NOT FOUND: {mutant.name}" if found is None else str(found))
    finally:
        logging.getLogger("cmr_async").setLevel(level)
    result.seconds = time.perf_counter() - began
    return result


def _hunt(mutant: Mutant, budget: float, seed: int, hunters: Mapping[str, Hunter]) -> Found | None:
    began = time.perf_counter()
    in_turn = sorted(hunters, key=lambda name: name != mutant.by)
    while True:
        for name in in_turn:
            with planted(mutant):
                try:
                    what = hunters[name](seed)
                except Exception as error:  # noqa: BLE001 - the faulty package may do anything
                    what = f"{type(error).__name__}: {error}"
            seconds = time.perf_counter() - began
            if what is not None:
                return Found(name=mutant.name, by=name, what=what, seconds=seconds)
            if seconds > budget:
                return None
        seed += 1


def main(arguments: list[str] | None = None) -> int:
    """Hunt the planted faults from the command line; return 1 if one survives, or if something is found without one."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--budget", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="words in the name of a fault")
    given = parser.parse_args(arguments)
    mutants = [mutant for mutant in MUTANTS if given.only in mutant.name]
    result = run_mutants(given.budget, given.seed, mutants=mutants, told=print)
    print(result)  # noqa: T201 - a command
    return 1 if result.survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
