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

__all__ = ["LEASE", "RunRecord", "is_dead", "this_process"]

#: Seconds after which a run without a heartbeat counts as dead.
LEASE = 30.0


@attrs.frozen(kw_only=True)
class RunRecord:
    """One opening of a journal by one process."""

    #: Unique id.
    id: str
    #: Name of the host, for people.
    host: str
    #: Where process ids can be compared: a hash of host, boot and process namespace.
    machine: str
    #: Process id.
    pid: int
    #: When the process started, in ticks of the kernel; empty where that is not known.
    born: str
    #: Last sign of life, UTC epoch in seconds.
    heartbeat: float
    #: When it closed the journal; `None`: it has not.
    ended: float | None = None
    #: Seconds without a heartbeat after which it counts as dead on other machines.
    lease: float = LEASE


def this_process(*, now: float, lease: float = LEASE) -> RunRecord:
    """Return a new run of this process."""
    host = socket.gethostname()
    try:
        boot = f"{Path('/proc/sys/kernel/random/boot_id').read_text()}{Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        boot = str(uuid.getnode())
    pid = os.getpid()
    return RunRecord(
        id=uuid.uuid4().hex,
        host=host,
        machine=hashlib.sha256(f"{host}\n{boot}".encode()).hexdigest()[:32],
        pid=pid,
        born=_birth(pid) or "",
        heartbeat=now,
        lease=lease,
    )


def is_dead(run: RunRecord, now: float, *, machine: str, lease: float) -> bool:
    """Tell whether a run cannot report the outcomes of its claims any more.

    Args:
        run: The run.
        now: The time on the clock of the heartbeats.
        machine: `RunRecord.machine` of the process that asks.
        lease: Seconds without a heartbeat after which a run counts as dead.
    """
    if run.ended is not None or now - run.heartbeat > lease:
        return True
    if run.machine != machine:
        return False
    born = _birth(run.pid)
    return born is None or bool(born and run.born and born != run.born)


def _birth(pid: int) -> str | None:
    """Return when a process of this machine started; empty if that is not known, `None` if there is no such process."""
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
