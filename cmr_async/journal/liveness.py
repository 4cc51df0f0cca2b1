"""Which runs are alive: the identity of this process, and whether another run can still report its outcomes.

The claims of a dead run become `unknown`; those of a live run must not. A process id alone proves little, because ids
are reused and each container has its own. It counts only together with the boot, the process namespace and the start
time of the process.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import uuid
from pathlib import Path

import attrs

#: Seconds after which a run without a heartbeat counts as dead.
LEASE = 30.0


#: Runs of this process whose journal is open.
open_runs: set[str] = set()


@attrs.frozen(kw_only=True)
class RunRecord:
    """One opening of a journal by one process."""

    #: Unique id.
    id: str
    #: Name of the host, for people.
    host: str
    #: Where process ids can be compared: a hash of boot and process namespace.
    machine: str
    #: Process id.
    pid: int
    #: When the process started, in ticks of the kernel; empty where that is not known.
    born: str
    #: Last sign of life, UTC epoch in seconds.
    heartbeat: float = 0.0
    #: When it closed the journal; `None`: it has not.
    ended: float | None = None
    #: Seconds without a heartbeat after which it counts as dead on other machines; 0: its claims were recovered.
    lease: float = LEASE


class Machine:
    """The machine and its processes, as this process sees them."""

    def __init__(self) -> None:
        """Know the runs of this process."""
        #: Runs of this process whose journal is open.
        self.open_runs: set[str] = open_runs

    def this_process(self, *, lease: float = LEASE) -> RunRecord:
        """Return a new run of this process, with a lease of its own."""
        host = socket.gethostname()
        try:
            boot = f"{Path('/proc/sys/kernel/random/boot_id').read_text()}{Path('/proc/self/ns/pid').readlink()}"
        except OSError:
            boot = f"{host}{uuid.getnode()}"
        pid = os.getpid()
        return RunRecord(
            id=uuid.uuid4().hex,
            host=host,
            machine=hashlib.sha256(boot.encode()).hexdigest()[:32],
            pid=pid,
            born=self.birth(pid) or "",
            lease=lease,
        )

    def birth(self, pid: int) -> str | None:
        """Return when a process started; empty if that is not known, `None` if there is no such process."""
        if sys.platform == "win32":  # a signal 0 would be a Ctrl-C there, so only the lease tells
            return ""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass
        try:
            # The second field is the program's name in brackets, which may hold anything
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return ""
        return None if fields[0] in {"Z", "X"} else fields[19]

    def new_token(self) -> str:
        """Return a text that no other attempt has."""
        return uuid.uuid4().hex


def is_dead(run: RunRecord, now: float, *, me: RunRecord, machine: Machine | None = None) -> bool:
    """Tell whether a run cannot report the outcomes of its claims any more.

    On one machine the process decides: one that exists is alive, however long it has been stopped. Elsewhere, and where
    the system does not tell when a process was born, the lease that the run gave itself decides.

    Args:
        run: The run.
        now: The time on the clock of the heartbeats.
        me: The run that asks.
        machine: The machine of the run that asks; `None`: this one.
    """
    machine = machine or Machine()
    if run.ended is not None:
        return True
    if run.machine == me.machine:
        if run.pid == me.pid and run.born == me.born:
            return run.id not in machine.open_runs
        born = machine.birth(run.pid)
        if born is None or (born and run.born):
            return born != run.born
    return now - run.heartbeat > run.lease
