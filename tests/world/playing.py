"""A recorded journal's SQL played by the real SQLite on a disk that logs what reaches it, for power cuts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import closing
from itertools import takewhile

import apsw
import attrs

from tests.world.disk import Disk, Op, connect, draw_anew
from tests.world.recording import FILE, Died, Mark, Recording, Said

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


#: How a file in WAL mode begins, and what a rollback journal holds that would make it such a file again.
_IN_WAL_MODE = b"SQLite format 3\x00\x10\x00\x02\x02"

#: A mark of the log: a transaction was committed.
COMMITTED = "committed"


@attrs.frozen(kw_only=True)
class Played:
    """What reached the disk while a recording was played."""

    files: Mapping[str, bytes]
    #: What the outside knew before.
    told: tuple[Mark, ...]
    log: tuple[Op, ...]
    #: A name for all of the log: a seed has the same each time.
    digest: str
    #: What the journal says first on each connection.
    opening: tuple[str, ...]
    #: What the journal held after each commit: the numbers of the first and the last commit after which it held that.
    held: Mapping[bytes, tuple[int, int]]


def play(recording: Recording, changes: Mapping[str, str] | None = None) -> Played:
    """Play what a journal said to SQLite on a logging disk, with changes of its settings where the check is checked.

    Raises:
        LookupError: The package does not say what should be changed.
    """
    draw_anew()
    disk = Disk(recording.start)
    with closing(opened(Disk(recording.start))) as connection:  # closing one changes the disk
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
            connections.append(opened(disk))
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
    return Played(
        files=recording.start, told=recording.told, log=tuple(disk.log), digest=disk.digest, opening=opening, held=held
    )


def _changed(entry: Said | Mark, changes: Mapping[str, str], unused: set[str]) -> Said | Mark:
    for before, after in changes.items():
        if isinstance(entry, Said) and before in entry.sql:
            unused.discard(before)
            entry = attrs.evolve(entry, sql=entry.sql.replace(before, after))
    return entry


def opened(disk: Disk) -> apsw.Connection:
    """Connect to the journal on a disk; WAL is used without the memory that processes share, which the disk lacks."""
    connection = connect(disk, FILE)
    # What SQLite undoes first may bring the WAL mode back
    if f"{FILE}-wal" in disk or any(_IN_WAL_MODE in disk.read(name) for name in (FILE, f"{FILE}-journal")):
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    return connection


def say(connection: apsw.Connection, sql: str) -> None:
    """Run a statement of the journal's."""
    if "journal_mode = WAL" in sql:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    connection.execute(sql).fetchall()
    if "journal_mode = TRUNCATE" in sql:
        connection.execute("PRAGMA locking_mode = NORMAL").fetchall()


def dump(connection: apsw.Connection) -> bytes:
    """Return a name for all that a journal holds."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    digest = hashlib.blake2b(digest_size=16)
    for (table,) in tables:
        rows = connection.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()
        digest.update(repr((table, rows)).encode())
    return digest.digest()
