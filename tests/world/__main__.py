"""Explore worlds from the command line: `python -m tests.world --seconds 60 --seed 1`, in two processes.

A broken promise is printed with the command that repeats it, for the shortest way to it that was found.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from tests.world.crashes import CrashResult, explore, run_crashes
from tests.world.scenarios import SCENARIOS

#: Seeds of the two processes are so far apart.
_APART = 1_000_000


def main(arguments: list[str] | None = None) -> int:
    """Explore; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--points", type=int, default=0, help="crash points to consider at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="name of one scenario, whose seed is explored once")
    parser.add_argument("--recovery", type=int, help="number of the one recovery to repeat")
    given = parser.parse_args(arguments)
    if given.only is not None:
        results = [_one(given.only, given.seed, given.recovery)]
    else:
        work = partial(_explore, points=-(-given.points // 2), seconds=given.seconds)
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as both:
            results = list(both.map(work, (given.seed, given.seed + _APART)))
    for line in _report(results, given.seed):
        print(line)  # noqa: T201 - a command
    return 1 if any(result.violations for result in results) else 0


def _explore(seed: int, *, points: int, seconds: float) -> CrashResult:
    warnings.simplefilter("ignore")
    return run_crashes(seed=seed, points=points, seconds=seconds)


def _one(name: str, seed: int, recovery: int | None) -> CrashResult:
    [scenario] = [one for one in SCENARIOS if one.name == name]
    result = CrashResult(seed=seed)
    explore(scenario, seed, result, only=recovery)
    return result


def _report(results: list[CrashResult], seed: int) -> Iterator[str]:
    for result in results:
        yield from map(str, result.violations)
        yield f"digest of seed {result.seed}: {result.digest}"
    points, recoveries = sum(one.points for one in results), sum(one.recoveries for one in results)
    runs, hours = sum(one.runs for one in results), sum(one.hours for one in results)
    broken = sum(len(one.violations) for one in results)
    yield (
        f"{points:,} crash points of {runs:,} runs, {recoveries:,} distinct recoveries, {hours:,.0f} virtual hours, "
        f"{broken} violations, seed {seed}, {max(one.seconds for one in results):.1f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
