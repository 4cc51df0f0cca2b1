"""Bulk runs that are killed at seeded random moments and started again: no order is placed twice, none is lost.

`CMR_KILL_ORDERS`, `CMR_KILL_KILLS`, `CMR_KILL_STOPS` and `CMR_KILL_SEED` make the runs longer or other ones; see the
session `killstorm` in `noxfile.py`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Container
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import attrs
import pytest

from cmr_async import AsyncClient
from cmr_async.errors import JournalError
from cmr_async.journal.journal import Journal, Step, StepState, Verdict
from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator
from tests.fakes import make_order

pytestmark = pytest.mark.slow

ORDERS = int(os.environ.get("CMR_KILL_ORDERS", "100"))
KILLS = int(os.environ.get("CMR_KILL_KILLS", "12"))
STOPS = int(os.environ.get("CMR_KILL_STOPS", "4"))
SEED = int(os.environ.get("CMR_KILL_SEED", "7"))
#: Seconds after which a test is taken for hung.
LIMIT = 60 + ORDERS * 0.3

#: Orders under way at once in each process.
CONCURRENCY = 3
#: What goes wrong on the wire besides the kills.
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "reset"},
    {"kind": "reset", "after_processing": True},
    {"kind": "close_before_answer"},
    {"kind": "close_before_answer", "after_processing": True},
    {"kind": "close_unread"},
    {"kind": "cut", "status": 200},
    {"kind": "cut", "after_processing": True},
    {"kind": "status", "status": 502, "envelope": False},
    {"kind": "status", "status": 503, "after_processing": True},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "0"}},
)


class Runner:
    """A process that forks a run when it is told to; see `kill_run.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in, self._out = process.stdin, process.stdout

    async def start(self, job: dict[str, Any]) -> int:
        self._in.write(json.dumps(job).encode() + b"\n")
        return int(await self._out.readline())

    async def status(self) -> int:
        return int(await self._out.readline())


@asynccontextmanager
async def runner() -> AsyncIterator[Runner]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("kill_run.py")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},  # the package that is under test here
    )
    try:
        yield Runner(process)
        assert process.stdin is not None
        process.stdin.close()
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@attrs.define(kw_only=True)
class Storm:
    """Runs one job in some processes at once, each killed and started again until nothing is left to send."""

    sim: Simulator
    journal: str
    told: Path
    step: str = "confirm"
    orders: int = ORDERS
    lease: float = 30.0
    rng: Random = attrs.field(factory=lambda: Random(SEED))
    processes: int = 1
    kills: int = 0
    lives: int = 0
    #: The processes act as if each were on another machine.
    far: bool = False
    #: Orders in doubt are sent again meanwhile, once they are absent.
    resubmits: bool = False

    async def rage(self, *, processes: int) -> None:
        """Run and kill."""
        self.processes = processes
        async with AsyncExitStack() as stack, asyncio.timeout(LIMIT):
            runners = [await stack.enter_async_context(runner()) for _ in range(processes)]
            async with asyncio.TaskGroup() as group:
                for each in runners:
                    group.create_task(self._until_done(each))

    async def run(self, statuses: Container[int] = (0,)) -> None:
        """Run once, and leave it alone."""
        async with runner() as one, asyncio.timeout(LIMIT):
            await one.start(self._job())
            assert await one.status() in statuses

    def _job(self) -> dict[str, Any]:
        return {
            "key": self.sim.api_key,
            "url": self.sim.base_url,
            "journal": self.journal,
            "told": str(self.told),
            "orders": self.orders,
            "step": self.step,
            "concurrency": CONCURRENCY,
            "lease": self.lease,
            "far": self.far,
        }

    async def _until_done(self, one: Runner) -> None:
        while True:
            self._choose_faults()
            self.lives += 1
            pid = await one.start(self._job())
            status = asyncio.create_task(one.status())
            killer = asyncio.create_task(self._kill(pid))
            await asyncio.wait({status})
            killer.cancel()
            await asyncio.wait({killer})
            match status.result():
                case 0:
                    return
                case -9:
                    self.kills += 1
                case 1:
                    pass  # stopped early or something was not sent: go on
                case other:
                    pytest.fail(f"a run ended with {other}")

    async def _kill(self, pid: int) -> None:
        """Wait for the seeded moment: some time after the start, or after some more requests arrived."""
        if self.rng.random() < 0.15:
            requests, delay = 0, self.rng.uniform(0, 0.05)
        else:
            requests, delay = self.rng.randint(3, 7) * self.processes, self.rng.uniform(0, 0.008)
        wanted = self._arrived() + requests
        while self._arrived() < wanted:  # noqa: ASYNC110 - the simulator has no event for it
            await asyncio.sleep(0.0005)
        await asyncio.sleep(delay)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def _arrived(self) -> int:
        return self.sim.state.requests.total

    def _choose_faults(self) -> None:
        """Slow the simulator down on both sides of the processing, so that kills meet every phase."""
        self.sim.faults.clear()
        if not self.sim.state.requests.by_fault.get("close_unread"):  # few kills may all miss the moment before
            self.sim.faults.add(FaultRule(kind="close_unread"))
        if self.rng.random() < 0.3:
            self.sim.faults.add(FaultRule(**self.rng.choice(FAULTS), skip=self.rng.randint(0, 3)))
        for after in (False, True):
            seconds = self.rng.uniform(0, 0.006)
            self.sim.faults.add(FaultRule(kind="delay", times=None, seconds=seconds, after_processing=after))


@attrs.frozen(kw_only=True)
class Agreement:
    """What journal and ledger said about the orders when everything was over."""

    accepted: int
    confirmed: int
    absent: int


async def lengthen_full_pages(sim: Simulator, cmr: AsyncClient) -> None:
    """Give another domain to each user whose list is as long as a page: it would prove no absence."""
    for number, user_id in enumerate(DEMO_USERS):
        if len(list(sim.state.registrations(user_id))) in {20, 50, 100}:
            await cmr.orders.create(make_order(f"one-more-{number}"), user_id=user_id)


async def agreement(storm: Storm) -> Agreement:
    """Compare journal and ledger row by row, and what the runs said with both."""
    sim, step = storm.sim, Step.PROCESS if storm.step == "process" else Step.CREATE
    sim.faults.clear()
    bought: dict[str, list[str]] = {}
    for line in sim.state.ledger:
        for domain in line.domains:
            bought.setdefault(domain, []).append(line.order_id)
    twice = {domain: ids for domain, ids in bought.items() if len(ids) > 1}
    assert twice == {}

    rows: dict[str, tuple[StepState, str | None]] = {}
    verdicts: Counter[Verdict] = Counter()
    async with (
        Journal(storm.journal, create=False) as journal,
        AsyncClient(sim.api_key, sim.base_url, gap=0) as cmr,
    ):
        await lengthen_full_pages(sim, cmr)
        judged = {finding.entry.key: finding async for finding in cmr.bulk.reconcile(journal, settle=0)}
        async for entry in journal.entries(step=step):
            ids = bought.pop(entry.domains[0], [])
            rows[entry.key] = entry.state, entry.order_id
            match entry.state:
                case StepState.ACCEPTED:
                    assert ids == [entry.order_id], entry
                case StepState.UNKNOWN:
                    assert entry.verdict is (Verdict.PLACED if ids else Verdict.ABSENT), entry
                    assert judged[entry.key].verdict is entry.verdict
                    verdicts[entry.verdict] += 1
                case _:
                    pytest.fail(
                        f"{entry.key} ended as {entry.state}: {entry.message}; {await journal.history(entry.key)}"
                    )
    assert bought == {}, "bought, but not in the journal"
    assert rows.keys() == {f"R{number}" for number in range(storm.orders)}

    for told in storm.told.read_text().splitlines():
        said_of, key, state, order_id = json.loads(told)
        superseded = {StepState.NOT_SENT, StepState.UNKNOWN} if storm.resubmits else {StepState.NOT_SENT}
        if said_of == storm.step and state not in superseded:
            assert (state, order_id or rows[key][1]) == rows[key], "the run said something else than the journal"
    states = Counter(state for state, _ in rows.values())
    return Agreement(
        accepted=states[StepState.ACCEPTED], confirmed=verdicts[Verdict.PLACED], absent=verdicts[Verdict.ABSENT]
    )


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(wallet=10_000_000, rate_limit=None, provision_seconds=(0, 0)) as simulator:
        yield simulator


async def hold_the_storm(storm: Storm, *, processes: int) -> None:
    await storm.rage(processes=processes)
    found = await agreement(storm)
    print(f"{storm.orders} orders, {processes} processes, {storm.lives} starts, {storm.kills} kills: {found}")  # noqa: T201 - -s shows it
    assert storm.kills >= KILLS * storm.orders // ORDERS
    assert found.accepted > 0
    # The kills and faults met orders before and after the API had processed them
    assert found.confirmed > 0
    assert found.absent > 0


async def test_a_run_that_is_killed_again_and_again_buys_every_order_at_most_once(
    sim: Simulator, tmp_path: Path
) -> None:
    storm = Storm(sim=sim, journal=str(tmp_path / "run.db"), told=tmp_path / "told")
    await hold_the_storm(storm, processes=1)


async def test_two_processes_that_are_killed_on_one_journal_buy_every_order_at_most_once(
    sim: Simulator, location: str, tmp_path: Path
) -> None:
    storm = Storm(sim=sim, journal=location, told=tmp_path / "told")
    await hold_the_storm(storm, processes=2)


async def test_drafts_whose_processing_is_killed_again_and_again_are_processed_at_most_once(
    sim: Simulator, tmp_path: Path
) -> None:
    storm = Storm(sim=sim, journal=str(tmp_path / "run.db"), told=tmp_path / "told", step="draft", orders=ORDERS // 3)
    await storm.run()
    assert (len(sim.state.orders), sim.state.ledger) == (storm.orders, [])
    storm.step = "process"
    await hold_the_storm(storm, processes=1)


@attrs.define(kw_only=True)
class StopStorm(Storm):
    """Stops processes and lets them go on, while somebody reconciles and sends again what is absent."""

    #: Stops are longer than this, so that others would take the stopped process for dead by its lease alone.
    lease: float = 0.4
    resubmits: bool = True
    stops: int = 0

    async def _kill(self, pid: int) -> None:
        while True:
            wanted = self._arrived() + self.rng.randint(1, 6)
            while self._arrived() < wanted:  # noqa: ASYNC110 - the simulator has no event for it
                await asyncio.sleep(0.0005)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self.stops += 1
            try:
                await asyncio.sleep(self.rng.uniform(0, 2 * self.lease))
            finally:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    async def send_again(self, journal: Journal, key: str) -> None:
        try:
            await journal.resubmit(key)
        except JournalError:
            # Its owner went on in between, and told that it had not sent the order; others may have sent it since
            events = [event.change for event in await journal.history(key)]
            verdict = max(at for at, change in enumerate(events) if change == "verdict:absent")
            assert "not_sent" in events[verdict:], events

    async def send_absent_again(self) -> None:
        """Do what an impatient person does."""
        async with AsyncClient(self.sim.api_key, self.sim.base_url, gap=0) as cmr, Journal(self.journal) as journal:
            while True:
                async for finding in cmr.bulk.reconcile(journal, settle=2 * self.lease):
                    if finding.verdict is Verdict.ABSENT:
                        await self.send_again(journal, finding.entry.key)
                await asyncio.sleep(0.05)


async def test_processes_that_are_stopped_and_go_on_buy_every_order_at_most_once(
    sim: Simulator, location: str, tmp_path: Path
) -> None:
    storm = StopStorm(
        sim=sim,
        journal=location,
        told=tmp_path / "told",
        orders=ORDERS if STOPS > ORDERS // 10 else 6 * STOPS,
        far="://" in location,  # on PostgreSQL the leases decide, in a file the processes
    )
    async with asyncio.timeout(60 + STOPS * 3):
        while storm.stops < STOPS:
            impatient = asyncio.create_task(storm.send_absent_again())
            await storm.rage(processes=2)
            impatient.cancel()
            await asyncio.wait({impatient})
            assert impatient.cancelled(), "who sends again failed"
            storm.orders += 30
    storm.orders -= 30
    sim.faults.clear()
    await storm.run(statuses={0, 1})  # what was planned again at the very end
    found = await agreement(storm)
    print(f"{storm.orders} orders, 2 processes, {storm.stops} stops: {found}")  # noqa: T201 - -s shows it
    assert found.accepted > 0
