"""A recorded journal's SQL played by the real SQLite on a disk that logs what reaches it, for power cuts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import closing
from itertools import takewhile

import apsw
import attrs

from tests.world.disk import Disk, Op, connect
from tests.world.recording import FILE, Died, Mark, Recording, Said

__all__ = ["COMMITTED", "CONTROLS", "Played", "dump", "play", "say"]

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
COMMITTED = object()


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
        held = {dump(connection): (0, 0)}
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
        say(connections[-1], entry.sql)
        if entry.sql == "COMMIT":
            commits += 1
            after = dump(connections[-1])
            held[after] = (held.get(after, (commits,))[0], commits)
            disk.note(COMMITTED)
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


def say(connection: apsw.Connection, sql: str) -> None:
    if "journal_mode = WAL" in sql:  # this disk has no memory that processes share
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    connection.execute(sql).fetchall()


def dump(connection: apsw.Connection) -> bytes:
    """Return a name for all that a journal holds."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    digest = hashlib.blake2b(digest_size=16)
    for (table,) in tables:
        rows = connection.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()
        digest.update(repr((table, rows)).encode())
    return digest.digest()
