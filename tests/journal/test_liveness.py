"""Which runs count as dead, and what a process can know about another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cmr_async.journal import liveness

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when a process was born")


def a_run(**changed: Any) -> liveness.RunRecord:
    me = liveness.this_process(now=1000.0)
    values = {name: getattr(me, name) for name in ("id", "host", "machine", "pid", "born", "heartbeat")}
    return liveness.RunRecord(**values | changed)


def test_this_process_is_alive() -> None:
    run = a_run()
    assert not liveness.is_dead(run, 1001.0, machine=run.machine, lease=30.0)


def test_a_process_that_is_gone_is_dead_at_once() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    run = a_run(pid=child.pid)
    assert liveness.is_dead(run, 1001.0, machine=run.machine, lease=30.0)
    assert not liveness.is_dead(run, 1001.0, machine="another machine", lease=30.0)


@needs_proc
def test_a_process_id_that_was_given_out_again_is_not_the_same_process() -> None:
    run = a_run(born="1")
    assert liveness.is_dead(run, 1001.0, machine=run.machine, lease=30.0)


def test_a_run_that_closed_the_journal_is_dead() -> None:
    run = a_run(ended=1000.5)
    assert liveness.is_dead(run, 1001.0, machine=run.machine, lease=30.0)


@pytest.mark.parametrize(("now", "dead"), [(1030.0, False), (1030.1, True)])
def test_a_silence_longer_than_the_lease_is_death(now: float, dead: bool) -> None:
    assert liveness.is_dead(a_run(), now, machine="another machine", lease=30.0) is dead


@needs_proc
def test_a_process_that_ended_and_was_not_collected_is_dead() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    run = a_run(pid=child.pid, born="")
    assert liveness.is_dead(run, 1001.0, machine=run.machine, lease=30.0)
    child.wait()


def test_a_process_of_another_user_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(_pid: int, _signal: int) -> None:
        raise PermissionError

    run = a_run()
    monkeypatch.setattr(liveness, "os", SimpleNamespace(kill=kill))
    assert not liveness.is_dead(run, 1001.0, machine=run.machine, lease=30.0)


def test_where_signals_cannot_ask_only_the_lease_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "sys", SimpleNamespace(platform="win32"))
    run = a_run(born="1")
    assert not liveness.is_dead(run, 1030.0, machine=run.machine, lease=30.0)
    assert liveness.is_dead(run, 1030.1, machine=run.machine, lease=30.0)


def test_without_a_proc_file_system_a_process_has_no_birth_but_a_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(liveness, "Path", lambda path: tmp_path / str(path).lstrip("/"))
    run = a_run()
    assert (run.born, len(run.machine)) == ("", 32)
    assert run.machine == a_run().machine
    assert not liveness.is_dead(run, 1001.0, machine=run.machine, lease=30.0)
