"""A run of orders: pulled as there is room, yielded as they complete, stopped before harm is done."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable
from itertools import count

import attrs
import pytest

from cmr_async import BulkRun, BulkSummary, Order, OrderOutcome, OrderRequest, OrderState
from cmr_async.core.exchange import Exchange, Request
from cmr_async.errors import OutcomeUnknownError, ValidationError
from tests.fakes import LOST, UNSENT, Clock, FakeTransport, answered, make_bulk, make_request, make_requests

ACCEPTED, REJECTED, UNKNOWN, NOT_SENT = (
    OrderState.ACCEPTED,
    OrderState.REJECTED,
    OrderState.UNKNOWN,
    OrderState.NOT_SENT,
)


async def outcomes(run: BulkRun) -> list[OrderOutcome]:
    return [outcome async for outcome in run]


async def test_an_empty_input_is_a_run_without_outcomes() -> None:
    run = make_bulk(FakeTransport()).submit([])
    assert await outcomes(run) == []
    assert run.summary.total == 0


async def test_nothing_is_pulled_before_the_first_outcome_is_asked_for() -> None:
    pulled = count()
    run = make_bulk(FakeTransport()).submit(make_request(next(pulled)) for _ in range(5))
    await asyncio.sleep(0)
    assert next(pulled) == 0
    await run.close()


async def test_outcomes_come_in_the_order_of_completion() -> None:
    gates = [asyncio.Event() for _ in range(3)]

    async def wait(number: int) -> Exchange:
        await gates[number].wait()
        return answered(200, {"orderId": f"ord_{number}"})

    run = make_bulk(FakeTransport(wait)).submit(make_requests(3))
    for number in (2, 0, 1):
        gates[number].set()
        assert (await anext(run)).index == number
    assert await outcomes(run) == []


async def test_a_failed_item_is_a_value() -> None:
    exchanges = [answered(200, {"orderId": "ord_0"}), answered(422), LOST, UNSENT]

    async def behave(number: int) -> Exchange:
        return exchanges[number]

    faulty = OrderRequest(user_id="", order=Order())
    run = make_bulk(FakeTransport(behave)).submit([*make_requests(4), faulty])
    results = sorted(await outcomes(run), key=lambda outcome: outcome.index)
    assert [outcome.state for outcome in results] == [ACCEPTED, REJECTED, UNKNOWN, NOT_SENT, REJECTED]
    assert [outcome.attempts for outcome in results] == [1, 1, 1, 1, 0]
    assert isinstance(results[2].error, OutcomeUnknownError)
    assert isinstance(results[4].error, ValidationError)
    assert [fault.path for fault in results[4].error.faults] == ["user_id", "order"]
    assert run.summary == BulkSummary(accepted=1, rejected=2, unknown=1, not_sent=1)
    assert run.summary.total == 5


@pytest.mark.parametrize(("exchange", "state"), [(LOST, UNKNOWN), (answered(502), UNKNOWN), (UNSENT, NOT_SENT)])
async def test_several_in_a_row_without_a_clear_outcome_stop_the_run(exchange: Exchange, state: OrderState) -> None:
    api = FakeTransport(lambda _: exchange)
    run = make_bulk(api).submit(make_requests(50), concurrency=1)
    assert [outcome.state for outcome in await outcomes(run)] == [state] * 3
    assert api.numbers == [0, 1, 2]
    assert run.summary.stopped == "3 orders in a row without a clear outcome"


async def test_a_clear_outcome_in_between_lets_the_run_go_on() -> None:
    async def behave(number: int) -> Exchange:
        return answered(200, {"orderId": "ord"}) if number % 3 == 2 else LOST

    run = make_bulk(FakeTransport(behave)).submit(make_requests(12), concurrency=1)
    await outcomes(run)
    assert run.summary == BulkSummary(accepted=4, unknown=8)


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refusal_that_the_next_would_meet_as_well_stops_the_run(status: int) -> None:
    api = FakeTransport(lambda _: answered(status))
    run = make_bulk(api).submit(make_requests(50), concurrency=1)
    assert [outcome.state for outcome in await outcomes(run)] == [REJECTED]
    assert api.numbers == [0]
    assert run.summary.stopped == f"the API refused with {status}, which the next orders would meet as well"


@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_a_refusal_of_one_order_does_not_stop_the_others(status: int) -> None:
    run = make_bulk(FakeTransport(lambda _: answered(status))).submit(make_requests(10))
    await outcomes(run)
    assert run.summary == BulkSummary(rejected=10)


async def test_stop_lets_what_is_in_flight_finish_and_starts_nothing_more() -> None:
    api = FakeTransport()
    run = make_bulk(api).submit(map(make_request, count()), concurrency=2)
    await anext(run)
    run.stop("enough")
    rest = await outcomes(run)
    assert {outcome.state for outcome in rest} <= {ACCEPTED}
    assert len(api.numbers) == 1 + len(rest) <= 3
    assert run.summary.stopped == "enough"


@pytest.mark.parametrize("status", [200, 401])
async def test_orders_that_wait_for_their_slot_are_not_sent_after_a_stop(status: int) -> None:
    slots = asyncio.Event()

    class Held(Clock):
        async def sleep(self, seconds: float) -> None:
            await slots.wait()

    api = FakeTransport(lambda _: answered(status, {"orderId": "ord"} if status == 200 else None))
    run = make_bulk(api, gap=60).submit(make_requests(9), concurrency=3)
    await anext(run)  # a 401 stops the run by itself
    if status == 200:
        run.stop("enough")
    slots.set()
    rest = await outcomes(run)
    assert [outcome.state for outcome in rest] == [NOT_SENT] * 2
    assert all("was not sent: its run had stopped" in str(outcome.error) for outcome in rest)
    assert api.numbers == [0]


async def test_stop_wakes_a_run_that_waits_for_its_input() -> None:
    waiting = asyncio.Event()

    async def stalled() -> AsyncIterator[OrderRequest]:
        yield make_request(0)
        waiting.set()
        await asyncio.Event().wait()

    run = make_bulk(FakeTransport()).submit(stalled())
    task = asyncio.ensure_future(outcomes(run))
    await waiting.wait()
    run.stop()
    assert [outcome.index for outcome in await task] == [0]
    assert run.summary == BulkSummary(accepted=1, stopped="stopped by the caller")


async def test_leaving_early_drains_what_is_in_flight() -> None:
    async def behave(number: int) -> Exchange:
        if number:
            await asyncio.Event().wait()
        return answered(200, {"orderId": "ord_0"})

    async with make_bulk(FakeTransport(behave)).submit(make_requests(10), concurrency=3) as run:
        assert (await anext(run)).index == 0
    assert [outcome.state for outcome in run.drained] == [NOT_SENT] * len(run.drained)
    assert run.summary.accepted == 1
    with pytest.raises(StopAsyncIteration):
        await anext(run)


async def test_a_second_cancellation_ends_the_drain_and_loses_no_outcome() -> None:
    out = asyncio.Event()

    class Silent(FakeTransport):
        async def send(self, request: Request, *, leaving: Callable[[], None] | None = None) -> Exchange:
            assert leaving is not None
            leaving()
            out.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return attrs.evolve(LOST, cancelled=True)
            return LOST

    run = make_bulk(Silent()).submit(make_requests(1))
    task = asyncio.create_task(outcomes(run))
    await out.wait()
    task.cancel()
    for _ in range(10):  # the drain begins
        await asyncio.sleep(0)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(outcome.index, outcome.state) for outcome in run.drained] == [(0, UNKNOWN)]
    assert run.summary == BulkSummary(unknown=1, stopped="left early")


async def test_a_run_tells_how_long_the_pause_after_a_429_lasts() -> None:
    transport = FakeTransport([answered(429, retry_after="7"), answered(200, {"orderId": "ord"})], clock=Clock(100.0))
    run = make_bulk(transport, budget=5.0).submit(make_requests(1))
    assert run.paused_for == 0.0
    assert [outcome.state for outcome in await outcomes(run)] == [NOT_SENT]  # the pause is longer than the budget
    assert run.paused_for == 5.0
    transport.clock.now += 2.0
    assert run.paused_for == 3.0


async def test_memory_does_not_grow_with_the_number_of_orders() -> None:
    class Forgetful(FakeTransport):
        async def send(self, request: Request, *, leaving: Callable[[], None] | None = None) -> Exchange:
            self.sent.clear()
            return await super().send(request, leaving=leaving)

    async def peak(number: int) -> int:
        run = make_bulk(Forgetful()).submit(map(make_request, range(number)))
        async for _ in run:
            pass
        assert run.summary.accepted == number
        return tracemalloc.get_traced_memory()[1]

    await peak(50)  # what is imported or cached once
    tracemalloc.start()
    try:
        few = await peak(300)
        tracemalloc.reset_peak()
        many = await peak(3000)
    finally:
        tracemalloc.stop()
    assert many < few + 1_000_000
