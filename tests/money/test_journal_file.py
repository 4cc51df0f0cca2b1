"""What may happen to the file of a journal: whatever it is, each domain is bought at most once."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest

from cmr_async import AsyncClient
from cmr_async.errors import JournalError
from cmr_async.journal.journal import Journal
from cmr_async.journal.storage import trust
from cmr_async.simulator import Simulator
from tests.journal.arrange import vanish
from tests.money.buyer import requests

#: Orders of a whole run, and how many of them have an outcome when something happens.
ORDERS, BEFORE = 8, 3


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(rate_limit=None, provision_seconds=(0, 0)) as simulator:
        yield simulator


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.db"


def bought(sim: Simulator, count: int = ORDERS) -> list[int]:
    """How often each domain was bought, by the ledger of the server."""
    return [sim.state.purchases(f"d{number}.com") for number in range(count)]


async def buy(
    sim: Simulator, journal: Path, count: int = ORDERS, *, after: Callable[[int], object] = lambda _: None
) -> list[str]:
    """Run the same command; return the states in the order of the input."""
    states: dict[int, str] = {}
    async with AsyncClient(sim.api_key, sim.base_url, gap=0) as cmr:
        async for outcome in cmr.bulk.submit(requests(count), journal=journal, concurrency=1):
            states[outcome.index] = outcome.state
            after(len(states))
    return [states[index] for index in sorted(states)]


def run(
    sim: Simulator, journal: Path, count: int = ORDERS, *, after: Callable[[int], object] = lambda _: None
) -> list[str] | str:
    """Run the same command; return the states, or what it was refused with."""
    try:
        return asyncio.run(buy(sim, journal, count, after=after))
    except JournalError as error:
        return error.message


@contextmanager
def waiting_buyer(sim: Simulator, journal: Path, *, concurrency: int = 2) -> Iterator[subprocess.Popen[str]]:
    """A process that has bought some of the orders and waits."""
    command = [sys.executable, str(Path(__file__).with_name("buyer.py")), str(journal), sim.base_url]
    env = os.environ | {"CMR_API_KEY": sim.api_key, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [*command, str(ORDERS), str(BEFORE), str(concurrency)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
            yield process
        finally:
            process.kill()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def refused(result: list[str] | str, why: str) -> bool:
    return isinstance(result, str) and why in result


@pytest.mark.slow
def test_whatever_lies_beside_the_file_after_a_kill_may_be_deleted(sim: Simulator, path: Path) -> None:
    with waiting_buyer(sim, path) as process:
        kill(process)
    for beside in path.parent.glob("run.db-*"):
        beside.unlink()
    states = run(sim, path)
    assert not isinstance(states, str)
    assert states.count("skipped") >= BEFORE
    assert max(bought(sim)) == 1


@pytest.mark.slow
def test_only_the_file_may_be_moved_after_a_kill(sim: Simulator, path: Path) -> None:
    with waiting_buyer(sim, path) as process:
        kill(process)
    elsewhere = path.parent / "elsewhere"
    elsewhere.mkdir()
    states = run(sim, path.rename(elsewhere / "run.db"))
    assert not isinstance(states, str)
    assert states.count("skipped") >= BEFORE
    assert max(bought(sim)) == 1


def test_a_second_name_of_the_file_is_refused(sim: Simulator, path: Path) -> None:
    run(sim, path, BEFORE)
    link = path.with_name("link.db")
    link.hardlink_to(path)
    assert refused(run(sim, link), "has a second name (a hard link)")
    assert refused(run(sim, path), "has a second name (a hard link)")
    assert bought(sim) == [1] * BEFORE + [0] * (ORDERS - BEFORE)


def test_a_journal_that_is_deleted_in_use_sends_nothing_more_and_is_not_begun_anew(sim: Simulator, path: Path) -> None:
    result = run(sim, path, after=lambda count: path.unlink() if count == BEFORE else None)
    assert refused(result, "was deleted while it was in use")
    before = bought(sim)
    assert refused(run(sim, path), "is an empty file")
    assert bought(sim) == before
    assert max(before) == 1


@pytest.mark.slow
def test_a_journal_that_is_emptied_in_use_sends_nothing_more(sim: Simulator, path: Path) -> None:
    with waiting_buyer(sim, path, concurrency=1) as process:  # so that nothing is written at this moment
        os.truncate(path, 0)
        before = bought(sim)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert "was cut short while it was in use" in process.stdout.readline()
        kill(process)
    assert refused(run(sim, path), "is an empty file")
    assert bought(sim) == before
    assert max(before) == 1


def test_a_copy_of_a_journal_in_use_buys_nothing(sim: Simulator, path: Path) -> None:
    copy = path.with_name("copy.db")
    results: list[list[str] | str] = []

    def copy_and_run(count: int) -> None:
        if count == BEFORE:
            shutil.copy2(path, copy)

    results = [run(sim, path, after=copy_and_run), run(sim, copy)]
    assert results[0] == ["accepted"] * ORDERS
    assert refused(results[1], "a copy or a backup")
    assert bought(sim) == [1] * ORDERS


def put_back_in_place(path: Path, backup: Path) -> None:
    path.write_bytes(backup.read_bytes())


def put_back_by_name(path: Path, backup: Path) -> None:
    backup.rename(path)


def put_back_after_deletion(path: Path, backup: Path) -> None:
    path.unlink()
    shutil.copy2(backup, path)  # with its mark, and often under the number of the deleted file


@pytest.mark.parametrize("put_back", [put_back_in_place, put_back_by_name, put_back_after_deletion])
def test_a_backup_that_is_put_back_buys_nothing(
    sim: Simulator, path: Path, put_back: Callable[[Path, Path], None]
) -> None:
    run(sim, path, BEFORE)
    backup = path.with_name("backup.db")
    shutil.copy2(path, backup)
    assert run(sim, path) == ["skipped"] * BEFORE + ["accepted"] * (ORDERS - BEFORE)
    put_back(path, backup)
    result = run(sim, path)
    assert refused(result, "a copy or a backup") or refused(result, "is in an older state")
    assert bought(sim) == [1] * ORDERS


def test_a_journal_that_is_taken_over_buys_nothing_again_that_it_knows(sim: Simulator, path: Path) -> None:
    run(sim, path)
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)

    async def adopt() -> None:
        async with Journal(copy, look=True) as journal:
            await journal.adopt()

    asyncio.run(adopt())
    assert run(sim, copy) == ["skipped"] * ORDERS
    assert bought(sim) == [1] * ORDERS


@pytest.mark.parametrize("ended_well", [True, False])
def test_one_flipped_byte_in_a_key_buys_nothing_again(sim: Simulator, path: Path, *, ended_well: bool) -> None:
    run(sim, path, BEFORE)
    if not ended_well:
        asyncio.run(die(path))
    whole = path.read_bytes()
    places = [place for place in range(len(whole)) if whole.startswith(b"R-1", place)]
    assert len(places) > 8
    for place in places:
        path.write_bytes(whole[:place] + b"Q" + whole[place + 1 :])
        result = run(sim, path, BEFORE)
        assert max(bought(sim)) == 1, (place, result)
        restore(path, whole)


@pytest.mark.parametrize("ended_well", [True, False])
def test_a_ruined_page_buys_nothing_again(sim: Simulator, path: Path, *, ended_well: bool) -> None:
    run(sim, path, BEFORE)
    if not ended_well:
        asyncio.run(die(path))
    whole = path.read_bytes()
    for start in range(0, len(whole), 4096):
        path.write_bytes(whole[:start] + b"\0" * 4096 + whole[start + 4096 :])
        result = run(sim, path, BEFORE)
        assert max(bought(sim)) == 1, (start, result)
        restore(path, whole)


async def die(path: Path) -> None:
    """Leave a run in the journal that never ended, as a killed process does."""
    journal = Journal(path)
    journal._me = journal._database._run = attrs.evolve(journal._me, pid=2**22 + 1, born="1")
    await journal.start()
    await vanish(journal)


def restore(path: Path, whole: bytes) -> None:
    """Put the file back as it was, for the next try, with the mark that belongs to it."""
    path.write_bytes(whole)
    if hasattr(os, "removexattr"):
        os.setxattr(path, trust._MARK, b"1")
    for beside in path.parent.glob("run.db-*"):
        beside.unlink()


def test_a_file_system_without_locks_buys_nothing(sim: Simulator, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "fcntl", SimpleNamespace(F_OFD_SETLK=37, F_WRLCK=1, fcntl=lambda *_: None))
    assert refused(run(sim, path), "is on a file system without working locks")
    assert bought(sim) == [0] * ORDERS
