"""What is left by a power cut, opened as the package opens it, and compared with what the outside had been told."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import apsw
import attrs

from cmr_async.journal.journal import Journal
from cmr_async.journal.liveness import Machine, open_runs
from cmr_async.journal.states import Step
from cmr_async.journal.storage import engine as journal_engine
from cmr_async.journal.storage.clock import JournalClock
from cmr_async.journal.storage.schema import deliveries, events, prepare, sa, steps
from cmr_async.journal.storage.statements import Transaction
from cmr_async.journal.storage.trust import check_integrity
from tests.world.disk import Disk, Op
from tests.world.playing import COMMITTED, dump, opened, say
from tests.world.recording import FILE, Answered, Known, Left, Unharmed
from tests.world.store import EFFECTS


@attrs.define
class Outside:
    """What the outside knows at one point of a log."""

    #: Changes that the journal has told, and that its history must hold: key, step, change, token, order id.
    told: set[tuple[str, str, str, str, str | None]] = attrs.field(factory=set)
    #: Attempts that may have placed an order, by step: no other may be sent.
    attempts: dict[tuple[str, str], set[str]] = attrs.field(factory=dict)
    #: Events of which the provider believes that they had their effect.
    answered: set[str] = attrs.field(factory=set)
    #: How many transactions were committed, and how many of them the outside knows of.
    commits: int = 0
    known: int = 0

    def follow(self, mark: object) -> None:
        """Go on by one mark of the log."""
        self.commits += mark is COMMITTED
        match mark:
            case Left(key, step, token):
                self.told.add((key, step, "sent", token, None))
                self.attempts.setdefault((key, step), set()).add(token)
            case Known(key, step, token, change, order_id):
                self.told.add((key, step, change, token, order_id))
            case Unharmed(token):
                for tokens in self.attempts.values():
                    tokens.discard(token)
            case Answered(event):
                self.answered.add(event)
            case _:
                pass
        if isinstance(mark, Left | Known | Answered):
            self.known = self.commits

    @property
    def may_be_placed(self) -> set[tuple[str, str]]:
        """Steps of which nothing may be sent any more."""
        return {step for step, tokens in self.attempts.items() if tokens}


@attrs.frozen(kw_only=True)
class Remnant:
    """What a fresh SQLite, and then the package, make of what a power cut left."""

    #: Why it cannot be used; empty if it can.
    fault: str = ""
    dump: bytes = b""
    history: frozenset[tuple[str, str, str, str | None, str | None]] = frozenset()
    #: Steps that the package would send.
    sendable: frozenset[tuple[str, str]] = frozenset()
    #: Events that were taken, and those that had an effect, once for each effect.
    taken: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()

    def faults(self, outside: Outside, held: Mapping[bytes, tuple[int, int]]) -> Iterator[str]:
        """Yield what must not be, given what the outside knows."""
        if self.fault:
            yield self.fault
            return
        for key, step, change, _, _ in sorted(outside.told - self.history, key=str):
            yield f"the {'claim' if change == 'sent' else f'outcome {change}'} of {key} ({step}) is lost"
        for key, step in sorted(self.sendable & outside.may_be_placed):
            yield f"{key} ({step}) would be sent twice"
        for event in sorted(outside.answered.difference(self.effects)):
            yield f"the effect of {event} is lost"
        if self.taken != self.effects:
            yield f"{self.taken} were taken, and the effects are those of {self.effects}"
        first, last = held.get(self.dump, (-1, -1))
        if last < outside.known:
            yield "it is no state after a commit" if last < 0 else f"it is as old as after commit {last}"
        elif first > outside.commits + 1:
            yield f"it is from the future, after commit {first}"


class Recovery:
    """Opens what is left, as the package does; equal images are opened once."""

    def __init__(self, opening: tuple[str, ...]) -> None:
        self._opening = opening
        self._images: dict[bytes, tuple[Remnant, tuple[Op, ...]]] = {}
        self._databases: dict[bytes, Remnant] = {}
        self._run = Machine().this_process()
        self._memory = sqlite3.connect(":memory:", isolation_level=None)
        self._engine = sa.create_engine("sqlite://", creator=lambda: self._memory, poolclass=sa.pool.StaticPool)
        sa.event.listen(self._engine, "begin", journal_engine._begin_sqlite)

    def close(self) -> None:
        """Give the memory back."""
        self._engine.dispose()
        self._memory.close()

    @property
    def images(self) -> int:
        """Images that differ."""
        return len(self._images)

    @property
    def databases(self) -> int:
        """Journals that differ, after SQLite undid what was half done."""
        return len(self._databases)

    def open(self, files: Mapping[str, bytes]) -> tuple[Remnant, tuple[Op, ...]]:
        """Return what is left, and what the recovery did to the disk; nothing for an image that is known."""
        image = _name(*(part for name, content in sorted(files.items()) for part in (name.encode(), content)))
        known = self._images.get(image)
        if known is None:
            disk = Disk(files)
            known = self._images[image] = self._open(disk), tuple(disk.log)
            return known
        return known[0], ()

    def _open(self, disk: Disk) -> Remnant:
        try:
            connection = opened(disk)
            try:
                for sql in self._opening:
                    say(connection, sql)
                connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
            finally:
                connection.close()
            database = disk.read(FILE)
            name = _name(database)
            if name not in self._databases:
                self._databases[name] = self._read(database)
            return self._databases[name]
        except apsw.Error as error:
            return Remnant(fault=f"SQLite cannot open it: {error}")

    def _read(self, database: bytes) -> Remnant:
        """Check a journal that nothing is half done in, and let the package recover it in memory."""
        connection = opened(Disk({FILE: database}))
        try:
            [(sound,)] = connection.execute("PRAGMA integrity_check(1)").fetchall()
            if sound != "ok":
                return Remnant(fault=f"it is damaged: {sound}")
            held = dump(connection)
        finally:
            connection.close()
        self._memory.deserialize(database[:18] + b"\x01\x01" + database[20:])  # memory has no WAL
        with self._engine.connect() as made:
            prepare(made, name=FILE)
            with made.begin():
                check_integrity(made, name=FILE)
                columns = (events.c.key, events.c.step, events.c.change, events.c.token, events.c.order_id)
                history = frozenset(tuple(row) for row in made.execute(sa.select(*columns)))
                transaction = Transaction(connection=made, journal=FILE, run=self._run, clock=JournalClock(lambda: 2e9))
                transaction.begin_run()
                known = [tuple(row) for row in made.execute(sa.select(steps.c.key, steps.c.step))]
                sendable = frozenset(each for each in known if transaction.claim(each[0], Step(each[1])) is not None)
            taken = tuple(sorted(made.scalars(sa.select(deliveries.c.id))))
            has_effects = sa.inspect(made).has_table(EFFECTS.name)
            effects = tuple(sorted(made.scalars(sa.select(EFFECTS.c.event)))) if has_effects else ()
        open_runs.discard(self._run.id)
        return Remnant(dump=held, history=history, sendable=sendable, taken=taken, effects=effects)


def _name(*parts: bytes) -> bytes:
    digest = hashlib.sha1(usedforsecurity=False)
    for part in parts:
        digest.update(part)
    return digest.digest()


def reopened(path: Path, files: Mapping[str, bytes], outside: Outside) -> list[str]:
    """Put what is left into a folder of the real disk, let the package take it over, and return faults."""
    for name in (FILE, f"{FILE}-journal", f"{FILE}-wal", f"{FILE}-shm"):
        place = path.with_name(name)
        if name in files:
            place.write_bytes(files[name])
            place.chmod(0o600)
        else:
            place.unlink(missing_ok=True)
    return asyncio.run(_faults(path, outside))


async def _faults(path: Path, outside: Outside) -> list[str]:
    faults = []
    async with Journal(path, clock=lambda: 2e9, look=True) as journal:
        await journal.adopt()  # this is not the file that it was written to
    async with Journal(path, clock=lambda: 2e9) as journal:
        told = {
            (event.key, str(event.step), event.change, event.token, event.order_id)
            for key in {key for key, *_ in outside.told}
            for event in await journal.history(key)
        }
        faults += [f"the journal lost {' '.join(map(str, lost))}" for lost in sorted(outside.told - told, key=str)]
        for key, step in sorted(outside.may_be_placed):
            if await journal.claim(key, step=Step(step)) is not None:
                faults.append(f"the journal would send {key} ({step}) twice")
    return faults
