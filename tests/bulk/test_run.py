"""A run of orders: pulled as there is room, given out as they complete, stopped before harm is done."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from typing import Any

import orjson
import pytest

from cmr_async import BulkSummary, DomainRegistration, Order, OrderOutcome, OrderRequest, OrderState
from cmr_async.bulk import BulkRun
from cmr_async.bulk.feeds import RequestFeed
from cmr_async.core.endpoints import resolve
from cmr_async.core.exchange import Exchange, Phase, Request
from cmr_async.core.pacing import Pacer
from cmr_async.core.retry import RetryPolicy
from cmr_async.errors import OutcomeUnknownError, ValidationError
from cmr_async.pipeline import Pipeline

ACCEPTED, REJECTED, UNKNOWN, NOT_SENT = (
    OrderState.ACCEPTED,
    OrderState.REJECTED,
    OrderState.UNKNOWN,
    OrderState.NOT_SENT,
)
LOST = Exchange(phase=Phase.HEAD_SENT, failure="reset")
UNSENT = Exchange(phase=Phase.NOT_SENT, failure="no name")

Behaviour = Callable[[int], Awaitable[Exchange]]


def answer(status: int, order_id: str | None = None) -> Exchange:
    data = {"orderId": order_id} if order_id else None
    body = orjson.dumps({"status": status, "message": "said", "data": data})
    return Exchange(phase=Phase.COMPLETE, status=status, body=body)


def request(number: int) -> OrderRequest:
    order = Order(domains=[DomainRegistration(domain=f"d{number}.com")], confirm=True)
    return OrderRequest(user_id="u", order=order)


def requests(number: int) -> list[OrderRequest]:
    return [request(index) for index in range(number)]


class Api:
    """Answers each order by its number; without a behaviour it accepts all."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or self.accept
        self.sent: list[int] = []

    def check_usable(self) -> None:
        """A stub is always usable."""

    async def accept(self, number: int) -> Exchange:
        return answer(200, f"ord_{number}")

    async def send(self, request: Request) -> Exchange:
        number = int(orjson.loads(request.body or b"")["domains"][0]["domain"][1:-4])
        self.sent.append(number)
        return await self.behaviour(number)

    def run(
        self, source: Any, *, gap: float = 0, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, **settings: Any
    ) -> BulkRun:
        transport: Any = self
        pipeline = Pipeline(
            transport=transport,
            endpoints=resolve({}),
            pacer=Pacer(),
            gap=gap,
            retry=RetryPolicy(time_budget=0),
            sleep=sleep,
        )
        return BulkRun(pipeline, lambda journal: RequestFeed(source, journal), **settings)


def always(exchange: Exchange) -> Behaviour:
    async def behave(_: int) -> Exchange:
        return exchange

    return behave


async def outcomes(run: BulkRun) -> list[OrderOutcome]:
    return [outcome async for outcome in run]


async def an_async_source(number: int) -> AsyncIterator[OrderRequest]:
    for index in range(number):
        await asyncio.sleep(0)
        yield request(index)


@pytest.mark.parametrize(
    "source",
    [requests(20), tuple(requests(20)), iter(requests(20)), map(request, range(20)), an_async_source(20)],
    ids=["list", "tuple", "iterator", "lazy", "async"],
)
async def test_every_kind_of_input_is_ordered_once(source: Any) -> None:
    api = Api()
    run = api.run(source)
    results = await outcomes(run)
    assert sorted(api.sent) == list(range(20))
    assert sorted((outcome.index, outcome.order_id) for outcome in results) == [(n, f"ord_{n}") for n in range(20)]
    assert run.summary == BulkSummary(accepted=20)
    assert run.drained == []


async def test_an_empty_input_is_a_run_without_outcomes() -> None:
    run = Api().run([])
    assert await outcomes(run) == []
    assert run.summary.total == 0


async def test_nothing_is_pulled_before_the_first_outcome_is_asked_for() -> None:
    pulled = count()
    run = Api().run(request(next(pulled)) for _ in range(5))
    await asyncio.sleep(0)
    assert next(pulled) == 0
    await run.close()


async def test_an_infinite_input_is_never_pulled_further_than_the_free_places() -> None:
    pulled: list[int] = []

    def endless() -> Iterator[OrderRequest]:
        for number in count():
            pulled.append(number)
            yield request(number)

    run = Api().run(endless(), concurrency=4)
    for given in range(1, 30):
        await anext(run)
        assert len(pulled) <= given + 4
    await run.close()
    assert run.summary.stopped is None or run.summary.stopped == "left early"


async def test_outcomes_come_in_the_order_of_completion() -> None:
    gates = [asyncio.Event() for _ in range(3)]

    async def wait(number: int) -> Exchange:
        await gates[number].wait()
        return answer(200, f"ord_{number}")

    run = Api(wait).run(requests(3))
    for number in (2, 0, 1):
        gates[number].set()
        assert (await anext(run)).index == number
    assert await outcomes(run) == []


async def test_a_failed_item_is_a_value() -> None:
    exchanges = [answer(200, "ord_0"), answer(422), LOST, UNSENT]

    async def behave(number: int) -> Exchange:
        return exchanges[number]

    faulty = OrderRequest(user_id="", order=Order())
    run = Api(behave).run([*requests(4), faulty])
    results = sorted(await outcomes(run), key=lambda outcome: outcome.index)
    assert [outcome.state for outcome in results] == [ACCEPTED, REJECTED, UNKNOWN, NOT_SENT, REJECTED]
    assert [outcome.attempts for outcome in results] == [1, 1, 1, 1, 0]
    assert isinstance(results[2].error, OutcomeUnknownError)
    assert isinstance(results[4].error, ValidationError)
    assert [fault.path for fault in results[4].error.faults] == ["user_id", "order"]
    assert run.summary == BulkSummary(accepted=1, rejected=2, unknown=1, not_sent=1)
    assert run.summary.total == 5


@pytest.mark.parametrize(("exchange", "state"), [(LOST, UNKNOWN), (answer(502), UNKNOWN), (UNSENT, NOT_SENT)])
async def test_several_in_a_row_without_a_clear_outcome_stop_the_run(exchange: Exchange, state: OrderState) -> None:
    api = Api(always(exchange))
    run = api.run(requests(50), concurrency=1)
    assert [outcome.state for outcome in await outcomes(run)] == [state] * 3
    assert api.sent == [0, 1, 2]
    assert run.summary.stopped == "3 orders in a row without a clear outcome"


async def test_a_clear_outcome_in_between_lets_the_run_go_on() -> None:
    async def behave(number: int) -> Exchange:
        return answer(200, "ord") if number % 3 == 2 else LOST

    run = Api(behave).run(requests(12), concurrency=1)
    await outcomes(run)
    assert run.summary == BulkSummary(accepted=4, unknown=8)


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_refusal_that_the_next_would_meet_as_well_stops_the_run(status: int) -> None:
    api = Api(always(answer(status)))
    run = api.run(requests(50), concurrency=1)
    assert [outcome.state for outcome in await outcomes(run)] == [REJECTED]
    assert api.sent == [0]
    assert run.summary.stopped == f"the API refused with {status}, which the next orders would meet as well"


@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_a_refusal_of_one_order_does_not_stop_the_others(status: int) -> None:
    run = Api(always(answer(status))).run(requests(10))
    await outcomes(run)
    assert run.summary == BulkSummary(rejected=10)


async def test_stop_lets_what_is_in_flight_finish_and_starts_nothing_more() -> None:
    api = Api()
    run = api.run(map(request, count()), concurrency=2)
    await anext(run)
    run.stop("enough")
    rest = await outcomes(run)
    assert {outcome.state for outcome in rest} <= {ACCEPTED}
    assert len(api.sent) == 1 + len(rest) <= 3
    assert run.summary.stopped == "enough"


@pytest.mark.parametrize("status", [200, 401])
async def test_orders_that_wait_for_their_slot_are_not_sent_after_a_stop(status: int) -> None:
    slots = asyncio.Event()

    async def wait_for_slot(_: float) -> None:
        await slots.wait()

    api = Api(always(answer(status, "ord" if status == 200 else None)))
    run = api.run(requests(9), gap=60, sleep=wait_for_slot, concurrency=3)
    await anext(run)  # a 401 stops the run by itself
    if status == 200:
        run.stop("enough")
    slots.set()
    rest = await outcomes(run)
    assert [outcome.state for outcome in rest] == [NOT_SENT] * 2
    assert all("was not sent: its run had stopped" in str(outcome.error) for outcome in rest)
    assert api.sent == [0]


async def test_stop_wakes_a_run_that_waits_for_its_input() -> None:
    waiting = asyncio.Event()

    async def stalled() -> AsyncIterator[OrderRequest]:
        yield request(0)
        waiting.set()
        await asyncio.Event().wait()

    run = Api().run(stalled())
    task = asyncio.ensure_future(outcomes(run))
    await waiting.wait()
    run.stop()
    assert [outcome.index for outcome in await asyncio.wait_for(task, 5)] == [0]
    assert run.summary == BulkSummary(accepted=1, stopped="stopped by the caller")


async def test_a_source_that_raises_loses_no_outcome_of_what_it_gave_before() -> None:
    async def broken() -> AsyncIterator[OrderRequest]:
        for item in requests(2):
            yield item
        raise OSError("the disk is gone")

    run = Api().run(broken())
    given: list[OrderOutcome] = []

    async def iterate() -> None:
        async for outcome in run:
            given.append(outcome)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(OSError, match="the disk is gone"):
        await iterate()
    assert sorted((outcome.index, outcome.state) for outcome in [*given, *run.drained]) == [
        (0, ACCEPTED),
        (1, ACCEPTED),
    ]
    assert run.summary.accepted == 2


async def test_leaving_early_drains_what_is_in_flight() -> None:
    async def behave(number: int) -> Exchange:
        if number:
            await asyncio.Event().wait()
        return answer(200, "ord_0")

    async with Api(behave).run(requests(10), concurrency=3) as run:
        assert (await anext(run)).index == 0
    assert [outcome.state for outcome in run.drained] == [NOT_SENT] * len(run.drained)
    assert run.summary.accepted == 1
    with pytest.raises(StopAsyncIteration):
        await anext(run)


async def test_memory_does_not_grow_with_the_number_of_orders() -> None:
    async def peak(number: int) -> int:
        run = Api(always(answer(200, "ord"))).run(map(request, range(number)))
        async for _ in run:
            pass
        assert run.summary.accepted == number
        return tracemalloc.get_traced_memory()[1]

    api_caches = Api()
    await outcomes(api_caches.run(requests(50)))
    tracemalloc.start()
    try:
        few = await peak(300)
        tracemalloc.reset_peak()
        many = await peak(3000)
    finally:
        tracemalloc.stop()
    assert many < few + 1_000_000
