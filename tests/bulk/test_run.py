"""A run of orders: pulled as there is room, yielded as they complete, stopped before harm is done."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count

import pytest

from cmr_async import BulkRun, BulkSummary, Order, OrderOutcome, OrderRequest, OrderState, Timeouts
from cmr_async.core.exchange import Exchange, Request
from cmr_async.errors import OutcomeUnknownError, ValidationError
from tests.fakes import LOST, UNSENT, USER, Clock, FakeTransport, answered, make_bulk, make_request, make_requests

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


@pytest.mark.parametrize("status", [401, 402])
async def test_a_refusal_that_every_order_would_meet_stops_the_run_and_is_not_the_order_s_fault(status: int) -> None:
    api = FakeTransport(lambda _: answered(status))
    run = make_bulk(api).submit(make_requests(50), concurrency=1)
    assert [outcome.state for outcome in await outcomes(run)] == [NOT_SENT]
    assert api.numbers == [0]
    assert f"({status})" in str(run.summary.stopped)


async def test_a_user_who_gets_403_three_times_in_a_row_is_held_back_and_the_others_go_on() -> None:
    api = FakeTransport(lambda number: answered(403) if number < 10 else answered(200, {"orderId": "ord"}))
    others = [make_request(number, user_id="ANOTHER0000000000000000000AB") for number in range(10, 15)]
    run = make_bulk(api).submit([*make_requests(10), *others], concurrency=1)
    await outcomes(run)
    assert api.numbers == [0, 1, 2, *range(10, 15)]
    assert (run.summary.not_sent, run.summary.accepted, run.summary.stopped) == (10, 5, None)
    assert run.summary.held_users == (USER,)


@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_refusals_of_some_orders_do_not_stop_the_others(status: int) -> None:
    api = FakeTransport(lambda number: answered(status) if number else answered(200, {"orderId": "ord"}))
    run = make_bulk(api).submit(make_requests(10), concurrency=1)
    await outcomes(run)
    assert run.summary == BulkSummary(accepted=1, rejected=9)


async def test_the_same_refusal_of_the_first_orders_stops_the_run() -> None:
    run = make_bulk(FakeTransport(lambda _: answered(404))).submit(make_requests(40), concurrency=1)
    await outcomes(run)
    assert run.summary.rejected == 3
    assert "CMR_BASE_URL" in str(run.summary.stopped)


class Source:
    """An input that knows whether it was closed."""

    def __init__(self, *, fails: bool = False) -> None:
        self.closed = False
        self._fails = fails

    async def requests(self) -> AsyncIterator[OrderRequest]:
        try:
            for number in count():
                if self._fails and number == 2:
                    raise ZeroDivisionError
                yield make_request(number)
        finally:
            await asyncio.sleep(0)
            self.closed = True


async def test_an_async_input_is_closed_after_a_stop() -> None:
    source = Source()
    run = make_bulk(FakeTransport()).submit(source.requests(), concurrency=1)
    await anext(run)
    run.stop()
    await outcomes(run)
    assert source.closed


async def test_an_async_input_is_closed_when_the_loop_is_left() -> None:
    source = Source()
    async with make_bulk(FakeTransport()).submit(source.requests(), concurrency=1) as run:
        async for _ in run:
            break
    assert source.closed


async def test_an_async_input_is_closed_when_the_account_is_refused() -> None:
    source = Source()
    await outcomes(make_bulk(FakeTransport(lambda _: answered(402))).submit(source.requests(), concurrency=1))
    assert source.closed


async def test_an_async_input_is_closed_when_its_consumer_fails() -> None:
    source = Source()

    async def consume() -> None:
        async with make_bulk(FakeTransport()).submit(source.requests(), concurrency=1) as run:
            async for _ in run:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await consume()
    assert source.closed


async def test_a_generator_is_closed_when_the_loop_is_left() -> None:
    closed: list[bool] = []

    def requests() -> Iterator[OrderRequest]:
        try:
            yield from map(make_request, count())
        finally:
            closed.append(True)

    async with make_bulk(FakeTransport()).submit(requests(), concurrency=1) as run:
        await anext(run)
    assert closed == [True]


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

    bulk = make_bulk(FakeTransport(behave), timeouts=Timeouts(drain=0.01))
    async with bulk.submit(make_requests(10), concurrency=3) as run:
        assert (await anext(run)).index == 0
    assert [outcome.state for outcome in run.drained] == [NOT_SENT] * len(run.drained)
    assert run.summary.accepted == 1
    with pytest.raises(StopAsyncIteration):
        await anext(run)


async def test_a_second_cancellation_lets_the_caller_go_and_loses_no_outcome() -> None:
    out, go_on = asyncio.Event(), asyncio.Event()

    async def behave(_: int) -> Exchange:
        out.set()
        await go_on.wait()
        return answered(200, {"orderId": "ord_0"})

    bulk = make_bulk(FakeTransport(behave))
    run = bulk.submit(make_requests(1))
    task = asyncio.create_task(outcomes(run))
    await out.wait()
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert run.drained == []
    go_on.set()
    await bulk._pipeline.background.finish(within=600)
    assert [(outcome.index, outcome.state, outcome.order_id) for outcome in run.drained] == [(0, ACCEPTED, "ord_0")]
    assert run.summary == BulkSummary(accepted=1, stopped="left early")


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
