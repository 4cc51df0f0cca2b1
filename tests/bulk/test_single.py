"""One order with a journal, asked for several times at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest

from cmr_async import AsyncClient, OrderCreated, OrderRequest, OrderState
from cmr_async.bulk.single import create_once
from cmr_async.core.endpoints import resolve
from cmr_async.core.order.checked import CheckedOrder, check_request
from cmr_async.errors import (
    ConfigurationError,
    EndpointNotConfiguredError,
    JournalConflictError,
    NotSentError,
    OrderPlacedError,
    OutcomeUnknownError,
    UnprocessableError,
)
from cmr_async.journal.journal import Journal, Verdict
from cmr_async.journal.records import Claim
from cmr_async.journal.states import Step, StepState
from cmr_async.simulator import FaultRule, Simulator, body_hash
from tests.fakes import (
    ACCEPTED,
    LOST,
    USER,
    Clock,
    FakeTransport,
    Reply,
    answered,
    make_order,
    make_pipeline,
    make_request,
)


async def test_an_order_that_is_asked_for_many_times_at_once_is_sent_once_and_all_get_its_outcome(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    calls = [cmr.orders.create(make_order(), user_id=USER, reference="a", journal=journal) for _ in range(8)]
    created = await asyncio.gather(*calls)
    assert len({each.order_id for each in created}) == 1
    assert sim.state.purchases("a.com") == 1


async def test_a_path_serves_as_well_as_an_open_journal(sim: Simulator, cmr: AsyncClient, tmp_path: Path) -> None:
    path = tmp_path / "orders.db"
    created = await asyncio.gather(
        *(cmr.orders.create(make_order(), user_id=USER, journal=path) for _ in range(4)),
        cmr.orders.create(make_order(), user_id=USER, journal=str(path)),
    )
    assert len({each.order_id for each in created}) == 1
    assert sim.state.purchases("a.com") == 1


async def test_everybody_who_asks_gets_the_refusal(sim: Simulator, cmr: AsyncClient, journal: Journal) -> None:
    sim.faults.add(FaultRule(kind="status", status=422))
    calls = [cmr.orders.create(make_order(), user_id=USER, reference="a", journal=journal) for _ in range(3)]
    refusals = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in refusals} == {UnprocessableError}
    assert sim.state.ledger == []


async def test_an_order_in_doubt_stays_in_doubt_for_everybody(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    sim.faults.add(FaultRule(kind="reset"))
    calls = [cmr.orders.create(make_order(), user_id=USER, reference="a", journal=journal) for _ in range(3)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(each) for each in outcomes} == {OutcomeUnknownError}
    with pytest.raises(OutcomeUnknownError):
        await cmr.orders.create(make_order(), user_id=USER, reference="a", journal=journal)


class OtherSender(Clock):
    """A clock on whose third sleep somebody else, who has the claim, writes how the order ended."""

    def __init__(self, journal: Journal, **outcome: Any) -> None:
        super().__init__(0.0)
        self._journal = journal
        self._outcome = outcome

    async def claim(self, checked: CheckedOrder) -> None:
        [entry] = await self._journal.add([checked])
        self._claim = await self._journal.claim(entry.key)

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if len(self.sleeps) == 3:
            assert self._claim is not None
            assert await self._journal.record(self._claim, **self._outcome)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ({"state": StepState.ACCEPTED, "order_id": "ORD"}, None),
        ({"state": StepState.REJECTED, "status": 422, "message": "no"}, UnprocessableError),
        ({"state": StepState.UNKNOWN, "message": "lost"}, OutcomeUnknownError),
        ({"state": StepState.NOT_SENT, "message": "no connection"}, NotSentError),
    ],
)
async def test_who_asks_for_an_order_that_another_process_is_sending_waits_for_its_outcome(
    journal: Journal, *, outcome: dict[str, Any], expected: type[Exception] | None
) -> None:
    checked = check_request(make_request("a"))
    other = OtherSender(journal, **outcome)
    await other.claim(checked)
    transport = FakeTransport(clock=other)
    asking = create_once(make_pipeline(transport), checked, journal)
    if expected is None:
        assert (await asking).order_id == "ORD"
    else:
        with pytest.raises(expected):
            await asking
    assert other.sleeps == [0.1, pytest.approx(0.15), pytest.approx(0.225)]
    assert transport.sent == []


@pytest.mark.parametrize(
    ("verdict", "order_id", "expected"),
    [
        (Verdict.PLACED, "ORD", None),
        (Verdict.PLACED, None, OrderPlacedError),
        (Verdict.ABSENT, None, NotSentError),
        (Verdict.CONFLICT, None, OutcomeUnknownError),
    ],
)
async def test_a_settled_order_ends_as_its_verdict_says(
    sim: Simulator, cmr: AsyncClient, journal: Journal, *, verdict: Verdict, order_id: str | None, expected: Any
) -> None:
    sim.faults.add(FaultRule(kind="reset"))
    with pytest.raises(OutcomeUnknownError):
        await cmr.orders.create(make_order(), user_id=USER, reference="a", journal=journal)
    entry = await journal.get("a")
    assert entry is not None
    await journal.verdict(entry, verdict, "for the test", order_id=order_id)
    again = cmr.orders.create(make_order(), user_id=USER, reference="a", journal=journal)
    if expected is None:
        assert (await again).order_id == order_id
    else:
        with pytest.raises(expected):
            await again
    assert len(sim.state.ledger) <= 1


async def test_another_order_under_a_known_reference_is_refused(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    await cmr.orders.create(make_order(), user_id=USER, reference="a", journal=journal)
    with pytest.raises(JournalConflictError):
        await cmr.orders.create(make_order(years=2), user_id=USER, reference="a", journal=journal)
    assert sim.state.purchases("a.com") == 1


class Overtaken(Journal):
    """A journal in which another order takes the place of the first one that is about to be claimed."""

    overtaken = False
    by: OrderRequest = make_request("a", years=2)

    async def claim(self, key: str, *, step: Step = Step.CREATE, fingerprint: str | None = None) -> Claim | None:
        if not self.overtaken:
            self.overtaken = True
            await self.add([self.by])
        return await super().claim(key, step=step, fingerprint=fingerprint)


async def test_an_order_whose_place_another_one_took_is_not_sent_and_is_told_so(
    sim: Simulator, cmr: AsyncClient, tmp_path: Path
) -> None:
    async with Overtaken(tmp_path / "orders.db") as journal:
        with pytest.raises(JournalConflictError) as caught:
            await cmr.orders.create(make_order(), user_id=USER, reference="a", journal=journal)
        assert [fault.path for fault in caught.value.faults] == ["a: domains[0].years"]
        assert sim.state.ledger == []
        await cmr.orders.create(make_order(years=2), user_id=USER, reference="a", journal=journal)
        [row] = sim.state.ledger
        entry = await journal.get("a")
        assert entry is not None
        assert row.body_hash == body_hash(orjson.loads(entry.body))


async def test_a_run_does_not_tell_the_outcome_of_another_order_that_took_the_place(
    sim: Simulator, cmr: AsyncClient, tmp_path: Path
) -> None:
    async with Overtaken(tmp_path / "orders.db") as journal:
        [outcome] = [outcome async for outcome in cmr.bulk.submit([make_request("a")], journal=journal)]
    assert outcome.state is OrderState.REJECTED
    assert isinstance(outcome.error, JournalConflictError)
    assert sim.state.ledger == []


@pytest.mark.parametrize("confirm", [False, True])
async def test_a_draft_is_not_sent_in_the_place_of_its_payment_nor_the_other_way_round(
    sim: Simulator, cmr: AsyncClient, tmp_path: Path, confirm: bool
) -> None:
    async with Overtaken(tmp_path / "orders.db") as journal:
        journal.by = make_request("a", confirm=not confirm)
        mine = make_order(confirm=confirm)
        with pytest.raises(NotSentError, match="with another `confirm`"):
            await cmr.orders.create(mine, user_id=USER, reference="a", journal=journal)
        assert sim.state.orders == {}
        await cmr.orders.create(mine, user_id=USER, reference="a", journal=journal)
        assert len(sim.state.ledger) == confirm


async def test_who_pays_for_a_draft_that_is_on_its_way_pays_for_it_when_it_is_there(journal: Journal) -> None:
    other = OtherSender(journal, state=StepState.ACCEPTED, order_id="ORD")
    await other.claim(check_request(make_request("a", confirm=False)))
    transport = FakeTransport([answered(200, {})], clock=other)
    pipeline = attrs.evolve(make_pipeline(transport), endpoints=resolve({"orders.process": "/the/path"}))
    created = await create_once(pipeline, check_request(make_request("a")), journal)
    assert created.order_id == "ORD"
    [request] = transport.sent
    assert request.endpoint.path == "/the/path"


async def test_two_orders_under_one_reference_at_once_do_not_get_each_others_outcome(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    one, two = await asyncio.gather(
        cmr.orders.create(make_order("a"), user_id=USER, reference="a", journal=journal),
        cmr.orders.create(make_order("b"), user_id=USER, reference="a", journal=journal),
        return_exceptions=True,
    )
    assert {type(one), type(two)} == {JournalConflictError, OrderCreated}
    [row] = sim.state.ledger
    entry = await journal.get("a")
    assert entry is not None
    assert list(row.domains) == list(entry.domains) == [("b.com" if isinstance(two, OrderCreated) else "a.com")]


async def test_paying_for_a_draft_processes_it(sim: Simulator, journal: Journal) -> None:
    paths = {"orders.process": "/orders/process"}
    async with AsyncClient(sim.api_key, sim.base_url, gap=0, endpoints=paths) as cmr:
        draft = await cmr.orders.create(make_order(confirm=False), user_id=USER, reference="a", journal=journal)
        paid = await cmr.orders.create(make_order(), user_id=USER, reference="a", journal=journal)
    assert paid.order_id == draft.order_id
    assert [line.kind for line in sim.state.ledger] == ["processed"]


async def test_paying_for_a_draft_without_the_path_is_refused_and_nothing_is_bought(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    await cmr.orders.create(make_order(confirm=False), user_id=USER, reference="a", journal=journal)
    with pytest.raises(EndpointNotConfiguredError):
        await cmr.orders.create(make_order(), user_id=USER, reference="a", journal=journal)
    assert sim.state.ledger == []


async def test_a_reference_without_a_journal_is_a_mistake(cmr: AsyncClient) -> None:
    with pytest.raises(ConfigurationError, match="pass journal="):
        await cmr.orders.create(make_order(), user_id=USER, reference="a")


async def test_a_lease_that_is_shorter_than_the_way_to_the_wire_is_refused(
    sim: Simulator, cmr: AsyncClient, tmp_path: Path
) -> None:
    async with Journal(tmp_path / "orders.db", lease=9.0) as journal:
        with pytest.raises(ConfigurationError, match=r"must be longer than Timeouts.connect \(10 s\)"):
            [_ async for _ in cmr.bulk.submit([make_request("a")], journal=journal)]
    assert sim.state.ledger == []


class SlowToRecord:
    """Holds the writing of an outcome up until it is let go."""

    def __init__(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self._record = journal.record
        monkeypatch.setattr(journal, "record", self.record)

    async def record(self, *args: Any, **outcome: Any) -> bool:
        self.reached.set()
        with suppress(asyncio.CancelledError):
            await self.go_on.wait()
        await self.go_on.wait()
        return await self._record(*args, **outcome)


@pytest.mark.parametrize(("reply", "error"), [(LOST, OutcomeUnknownError), (ACCEPTED, OrderPlacedError)])
async def test_who_leaves_while_the_outcome_is_written_is_told_what_it_is(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, reply: Reply, error: type[Exception]
) -> None:
    slow = SlowToRecord(journal, monkeypatch)
    pipeline = make_pipeline(FakeTransport([reply]))
    call = asyncio.create_task(create_once(pipeline, check_request(make_request()), journal))
    await slow.reached.wait()
    call.cancel()
    slow.go_on.set()
    with pytest.raises(error):
        await call


@pytest.mark.parametrize("reply", [LOST, ACCEPTED])
async def test_who_leaves_twice_while_the_outcome_is_written_is_told_that_it_may_be_placed(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    slow = SlowToRecord(journal, monkeypatch)
    pipeline = make_pipeline(FakeTransport([reply]))
    call = asyncio.create_task(create_once(pipeline, check_request(make_request()), journal))
    await slow.reached.wait()
    for _ in range(2):
        call.cancel()
        await asyncio.sleep(0)
    with pytest.raises(OutcomeUnknownError, match="may have been placed"):
        await call
    slow.go_on.set()
    await pipeline.background.finish(within=5)
