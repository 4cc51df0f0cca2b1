"""Clocks that jump, processes that stop and go on, and owners that report late: no order is let go a second time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cmr_async.errors import JournalError
from cmr_async.journal.journal import Journal, StepState, Verdict
from cmr_async.journal.storage import clock as clocks
from tests.fakes import Clock, wait_for_slot
from tests.journal.arrange import (
    ACCEPTED,
    NOT_SENT,
    PLANNED,
    SENT,
    UNKNOWN,
    a_request,
    an_unknown,
    changes,
    claimed,
    from_another_machine,
    stored,
)

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when a process was born")

_OWNER = """
import asyncio, sys
from cmr_async.journal.journal import Journal, StepState

async def own():
    async with Journal(sys.argv[1], lease=30.0) as journal:
        claim = await journal.claim("A")
        print("claimed", flush=True)
        assert sys.stdin.readline() == "answer\\n"
        print(await journal.record(claim, StepState.ACCEPTED, order_id="O1"), flush=True)

asyncio.run(own())
"""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@contextmanager
def owner(location: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has a claim on A, and stands between its connection and its first byte."""
    command = [sys.executable, "-c", _OWNER, location]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "claimed\n"
            yield process
        finally:
            process.kill()


def stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def go_on(process: subprocess.Popen[str]) -> str:
    """Let the owner go on to its answer, and return whether its outcome counted."""
    process.send_signal(signal.SIGCONT)
    return process.communicate("answer\n", timeout=60)[0]


@needs_proc
@pytest.mark.slow
async def test_a_stopped_owner_keeps_its_claim_however_long_its_lease_is_over(location: str, clock: Clock) -> None:
    async with Journal(location) as journal:
        await journal.add([a_request()])
    with owner(location) as process:
        stop(process)
        clock.now += 10**9
        async with Journal(location, clock=clock) as other:
            assert await other.recover() == 0
            entry = await stored(other)
            assert entry.state is SENT
            assert await other.claim("A") is None
            for call in (other.verdict(entry, Verdict.ABSENT, "not there"), other.resubmit("A")):
                with pytest.raises(JournalError, match="A is sent"):
                    await call
        assert go_on(process) == "True\n"
    async with Journal(location) as journal:
        assert await changes(journal) == ["sent", "accepted"]


@needs_proc
@pytest.mark.slow
async def test_a_stopped_owner_that_another_machine_took_for_dead_is_still_respected_on_its_own(
    postgresql_location: str, clock: Clock
) -> None:
    async with Journal(postgresql_location) as journal:
        await journal.add([a_request()])
    with owner(postgresql_location) as process:
        stop(process)
        clock.now += 10**9
        async with from_another_machine(Journal(postgresql_location, clock=clock)) as far:
            entry = await stored(far)
            assert (entry.state, entry.recovered) == (UNKNOWN, True)
        async with Journal(postgresql_location) as near:
            with pytest.raises(JournalError, match=rf"a process that is still there \(id {process.pid} on "):
                await near.verdict(entry, Verdict.ABSENT, "not there")
            assert (await stored(near)).verdict is None
        async with from_another_machine(Journal(postgresql_location, clock=clock)) as far:
            await far.verdict(entry, Verdict.ABSENT, "not there")
        async with Journal(postgresql_location) as near:
            with pytest.raises(JournalError, match=r"could still send it\. Nothing was changed"):
                await near.resubmit("A")
        assert go_on(process) == "True\n"
    async with Journal(postgresql_location) as journal:
        assert (await stored(journal)).state is ACCEPTED


async def test_a_claim_holds_no_longer_than_the_lease_of_its_run(location: str, clock: Clock) -> None:
    async with Journal(location, clock=clock, lease=12.0) as journal:
        assert journal.lease == 12.0
        await journal.add([a_request()])
        claim = await claimed(journal)
        clock.now += 11.9
        assert journal.holds(claim)
        async with from_another_machine(Journal(location, clock=clock)) as other:
            assert (await stored(other)).state is SENT
        clock.now += 0.1
        await journal.beat()  # a heartbeat keeps the run alive, and no claim
        assert not journal.holds(claim)


async def test_each_run_is_judged_by_the_lease_that_it_gave_itself(location: str, clock: Clock) -> None:
    async with Journal(location, clock=clock, lease=600.0) as journal:
        await journal.add([a_request()])
        await claimed(journal)
        clock.now += 599
        async with from_another_machine(Journal(location, clock=clock, lease=1.0)) as other:
            assert await other.recover() == 0
            clock.now += 2
            assert await other.recover() == 1


class Wall:
    """The clocks of a machine: one that people set, and one that only counts."""

    CLOCK_BOOTTIME = clocks._BOOTTIME

    def __init__(self) -> None:
        self.wall = 1_800_000_000.0
        self.up = 1000.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.up

    def clock_gettime(self, _: int) -> float:
        return self.up


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    wall = Wall()
    monkeypatch.setattr(clocks, "time", wall)
    return wall


async def test_a_clock_that_is_set_back_while_the_sender_is_stopped_revives_no_claim(location: str, wall: Wall) -> None:
    async with Journal(location) as journal:
        await journal.add([a_request()])
        claim = await claimed(journal)
        assert journal.holds(claim)
        wall.up += 31
        wall.wall -= 60
        assert not journal.holds(claim)


async def test_a_clock_that_goes_forward_by_a_step_takes_no_claim_away(location: str, wall: Wall) -> None:
    async with Journal(location) as journal:
        await journal.add([a_request()])
        claim = await claimed(journal)
        wall.wall += 3600
        assert journal.holds(claim)


@needs_proc
async def test_a_second_process_whose_clock_is_ahead_shortens_no_settling_time(tmp_path: Path, wall: Wall) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        await an_unknown(journal)
        wall.wall += 1200
        async with Journal(tmp_path / "run.db") as other:
            sent_at = (await stored(other)).sent_at
            assert sent_at is not None
            assert await other.now() - sent_at == 0.0
            wall.up += 5
            assert await other.now() - sent_at == 5.0


async def test_on_postgresql_the_clock_of_the_reconciling_host_does_not_matter(
    postgresql_location: str, wall: Wall
) -> None:
    async with Journal(postgresql_location) as journal:
        await an_unknown(journal)
        wall.wall += 10**6
        sent_at = (await stored(journal)).sent_at
        assert sent_at is not None
        assert 0.0 <= await journal.now() - sent_at < 10**5


@needs_proc
async def test_a_clock_that_is_set_back_leaves_no_slot_in_the_future(tmp_path: Path, wall: Wall) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        _, first = await wait_for_slot(journal.shared_pace("key"))
        wall.wall -= 3600
        _, second = await wait_for_slot(journal.shared_pace("key"))
        async with Journal(tmp_path / "run.db") as other:
            _, third = await wait_for_slot(other.shared_pace("key"))
    assert (first, second, third) == (0.0, 8.0, 16.0)


async def test_an_owner_that_reports_unknown_after_the_resubmission_stops_the_second_send(
    location: str, clock: Clock
) -> None:
    async with Journal(location, clock=clock) as first:
        await first.add([a_request()])
        claim = await claimed(first)
        clock.now += 31
        async with from_another_machine(Journal(location, clock=clock)) as other:
            clock.now += 900
            await other.verdict(await stored(other), Verdict.ABSENT, "not there")
            assert (await other.resubmit("A")).state is PLANNED
            assert await first.record(claim, UNKNOWN, message="reset by the server")
            assert await other.claim("A") is None
            entry = await stored(other)
            assert (entry.state, entry.verdict, entry.message) == (UNKNOWN, None, "reset by the server")


@pytest.mark.parametrize("late", [ACCEPTED, UNKNOWN])
async def test_what_comes_late_keeps_the_step_from_being_sent_a_third_time(
    location: str, clock: Clock, late: StepState
) -> None:
    async with Journal(location, clock=clock) as journal:
        first = await an_unknown(journal)
        await journal.verdict(await stored(journal), Verdict.ABSENT, "not there")
        await journal.resubmit("A")
        second = await claimed(journal)
        assert not await journal.record(first, late)
        assert await journal.record(second, NOT_SENT)
        assert await journal.claim("A") is None
        entry = await stored(journal)
        assert (entry.state, entry.recovered) == (UNKNOWN, True)
        assert entry.message == "Its entry said that it was not sent, but the history says that it was."
