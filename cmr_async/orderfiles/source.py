"""Where the bytes of an order file are, so that it can be read several times: on disk, in memory, or in a copy.

An open file, such as an upload or a pipe, can be read only once, moved or closed by others. So it is copied to a
temporary file first: what was checked is what is sent.
"""

from __future__ import annotations

import inspect
import io
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from ..errors import ConfigurationError


class Readable(Protocol):
    """An open binary file, or anything that is read like one."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end."""


class Source(ABC):
    """The bytes of one order file."""

    #: How many there are.
    size: int

    @abstractmethod
    def open(self) -> BinaryIO:
        """Return a file that reads from the beginning, with a position of its own."""

    def is_unchanged(self) -> bool:
        """Return whether the bytes are still those of the beginning."""
        return True

    @abstractmethod
    def close(self) -> None:
        """Drop what is held."""


class PathSource(Source):
    """A file on disk, which others may edit."""

    def __init__(self, path: Path) -> None:
        """Remember what the file is now.

        Raises:
            OSError: It cannot be opened.
        """
        self._path = path
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
        self._stamp = _stamp(found)
        self.size: int = found.st_size

    def open(self) -> BinaryIO:
        """Open the file once more."""
        return cast("BinaryIO", self._path.open("rb"))

    def is_unchanged(self) -> bool:
        """Return whether the file was neither edited nor replaced."""
        try:
            return _stamp(self._path.stat()) == self._stamp
        except OSError:
            return False

    def close(self) -> None:
        """Do nothing: the file is opened for each reading."""


class BytesSource(Source):
    """Bytes in memory."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size: int = len(content)

    def open(self) -> BinaryIO:
        """Return a file over the bytes."""
        return io.BytesIO(self._content)

    def close(self) -> None:
        """Let go of the bytes."""
        self._content = b""


class CopySource(Source):
    """A temporary file, which vanishes when it is closed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        # Threads of a service may read at the same time, and the file has one position
        self._lock = threading.Lock()
        self.size: int = file.seek(0, os.SEEK_END)

    def open(self) -> BinaryIO:
        """Return a file with a position of its own over the one file."""
        return cast("BinaryIO", io.BufferedReader(_View(self._read_at, self.size)))

    def close(self) -> None:
        """Delete the temporary file."""
        self._file.close()

    def _read_at(self, position: int, size: int) -> bytes:
        with self._lock:
            self._file.seek(position)
            return self._file.read(size)


class _View(io.RawIOBase):
    """Reads a shared file from a position of its own."""

    def __init__(self, read_at: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._read_at = read_at
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        chunk = self._read_at(self._position, len(buffer))
        buffer[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise OSError("a position before the beginning of the file")
        self._position = start + offset
        return self._position


class _Given(io.RawIOBase):
    """Reads somebody else's open file, and never closes it."""

    def __init__(self, file: Readable, name: str) -> None:
        super().__init__()
        self._file = file
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        chunk: object = self._file.read(len(buffer))
        if inspect.iscoroutine(chunk):
            chunk.close()
            raise ConfigurationError(f"{self._name} is read with await: give its bytes, or the plain file inside it.")
        if not isinstance(chunk, bytes):
            raise ConfigurationError(f"{self._name} must be open in binary mode; it gave {type(chunk).__name__}.")
        buffer[: len(chunk)] = chunk
        return len(chunk)


def as_binary(file: Readable, *, name: str) -> BinaryIO:
    """Return a file that reads another one from its current position and leaves it open.

    Raises:
        ConfigurationError: It is no file; while reading: it does not give bytes.
    """
    if not callable(getattr(file, "read", None)):
        raise ConfigurationError(f"An order file is a path, bytes or an open file, not {type(file).__name__}.")
    return cast("BinaryIO", io.BufferedReader(_Given(file, name)))


def name_of(source: object) -> str:
    """Return what messages call a file that nobody has named."""
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        return "<stdin>" if path == "-" else str(path)
    name = getattr(source, "name", None)  # of a temporary file it may be a number
    return name if isinstance(name, str) and name else "<upload>"


def _stamp(found: os.stat_result) -> tuple[int, int, int]:
    """Return what changes when a file is edited or replaced."""
    return found.st_size, found.st_mtime_ns, found.st_ino
