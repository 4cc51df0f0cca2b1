"""Which runs count as dead, and what a process can know about another."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest

from cmr_async.journal import liveness
from cmr_async.journal.liveness import Machine, RunRecord, is_dead

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when a process was born")

#: Long after every lease.
LATER = 1_000_000.0


@pytest.fixture
def me() -> Iterator[RunRecord]:
    """A run of this process whose journal is open."""
    run = attrs.evolve(Machine().this_process(), heartbeat=1000.0)
    liveness.open_runs.add(run.id)
    yield run
    liveness.open_runs.discard(run.id)


@pytest.fixture
def stopped(me: RunRecord) -> Iterator[RunRecord]:
    """A run of another process of this machine, which is there and does nothing."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        born = Machine().birth(child.pid)
        yield attrs.evolve(me, id="stopped", pid=child.pid, born=born or "")


def test_this_process_is_alive_as_long_as_its_journal_is_open(me: RunRecord) -> None:
    assert not is_dead(me, LATER, me=me)
    assert is_dead(attrs.evolve(me, id="one whose journal could not be closed"), 1001.0, me=me)


@needs_proc
def test_a_process_that_exists_is_alive_however_long_it_has_been_silent(me: RunRecord, stopped: RunRecord) -> None:
    assert not is_dead(stopped, LATER, me=me)
    assert not is_dead(attrs.evolve(stopped, lease=0.0), LATER, me=me)


def test_a_process_that_is_gone_is_dead_at_once(me: RunRecord) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    run = attrs.evolve(me, pid=child.pid)
    assert is_dead(run, 1001.0, me=me)
    assert not is_dead(attrs.evolve(run, machine="another machine"), 1001.0, me=me)


@needs_proc
def test_a_process_id_that_was_given_out_again_is_not_the_same_process(me: RunRecord, stopped: RunRecord) -> None:
    assert is_dead(attrs.evolve(stopped, born="1"), 1001.0, me=me)


def test_a_run_that_closed_the_journal_is_dead(me: RunRecord) -> None:
    assert is_dead(attrs.evolve(me, ended=1000.5), 1001.0, me=me)


@pytest.mark.parametrize(("lease", "now", "dead"), [(30.0, 1030.0, False), (30.0, 1030.1, True), (60.0, 1030.1, False)])
def test_on_another_machine_a_silence_longer_than_the_own_lease_of_a_run_is_death(
    me: RunRecord, lease: float, now: float, dead: bool
) -> None:
    assert is_dead(attrs.evolve(me, machine="another machine", lease=lease), now, me=me) is dead


@needs_proc
def test_a_process_that_ended_and_was_not_collected_is_dead(me: RunRecord) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(attrs.evolve(me, pid=child.pid, born=""), 1001.0, me=me)
    child.wait()


@needs_proc
def test_a_process_of_another_user_is_alive(me: RunRecord, stopped: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(liveness, "os", SimpleNamespace(kill=kill))
    assert not is_dead(stopped, LATER, me=me)


def test_where_signals_cannot_ask_only_the_lease_tells(
    me: RunRecord, stopped: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "sys", SimpleNamespace(platform="win32"))
    assert not is_dead(stopped, 1030.0, me=me)
    assert is_dead(stopped, 1030.1, me=me)


def test_without_a_proc_file_system_a_process_has_no_birth_but_a_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(liveness, "Path", lambda path: tmp_path / str(path).lstrip("/"))
    run = Machine().this_process()
    assert (run.born, len(run.machine)) == ("", 32)
    assert run.machine == Machine().this_process().machine
