"""The journal's SQLite in memory, and its thread as callbacks of the loop of a process.

There is one connection for all worlds, one after the other, and one engine, because SQLAlchemy keeps compiled
statements by engine. A snapshot is the database as bytes. Each job of the thread is one callback: it is done, with its
commit, or not done when the process dies.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from cmr_async.journal.storage import engine as journal_engine
from cmr_async.journal.storage.schema import prepare, sa
from cmr_async.work_thread import WorkThread

if TYPE_CHECKING:
    from tests.world.process import Process

#: A table of the user's own, in the file of the journal. It has no key: that would hide a second effect.
EFFECTS = sa.Table("effects", sa.MetaData(), sa.Column("event", sa.Text))


class _Kept(sa.pool.StaticPool):
    """A pool whose connection stays, though each journal disposes of its engine."""

    def dispose(self) -> None:
        pass

    def recreate(self) -> _Kept:
        return self


class Store:
    """The one database of the world that runs at the moment."""

    def __init__(self) -> None:
        #: The disk refuses the next commit.
        self.is_full = False
        self.connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.connection.execute("PRAGMA page_size = 1024").close()  # small, since it is copied at each commit
        self.engine = sa.create_engine("sqlite://", creator=lambda: self.connection, poolclass=_Kept)
        sa.event.listen(self.engine, "begin", journal_engine._begin_sqlite)
        sa.event.listen(self.engine, "commit", self._commit)
        with self.engine.connect() as made:
            prepare(made, name="template")
            with made.begin():
                EFFECTS.create(made)
        self._template = self.connection.serialize()

    def reset(self, snapshot: bytes | None = None) -> None:
        """Begin with a snapshot, or with an empty journal."""
        self.is_full = False
        self.connection.deserialize(snapshot or self._template)

    def snapshot(self) -> bytes:
        """Return the database as it is on disk now."""
        return self.connection.serialize()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        return self.connection.execute(sql).fetchall()

    def _commit(self, _: object) -> None:
        if self.is_full:
            self.is_full = False
            raise sqlite3.OperationalError("database or disk is full")


@cache
def store() -> Store:
    """Return the store of this interpreter."""
    return Store()


class Worker(WorkThread):
    """Stands in for the journal's thread: jobs in their order, each a callback at a drawn time."""

    def __init__(self, process: Process) -> None:
        super().__init__("world")
        self._process = process
        self._todo: deque[tuple[asyncio.Future[Any] | None, Callable[[], Any]]] = deque()
        self._is_busy = False

    def _put(self, future: asyncio.Future[Any] | None, work: Callable[[], Any]) -> None:
        self._todo.append((future, work))
        self._next()

    def stop(self) -> None:
        pass

    def _next(self) -> None:
        if self._todo and not self._is_busy:
            self._is_busy = True
            self._process.loop.call_later(self._process.world.draw.working(), self._do)

    def _do(self) -> None:
        future, work = self._todo.popleft()
        world, database = self._process.world, store()
        database.is_full = world.draw.disk_is_full()
        before = database.connection.total_changes
        result, error = None, None
        try:
            result = work()
        except Exception as raised:  # noqa: BLE001 - it is the caller's
            error = raised
        database.is_full = False
        if database.connection.total_changes != before:
            world.committed()
        self._process.loop.call_later(world.draw.working(), self._tell, future, result, error)

    def _tell(self, future: asyncio.Future[Any] | None, result: Any, error: Exception | None) -> None:
        self._is_busy = False
        if future is not None and not future.done():
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        self._next()
