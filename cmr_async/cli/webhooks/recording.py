"""Recordings of deliveries: a JSON line each, with the body as it came, passwords and all."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import attrs
import orjson

from ...errors import ConfigurationError
from ...report.output import expect_writable
from ...webhooks.verify import LONGEST_BODY

#: Not every system has all of these.
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_OWNER_ONLY = 0o600
#: Bytes of a line: a character of the body may need six in JSON.
_LONGEST_LINE = 6 * LONGEST_BODY + 100_000
_NOT_RECORDED = "{}, line {}: this is no delivery that `cmr webhooks listen --record` wrote."


class Recorder:
    """Adds deliveries to a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        """Open the file, or make it with mode 0600.

        Raises:
            ConfigurationError: It cannot be written, is no ordinary file, or others can read it.
        """
        try:
            expect_writable(path, overwrite=True)
            self._file = os.open(path, _APPEND, _OWNER_ONLY)
        except OSError as error:
            raise ConfigurationError(f"--record {path} cannot be written: {error.strerror}") from None
        if os.name == "posix" and stat.S_IMODE(os.fstat(self._file).st_mode) & 0o077:
            os.close(self._file)
            raise ConfigurationError(
                f"--record {path}: others can read it, and it is to hold passwords: chmod 600 {shlex.quote(str(path))}"
            )

    def add(self, body: bytes, headers: Mapping[str, str], *, time: float) -> None:
        """Write a delivery.

        Args:
            body: Its body, text in UTF-8.
            headers: The headers of its signature.
            time: When it came, in seconds since 1970.

        Raises:
            OSError: It could not be written.
        """
        line = orjson.dumps({"time": time, "headers": dict(headers), "body": body.decode()}) + b"\n"
        size = os.fstat(self._file).st_size
        if size and not _ends_with_newline(self._file, size):
            line = b"\n" + line  # the line before was cut short
        while line:
            line = line[os.write(self._file, line) :]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _ends_with_newline(file: int, size: int) -> bool:
    os.lseek(file, size - 1, os.SEEK_SET)
    return os.read(file, 1) == b"\n"


@attrs.frozen(kw_only=True)
class Recording:
    """What a file of `--record` holds."""

    #: The bodies, in the order in which they came.
    bodies: tuple[bytes, ...]
    #: The numbers, from 1, of the lines that are no JSON: writing them was cut short.
    cut_lines: tuple[int, ...]


def read_recording(path: Path) -> Recording:
    """Read a recording. A line that was cut short spoils no other.

    Raises:
        ConfigurationError: The file cannot be read, it holds lines but no delivery, or a line is JSON but not what
            `--record` writes; the message names the line and shows nothing of it.
    """
    bodies: list[bytes] = []
    cut_lines: list[int] = []
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(_LONGEST_LINE):
                number += 1
                if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                    raise ConfigurationError(_NOT_RECORDED.format(path, number))
                try:
                    found = orjson.loads(line)
                except ValueError:
                    cut_lines.append(number)
                else:
                    bodies.append(_body(found, path, number))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    if cut_lines and not bodies:
        raise ConfigurationError(_NOT_RECORDED.format(path, cut_lines[0]))
    return Recording(bodies=tuple(bodies), cut_lines=tuple(cut_lines))


def _body(found: Any, path: Path, number: int) -> bytes:
    try:
        return str.encode(found["body"])
    except (ValueError, TypeError, KeyError):
        raise ConfigurationError(_NOT_RECORDED.format(path, number)) from None
