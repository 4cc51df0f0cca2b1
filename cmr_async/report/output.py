"""The files that commands write: for their owner alone, never through a link, whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from ..errors import ConfigurationError

#: Not every system has all of these.
_WRITE = os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_OWNER_ONLY = 0o600


class OutputFile:
    """A text file in UTF-8 that only its owner may read: order ids and customers' domains are in it.

    Leaving its `with` block keeps it; an exception removes it. A name that is free is taken at once. Under a name that
    is not, what was there stays until `keep` puts the whole new file in its place, in one step.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool) -> None:
        """Open the file.

        Args:
            path: Where it is to be.
            overwrite: Replace an ordinary file of this name.

        Raises:
            FileExistsError: The name is taken.
            OSError: The file cannot be made, or the name is that of a link, a folder or a device.
        """
        self._path = Path(path)
        self._draft: Path | None = None
        self._kept = False
        expect_writable(self._path, overwrite=overwrite)
        try:
            opened = os.open(self._path, _WRITE | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        except FileExistsError:
            if not overwrite:
                raise
            opened, draft = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name[:100]}.")
            self._draft = Path(draft)
        self._file = _as_text(opened)

    def write(self, text: str) -> int:
        """Write text, as a text file does."""
        return self._file.write(text)

    def keep(self) -> None:
        """Hand what was written to the system, under the file's name; what is written later is added to it.

        Raises:
            OSError: It cannot be written, or the name cannot be taken.
        """
        self._file.flush()
        if not self._kept:
            os.fsync(self._file.fileno())
        if self._draft is not None:
            self._file.close()  # not every system renames a file that is open
            self._draft.replace(self._path)
            self._draft = None
            self._file = _as_text(os.open(self._path, _WRITE | os.O_APPEND))
        self._kept = True

    def close(self) -> None:
        """Close the file; one that was never kept is removed, and what had its name is still there."""
        try:
            self._file.close()
        finally:
            if not self._kept:
                (self._draft or self._path).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.keep()
        finally:
            self.close()


def expect_writable(path: Path, *, overwrite: bool) -> None:
    """Look whether a name may be written to.

    Raises:
        FileExistsError: The name is taken, and nobody said that what is there may be replaced.
        OSError: It is the name of a link, a folder or a device.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, "it is a symbolic link. Name the file itself", str(path))
    if not overwrite:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is no ordinary file", str(path))


def unwritable(path: Path, error: OSError) -> ConfigurationError:
    """Return the error to raise for a file that could not be written."""
    if isinstance(error, FileExistsError):
        return ConfigurationError(f"{path} exists. Choose another name, or say --overwrite.")
    return ConfigurationError(f"{path} cannot be written: {error.strerror}")


def _as_text(opened: int) -> TextIO:
    # A name in another encoding must not make a report fail
    return os.fdopen(opened, "w", encoding="utf-8", errors="backslashreplace", newline="")
