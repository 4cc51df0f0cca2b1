"""The journal's connections: one that writes, a few that read, and transactions that always run to their end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from ..errors import JournalError
from .engine import READS, journal_errors, journal_url, keep_readers_free, make_engine
from .schema import prepare, sa
from .statements import Transaction
from .work_thread import WorkThread

__all__ = ["Database"]

_T = TypeVar("_T")

#: PostgreSQL rolled the transaction back because it met another one; it can simply be run again.
_AGAIN = {"40001", "40P01"}
_TRIES = 5


class Database:
    """An open database with the journal's tables."""

    def __init__(
        self, location: str | os.PathLike[str], *, run_id: str, clock: Callable[[], float], create: bool
    ) -> None:
        """Prepare a database; `start` opens it. The arguments are those of `Journal`."""
        self._url = journal_url(location)
        is_path = "://" not in os.fspath(location)
        #: The journal as messages call it.
        self.name: str = os.fspath(location) if is_path else self._url.render_as_string(hide_password=True)
        self._run_id = run_id
        self._clock = clock
        self._create = create
        self._engine: sa.Engine | None = None
        self._writer: sa.Connection | None = None
        # One thread writes, so that transactions follow each other; the other reads meanwhile
        self._writing = WorkThread("cmr-journal-writes")
        self._reading = WorkThread("cmr-journal-reads")
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._writer is not None

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._url.get_backend_name()

    async def start(self) -> None:
        """Connect, then make, check or migrate the tables; if that fails, nothing stays open."""
        self._engine = engine = make_engine(self._url, name=self.name, create=self._create)
        try:
            await self._writing.run(lambda: self._connect(engine))
        except BaseException:
            await self.let_go()
            raise

    def _connect(self, engine: sa.Engine) -> None:
        with journal_errors(self.name):
            self._writer = engine.connect()
            prepare(self._writer, name=self.name)
            if self.dialect == "sqlite":
                keep_readers_free(self._writer)

    async def finish(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def let_go(self) -> None:
        """Close every connection."""
        await self._writing.run(self._disconnect)  # after what the thread is busy with
        self._writing.stop()
        self._reading.stop()

    def _disconnect(self) -> None:
        writer, self._writer = self._writer, None
        engine, self._engine = self._engine, None
        if writer is not None:
            writer.close()
        if engine is not None:
            engine.dispose()

    def start_task(self, work: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Run work in a task of its own; `finish` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def write(self, work: Callable[[Transaction], _T]) -> _T:
        """Run work in one transaction of the one connection that writes; it returns after the commit.

        The whole transaction is one job of the writing thread. It runs to its end even if the caller is cancelled.

        Raises:
            JournalError: The database is not open, or could not be written.
        """
        writer = self._opened(self._writer)
        return await asyncio.shield(self.start_task(self._writing.run(lambda: self._commit(writer, work))))

    def _commit(self, writer: sa.Connection, work: Callable[[Transaction], _T]) -> _T:
        tries = 0
        with journal_errors(self.name):
            while True:
                tries += 1
                try:
                    with writer.begin():
                        now = self._clock()
                        return work(Transaction(connection=writer, journal=self.name, run_id=self._run_id, now=now))
                except sa.exc.DBAPIError as error:
                    if tries == _TRIES or getattr(error.orig, "sqlstate", None) not in _AGAIN:
                        raise

    async def read(self, query: sa.Select[Any]) -> Sequence[Any]:
        """Return the rows of a query, read on a connection that blocks no writer.

        Raises:
            JournalError: The database is not open, or could not be read.
        """
        engine = self._opened(self._engine)
        return await asyncio.shield(self.start_task(self._reading.run(lambda: self._fetch(engine, query))))

    def _fetch(self, engine: sa.Engine, query: sa.Select[Any]) -> Sequence[Any]:
        with journal_errors(self.name), engine.execution_options(**{READS: True}).connect() as connection:
            return connection.execute(query).all()

    def _opened(self, what: _T | None) -> _T:
        if what is None:
            raise JournalError(f"The journal {self.name} is not open.")
        return what
