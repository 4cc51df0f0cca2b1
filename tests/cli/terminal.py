"""`cmr` in a process of its own on a real pseudo terminal, which it can be interrupted from."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="no pseudo terminals here")

COMMAND = [sys.executable, "-m", "cmr_async"]
CTRL_C = "\x03"

#: Makes the terminal the controlling one, so that it turns Ctrl-C into a signal, and becomes the command. Whether the
#: tests themselves run under `nohup` does not matter to it.
_WITH_CONTROL = (
    "import fcntl, os, signal, sys, termios; signal.signal(signal.SIGHUP, signal.SIG_DFL);"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A command on a pseudo terminal."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self.text = ""

    def read_until(self, part: str, seconds: float = 60) -> None:
        """Read until a text was seen, or until the end for a part that never comes."""
        limit = time.monotonic() + seconds
        while part not in self.text and (left := limit - time.monotonic()) > 0:
            if not select.select([self._descriptor], [], [], left)[0]:
                return
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:  # how Linux says that the other end is gone
                return
            if not data:
                return
            self.text += data.decode()

    def type(self, text: str) -> None:
        """Type on the keyboard; `CTRL_C` makes the terminal send SIGINT."""
        os.write(self._descriptor, text.encode())

    def end(self) -> int:
        """Read to the end and return the exit code."""
        self.read_until("\0")
        return self.process.wait(60)


@contextmanager
def on_terminal(*arguments: str | Path) -> Iterator[Terminal]:
    """Run `cmr` with these arguments on a terminal of its own."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _WITH_CONTROL, *COMMAND, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "160"},
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait(60)
        os.close(ours)
