"""The pace that processes share: one row per API key, whose slots are reserved in a database and waited for elsewhere.

The arithmetic is that of `core.pacing.Schedule`, but all processes use the same row, so together they keep to the limit
of the key; and the clock is the journal's, so that the clocks of the hosts do not matter.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import attrs
import orjson

from ..core.pacing import Pace, Pacer, Schedule, Slot
from ..core.printable import printable
from ..errors import JournalError
from ..forks import leave_to_parent
from .liveness import Machine
from .storage.clock import JournalClock
from .storage.database import Database
from .storage.engine import safe_name
from .storage.schema import insert_missing, sa, slots
from .storage.statements import Transaction

_T = TypeVar("_T")

#: Seconds to wait for the database of a pace, and after a failure until it is tried again.
_PATIENCE, _TRY_AFTER = 2.0, 10.0

logger: logging.Logger = logging.getLogger("cmr_async")


class JournalPace:
    """Slots that all processes on one database share; see `slots.SharedPace`."""

    def __init__(self, database: Database, name: str, *, check: bool = True) -> None:
        """Take the open database, and the name of the pace: a fingerprint of the key.

        `check`: use no file that is a copy of the journal, as its orders ask for.
        """
        self._database = database
        self._name = name
        self._check = check
        #: The schedule as it was read last, when by its clock, and when by the clock of this process.
        self._seen = (Schedule(), 0.0, 0.0)

    async def reserve(self, gap: float, *, reads: bool) -> Slot:
        """Take the next free slot.

        Raises:
            JournalError: The database could not be written; nothing was sent.
        """
        slot, then = await self._change(lambda schedule, now: schedule.reserve(now, gap, reads=reads))
        # The commit took its time
        return attrs.evolve(slot, wait=max(0.0, slot.wait - (self._database.elapsed() - then)))

    async def holds(self, slot: Slot) -> bool:
        """Tell whether a slot may be used: no process was refused since it was handed out.

        Raises:
            JournalError: The database could not be read.
        """
        schedule = await self.look()
        return schedule is not None and schedule.era == slot.era

    async def look(self) -> Schedule | None:
        """Return the schedule; `None` before the first slot.

        Raises:
            JournalError: The database could not be read.
        """
        return await self._database.read(self._read)

    async def refused(self, slot: Slot, asked: float | None) -> float:
        """Learn from a 429, and hold all processes back; return for how many seconds.

        Raises:
            JournalError: The database could not be written.
        """
        pause, _ = await self._change(lambda schedule, now: schedule.refused(now, slot, asked))
        return pause

    def pace(self, gap: float) -> Pace:
        """Return what was last heard of the pace."""
        schedule, then, read_at = self._seen
        return schedule.pace(then + self._database.elapsed() - read_at, gap)

    async def _change(self, change: Callable[[Schedule, float], _T]) -> tuple[_T, float]:
        """Change the row in one transaction; return what the change returns, and when it was, by `elapsed`."""

        def work(transaction: Transaction) -> tuple[_T, float]:
            schedule = self._read(transaction, lock=True)
            if schedule is None:
                new = insert_missing(slots, transaction.connection.dialect.name).values(name=self._name, state="{}")
                transaction.connection.execute(new)
                schedule = self._read(transaction, lock=True) or Schedule()
            now, then = transaction.now, self._database.elapsed()
            done = change(schedule, now)
            state = orjson.dumps(attrs.asdict(schedule)).decode()
            transaction.connection.execute(sa.update(slots).where(slots.c.name == self._name).values(state=state))
            self._seen = (schedule, now, then)
            return done, then

        return await self._database.write(work, check=self._check)

    def _read(self, transaction: Transaction, *, lock: bool = False) -> Schedule | None:
        query = sa.select(slots.c.state).where(slots.c.name == self._name)
        state = transaction.connection.scalar(query.with_for_update() if lock else query)
        if state is None:
            return None
        schedule = Schedule(**orjson.loads(state))
        self._seen = (schedule, transaction.now, self._database.elapsed())
        return schedule


@attrs.frozen(kw_only=True)
class _OwnSlot(Slot):
    """A slot that this process gave to itself."""


class StoredPace:
    """A pace in a database that may hold nothing else: a file for one machine, PostgreSQL for many.

    While the database cannot be used, this process keeps a pace of its own, and says so in the log.
    """

    def __init__(
        self, location: str | os.PathLike[str], name: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take where the database is, as for a journal, and the fingerprint of the key; it is opened at its first use.

        Raises:
            ConfigurationError: The location is neither a path nor a URL of SQLite or PostgreSQL.
        """
        self._location = location
        self._shown = safe_name(location)
        self._name = name
        self._clock = clock
        self._own = Pacer()
        self._start_over()

    def _start_over(self) -> None:
        self._pid = os.getpid()
        self._database: Database | None = None
        self._opening: asyncio.Task[JournalPace] | None = None
        self._open: JournalPace | None = None
        self._failed_at: float | None = None
        self._trial: asyncio.Task[None] | None = None

    def _leave_to_parent(self) -> None:
        """In a forked child: keep away from the parent's database, thread and loop."""
        if self._pid != os.getpid():
            leave_to_parent(self._database, self._opening, self._open, self._trial)
            self._start_over()

    async def reserve(self, gap: float, *, reads: bool) -> Slot:
        """Take the next free slot."""

        def give_own() -> Slot:
            slot = self._own.reserve(self._clock(), gap, reads=reads)
            return _OwnSlot(wait=slot.wait, at=slot.at, gap=slot.gap, era=slot.era)

        return await self._ask(lambda pace: pace.reserve(gap, reads=reads), give_own)

    async def holds(self, slot: Slot) -> bool:
        """Tell whether a slot may be used."""
        if isinstance(slot, _OwnSlot):
            return self._own.holds(slot)
        return await self._ask(lambda pace: pace.holds(slot), lambda: True)

    async def refused(self, slot: Slot, asked: float | None) -> float:
        """Learn from a 429, and hold everybody back; return for how many seconds."""
        if isinstance(slot, _OwnSlot):
            return self._own.refused(self._clock(), slot, asked)

        def pause_own() -> float:
            pause = 1.0 if asked is None else asked
            self._own.pause(self._clock(), pause, slot.gap)
            return pause

        return await self._ask(lambda pace: pace.refused(slot, asked), pause_own)

    def pace(self, gap: float) -> Pace:
        """Return what was last heard of the pace."""
        if self._open is None or self._failed_at is not None:
            return self._own.pace(self._clock(), gap)
        return self._open.pace(gap)

    async def close(self) -> None:
        """Close the database."""
        self._leave_to_parent()
        database, tasks = self._database, (self._trial, self._opening)
        self._start_over()
        for task in tasks:
            if task is not None:
                task.cancel()  # a database that is being opened closes itself then
        if database is not None:
            with suppress(JournalError):  # nothing in it is of use later
                await database.end(lambda _: None)

    async def _ask(self, ask: Callable[[JournalPace], Awaitable[_T]], instead: Callable[[], _T]) -> _T:
        self._leave_to_parent()
        if self._failed_at is None:
            try:
                async with asyncio.timeout(_PATIENCE):
                    return await ask(await self._opened())
            except (JournalError, TimeoutError) as error:
                self._failed_at = self._clock()
                logger.warning(
                    "the pace in %s cannot be used (%s); this process keeps a pace of its own until it can",
                    printable(self._shown),
                    str(error) or f"no answer within {_PATIENCE:g} s",
                )
        elif self._clock() - self._failed_at > _TRY_AFTER and (self._trial is None or self._trial.done()):
            self._trial = asyncio.get_running_loop().create_task(self._try_again())
        return instead()

    async def _opened(self) -> JournalPace:
        """Return the pace of the open database; whoever waits for it may be cancelled."""
        if self._opening is None or (self._opening.done() and self._open is None):
            self._opening = asyncio.get_running_loop().create_task(self._connect())
            self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())  # it may have no waiter
        return await asyncio.shield(self._opening)

    async def _connect(self) -> JournalPace:
        database = Database(self._location, run=Machine().this_process(), clock=JournalClock(), create=True, look=True)
        await database.start(lambda _: None)
        self._database, self._open = database, JournalPace(database, self._name, check=False)
        return self._open

    async def _try_again(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await (await self._opened()).look()
        except (JournalError, TimeoutError):
            self._failed_at = self._clock()
        else:
            self._failed_at = None
            logger.info("the pace in %s works again", printable(self._shown))
