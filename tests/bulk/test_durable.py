"""Bulk runs with a journal: every fault of the wire, resuming, leaving early, drafts, and journals that fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from cmr_async import AsyncClient, OrderOutcome, OrderState
from cmr_async.errors import JournalConflictError, JournalError
from cmr_async.journal.journal import Journal, Step, StepState, Verdict
from cmr_async.simulator import FaultRule, Simulator
from cmr_async.transport.transport import Timeouts
from tests.fakes import make_request, wait_for_slot
from tests.journal.arrange import stored
from tests.loopback import ACCEPTED, Loopback, answer_after, stall


@pytest.fixture
async def cmr(sim: Simulator) -> AsyncIterator[AsyncClient]:
    paths = {"orders.process": "/orders/process"}
    async with AsyncClient(sim.api_key, sim.base_url, gap=0, endpoints=paths) as client:
        yield client


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "run.db")


async def states(path: str, *, step: Step = Step.CREATE) -> dict[str, StepState]:
    async with Journal(path, create=False) as journal:
        return {entry.key: entry.state async for entry in journal.entries(step=step)}


async def submit(cmr: AsyncClient, path: str, *names: str, **order: Any) -> dict[str, OrderOutcome]:
    requests = [make_request(name, **order) for name in names]
    return {outcome.request.reference or "": outcome async for outcome in cmr.bulk.submit(requests, journal=path)}


# Every fault of the wire

LOST = [
    {"kind": "reset"},
    {"kind": "close_before_answer"},
    {"kind": "close_unread"},
    {"kind": "cut", "status": 200},
    *({"kind": "status", "status": status} for status in (408, 500, 502, 503, 520, 524, 302, 307)),
    *({"kind": "status", "status": status, "envelope": False} for status in (200, 400, 403, 404, 409, 502, 522)),
]


@pytest.mark.parametrize("after_processing", [False, True])
@pytest.mark.parametrize("fault", LOST, ids=lambda fault: "-".join(map(str, fault.values())))
async def test_an_answer_that_proves_nothing_makes_the_order_unknown_for_good(
    sim: Simulator, cmr: AsyncClient, path: str, fault: dict[str, Any], *, after_processing: bool
) -> None:
    sim.faults.add(FaultRule(**fault, after_processing=after_processing))
    outcomes = await submit(cmr, path, "a", "b")
    bad = [name for name, outcome in outcomes.items() if outcome.state is OrderState.UNKNOWN]
    assert len(bad) == 1
    bought = len(sim.state.ledger)
    assert bought == 1 + after_processing
    assert (await states(path))[bad[0]] is StepState.UNKNOWN
    again = await submit(cmr, path, "a", "b")
    assert sorted(outcome.state for outcome in again.values()) == [OrderState.SKIPPED, OrderState.UNKNOWN]
    assert len(sim.state.ledger) == bought


@pytest.mark.parametrize("after_processing", [False, True])
async def test_an_order_whose_answer_does_not_come_in_time_is_unknown_for_good(
    sim: Simulator, cmr: AsyncClient, path: str, *, after_processing: bool
) -> None:
    sim.faults.add(FaultRule(kind="stall", after_processing=after_processing))
    async with AsyncClient(sim.api_key, sim.base_url, gap=0, timeouts=Timeouts(read=0.1)) as impatient:
        assert (await submit(impatient, path, "a"))["a"].state is OrderState.UNKNOWN
    while "stall" not in sim.faults.fired:  # noqa: ASYNC110 - the simulator has no event for it
        await asyncio.sleep(0)
    assert len(sim.state.ledger) == after_processing
    assert await states(path) == {"a": StepState.UNKNOWN}
    again = await submit(cmr, path, "a", "b")
    assert [again[name].state for name in "ab"] == [OrderState.UNKNOWN, OrderState.ACCEPTED]
    assert len(sim.state.ledger) == 1 + after_processing


@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_a_refusal_in_the_envelope_is_rejected_and_not_sent_again(
    sim: Simulator, cmr: AsyncClient, path: str, status: int
) -> None:
    sim.faults.add(FaultRule(kind="status", status=status))
    assert (await submit(cmr, path, "a"))["a"].state is OrderState.REJECTED
    assert (await submit(cmr, path, "a"))["a"].state is OrderState.SKIPPED
    assert (await states(path), sim.state.ledger) == ({"a": StepState.REJECTED}, [])


@pytest.mark.parametrize("status", [401, 402])
async def test_a_refusal_of_the_account_burns_nothing_and_the_same_run_goes_on_after_it_is_mended(
    sim: Simulator, cmr: AsyncClient, path: str, status: int
) -> None:
    sim.faults.add(FaultRule(kind="status", status=status))
    run = cmr.bulk.submit([make_request(name) for name in "abc"], journal=path, concurrency=1)
    assert [outcome.state async for outcome in run] == [OrderState.NOT_SENT]
    assert run.summary.stopped is not None
    assert await states(path) == {"a": StepState.NOT_SENT, "b": StepState.PLANNED, "c": StepState.PLANNED}
    after = await submit(cmr, path, *"abc")
    assert {outcome.state for outcome in after.values()} == {OrderState.ACCEPTED}
    assert len(sim.state.ledger) == 3


async def test_the_same_refusal_of_the_first_orders_gives_them_back(
    sim: Simulator, cmr: AsyncClient, path: str
) -> None:
    sim.faults.add(FaultRule(kind="status", status=404, times=3))
    run = cmr.bulk.submit([make_request(name) for name in "abcde"], journal=path, concurrency=1)
    assert [outcome.state async for outcome in run] == [OrderState.REJECTED] * 3
    assert set((await states(path)).values()) == {StepState.PLANNED}
    after = await submit(cmr, path, *"abcde")
    assert {outcome.state for outcome in after.values()} == {OrderState.ACCEPTED}


async def test_refused_orders_are_sent_again_on_request_only(sim: Simulator, cmr: AsyncClient, path: str) -> None:
    sim.faults.add(FaultRule(kind="status", status=422))
    await submit(cmr, path, "a")
    assert (await submit(cmr, path, "a"))["a"].state is OrderState.SKIPPED
    run = cmr.bulk.submit([make_request("a")], journal=path, retry_rejected=True)
    assert [outcome.state async for outcome in run] == [OrderState.ACCEPTED]
    assert len(sim.state.ledger) == 1


async def test_a_throttled_order_is_sent_again_under_its_one_claim(sim: Simulator, cmr: AsyncClient, path: str) -> None:
    sim.faults.add(FaultRule(kind="status", status=429, headers={"Retry-After": "0"}))
    outcome = (await submit(cmr, path, "a"))["a"]
    assert (outcome.state, outcome.attempts, len(sim.state.ledger)) == (OrderState.ACCEPTED, 2, 1)


# Resuming


async def test_the_same_command_again_skips_what_was_accepted(sim: Simulator, cmr: AsyncClient, path: str) -> None:
    first = await submit(cmr, path, "a", "b")
    second = await submit(cmr, path, "a", "b", "c")
    assert [second[name].state for name in "abc"] == [OrderState.SKIPPED, OrderState.SKIPPED, OrderState.ACCEPTED]
    assert second["a"].order_id == first["a"].order_id
    assert len(sim.state.ledger) == 3


async def test_changed_input_under_a_known_reference_is_refused_with_the_difference(
    sim: Simulator, cmr: AsyncClient, path: str
) -> None:
    await submit(cmr, path, "a")
    outcome = (await submit(cmr, path, "a", "b", years=2))["a"]
    assert outcome.state is OrderState.REJECTED
    assert isinstance(outcome.error, JournalConflictError)
    assert [fault.path for fault in outcome.error.faults] == ["a: domains[0].years"]
    assert [sim.state.purchases(domain) for domain in ("a.com", "b.com")] == [1, 1]


async def test_a_conflict_after_an_unknown_of_the_same_order_is_unknown(
    sim: Simulator, cmr: AsyncClient, path: str
) -> None:
    sim.faults.add(FaultRule(kind="reset"))
    await submit(cmr, path, "a")
    async with Journal(path) as journal:
        await journal.verdict(await stored(journal, "a"), Verdict.ABSENT, "for the test")
        await journal.resubmit("a")
    sim.faults.add(FaultRule(kind="status", status=409))
    assert (await submit(cmr, path, "a"))["a"].state is OrderState.UNKNOWN
    assert await states(path) == {"a": StepState.UNKNOWN}


async def test_two_runs_of_one_process_on_one_journal_send_every_order_once(
    sim: Simulator, cmr: AsyncClient, path: str
) -> None:
    names = [f"n{number}" for number in range(40)]
    async with Journal(path) as journal:

        async def run() -> int:
            outcomes = cmr.bulk.submit([make_request(name) for name in names], journal=journal)
            return [outcome.state async for outcome in outcomes].count(OrderState.ACCEPTED)

        assert sum(await asyncio.gather(run(), run())) == 40
    assert [sim.state.purchases(f"{name}.com") for name in names] == [1] * 40


# Leaving early


async def test_leaving_the_loop_leaves_nothing_sent_and_loses_nothing(
    sim: Simulator, cmr: AsyncClient, path: str
) -> None:
    names = [f"n{number}" for number in range(30)]
    async with cmr.bulk.submit([make_request(name) for name in names], journal=path) as run:
        async for _ in run:
            break
    after = await states(path)
    assert StepState.SENT not in after.values()
    bought = {name for name in names if sim.state.purchases(f"{name}.com")}
    assert {name for name, state in after.items() if state is StepState.ACCEPTED} == bought
    await submit(cmr, path, *names)
    assert [sim.state.purchases(f"{name}.com") for name in names] == [1] * 30


async def test_what_the_drain_learns_after_a_cancellation_is_written_down(path: str) -> None:
    hold = asyncio.Event()
    timeouts = Timeouts(read=600, drain=600)
    async with (
        Loopback(answer_after(hold)) as server,
        AsyncClient("k", server.base_url, gap=0, timeouts=timeouts) as client,
    ):
        task = asyncio.create_task(submit(client, path, "a"))
        await server.count(1)
        task.cancel()
        await asyncio.sleep(0)  # the cancellation arrives before the answer
        hold.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with Journal(path) as journal:
        entry = await journal.get("a")
    assert entry is not None
    assert (entry.state, entry.order_id) == (StepState.ACCEPTED, orjson.loads(ACCEPTED)["data"]["orderId"])


async def test_giving_up_ends_a_run_at_once_and_writes_down_what_is_in_flight(path: str) -> None:
    requests = [make_request("a"), make_request("b", confirm=False), make_request("c")]
    # Nothing but giving up ends these waits
    timeouts = Timeouts(read=600, drain=600)
    async with Loopback(stall, stall) as server, AsyncClient("k", server.base_url, gap=0, timeouts=timeouts) as client:
        run = client.bulk.submit(requests, journal=path, concurrency=2)
        ending = asyncio.create_task(anext(run, None))
        await server.count(2)
        assert run.in_flight == {0: requests[0], 1: requests[1]}
        run.give_up()
        assert await ending is None
    assert [(outcome.index, outcome.state) for outcome in sorted(run.drained, key=lambda one: one.index)] == [
        (0, OrderState.UNKNOWN),
        (1, OrderState.UNKNOWN),
    ]
    assert run.in_flight == {}
    assert await states(path) == {"a": StepState.UNKNOWN, "b": StepState.UNKNOWN, "c": StepState.PLANNED}


# Two processes


async def test_two_processes_on_one_journal_keep_one_pace(path: str) -> None:
    gap = 1000.0  # longer than this test can take, which counts as waited on the database's clock
    async with Journal(path) as first, Journal(path) as second:
        waits = [(await wait_for_slot(journal.shared_pace("key"), gap=gap))[1] for journal in (first, second) * 3]
    assert [round(wait / gap) for wait in waits] == [0, 1, 2, 3, 4, 5]


# Drafts


async def test_drafts_are_processed_once_each(sim: Simulator, cmr: AsyncClient, path: str) -> None:
    await submit(cmr, path, "a", "b", confirm=False)
    assert sim.state.ledger == []
    for expected in ([OrderState.ACCEPTED] * 2, []):
        assert [outcome.state async for outcome in cmr.bulk.process(path)] == expected
    assert [line.kind for line in sim.state.ledger] == ["processed", "processed"]
    assert await states(path, step=Step.PROCESS) == {"a": StepState.ACCEPTED, "b": StepState.ACCEPTED}


async def test_a_draft_whose_processing_got_no_answer_is_left_alone(
    sim: Simulator, cmr: AsyncClient, path: str
) -> None:
    await submit(cmr, path, "a", confirm=False)
    sim.faults.add(FaultRule(kind="close_before_answer", after_processing=True))
    for _ in range(2):
        assert [outcome.state async for outcome in cmr.bulk.process(path)] == [OrderState.UNKNOWN]
    assert len(sim.state.ledger) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
async def test_a_refusal_of_a_processing_that_may_have_been_done_before_is_unknown(
    sim: Simulator, cmr: AsyncClient, path: str, status: int
) -> None:
    await submit(cmr, path, "a", confirm=False)
    sim.faults.add(FaultRule(kind="close_before_answer", after_processing=True))
    assert [outcome.state async for outcome in cmr.bulk.process(path)] == [OrderState.UNKNOWN]
    async with Journal(path) as journal:
        await journal.verdict(await stored(journal, "a", step=Step.PROCESS), Verdict.ABSENT, "for the test")
        await journal.resubmit("a", step=Step.PROCESS)
    sim.faults.add(FaultRule(kind="status", status=status))
    assert [outcome.state async for outcome in cmr.bulk.process(path)] == [OrderState.UNKNOWN]
    assert await states(path, step=Step.PROCESS) == {"a": StepState.UNKNOWN}


# Journals that fail


async def test_an_order_whose_claim_is_lost_before_its_turn_is_not_sent(
    sim: Simulator, cmr: AsyncClient, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Journal(path) as journal:
        monkeypatch.setattr(journal, "holds", lambda claim: claim.key != "a")
        run = cmr.bulk.submit([make_request("a"), make_request("b")], journal=journal)
        outcomes = {outcome.request.reference: outcome async for outcome in run}
    assert "lost its claim" in str(outcomes["a"].error)
    assert {name: outcome.state for name, outcome in outcomes.items()} == {
        "a": OrderState.NOT_SENT,
        "b": OrderState.ACCEPTED,
    }
    assert len(sim.state.ledger) == 1


async def test_a_journal_that_is_closed_in_the_middle_stops_the_run_before_anything_unclaimed_is_sent(
    sim: Simulator, cmr: AsyncClient, path: str
) -> None:
    journal = Journal(path)
    await journal.start()
    run = cmr.bulk.submit([make_request(f"n{number}") for number in range(20)], journal=journal, concurrency=1)
    assert (await anext(run)).state is OrderState.ACCEPTED
    await journal.close()
    with pytest.raises(JournalError):
        async for _ in run:
            pass
    assert len(sim.state.ledger) == 1
