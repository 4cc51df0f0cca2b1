"""What a run is fed with: any iterable, lazily; junk and breakdowns lose no outcome and skip no order in silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import count
from typing import Any, cast

import pytest

from cmr_async import AsyncClient, BulkSummary, Order, OrderOutcome, OrderRequest, OrderState, Timeouts, ValidationError
from tests.loopback import Loopback, stall
from tests.wire import USER, Wire, asynchronous, bulk, gather, request, requests


class OnlyGetItem:
    """The oldest protocol of iteration."""

    def __getitem__(self, index: int) -> OrderRequest:
        return requests(3)[index]


KINDS: dict[str, Callable[[], Any]] = {
    "list": lambda: requests(3),
    "tuple": lambda: tuple(requests(3)),
    "iterator": lambda: iter(requests(3)),
    "map": lambda: map(request, range(3)),
    "generator": lambda: (request(number) for number in range(3)),
    "view": lambda: dict(enumerate(requests(3))).values(),
    "async generator": lambda: asynchronous(requests(3)),
    "getitem": OnlyGetItem,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("concurrency", [1, 2, 8])
async def test_every_order_of_every_kind_of_source_is_sent_once(kind: str, concurrency: int) -> None:
    wire, seen = Wire(), list[OrderOutcome]()
    run = bulk(wire).submit(KINDS[kind](), concurrency=concurrency)
    await gather(run, seen)
    assert sorted(outcome.index for outcome in seen) == sorted(wire.sent) == [0, 1, 2]
    assert [outcome.request for outcome in seen] == [request(outcome.index) for outcome in seen]
    assert run.summary == BulkSummary(accepted=3)


@pytest.mark.parametrize("concurrency", [1, 3, 8])
async def test_an_endless_source_is_pulled_only_as_there_is_room(concurrency: int) -> None:
    pulled = 0

    def source() -> Iterator[OrderRequest]:
        nonlocal pulled
        for number in count():
            pulled += 1
            yield request(number)

    run = bulk(Wire()).submit(source(), concurrency=concurrency)
    assert pulled == 0
    given_out = 0
    async for _ in run:
        given_out += 1
        assert pulled - given_out < 2 * concurrency
        if given_out == 40:
            break
    await run.close()


@pytest.mark.parametrize("junk", [None, "x.com", {"user_id": USER}, Order()], ids=["None", "text", "dict", "order"])
@pytest.mark.parametrize("concurrency", [1, 8])
async def test_an_item_that_is_no_request_ends_the_run_after_what_came_before_it(
    junk: object, concurrency: int
) -> None:
    wire, seen = Wire(), list[OrderOutcome]()
    run = bulk(wire).submit(cast("Any", [request(0), junk, request(2)]), concurrency=concurrency)
    with pytest.raises(ValidationError, match=r"requests\[1\]: must be an OrderRequest"):
        await gather(run, seen)
    assert [outcome.index for outcome in seen] == wire.sent == [0]


class BrokenError(Exception):
    """What a source raises."""


@pytest.mark.parametrize("concurrency", [1, 2, 8])
@pytest.mark.parametrize("kind", [iter, asynchronous], ids=["sync", "async"])
async def test_what_a_source_gave_before_it_broke_is_sent_and_given_out(
    kind: Callable[[Iterable[OrderRequest]], Any], concurrency: int
) -> None:
    def broken() -> Iterator[OrderRequest]:
        yield from requests(5)
        raise BrokenError

    wire, seen = Wire(), list[OrderOutcome]()
    run = bulk(wire).submit(kind(broken()), concurrency=concurrency)
    with pytest.raises(BrokenError):
        await gather(run, seen)
    assert sorted(outcome.index for outcome in seen) == sorted(wire.sent) == [0, 1, 2, 3, 4]
    assert run.summary == BulkSummary(accepted=5, stopped="the input could not be read to its end")


async def test_orders_that_are_out_when_the_source_breaks_are_given_out_before_its_error() -> None:
    async def broken(event: asyncio.Event) -> AsyncIterator[OrderRequest]:
        yield request(0)
        await event.wait()
        raise BrokenError

    async with Loopback(stall) as server:
        async with AsyncClient("k", server.base_url, gap=0, timeouts=Timeouts(read=0.05)) as client:
            seen: list[OrderOutcome] = []
            with pytest.raises(BrokenError):
                await gather(client.bulk.submit(broken(server.arrived)), seen)
        assert [outcome.state for outcome in seen] == [OrderState.UNKNOWN]
        assert len(server.received) == 1
