"""The journal's clock, which all its processes agree on, and which no step of a wall clock moves.

On PostgreSQL it is the server's clock. On SQLite it is what the machine counts since it was started, suspended time
included, plus an offset to UTC that the first process after the start fixed in the journal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .schema import LATEST, StrangeValueError, insert_missing, meta, sa, slots

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", None)


def elapsed() -> float:
    """Return seconds that only go forward, suspended time included where the system counts it."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


class Clocks:
    """The clocks of the machine."""

    def wall(self) -> float:
        """Return UTC epoch seconds, which may be set back and forth."""
        return time.time()

    def elapsed(self) -> float:
        """Return seconds that only go forward; see `elapsed`."""
        return elapsed()

    def start(self) -> str | None:
        """Return a name for what `elapsed` counts from: a start and a time namespace; `None` if that is not known."""
        if _BOOTTIME is None:
            return None
        try:
            start = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError:
            return None
        with suppress(OSError):  # old kernels have no time namespaces
            start += f":{Path('/proc/self/ns/time').readlink()}"
        return start


class JournalClock:
    """Tells the time of one journal to one process."""

    def __init__(self, given: Callable[[], float] | None = None, *, clocks: Clocks | None = None) -> None:
        """Take the clock that the caller of `Journal` gave, else the journal's own; `None`: the machine's clocks."""
        self._given = given
        self._clocks = clocks or Clocks()
        self._offset: float | None = None

    def elapsed(self) -> float:
        """Return the time within this process, in seconds; it only goes forward."""
        return self._clocks.elapsed() if self._given is None else self._given()

    def now(self, connection: sa.Connection) -> float:
        """Return the journal's time, UTC epoch in seconds. Read it after the transaction got its lock."""
        if self._given is not None:
            return self._given()
        if connection.dialect.name == "postgresql":
            # Not `now()`: a transaction may have waited since it began
            return float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())
        return self._clocks.wall() if self._offset is None else self._offset + self._clocks.elapsed()

    def fix(self, connection: sa.Connection) -> None:
        """Read the offset from the journal; the first process since the machine was started writes it."""
        start = self._clocks.start()
        if connection.dialect.name != "sqlite" or start is None:
            return
        name = f"clock:{start}"
        offset = {"name": name, "value": repr(self._clocks.wall() - self._clocks.elapsed())}
        insert = insert_missing(meta, "sqlite").values(**offset)
        if connection.execute(insert, execution_options={"preserve_rowcount": True}).rowcount:
            # The wall clock may have been set back since: slots of before could lie in a distant future
            connection.execute(sa.delete(slots))
        try:
            self._offset = float(str(connection.scalar(sa.select(meta.c.value).where(meta.c.name == name))))
        except ValueError:
            raise StrangeValueError("a clock") from None
        if not 0 <= self._offset + self._clocks.elapsed() <= LATEST:
            raise StrangeValueError("a clock")
