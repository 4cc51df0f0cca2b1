"""The file of a SQLite journal: whether it is the one that the journal was written to, and whether it is up to date.

A copy, a backup that was put back, or a file that others may write to does not know what was bought. Everything is
asked by path: closing a descriptor of our own would drop the locks of SQLite's connections in this process.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import orjson

from ...core.printable import printable
from ...errors import JournalError
from .schema import StrangeValueError, is_ours, meta, prepare, sa

try:
    import fcntl
except ImportError:  # Windows, where a file system without locks is not known
    fcntl = None  # type: ignore[assignment]

#: Name of the extended attribute that holds the id of the newest event. It goes neither with a copy nor with a backup
#: that is copied over the file.
_MARK = "user.cmr_async.journal"

_POSIX = os.name == "posix"

#: Tables that SQLite makes for itself.
_OF_SQLITE = frozenset({"sqlite_sequence", "sqlite_stat1", "sqlite_stat4"})
#: How the names of our tables, and those of SQLite's, begin; others must not be taken for them.
_TAKEN = ("cmr_", "sqlite_")
#: Kind of an object to how the SQL of a plain one begins, as SQLite writes it.
_PLAIN = {"table": ("CREATE TABLE ",), "index": ("CREATE INDEX ", "CREATE UNIQUE INDEX ")}


class JournalFile:
    """The file of one journal, as one opening of it sees it."""

    def __init__(self, path: Path, *, name: str) -> None:
        """Take the path, and what messages call the journal."""
        self._path = path
        self._name = name
        self._known: tuple[int, int] = (0, 0)
        self._size = 0
        self._newest = 0
        #: Why the file is not the one that the journal was written to; empty if it is.
        self.doubt: str = ""
        #: What happened to the file while it was in use; empty if nothing did.
        self.loss: str = ""

    def make_ready(self, *, create: bool) -> None:
        """Make the file if it is missing, and refuse one that cannot be trusted; call it before SQLite opens it.

        Raises:
            JournalError: With what is wrong, and what to do about it.
        """
        if create and not os.path.lexists(self._path):
            self._make()
        self.expect_ours()
        self._try_locks()

    def expect_ours(self) -> None:
        """Refuse a file that others may have changed, or an empty one; call it before SQLite opens it.

        Raises:
            JournalError: With what is wrong, and what to do about it.
        """
        self._inspect(self._path)
        for ending in ("-journal", "-wal", "-shm"):  # SQLite would believe what it finds there
            beside = self._path.with_name(self._path.name + ending)
            if os.path.lexists(beside):
                self._inspect(beside)
        if not self._path.stat().st_size:
            self._refuse("is an empty file: what it held is lost, or it never was one. If it is new, delete it.")

    def _make(self) -> None:
        """Make the file with its tables in it, all at once: nobody could tell an empty one from an emptied one."""
        try:
            opened, draft = tempfile.mkstemp(dir=self._path.parent, prefix=".cmr-")
            os.close(opened)
            try:
                engine = sa.create_engine(f"sqlite:///{draft}")
                with engine.connect() as connection:
                    prepare(connection, name=self._name)
                engine.dispose()
                _rename_to_new(draft, str(self._path))
            finally:
                Path(draft).unlink(missing_ok=True)
            if hasattr(os, "O_DIRECTORY"):  # the new name itself has to survive a power cut
                opened = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
                try:
                    os.fsync(opened)
                finally:
                    os.close(opened)
        except FileExistsError:
            pass  # another process was faster
        except OSError as error:
            self._refuse(f"cannot be made: {error.strerror}.")

    def _inspect(self, path: Path) -> None:
        whose = "" if path == self._path else f"cannot be trusted: {path.name} beside it "
        try:
            found = path.lstat()
        except FileNotFoundError:
            if whose:  # it was another process's, which has ended
                return
            raise JournalError(f"There is no journal {self._name}.") from None
        if stat.S_ISLNK(found.st_mode):
            self._refuse(f"{whose}is a symbolic link. Name the file itself: {path.resolve()}")
        if stat.S_ISDIR(found.st_mode):
            self._refuse(f"{whose or 'cannot be used: it '}is a folder.")
        if not stat.S_ISREG(found.st_mode):
            self._refuse(f"{whose}is no ordinary file. Choose another one.")
        if found.st_nlink > 1:
            self._refuse(
                f"{whose}has a second name (a hard link), under which SQLite would not find its lock. Remove that."
            )
        if _POSIX and found.st_uid != os.geteuid():
            self._refuse(
                f"{whose}belongs to another user (id {found.st_uid}). Work as that user, or use another journal."
            )
        if _POSIX and found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            name = self._name if not whose else path
            self._refuse(f"{whose}can be written by other users. Make sure that nobody did, then: chmod 600 {name}")

    def _try_locks(self) -> None:
        """Refuse a file system on which two can have the same lock."""
        command = getattr(fcntl, "F_OFD_SETLK", None)
        if command is None:  # only Linux has locks that a process can try against itself
            return
        lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        try:
            with (
                tempfile.NamedTemporaryFile(dir=self._path.parent, prefix=".cmr-") as one,
                Path(one.name).open("r+b") as two,
            ):
                fcntl.fcntl(one, command, lock)
                with suppress(BlockingIOError, PermissionError):
                    fcntl.fcntl(two, command, lock)
                    self._refuse("is on a file system without working locks. Put it on a local disk.")
        except OSError as error:
            if error.errno != errno.EINVAL:  # a kernel that does not know such locks
                self._refuse(f"cannot be locked: {error.strerror}. It needs a local disk and a writable folder.")

    @property
    def was_left_open(self) -> bool:
        """Whether a transaction was cut short, and SQLite has yet to undo it; ask before it opens the file."""
        with suppress(OSError):
            return Path(f"{self._path}-journal").stat().st_size > 0
        return False

    def recognise(self, connection: sa.Connection, *, adopt: bool = True) -> None:
        """Compare the file with what the journal in it says; a difference is the `doubt`.

        Args:
            connection: A connection in a transaction.
            adopt: Let a journal that says nothing yet say that this is its file.

        Raises:
            JournalError: Something of another program is in the database.
        """
        found, newest = self._path.stat(), newest_event(connection)
        text = connection.scalar(sa.select(meta.c.value).where(meta.c.name == "file"))
        if text is None:
            if adopt:
                self.adopt(connection)
            return
        known, is_marked = _said_of_file(text)
        mark, born = self._read_mark(), _born(self._path)
        same = known["inode"] == found.st_ino and (born is None or known["born"] in {None, born})
        # A file system may have another number each time it is mounted
        if not same or (is_marked and mark is None) or (not is_marked and known["device"] != found.st_dev):
            self.doubt = "is not the file that it was written to, but a copy or a backup"
        elif mark is not None and mark > newest:
            self.doubt = f"is in an older state: a backup of it, with {newest} of at least {mark} changes, was put back"
        self._remember(found, newest)

    def adopt(self, connection: sa.Connection) -> None:
        """Let the journal say that this is its file."""
        found, newest = self._path.stat(), newest_event(connection)
        is_marked = self._write_mark(newest)
        said = {"device": found.st_dev, "inode": found.st_ino, "born": _born(self._path), "marked": is_marked}
        connection.execute(sa.delete(meta).where(meta.c.name == "file"))
        connection.execute(sa.insert(meta).values(name="file", value=orjson.dumps(said).decode()))
        self._remember(found, newest)
        self.doubt = ""

    def refuse_doubt(self) -> None:
        """Refuse a file that was not recognised.

        Raises:
            JournalError: With what it is, and what to do.
        """
        if self.doubt:
            self._refuse(
                f"{self.doubt}. Orders that were placed since may be missing in it, and would be bought again. Use the "
                f"original. If there is none, see what this says: `cmr journal adopt {self._name}`."
            )

    def check(self, connection: sa.Connection) -> None:
        """Make sure, inside a transaction that writes, that the file is still the one that was opened, and whole.

        Raises:
            JournalError: It was deleted, replaced or cut short. Nothing was written.
        """
        found = self._expect_same()
        if found.st_size < self._size:
            self._lose("was cut short while it was in use: what it held is lost.")
        newest = newest_event(connection)
        if newest < max(self._newest, self._read_mark() or 0):
            self._lose("was overwritten with an older state while it was in use.")
        self._remember(found, newest)

    def mark(self, newest: int) -> None:
        """Note the newest event beside the file, after its commit and before anybody acts on it.

        Raises:
            JournalError: The file was deleted or replaced meanwhile.
        """
        self._expect_same()
        if newest > max(self._newest, self._read_mark() or 0):
            self._write_mark(newest)
        self._newest = newest

    def _expect_same(self) -> os.stat_result:
        if self.loss:
            self._lose(self.loss)
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            with suppress(OSError):  # so that nobody starts over here unaware of what was bought
                os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            self._lose(
                "was deleted while it was in use. An empty file is left in its place: delete it when that is done."
            )
        if (found.st_dev, found.st_ino) != self._known:
            self._lose("was replaced by another file while it was in use.")
        return found

    def _remember(self, found: os.stat_result, newest: int) -> None:
        self._known = (found.st_dev, found.st_ino)
        self._size, self._newest = found.st_size, newest

    def _read_mark(self) -> int | None:
        if sys.platform == "linux":
            with suppress(OSError, ValueError):
                return int(os.getxattr(self._path, _MARK))
        return None

    def _write_mark(self, newest: int) -> bool:
        if sys.platform == "linux":
            with suppress(OSError):  # many file systems have no room for it, and an older mark is no false one
                os.setxattr(self._path, _MARK, b"%d" % newest)
                return True
        return False

    def _lose(self, what: str) -> NoReturn:
        self.loss = what
        self._refuse(f"{what} Nothing more is sent. Find out what was bought before you order again.")

    def _refuse(self, why: str) -> NoReturn:
        raise JournalError(f"The journal {self._name} {why}")


def _said_of_file(text: str) -> tuple[dict[str, int | None], bool]:
    """Return what a journal says about its file, and whether that has a mark."""
    try:
        said = orjson.loads(text)
        numbers = {name: said[name] for name in ("device", "inode", "born")}
        marked = said["marked"]
    except (KeyError, TypeError, ValueError):
        raise StrangeValueError("a description of its file") from None
    if not all(type(number) is int for number in (numbers["device"], numbers["inode"])):
        raise StrangeValueError("a description of its file")
    if type(marked) is not bool or type(numbers["born"]) not in {int, type(None)}:
        raise StrangeValueError("a description of its file")
    return numbers, marked


def check_objects(connection: sa.Connection, *, name: str) -> None:
    """Refuse what could change the meaning of what is written: triggers, views, and whatever touches our tables.

    Plain tables of others, and indexes on them, are allowed: a handler of webhooks keeps its own data beside the
    deliveries, in their transaction. No statement of ours reads or writes them.

    Raises:
        JournalError: With the first of them.
    """
    found = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master").all()
    ours = [row for row in found if is_ours(row.type, row.name)]
    strange = [f"{row.type} {row.name}" for row in found if row not in ours and not _is_harmless(row)]
    if strange and ours:
        raise JournalError(
            f"The journal {name} has a {printable(strange[0])} in it, which is not ours and could change what is "
            "written. Find out who made it; then use another journal."
        )


def _is_harmless(row: Any) -> bool:
    """Tell whether an object that is not ours is one of SQLite's own, or a plain table or index of somebody else."""
    if not isinstance(row.name, str) or not isinstance(row.tbl_name, str):
        return False
    if row.sql is None:  # what a constraint needs; it comes with its table
        return row.type == "index" and row.name.startswith("sqlite_autoindex_")
    if row.name in _OF_SQLITE:
        return bool(row.type == "table")
    if row.name.lower().startswith(_TAKEN) or row.tbl_name.lower().startswith(_TAKEN):
        return False
    # A virtual table, which would run the code of its module, begins otherwise
    return str(row.sql).startswith(_PLAIN.get(row.type, ()))


def check_integrity(connection: sa.Connection, *, name: str) -> None:
    """Read the whole file and refuse a damaged one.

    Raises:
        JournalError: With the first fault that SQLite found.
    """
    found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
    if found != "ok":
        raise JournalError(
            f"The journal {name} is damaged ({printable(found)}). Nothing is sent. Keep the file: what it holds can "
            "still be read with the sqlite3 program. Find out what was bought before you order the rest with another "
            "journal."
        )


def _rename_to_new(source: str, target: str) -> None:
    """Rename a file to a name that must not exist; `os.rename` would replace what another process has just made."""
    if sys.platform == "win32":
        Path(source).rename(target)  # which refuses to replace anything there
        return
    libc, names = ctypes.CDLL(None, use_errno=True), (os.fsencode(source), os.fsencode(target))
    linux, macos = getattr(libc, "renameat2", None), getattr(libc, "renamex_np", None)
    failed = True
    if linux is not None:
        failed = linux(-100, names[0], -100, names[1], 1)
    elif macos is not None:
        failed = macos(*names, 4)
    if failed and ctypes.get_errno() == errno.EEXIST:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    if failed:  # the file system cannot do that; for a moment the file has two names
        os.link(source, target)


def newest_event(connection: sa.Connection) -> int:
    """Return the id of the newest event; ids only grow."""
    driver: Any = connection.connection.driver_connection  # twice in each transaction, so it has to be cheap
    (newest,) = driver.execute("SELECT max(id) FROM cmr_events").fetchone()
    if newest is not None and type(newest) is not int:
        raise StrangeValueError("a number of a change")
    return newest or 0


def _born(path: Path) -> int | None:
    """Return when a file was made, in nanoseconds: a later file may get the number of one that was deleted."""
    if sys.platform != "linux":
        born = getattr(path.stat(), "st_birthtime", None)
        return None if born is None else int(born * 1e9)
    answer = ctypes.create_string_buffer(256)  # a `struct statx`, which Python does not read
    try:
        failed = ctypes.CDLL(None).statx(-100, os.fsencode(path), 0x100, 0x800, answer)
    except (AttributeError, OSError):
        return None
    if failed or not struct.unpack_from("I", answer)[0] & 0x800:
        return None
    seconds, nanoseconds = struct.unpack_from("qI", answer, 80)
    return int(seconds * 1_000_000_000 + nanoseconds)
