"""The journal's clock: one for all processes, which no step of a wall clock moves."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from cmr_async.journal.journal import Journal
from cmr_async.journal.storage import clock as clocks
from cmr_async.journal.storage.clock import Clocks, JournalClock, elapsed
from cmr_async.journal.storage.schema import slots
from tests.fakes import Clock
from tests.journal.arrange import a_request, claimed, stored


class Machine:
    """What a process reads of its machine: a wall clock that is set, a count that only grows, and the last start."""

    CLOCK_BOOTTIME = 7

    def __init__(self, folder: Path) -> None:
        self.wall = 1_800_000_000.0
        self.up = 100.0
        self.folder = folder
        self.start("first")

    def start(self, boot: str) -> None:
        for name, text in {"proc/sys/kernel/random/boot_id": boot, "proc/self/ns/time": ""}.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            if text:
                path.write_text(f"{text}\n")
            else:
                path.symlink_to("time:[1]")

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.up

    def clock_gettime(self, _: int) -> float:
        return self.up

    def path(self, path: str) -> Path:
        return self.folder / path.lstrip("/")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path / "machine")
    monkeypatch.setattr(clocks, "time", machine)
    monkeypatch.setattr(clocks, "Path", machine.path)
    monkeypatch.setattr(clocks, "_BOOTTIME", 7)
    return machine


async def test_a_step_of_the_wall_clock_moves_no_process(tmp_path: Path, machine: Machine) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        assert await journal.now() == 1_800_000_000.0
        machine.up += 5
        machine.wall -= 3600
        assert await journal.now() == 1_800_000_005.0
        async with Journal(tmp_path / "run.db") as other:
            assert await other.now() == 1_800_000_005.0


async def test_after_a_start_of_the_machine_the_wall_clock_counts_anew(tmp_path: Path, machine: Machine) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        await journal.shared_pace("key").reserve(5.0, reads=False)
        assert len(await journal._database.rows(sa.select(slots))) == 1
    machine.start("second")
    machine.up, machine.wall = 3.0, 1_700_000_000.0
    async with Journal(tmp_path / "run.db") as journal:
        assert await journal.now() == 1_700_000_000.0
        # Slots of before lie in a distant future now
        assert await journal._database.rows(sa.select(slots)) == []
    machine.start("first")
    async with Journal(tmp_path / "run.db") as journal:
        assert await journal.now() == 1_800_000_000.0 - 97.0


async def test_where_the_system_does_not_say_when_it_started_the_wall_clock_counts(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "folder", tmp_path / "nothing")
    async with Journal(tmp_path / "run.db") as journal:
        machine.wall += 7
        assert await journal.now() == 1_800_000_007.0
    monkeypatch.undo()


async def test_a_kernel_without_time_namespaces_still_tells_its_starts_apart(machine: Machine) -> None:
    assert Clocks().start() == "first:time:[1]"
    (machine.folder / "proc/self/ns/time").unlink()
    assert Clocks().start() == "first"


async def test_where_suspended_time_is_not_counted_the_monotonic_clock_does(
    tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "_BOOTTIME", None)
    assert elapsed() == machine.up
    assert Clocks().start() is None


def test_the_time_within_a_process_only_goes_forward() -> None:
    before = elapsed()
    assert elapsed() >= before
    assert JournalClock().elapsed() >= before
    assert JournalClock(lambda: 5.0).elapsed() == 5.0


async def test_on_postgresql_the_server_tells_the_time(
    postgresql_location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = SimpleNamespace(time=lambda: 0.0, monotonic=time.monotonic, clock_gettime=lambda _: 0.0)
    monkeypatch.setattr(clocks, "time", own)
    async with Journal(postgresql_location) as journal:
        await journal.add([a_request()])
        before = await journal.now()
        claim = await claimed(journal)
        assert 1_600_000_000.0 < before <= claim.at <= await journal.now()
        assert (await stored(journal)).sent_at == claim.at


async def test_a_clock_that_is_given_counts_for_everything(journal: Journal, clock: Clock) -> None:
    await journal.add([a_request()])
    clock.now += 5
    claim = await claimed(journal)
    assert (await journal.now(), claim.at, claim.taken) == (clock.now, clock.now, clock.now)
