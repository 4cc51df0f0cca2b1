"""The journal's connection: one thread works on it, one transaction after the other, and each runs to its end.

Nothing here is a task of the event loop, so nothing that ends tasks can keep a transaction from being made.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
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
        self._connection: sa.Connection | None = None
        self._thread = WorkThread("cmr-journal")

    @property
    def is_open(self) -> bool:
        """Whether it can be used."""
        return self._connection is not None

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._url.get_backend_name()

    async def start(self, first: Callable[[Transaction], object]) -> None:
        """Connect, make, check or migrate the tables, and do a first transaction; if that fails, nothing stays open."""
        try:
            await self._thread.run(lambda: self._connect(first))
        except asyncio.CancelledError:
            self._thread.run_unheard(self._disconnect)
            raise
        finally:
            if not self.is_open:
                self._thread.stop()

    def _connect(self, first: Callable[[Transaction], object]) -> None:
        self._engine = make_engine(self._url, name=self.name, create=self._create)
        try:
            with journal_errors(self.name):
                self._connection = self._engine.connect()
                prepare(self._connection, name=self.name)
                if self.dialect == "sqlite":
                    keep_readers_free(self._connection)
            self._transact(first)
        except BaseException:
            self._disconnect()
            raise

    async def end(self, last: Callable[[Transaction], object]) -> None:
        """Do a last transaction after all that were asked for before, and close; also if the caller is cancelled."""

        def finish() -> None:
            try:
                if self.is_open:
                    self._transact(last)
            finally:
                self._disconnect()

        try:
            await self._thread.run(finish)
        finally:
            self._thread.stop()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        engine, self._engine = self._engine, None
        if connection is not None:
            with suppress(sa.exc.SQLAlchemyError):  # it is of no use any more
                connection.close()
        if engine is not None:
            engine.dispose()

    async def write(self, work: Callable[[Transaction], _T]) -> _T:
        """Run work in one transaction and return what it returns, after the commit.

        The transaction runs to its end even if the caller is cancelled.

        Raises:
            JournalError: The database is not open, or could not be written.
        """
        return await self._thread.run(lambda: self._transact(work))

    def write_unheard(self, work: Callable[[Transaction], object]) -> None:
        """Run work in one transaction that nobody waits for, after all that were asked for before."""
        self._thread.run_unheard(lambda: self._transact(work))

    async def read(self, query: sa.Select[Any]) -> Sequence[Any]:
        """Return the rows of a query, read in a transaction of its own: until it ends, SQLite lets nobody write.

        Raises:
            JournalError: The database is not open, or could not be read.
        """
        return await self._thread.run(
            lambda: self._transact(lambda transaction: transaction.connection.execute(query).all(), reads=True)
        )

    def _transact(self, work: Callable[[Transaction], _T], *, reads: bool = False) -> _T:
        connection = self._connection
        if connection is None:
            raise JournalError(f"The journal {self.name} is not open.")
        connection.execution_options(**{READS: reads})
        tries = 0
        with journal_errors(self.name):
            while True:
                tries += 1
                try:
                    with connection.begin():
                        return work(
                            Transaction(
                                connection=connection, journal=self.name, run_id=self._run_id, now=self._clock()
                            )
                        )
                except sa.exc.DBAPIError as error:
                    if tries == _TRIES or getattr(error.orig, "sqlstate", None) not in _AGAIN:
                        raise
