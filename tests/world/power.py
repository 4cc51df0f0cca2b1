"""Power cuts: what a journal promised must be in what is left of it, wherever in its work the power goes.

A recorded journal's SQL is played by the real SQLite on a disk that logs what reaches it. At each entry of the log the
power is cut many times. Each time a fresh SQLite opens what is left, and the package recovers it.
"""

from __future__ import annotations

import argparse
import hashlib
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import takewhile
from pathlib import Path
from random import Random

import apsw
import attrs

from cmr_async.journal import engine as journal_engine
from cmr_async.journal.clock import JournalClock
from cmr_async.journal.liveness import open_runs, this_process
from cmr_async.journal.records import Step
from cmr_async.journal.schema import events, sa, steps
from cmr_async.journal.statements import Transaction
from cmr_async.journal.trust import check_integrity
from tests.world.disk import Disk, Note, Op, Remains, connect
from tests.world.recording import FILE, Died, Known, Left, Mark, Recording, Said, Unharmed, record

__all__ = ["CONTROLS", "TURNS", "PowerResult", "Violation", "play", "run_power", "shrink"]

#: Things that happen in one script.
TURNS = 60
#: Power cuts of one script; then another one is drawn.
_A_SCRIPT = 12_500
#: One in so many recoveries is itself cut short, at each point.
_RECOVERIES = 40

#: Settings that lose claims, as changes of the SQL that the package sends: the check has to see it.
CONTROLS: Mapping[str, Mapping[str, str]] = {
    "synchronous=OFF": {"synchronous = EXTRA": "synchronous = OFF"},
    "synchronous=NORMAL": {"synchronous = EXTRA": "synchronous = NORMAL"},
    "DELETE with FULL": {
        "synchronous = EXTRA": "synchronous = FULL",
        "journal_mode = TRUNCATE": "journal_mode = DELETE",
    },
    "WAL with NORMAL": {
        "synchronous = EXTRA": "synchronous = NORMAL",
        "journal_mode = TRUNCATE": "journal_mode = WAL",
        "journal_mode = DELETE": "journal_mode = WAL",
    },
}


#: A mark of the log: a transaction was committed.
_COMMITTED = object()


@attrs.frozen(kw_only=True)
class Played:
    """What reached the disk while a recording was played."""

    files: Mapping[str, bytes]
    log: tuple[Op, ...]
    #: What the journal says first on each connection.
    opening: tuple[str, ...]
    #: What the journal held after each commit: the numbers of the first and the last commit after which it held that.
    held: Mapping[bytes, tuple[int, int]]


def play(recording: Recording, changes: Mapping[str, str] | None = None) -> Played:
    """Play what a journal said to SQLite on a logging disk, with changes of its settings where the check is checked.

    Raises:
        LookupError: The package does not say what should be changed.
    """
    files = {FILE: recording.start}
    disk = Disk(files)
    with closing(connect(disk, FILE)) as connection:
        held = {_dump(connection): (0, 0)}
    unused, commits = set(changes or ()), 0
    said = [_changed(entry, changes or {}, unused) for entry in recording.entries]
    if unused:
        raise LookupError(f"the journal never says {unused}")
    connections: list[apsw.Connection] = []
    has_died = False
    for entry in said:
        if not isinstance(entry, Said):
            disk.note(entry)
            has_died = has_died or isinstance(entry, Died)
            continue
        if entry.connection == len(connections):
            if connections and not has_died:
                connections[-1].close()
            connections.append(connect(disk, FILE))
            has_died = False
        _say(connections[-1], entry.sql)
        if entry.sql == "COMMIT":
            commits += 1
            dump = _dump(connections[-1])
            held[dump] = (held.get(dump, (commits,))[0], commits)
            disk.note(_COMMITTED)
    disk.is_off = True
    for connection in connections:
        connection.close()
    sqls = (entry.sql for entry in said if isinstance(entry, Said))
    opening = tuple(takewhile(lambda sql: not sql.startswith("BEGIN"), sqls))
    return Played(files=files, log=tuple(disk.log), opening=opening, held=held)


def _changed(entry: Said | Mark, changes: Mapping[str, str], unused: set[str]) -> Said | Mark:
    for before, after in changes.items():
        if isinstance(entry, Said) and before in entry.sql:
            unused.discard(before)
            entry = attrs.evolve(entry, sql=entry.sql.replace(before, after))
    return entry


def _say(connection: apsw.Connection, sql: str) -> None:
    if "journal_mode = WAL" in sql:  # this disk has no memory that processes share
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    connection.execute(sql).fetchall()


def _dump(connection: apsw.Connection) -> bytes:
    """Return a name for all that a journal holds."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    digest = hashlib.blake2b(digest_size=16)
    for (table,) in tables:
        rows = connection.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()
        digest.update(repr((table, rows)).encode())
    return digest.digest()


@attrs.define
class _Outside:
    """What the outside knows at one point of a log."""

    #: Changes that the journal has told, and that its history must hold: key, step, change, token, order id.
    told: set[tuple[str, str, str, str, str | None]] = attrs.field(factory=set)
    #: Attempts that may have placed an order, by step: no other may be sent.
    attempts: dict[tuple[str, str], set[str]] = attrs.field(factory=dict)
    #: How many transactions were committed, and how many of them the outside knows of.
    commits: int = 0
    known: int = 0

    def follow(self, mark: object) -> None:
        """Go on by one mark of the log."""
        self.commits += mark is _COMMITTED
        match mark:
            case Left(key, step, token):
                self.told.add((key, step, "sent", token, None))
                self.attempts.setdefault((key, step), set()).add(token)
            case Known(key, step, token, change, order_id):
                self.told.add((key, step, change, token, order_id))
            case Unharmed(token):
                for tokens in self.attempts.values():
                    tokens.discard(token)
            case _:
                pass
        if isinstance(mark, Left | Known):
            self.known = self.commits

    @property
    def may_be_placed(self) -> set[tuple[str, str]]:
        """Steps of which nothing may be sent any more."""
        return {step for step, tokens in self.attempts.items() if tokens}


@attrs.frozen(kw_only=True)
class _Left:
    """What a fresh SQLite, and then the package, make of what a power cut left."""

    #: Why it cannot be used; empty if it can.
    fault: str = ""
    dump: bytes = b""
    history: frozenset[tuple[str, str, str, str | None, str | None]] = frozenset()
    #: Steps that the package would send.
    sendable: frozenset[tuple[str, str]] = frozenset()

    def faults(self, outside: _Outside, held: Mapping[bytes, tuple[int, int]]) -> Iterator[str]:
        """Yield what must not be, given what the outside knows."""
        if self.fault:
            yield self.fault
            return
        for key, step, change, _, _ in sorted(outside.told - self.history, key=str):
            yield f"the {'claim' if change == 'sent' else f'outcome {change}'} of {key} ({step}) is lost"
        for key, step in sorted(self.sendable & outside.may_be_placed):
            yield f"{key} ({step}) would be sent twice"
        first, last = held.get(self.dump, (-1, -1))
        if last < outside.known:
            yield "it is no state after a commit" if last < 0 else f"it is as old as after commit {last}"
        elif first > outside.commits + 1:
            yield f"it is from the future, after commit {first}"


class _Recovery:
    """Opens what is left, as the package does; equal images are opened once."""

    def __init__(self, opening: tuple[str, ...]) -> None:
        self._opening = opening
        self._images: dict[bytes, tuple[_Left, tuple[Op, ...]]] = {}
        self._databases: dict[bytes, _Left] = {}
        self._run = this_process()
        self._memory = sqlite3.connect(":memory:", isolation_level=None)
        self._engine = sa.create_engine("sqlite://", creator=lambda: self._memory, poolclass=sa.pool.StaticPool)
        sa.event.listen(self._engine, "begin", journal_engine._begin_sqlite)

    @property
    def images(self) -> int:
        """Images that differ."""
        return len(self._images)

    @property
    def databases(self) -> int:
        """Journals that differ, after SQLite undid what was half done."""
        return len(self._databases)

    def open(self, files: Mapping[str, bytes]) -> tuple[_Left, tuple[Op, ...]]:
        """Return what is left, and what the recovery did to the disk; nothing for an image that is known."""
        image = _name(*(part for name, content in sorted(files.items()) for part in (name.encode(), content)))
        known = self._images.get(image)
        if known is None:
            disk = Disk(files)
            known = self._images[image] = self._open(disk), tuple(disk.log)
            return known
        return known[0], ()

    def _open(self, disk: Disk) -> _Left:
        try:
            connection = connect(disk, FILE)
            try:
                if f"{FILE}-wal" in disk or disk.read(FILE)[18:19] == b"\x02":
                    _say(connection, "PRAGMA locking_mode = EXCLUSIVE")
                for sql in self._opening:
                    _say(connection, sql)
                connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            finally:
                connection.close()
            database = disk.read(FILE)
            name = _name(database)
            if name not in self._databases:
                self._databases[name] = self._read(database)
            return self._databases[name]
        except apsw.Error as error:
            return _Left(fault=f"SQLite cannot open it: {error}")

    def _read(self, database: bytes) -> _Left:
        """Check a journal that nothing is half done in, and let the package recover it in memory."""
        connection = connect(Disk({FILE: database}), FILE)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
            [(sound,)] = connection.execute("PRAGMA integrity_check(1)").fetchall()
            if sound != "ok":
                return _Left(fault=f"it is damaged: {sound}")
            dump = _dump(connection)
        finally:
            connection.close()
        self._memory.deserialize(database[:18] + b"\x01\x01" + database[20:])  # memory has no WAL
        with self._engine.connect() as made, made.begin() as changes:
            check_integrity(made, name=FILE)
            columns = (events.c.key, events.c.step, events.c.change, events.c.token, events.c.order_id)
            history = frozenset(tuple(row) for row in made.execute(sa.select(*columns)))
            transaction = Transaction(connection=made, journal=FILE, run=self._run, clock=JournalClock(lambda: 2e9))
            transaction.begin_run()
            known = [tuple(row) for row in made.execute(sa.select(steps.c.key, steps.c.step))]
            sendable = frozenset(each for each in known if transaction.claim(each[0], Step(each[1])) is not None)
            changes.rollback()
        open_runs.discard(self._run.id)
        return _Left(dump=dump, history=history, sendable=sendable)


def _name(*parts: bytes) -> bytes:
    digest = hashlib.sha1(usedforsecurity=False)
    for part in parts:
        digest.update(part)
    return digest.digest()


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
    seconds: float = 0.0
    violations: list[Violation] = attrs.field(factory=list)

    def __str__(self) -> str:
        return (
            f"{self.cuts:,} power cuts ({self.second_cuts:,} of them during a recovery) in {self.scripts} scripts, "
            f"{self.images:,} different disks, {self.journals:,} different journals, "
            f"{len(self.violations)} violations, seed {self.seed}, {self.seconds:.1f} s"
        )


def run_power(
    cuts: int,
    seed: int,
    *,
    changes: Mapping[str, str] | None = None,
    most: int = 1,
    turns: int = TURNS,
    only: tuple[int, int] | None = None,
) -> PowerResult:
    """Cut the power, and check what is left each time.

    Args:
        cuts: At least so many times.
        seed: Of the first script; each further script has the next one.
        changes: Changes of the SQL that the journal says, see `CONTROLS`.
        most: Stop after so many violations.
        turns: Things that happen in one script.
        only: Point and variation of one cut of the first script, to see it again.
    """
    result = PowerResult(seed=seed)
    began = time.process_time()
    while result.cuts < cuts and len(result.violations) < most:
        with tempfile.TemporaryDirectory() as folder:
            recording = record(Path(folder), seed + result.scripts, turns=turns)
        script = _Script(seed + result.scripts, turns, play(recording, changes), result, most=most)
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

    def __init__(self, seed: int, turns: int, played: Played, result: PowerResult, *, most: int) -> None:
        self._seed = seed
        self._turns = turns
        self._played = played
        self._result = result
        self._most = most
        self._recovery = _Recovery(played.opening)

    def run(self, cuts: int, only: tuple[int, int] | None) -> None:
        each = 1 + cuts // max(1, sum(not remains.is_certain for _, remains, _ in self._points()))
        for point, remains, outside in self._points():
            if only is None:
                for variation in range(1 if remains.is_certain else each):
                    self._cut(point, variation, remains, outside)
            elif only[0] == point:
                self._cut(point, only[1], remains, outside)
            if len(self._result.violations) >= self._most:
                break
        self._result.images += self._recovery.images
        self._result.journals += self._recovery.databases

    def _points(self) -> Iterator[tuple[int, Remains, _Outside]]:
        remains, outside = Remains(self._played.files), _Outside()
        for point, op in enumerate(self._played.log):
            if isinstance(op, Note):
                outside.follow(op.what)
            remains.follow(op)
            yield point, remains, outside

    def _cut(self, point: int, variation: int, remains: Remains, outside: _Outside) -> None:
        rng = Random(f"{self._seed} {point} {variation}")
        files = remains.cut(rng)
        done = self._check(files, point, variation, outside)
        if done and rng.randrange(_RECOVERIES) == 0:
            again = Remains(files)
            for op in done:
                again.follow(op)
                self._result.second_cuts += 1
                self._check(again.cut(rng), point, variation, outside)

    def _check(self, files: Mapping[str, bytes], point: int, variation: int, outside: _Outside) -> tuple[Op, ...]:
        self._result.cuts += 1
        left, done = self._recovery.open(files)
        where = {"seed": self._seed, "turns": self._turns, "point": point, "variation": variation}
        faults = left.faults(outside, self._played.held)
        self._result.violations += [Violation(what=what, **where) for what in faults]
        return done


def main(arguments: list[str] | None = None) -> int:
    """Cut the power from the command line; return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--cuts", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--point", type=int)
    parser.add_argument("--variation", type=int, default=0)
    given = parser.parse_args(arguments)
    only = None if given.point is None else (given.point, given.variation)
    result = run_power(given.cuts, given.seed, turns=given.turns, only=only)
    for violation in result.violations if only else map(shrink, result.violations[:1]):
        print(violation)  # noqa: T201 - a command
    print(result)  # noqa: T201
    return 1 if result.violations else 0


if __name__ == "__main__":
    raise SystemExit(main())
