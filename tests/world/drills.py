"""Drills: short stories of the real client, its journal and an API with a ledger, for faults that need no crash.

Each drill holds a few promises of the package and raises `Broken` when one does not hold. They find the planted faults
that no crash shows: orders that are burned, sent again without being asked for, or sent in spite of a stop.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp

from cmr_async import AsyncClient
from cmr_async.errors import JournalError
from cmr_async.journal.journal import Journal, StepState, Verdict
from cmr_async.models.requests import OrderRequest
from tests.fakes import (
    ACCEPTED,
    Clock,
    FakeTransport,
    answered,
    make_bulk,
    make_pipeline,
    make_request,
    make_requests,
    wait_for_slot,
)
from tests.journal.arrange import from_another_machine, vanish
from tests.world.shop import Broken, Shop

#: A drill gets the path of a journal that is not there yet.
Drill = Callable[[Path], Awaitable[None]]


async def run(shop: Shop, requests: list[OrderRequest], *, concurrency: int = 1, **settings: Any) -> None:
    """Let one run send its orders, and see that each outcome is in the journal by the time it is told."""
    async with (
        shop.client(**settings) as cmr,
        cmr.bulk.submit(requests, journal=shop.journal, concurrency=concurrency, stop_after_unknown=99) as orders,
    ):
        async for outcome in orders:
            known = {row["key"]: row["state"] for row in shop.entries() if row["step"] == "create"}
            state = known[outcome.request.reference or ""]
            if outcome.state.value not in {state, "skipped"}:
                raise Broken(
                    f"{outcome.request.reference} is told as {outcome.state}, and in the journal it is {state}"
                )


async def answers_of_every_kind(path: Path) -> None:
    """Whatever an answer says, the next run sends nothing again that may have been placed or was refused."""
    kinds = ("ok", "lost", "500", "429 bare", "400 bare", "307", "403 bare", "400", "429", "ok", "ok")
    shop = Shop(path, *kinds)
    async with shop.server:
        requests = make_requests(10)
        await run(shop, requests)
        await run(shop, requests)
    shop.check()


async def an_answer_that_never_comes(path: Path) -> None:
    """An order whose answer does not come in time is unknown."""
    shop = Shop(path, "late")
    async with shop.server:
        await run(shop, make_requests(2), read=0.2)
        await run(shop, make_requests(2))
    shop.check()


async def an_interrupt(path: Path) -> None:
    """An order whose caller leaves while it is on its way is unknown."""
    shop = Shop(path, "late")
    async with shop.server:
        leaving = asyncio.create_task(run(shop, make_requests(1), drain=0.05))
        await shop.server.count(1)
        leaving.cancel()
        await asyncio.wait([leaving])
        await run(shop, make_requests(1))
    shop.check()


async def a_death(path: Path) -> None:
    """What a process had on its way when it died is unknown to the next one."""
    shop = Shop(path, "late")
    async with shop.server:
        journal = Journal(path)
        await journal.start()
        async with shop.client(drain=0.05) as cmr:
            dying = asyncio.create_task(anext(cmr.bulk.submit(make_requests(2), journal=journal, concurrency=1)))
            await shop.server.count(1)
            await vanish(journal)
            dying.cancel()
            await asyncio.wait([dying])
        await run(shop, make_requests(2))
    shop.check()


async def a_wrong_key(path: Path) -> None:
    """What is refused for the account is sent by the next run."""
    for status in ("401", "402"):
        shop = Shop(path.with_name(f"{status}.db"), status)
        async with shop.server:
            await run(shop, make_requests(3))
            await run(shop, make_requests(3))
        shop.check()
        if shop.states() != ["accepted"] * 3:
            raise Broken(f"after a {status} and a good run the orders are {shop.states()}")


async def a_stop(path: Path) -> None:
    """A run stops after some orders without a clear outcome."""
    shop = Shop(path, *["lost"] * 5)
    async with shop.server, shop.client() as cmr:
        async for _ in cmr.bulk.submit(make_requests(5), journal=path, concurrency=1, stop_after_unknown=2):
            pass
    shop.check()
    if shop.posts.total() != 2:
        raise Broken(f"a run sent {shop.posts.total()} orders, and should have stopped after 2")


async def a_draft_and_its_payment(path: Path) -> None:
    """A draft and its payment are one order, with a name of its own and without."""
    for name in ("a name", None):
        journal = path.with_name(f"{name}.db")
        shop = Shop(journal)
        async with shop.server, shop.client() as cmr:
            for confirm in (False, True, True):
                request = make_request(0, reference=name, confirm=confirm)
                async for _ in cmr.bulk.submit([request], journal=journal):
                    pass
        shop.check()
        if shop.posts != {("0.com", "create"): 1, ("0.com", "process"): 1}:
            raise Broken(f"a draft and its payment made the requests {shop.posts}")


async def evidence(path: Path) -> None:
    """What is not there yet is not absent, and what is absent is sent again only when that is asked for."""
    clock = Clock()
    shop = Shop(path, "reset before")
    async with shop.server, shop.client() as cmr, Journal(path, clock=clock) as journal:

        async def submit() -> None:
            async for _ in cmr.bulk.submit(make_requests(1), journal=journal):
                pass

        await submit()
        for seconds, verdict in ((10.0, None), (1000.0, Verdict.ABSENT)):
            clock.now += seconds
            findings = [finding.verdict async for finding in cmr.bulk.reconcile(journal)]
            if findings != [verdict]:
                raise Broken(f"{seconds:g} s later an order without a trace is {findings}")
        await submit()
        if shop.posts.total() != 1:
            raise Broken("an absent order was sent again without a resubmit")
        await journal.resubmit("0")
        shop.allowed["0.com", "create"] += 1
        await submit()
    shop.check()
    if shop.states() != ["accepted"]:
        raise Broken(f"after a resubmit the order is {shop.states()}")


class _Sleeper(aiohttp.TCPConnector):
    """A way to the wire on which the machine is suspended."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(force_close=True)
        self._sleeping = clock

    async def connect(self, *arguments: Any, **options: Any) -> Any:
        self._sleeping.now += 60.0
        return await super().connect(*arguments, **options)


async def a_suspended_machine(path: Path) -> None:
    """A claim that is older than its lease sends nothing."""
    clock = Clock()
    shop = Shop(path)
    async with (
        shop.server,
        shop.client(connector_factory=lambda: _Sleeper(clock)) as cmr,
        Journal(path, clock=clock) as journal,
    ):
        async for _ in cmr.bulk.submit(make_requests(1), journal=journal):
            if shop.posts:
                raise Broken("an order was sent under a claim that was lost")
    shop.check()


async def two_runs(path: Path) -> None:
    """Of two runs on one journal one sends an order, and neither takes the other for dead."""
    shop = Shop(path, "lost")
    async with shop.server:
        await asyncio.gather(run(shop, make_requests(4), concurrency=2), run(shop, make_requests(4), concurrency=2))
    shop.check()
    async with Journal(path) as one:
        await one.add([make_request("claimed")])
        await one.claim("claimed")
        async with Journal(path) as two:
            entry = await two.get("claimed")
            if entry is None or entry.state is not StepState.SENT:
                raise Broken("a run that lives was taken for dead")


async def a_late_verdict(path: Path) -> None:
    """A verdict says nothing about an attempt that began after the look."""
    async with Journal(path) as journal:
        await journal.add([make_request(0)])
        entries = []
        for _ in range(2):
            claim = await journal.claim("0")
            assert claim is not None
            await journal.record(claim, StepState.UNKNOWN)
            entry = await journal.get("0")
            assert entry is not None
            entries.append(entry)
            if len(entries) == 1:
                await journal.verdict(entry, Verdict.ABSENT, "nothing is there")
                await journal.resubmit("0")
        with _refused("a verdict on a former attempt"):
            await journal.verdict(entries[0], Verdict.ABSENT, "nothing was there")


async def a_late_outcome(path: Path) -> None:
    """A run that another machine takes for dead may still report, and as long as it is there nothing is absent."""
    clock = Clock()
    async with Journal(path, clock=clock) as journal:
        await journal.add([make_request(0)])
        claim = await journal.claim("0")
        assert claim is not None
        clock.now += 60.0
        async with from_another_machine(Journal(path, clock=clock)):
            entry = await journal.get("0")
            if entry is None or entry.state is not StepState.UNKNOWN:
                raise Broken("a run of another machine that fell silent holds its claim for ever")
        with _refused("a verdict on an attempt whose owner is there"):
            await journal.verdict(entry, Verdict.ABSENT, "nothing is there")
        await journal.record(claim, StepState.ACCEPTED, order_id="ORDER1")
        entry = await journal.get("0")
        if entry is None or (entry.state, entry.order_id) != (StepState.ACCEPTED, "ORDER1"):
            raise Broken("an order that was reported late is not in the journal")


async def a_strange_journal(path: Path) -> None:
    """A journal of another account, and a copy of a journal, are refused before anything is sent."""
    shop = Shop(path)
    copy = path.with_name("copy.db")
    async with shop.server:
        await run(shop, make_requests(1))
        shutil.copy(path, copy)
        other = AsyncClient("another-key", shop.server.base_url, gap=0)
        for journal, client in ((path, other), (copy, shop.client())):
            with _refused(f"a strange journal, {journal.name},"):
                async with client as cmr, cmr.bulk.submit(make_requests(1), journal=journal) as outcomes:
                    async for _ in outcomes:
                        pass


class _Watcher(Clock):
    """A clock that looks at the journal whenever somebody waits."""

    def __init__(self, shop: Shop) -> None:
        super().__init__()
        self._shop = shop

    async def sleep(self, seconds: float) -> None:
        if "sent" in self._shop.states():
            raise Broken("an order that waits for its slot is claimed")
        await super().sleep(seconds)


async def a_wait_for_a_slot(path: Path) -> None:
    """An order is claimed only when its slot has come."""
    clock = _Watcher(Shop(path))
    bulk = make_bulk(FakeTransport(clock=clock), gap=0.05)
    async with Journal(path, clock=clock) as journal:
        async for _ in bulk.submit(make_requests(3), journal=journal, concurrency=1):
            pass


@contextmanager
def _refused(what: str) -> Iterator[None]:
    try:
        yield
    except JournalError:
        return
    raise Broken(f"{what} was taken")


async def the_pace(path: Path) -> None:
    """No second has more than five requests, repetitions and other processes included."""
    transport = FakeTransport([answered(429, retry_after="0"), answered(429, retry_after="0"), *[ACCEPTED] * 30])
    pipeline = make_pipeline(transport, gap=0.203, budget=60.0)

    async def call(number: int) -> None:
        body = b'{"domains":[{"domain":"%d.com"}]}' % number
        await pipeline.call("orders.create", subject="It".__str__, user_id="U", body=body)

    await asyncio.gather(*map(call, range(12)))
    _compare_pace(transport.times)
    clock, times = Clock(), list[float]()
    async with Journal(path, clock=clock) as journal:
        for _ in range(12):
            await wait_for_slot(journal.shared_pace("key"), clock.sleep, gap=0.203)
            times.append(clock.now)
    _compare_pace(times)


def _compare_pace(times: list[float]) -> None:
    for first, sixth in zip(times, times[5:], strict=False):
        if sixth - first < 1.0:
            raise Broken(f"six requests within {sixth - first:.3f} s")


DRILLS: tuple[Drill, ...] = (
    answers_of_every_kind,
    a_death,
    an_interrupt,
    two_runs,
    a_wrong_key,
    a_stop,
    a_draft_and_its_payment,
    evidence,
    a_late_verdict,
    a_suspended_machine,
    a_late_outcome,
    a_strange_journal,
    a_wait_for_a_slot,
    the_pace,
    an_answer_that_never_comes,
)


def run_drill(drill: Drill) -> str | None:
    """Run a drill; return which promise is broken, or `None`."""
    with TemporaryDirectory() as folder:
        try:
            asyncio.run(asyncio.wait_for(drill(Path(folder) / "run.db"), 60.0))
        except Broken as broken:
            return f"{drill.__name__}: {broken}"
    return None
