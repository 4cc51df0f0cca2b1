"""Power cuts: what a journal promised must be in what is left of it, wherever in its work the power goes.

A recorded journal's SQL is played by the real SQLite on a disk that logs what reaches it. At each entry of the log the
power is cut many times. Each time a fresh SQLite opens what is left, and the package recovers it; now and then all of
the package does so, on the real disk.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random

import attrs

from tests.world.disk import Note, Op, Remains
from tests.world.playing import Played, play
from tests.world.recording import FILE, record
from tests.world.recovery import Outside, Recovery, reopened

#: Seeds of processes that cut at the same time are so far apart.
_APART = 1_000_000
#: Things that happen in one script.
TURNS = 60
#: Power cuts of one script; then another one is drawn.
_A_SCRIPT = 12_500
#: One in so many recoveries is itself cut short, at each point.
_RECOVERIES = 40
#: One in so many disks with something to undo is opened by a journal on the real disk.
_REOPENED = 500


@attrs.frozen(kw_only=True)
class Violation:
    """A promise that did not outlive a power cut, and where."""

    seed: int
    #: How many things happen in the script.
    turns: int
    #: Entry of the disk's log after which the power went, from 0.
    point: int
    #: Which of the cuts at this point.
    variation: int
    what: str

    def __str__(self) -> str:
        where = f"--seed {self.seed} --turns {self.turns} --point {self.point} --variation {self.variation}"
        return f"{self.what}: python -m tests.world.power {where}"


def _folded(digests: list[str]) -> str:
    return hashlib.blake2b("".join(digests).encode(), digest_size=4).hexdigest()


@attrs.define(kw_only=True)
class PowerResult:
    """What some power cuts showed."""

    seed: int
    scripts: int = 0
    cuts: int = 0
    #: Images of the disk that differ, and journals that differ after SQLite's own recovery.
    images: int = 0
    journals: int = 0
    #: Cuts during the recovery after another cut; they are counted in `cuts` as well.
    second_cuts: int = 0
    #: Disks that a journal opened on the real disk.
    reopened: int = 0
    seconds: float = 0.0
    #: A name for the log of each script: a seed has the same each time.
    digests: list[str] = attrs.field(factory=list)
    violations: list[Violation] = attrs.field(factory=list)

    def __str__(self) -> str:
        return (
            f"{self.cuts:,} power cuts ({self.second_cuts:,} of them during a recovery) in {self.scripts} scripts, "
            f"{self.images:,} different disks ({self.reopened:,} of them opened by a journal on the real disk), "
            f"{self.journals:,} different journals, "
            f"{len(self.violations)} violations, seed {self.seed}, log {_folded(self.digests)}, {self.seconds:.1f} s"
        )


def run_power(
    cuts: int,
    seed: int,
    *,
    changes: Mapping[str, str] | None = None,
    most: int = 1,
    turns: int = TURNS,
    only: tuple[int, int] | None = None,
    reopen: int = _REOPENED,
) -> PowerResult:
    """Cut the power, and check what is left each time.

    Args:
        cuts: At least so many times.
        seed: Of the first script; each further script has the next one.
        changes: Changes of the SQL that the journal says, see `CONTROLS`.
        most: Stop after so many violations.
        turns: Things that happen in one script.
        only: Point and variation of one cut of the first script, to see it again.
        reopen: One in so many disks with something to undo is opened by a journal on the real disk.
    """
    result = PowerResult(seed=seed)
    began = time.process_time()
    while result.cuts < cuts and len(result.violations) < most:
        with tempfile.TemporaryDirectory() as folder:
            script_seed = seed + result.scripts
            played = play(record(Path(folder), script_seed, turns=turns), changes)
            reopens = (Path(folder) / FILE, reopen) if changes is None else None
            result.digests.append(played.digest)
            script = _Script(script_seed, turns, played, result, reopens=reopens, most=most)
            with closing(script):
                script.run(min(cuts - result.cuts, _A_SCRIPT), only)
        result.scripts += 1
        if only is not None:
            break
    result.seconds = time.process_time() - began
    return result


def shrink(violation: Violation, *, changes: Mapping[str, str] | None = None) -> Violation:
    """Return a violation with the shortest script in which it is still seen."""
    shortest, low = violation, 0
    while low < shortest.turns:
        turns = (low + shortest.turns) // 2
        place = (violation.point, violation.variation)
        seen = run_power(1, violation.seed, changes=changes, turns=turns, only=place).violations
        if seen:
            shortest = seen[0]
        else:
            low = turns + 1
    return shortest


class _Script:
    """The power cuts of one script."""

    def __init__(
        self, seed: int, turns: int, played: Played, result: PowerResult, *, reopens: tuple[Path, int] | None, most: int
    ) -> None:
        self._seed = seed
        self._turns = turns
        self._played = played
        self._result = result
        self._reopens = reopens
        self._most = most
        self._recovery = Recovery(played.opening)

    def close(self) -> None:
        self._result.images += self._recovery.images
        self._result.journals += self._recovery.databases
        self._recovery.close()

    def run(self, cuts: int, only: tuple[int, int] | None) -> None:
        each = 1 + cuts // max(1, sum(not remains.is_certain for _, remains, _ in self._points()))
        for point, remains, outside in self._points():
            if only is None:
                for variation in range(1 if remains.is_certain else each):
                    self._cut(point, variation, remains, outside)
            elif only[0] == point:
                self._cut(point, only[1], remains, outside, again=True)
            if len(self._result.violations) >= self._most:
                break

    def _points(self) -> Iterator[tuple[int, Remains, Outside]]:
        remains, outside = Remains(self._played.files), Outside()
        for mark in self._played.told:
            outside.follow(mark)
        for point, op in enumerate(self._played.log):
            if isinstance(op, Note):
                outside.follow(op.what)
            remains.follow(op)
            yield point, remains, outside

    def _cut(self, point: int, variation: int, remains: Remains, outside: Outside, *, again: bool = False) -> None:
        rng = Random(f"{self._seed} {point} {variation}")
        files = remains.cut(rng)
        found, done = self._check(files, outside)
        if done and rng.randrange(_RECOVERIES) == 0:
            second = Remains(files)
            for op in done:
                second.follow(op)
                self._result.second_cuts += 1
                found += self._check(second.cut(rng), outside)[0]
        if self._reopens is not None and (again or (done and rng.randrange(self._reopens[1]) == 0)):
            self._result.reopened += 1
            found += reopened(self._reopens[0], files, outside)
        where = {"seed": self._seed, "turns": self._turns, "point": point, "variation": variation}
        self._result.violations += [Violation(what=what, **where) for what in found]

    def _check(self, files: Mapping[str, bytes], outside: Outside) -> tuple[list[str], tuple[Op, ...]]:
        self._result.cuts += 1
        left, done = self._recovery.open(files)
        return list(left.faults(outside, self._played.held)), done


def together(results: list[PowerResult]) -> PowerResult:
    """Return what several processes showed as one result."""
    first = results[0]
    for other in results[1:]:
        for name in ("scripts", "cuts", "images", "journals", "second_cuts", "reopened"):
            setattr(first, name, getattr(first, name) + getattr(other, name))
        first.seconds = max(first.seconds, other.seconds)
        first.digests += other.digests
        first.violations += other.violations
    return first


def main(arguments: list[str] | None = None) -> int:
    """Cut the power from the command line; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--cuts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--jobs", type=int, default=2, help="processes that cut at the same time")
    parser.add_argument("--point", type=int)
    parser.add_argument("--variation", type=int, default=0)
    given = parser.parse_args(arguments)
    only = None if given.point is None else (given.point, given.variation)
    if only is not None or given.jobs == 1:
        result = run_power(given.cuts, given.seed, turns=given.turns, only=only)
    else:
        seeds = [given.seed + number * _APART for number in range(given.jobs)]
        cut = partial(run_power, -(-given.cuts // given.jobs), turns=given.turns)
        with ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as processes:
            result = together(list(processes.map(cut, seeds)))
    for violation in result.violations if only else map(shrink, result.violations[:1]):
        print(violation)  # noqa: T201 - a command
    print(result)  # noqa: T201
    return 1 if result.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
