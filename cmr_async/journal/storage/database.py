"""The journal's connection: one thread works on it, one transaction after the other, and each runs to its end.

Nothing here is a task of the event loop, so nothing that ends tasks can keep a transaction from being made.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import attrs

from ...core.printable import printable
from ...errors import JournalError
from ...work_thread import WorkThread
from ..liveness import Machine, RunRecord
from .clock import Clocks, JournalClock, elapsed
from .engine import READS, is_busy, journal_errors, journal_url, leave_wal, make_engine, safe_name
from .schema import prepare, sa
from .statements import Transaction
from .trust import JournalFile, check_integrity, check_objects, newest_event

_T = TypeVar("_T")

#: PostgreSQL rolled the transaction back because it met another one; it can simply be run again.
_AGAIN = {"40001", "40P01"}
_TRIES = 5

#: Seconds to wait for another process that holds a SQLite journal; it may be stopped, or on a slow disk ...
_PATIENCE = 300.0
#: ... and while the journal is being closed.
_PATIENCE_AT_THE_END = 30.0

#: How often, and with which pause in seconds, it is tried to change an older journal's mode.
_SWITCHES, _PAUSE = 100, 0.05

logger: logging.Logger = logging.getLogger("cmr_async")


@attrs.frozen(kw_only=True)
class Outside:
    """What a journal takes from outside; the tests run it in a world of their own."""

    #: The clocks of the machine.
    clocks: Clocks = attrs.field(factory=Clocks)
    #: The machine and its processes.
    machine: Machine = attrs.field(factory=Machine)
    #: Makes the thread that works on the database.
    thread: Callable[[str], WorkThread] = WorkThread
    #: Connects to the database.
    engine: Callable[[sa.URL], sa.Engine] = make_engine
    #: Watches the file of a SQLite journal; `None`: it has none.
    file: Callable[[Path, str], JournalFile] | None = lambda path, name: JournalFile(path, name=name)


class Database:
    """An open database with the journal's tables."""

    def __init__(
        self,
        location: str | os.PathLike[str],
        *,
        run: RunRecord,
        clock: JournalClock,
        create: bool,
        look: bool = False,
        outside: Outside | None = None,
    ) -> None:
        """Prepare a database; `start` opens it. The arguments are those of `Journal`."""
        self._url = journal_url(location)
        self._outside = outside or Outside()
        #: The journal as messages call it.
        self.name: str = safe_name(location)
        #: The file of a SQLite journal.
        self.file: JournalFile | None = None
        if self.dialect == "sqlite":
            path = Path(str(self._url.database)).absolute()  # a relative one would follow the working directory
            self._url = self._url.set(database=str(path))
            self.file = self._outside.file and self._outside.file(path, self.name)
        self._run = run
        self._clock = clock
        self._create = create
        self._look = look
        self._was_started = False
        self._patience = _PATIENCE
        self._engine: sa.Engine | None = None
        self._connection: sa.Connection | None = None
        self._thread = self._outside.thread("cmr-journal")

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._connection is not None

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._url.get_backend_name()

    async def start(self, first: Callable[[Transaction], object]) -> None:
        """Connect, make, check or migrate the tables, and do a first transaction; if that fails, nothing stays open.

        Raises:
            JournalError: It cannot be used, or was started before: its claims belong to one run.
        """
        if self._was_started:
            raise JournalError(
                f"The journal {self.name} was opened before. Make a new `Journal` for each `async with`."
            )
        self._was_started = True
        try:
            await self._thread.run(lambda: self._connect(first))
        except BaseException:
            self._was_started = False
            self._thread.run_unheard(self._disconnect)  # after what it is busy with, if the caller was cancelled
            self._thread.stop()
            raise

    def _connect(self, first: Callable[[Transaction], object]) -> None:
        try:
            with journal_errors(self.name):
                was_left_open = False
                if self.file is not None:
                    self.file.make_ready(create=self._create)
                    was_left_open = self.file.was_left_open
                self._engine = self._outside.engine(self._url)
                self._patiently(partial(self._plug_in, self._engine))
            self._transact(partial(self._begin, first, was_left_open), check=False)
        except BaseException:
            self._disconnect()
            raise

    def _plug_in(self, engine: sa.Engine) -> None:
        for _ in range(_SWITCHES):
            if self._connection is not None:
                self._connection.close()
            self._connection = connection = engine.connect()
            if self.dialect != "sqlite" or leave_wal(connection):
                break
            # Two that wait for each other with open connections would wait for ever
            connection.close()
            engine.dispose()
            time.sleep(_PAUSE)
        else:
            raise JournalError(
                f"The journal {self.name} is in use by an older version of cmr-async. Let that end, then try again."
            )
        if self.dialect == "sqlite":
            check_objects(connection, name=self.name)
            connection.rollback()
        prepare(connection, name=self.name)

    def _begin(self, first: Callable[[Transaction], object], was_left_open: bool, transaction: Transaction) -> None:
        connection = transaction.connection
        self._clock.fix(connection)
        if self.file is not None:
            if was_left_open or any(dead for _, dead in transaction.other_runs()):
                check_integrity(connection, name=self.name)
            self.file.recognise(connection)
            if self.file.doubt and self._look:
                return
            self.file.refuse_doubt()
        first(transaction)

    async def end(self, last: Callable[[Transaction], object]) -> None:
        """Do a last transaction after all that were asked for before, and close; also if the caller is cancelled."""

        def finish() -> None:
            try:
                if self.is_open and not (self.file is not None and (self.file.doubt or self.file.loss)):
                    self._transact(last)
            finally:
                self._disconnect()

        self._patience = _PATIENCE_AT_THE_END
        try:
            await self._thread.run(finish)
        finally:
            self._thread.stop()

    def _disconnect(self) -> None:
        self._outside.machine.open_runs.discard(self._run.id)
        connection, self._connection = self._connection, None
        engine, self._engine = self._engine, None
        if connection is not None:
            with suppress(sa.exc.SQLAlchemyError, sqlite3.Error):  # it is of no use any more
                driver: Any = connection.connection.driver_connection
                if self.dialect == "sqlite":
                    driver.execute("PRAGMA journal_mode = DELETE").close()  # and leave no file of SQLite's behind
                connection.close()
        if engine is not None:
            engine.dispose()

    def elapsed(self) -> float:
        """Return the time within this process, in seconds; it only goes forward."""
        return self._clock.elapsed()

    async def write(self, work: Callable[[Transaction], _T], *, check: bool = True) -> _T:
        """Run work in one transaction and return what it returns, after the commit.

        The transaction runs to its end even if the caller is cancelled. `check`: refuse a file that was not recognised.

        Raises:
            JournalError: The database is not open, or could not be written.
        """
        return await self._thread.run(lambda: self._transact(work, check=check))

    def write_unheard(self, work: Callable[[Transaction], object]) -> None:
        """Run work in one transaction that nobody waits for, after all that were asked for before."""
        self._thread.run_unheard(lambda: self._transact(work))

    async def adopt(self, work: Callable[[Transaction], object]) -> None:
        """Run work in one transaction also on a file that was not recognised, and recognise it from then on."""

        def take_over(transaction: Transaction) -> None:
            work(transaction)
            if self.file is not None:
                self.file.adopt(transaction.connection)

        await self._thread.run(lambda: self._transact(take_over, check=False))

    async def read(self, work: Callable[[Transaction], _T]) -> _T:
        """Run work that only reads in a transaction of its own: until it ends, SQLite lets nobody write.

        Raises:
            JournalError: The database is not open, or could not be read.
        """
        return await self._thread.run(lambda: self._transact(work, reads=True))

    async def rows(self, query: sa.Select[Any]) -> Sequence[Any]:
        """Return the rows of a query; see `read`."""
        return await self.read(lambda transaction: transaction.connection.execute(query).all())

    @property
    def doubt(self) -> str:
        """Why a file that was opened to be looked at is not the journal's own; empty if it is."""
        return "" if self.file is None else self.file.doubt

    def _transact(self, work: Callable[[Transaction], _T], *, reads: bool = False, check: bool = True) -> _T:
        connection, file = self._connection, None if reads else self.file
        if connection is None:
            raise JournalError(f"The journal {self.name} is not open.")
        connection.execution_options(**{READS: reads})

        def run() -> tuple[_T, int]:
            with connection.begin():
                if file is not None and check:
                    file.refuse_doubt()
                    file.check(connection)
                done = work(self._transaction(connection))
                return done, 0 if file is None else newest_event(connection)

        with journal_errors(self.name):
            result, newest = self._patiently(run)
            if file is not None and not file.doubt:
                file.mark(newest)
        return result

    def _transaction(self, connection: sa.Connection) -> Transaction:
        machine = self._outside.machine
        return Transaction(connection=connection, journal=self.name, run=self._run, clock=self._clock, machine=machine)

    def _patiently(self, work: Callable[[], _T]) -> _T:
        """Run work that leaves nothing behind when it fails, again and again while another process is in its way."""
        tries, began = 0, elapsed()
        while True:
            tries += 1
            try:
                return work()
            except (sa.exc.DBAPIError, sqlite3.Error) as error:
                cause = getattr(error, "orig", error)
                if is_busy(cause) and elapsed() - began < self._patience:
                    if tries == 1:
                        logger.warning("waiting for another process that holds the journal %s", printable(self.name))
                elif tries == _TRIES or not is_to_be_repeated(error):
                    raise


def is_to_be_repeated(error: BaseException) -> bool:
    """Tell whether PostgreSQL asks for the transaction to be run again."""
    return getattr(getattr(error, "orig", error), "sqlstate", None) in _AGAIN
