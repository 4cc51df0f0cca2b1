"""A disk in memory under the real SQLite: a power cut leaves what was synced, and of the rest nothing, all, or parts.

The model is that of POSIX, read strictly. A write, a truncation, and the name of a file that was made or deleted are
certain only after a sync: of the file for its content, of the folder for its names. The parts of what was not synced
are whole writes or some of their sectors, in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any, NamedTuple, cast

import apsw

#: The unit that a disk writes whole.
SECTOR = 512
#: What SQLite assumes on Linux and macOS: the bytes beside those that are written stay as they are.
_PROMISES = apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE
#: Files for which SQLite syncs the folder together with the first sync of their content.
_SYNCED_BY_NAME = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL
#: What stands in the parts of a grown file that were never written.
_LEFTOVERS = (b"\x00", b"\xa5")


class Write(NamedTuple):
    """Bytes of a file were written."""

    file: int
    offset: int
    data: bytes


class Truncate(NamedTuple):
    """A file was cut to a size."""

    file: int
    size: int


class Sync(NamedTuple):
    """The content of a file is on disk from here on."""

    file: int


class Enter(NamedTuple):
    """A name means another file from here on, or `None`."""

    name: str
    file: int | None


class SyncFolder(NamedTuple):
    """The names of all files are on disk from here on."""


class Note(NamedTuple):
    """Something outside the disk happened here."""

    what: Any


Op = Write | Truncate | Sync | Enter | SyncFolder | Note


class Disk:
    """A folder of files, as a running system sees them."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Begin with some files that are certainly on disk."""
        #: All that was done, oldest first.
        self.log: list[Op] = []
        #: A system that has lost its power does nothing more.
        self.is_off = False
        self._contents = [bytearray(data) for data in files.values()]
        self._names = {name: number for number, name in enumerate(files)}

    @property
    def digest(self) -> str:
        """A name for all that was done."""
        return hashlib.blake2b(repr(self.log).encode(), digest_size=8).hexdigest()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def read(self, name: str) -> bytes:
        """Return the content of a file as the running system sees it; nothing of a file that is not there."""
        return bytes(self._contents[self._names[name]]) if name in self._names else b""

    def note(self, what: object) -> None:
        """Write into the log that something outside happened."""
        self._do(Note(what))

    def open(self, name: str) -> tuple[int, bytearray]:
        """Return the number and the content of a file, which is made if there is none."""
        if name not in self._names:
            self._contents.append(bytearray())
            self._enter(name, len(self._contents) - 1)
        number = self._names[name]
        return number, self._contents[number]

    def delete(self, name: str, *, sync: bool) -> None:
        """Delete a file, and make that certain if asked for."""
        if name in self._names:
            self._enter(name, None)
        if sync:
            self.sync_folder()

    def write(self, file: int, offset: int, data: bytes) -> None:
        """Write bytes."""
        self._do(Write(file, offset, data))

    def truncate(self, file: int, size: int) -> None:
        """Cut a file."""
        self._do(Truncate(file, size))

    def sync(self, file: int) -> None:
        """Make the content of a file certain."""
        self._do(Sync(file))

    def sync_folder(self) -> None:
        """Make the names of all files certain."""
        self._do(SyncFolder())

    def _enter(self, name: str, file: int | None) -> None:
        self._do(Enter(name, file))

    def _do(self, op: Op) -> None:
        if self.is_off:
            return
        self.log.append(op)
        match op:
            case Write() | Truncate():
                _apply(self._contents[op.file], op)
            case Enter(name, None):
                self._names.pop(name, None)
            case Enter(name, int(file)):
                self._names[name] = file
            case _:
                pass


class Remains:
    """What is certainly on a disk at one point of its log, and what may be."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Begin where the log begins, with the files that were certain then."""
        self._contents: dict[int, bytes] = dict(enumerate(files.values()))
        self._names: dict[str, int | None] = {name: number for number, name in enumerate(files)}
        self._changes: dict[int, list[Write | Truncate]] = {}
        self._entered: dict[str, list[int | None]] = {}

    @property
    def is_certain(self) -> bool:
        """Whether a power cut leaves the same here each time."""
        return not self._changes and not self._entered

    def follow(self, op: Op) -> None:
        """Go on by one entry of the log."""
        match op:
            case Write() | Truncate():
                self._changes.setdefault(op.file, []).append(op)
            case Enter(name, file):
                self._entered.setdefault(name, []).append(file)
            case Sync(file):
                changes = self._changes.pop(file, ())
                self._contents[file] = _with(self._contents.get(file, b""), changes)
            case SyncFolder():
                self._names |= {name: files[-1] for name, files in self._entered.items()}
                self._entered.clear()
            case _:
                pass

    def cut(self, rng: Random) -> dict[str, bytes]:
        """Return the files that are left by a power cut."""
        left: dict[str, bytes] = {}
        for name in self._names | self._entered:
            file = self._names.get(name)
            if name in self._entered:
                file = rng.choice((file, *self._entered[name], self._entered[name][-1]))
            if file is not None:
                content, changes = self._contents.get(file, b""), self._changes.get(file)
                left[name] = content if changes is None else _part(content, changes, rng)
        return left


def _part(content: bytes, changes: list[Write | Truncate], rng: Random) -> bytes:
    """Return a file with some of its changes; the way they are drawn is drawn as well."""
    way = rng.randrange(6)
    if way == 0:
        return content
    if way == 1:
        return _with(content, changes)
    if way == 2:  # the disk was just busy with them, in their order
        return _with(content, changes[: rng.randrange(len(changes) + 1)])
    chosen = rng.getrandbits(len(changes))
    some = [change for number, change in enumerate(changes) if chosen >> number & 1]
    if way == 3:
        return _with(content, some, fill=rng.choice(_LEFTOVERS))
    torn = [piece for change in some for piece in _torn(change, rng)]
    if way == 5:
        rng.shuffle(torn)
    return _with(content, torn, fill=rng.choice(_LEFTOVERS))


def _torn(change: Write | Truncate, rng: Random) -> list[Write | Truncate]:
    """Return some sectors of a write; a truncation is done or not."""
    if isinstance(change, Truncate) or len(change.data) <= SECTOR:
        return [change]
    starts = range(0, len(change.data), SECTOR)
    chosen = rng.getrandbits(len(starts))
    return [
        Write(change.file, change.offset + start, change.data[start : start + SECTOR])
        for number, start in enumerate(starts)
        if chosen >> number & 1
    ]


def _with(content: bytes, changes: Iterable[Write | Truncate], *, fill: bytes = b"\x00") -> bytes:
    after = bytearray(content)
    for change in changes:
        _apply(after, change, fill=fill)
    return bytes(after)


def _apply(content: bytearray, change: Write | Truncate, *, fill: bytes = b"\x00") -> None:
    if isinstance(change, Truncate):
        content += bytes(max(0, change.size - len(content)))
        del content[change.size :]
        return
    content += fill * (change.offset - len(content))
    content[change.offset : change.offset + len(change.data)] = change.data


class _File:
    """One open file, as SQLite asks for it."""

    def __init__(self, disk: Disk, name: str, flags: int) -> None:
        self._disk = disk
        self._number, self._content = disk.open(name)
        self._syncs_folder = bool(flags & apsw.SQLITE_OPEN_CREATE and flags & _SYNCED_BY_NAME)

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - apsw's names
        return bytes(self._content[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk.write(self._number, offset, bytes(data))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._disk.truncate(self._number, size)

    def xSync(self, _: int) -> None:  # noqa: N802
        self._disk.sync(self._number)
        if self._syncs_folder:
            self._syncs_folder = False
            self._disk.sync_folder()

    def xFileSize(self) -> int:  # noqa: N802
        return len(self._content)

    def xLock(self, level: int) -> None:  # noqa: N802 - there is one system, and it opens a file once at a time
        pass

    def xUnlock(self, level: int) -> None:  # noqa: N802
        pass

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, op: int, ptr: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return _PROMISES

    def xClose(self) -> None:  # noqa: N802
        pass


class _Access(apsw.VFS):
    """SQLite's access to the disk that is plugged in at the moment."""

    def __init__(self) -> None:
        super().__init__("forgetful", base="", makedefault=True)
        self.disk = Disk({})

    def xRandomness(self, numbytes: int) -> bytes:  # noqa: N802
        return bytes(range(256))[:numbytes]  # SQLite asks the default access once for what it draws from

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        return cast("apsw.VFSFile", _File(self.disk, path, flags[0]))

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.disk.delete(filename, sync=syncdir)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        return pathname in self.disk

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name


_access = _Access()


def draw_anew() -> None:
    """Let SQLite draw the same from here on each time: it marks what it writes with random numbers."""
    apsw.randomness(0)


def connect(disk: Disk, name: str) -> apsw.Connection:
    """Open a database on a disk with the real SQLite; the disk is used by this connection only while it lasts."""
    _access.disk = disk
    return apsw.Connection(name, vfs="forgetful")
