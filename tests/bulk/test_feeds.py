"""What a run is fed with: any iterable, lazily; junk and breakdowns lose no outcome and skip no order in silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

from cmr_async import (
    AsyncClient,
    BulkRun,
    BulkSummary,
    Order,
    OrderOutcome,
    OrderRequest,
    OrderState,
    Timeouts,
    ValidationError,
)
from cmr_async.journal.journal import Journal
from tests.fakes import USER, FakeTransport, answered, make_bulk, make_request, make_requests, stream
from tests.loopback import Loopback, stall


async def gather(run: BulkRun, seen: list[OrderOutcome]) -> None:
    """Keep what a run gave out also when it ends with an error."""
    async for outcome in run:
        seen.append(outcome)  # noqa: PERF401 - see above


class OnlyGetItem:
    """The oldest protocol of iteration."""

    def __getitem__(self, index: int) -> OrderRequest:
        return make_requests(3)[index]


KINDS: dict[str, Callable[[], Any]] = {
    "list": lambda: make_requests(3),
    "tuple": lambda: tuple(make_requests(3)),
    "iterator": lambda: iter(make_requests(3)),
    "map": lambda: map(make_request, range(3)),
    "generator": lambda: (make_request(number) for number in range(3)),
    "view": lambda: dict(enumerate(make_requests(3))).values(),
    "async generator": lambda: stream(make_requests(3)),
    "getitem": OnlyGetItem,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("concurrency", [1, 2, 8])
async def test_every_order_of_every_kind_of_source_is_sent_once(kind: str, concurrency: int) -> None:
    transport = FakeTransport(lambda number: answered(200, {"orderId": f"ord_{number}"}))
    seen: list[OrderOutcome] = []
    run = make_bulk(transport).submit(KINDS[kind](), concurrency=concurrency)
    await gather(run, seen)
    assert sorted(outcome.index for outcome in seen) == sorted(transport.numbers) == [0, 1, 2]
    assert [outcome.order_id for outcome in seen] == [f"ord_{outcome.index}" for outcome in seen]
    assert [outcome.request for outcome in seen] == [make_request(outcome.index) for outcome in seen]
    assert run.summary == BulkSummary(accepted=3)
    assert run.drained == []


@pytest.mark.parametrize("concurrency", [1, 3, 8])
async def test_an_endless_source_is_pulled_only_as_there_is_room(concurrency: int) -> None:
    pulled = 0

    def source() -> Iterator[OrderRequest]:
        nonlocal pulled
        for number in count():
            pulled += 1
            yield make_request(number)

    run = make_bulk(FakeTransport()).submit(source(), concurrency=concurrency)
    assert pulled == 0
    given_out = 0
    async for _ in run:
        given_out += 1
        assert pulled - given_out <= concurrency
        if given_out == 40:
            break
    await run.close()


@pytest.mark.parametrize("junk", [None, "x.com", {"user_id": USER}, Order()], ids=["None", "text", "dict", "order"])
@pytest.mark.parametrize("concurrency", [1, 8])
async def test_an_item_that_is_no_request_ends_the_run_after_what_came_before_it(
    junk: object, concurrency: int
) -> None:
    transport, seen = FakeTransport(), list[OrderOutcome]()
    run = make_bulk(transport).submit(cast("Any", [make_request(0), junk, make_request(2)]), concurrency=concurrency)
    with pytest.raises(ValidationError, match=r"requests\[1\]: must be an OrderRequest"):
        await gather(run, seen)
    assert [outcome.index for outcome in seen] == transport.numbers == [0]


class BrokenError(Exception):
    """What a source raises."""


@pytest.mark.parametrize("concurrency", [1, 2, 8])
@pytest.mark.parametrize("kind", [iter, stream], ids=["sync", "async"])
async def test_what_a_source_gave_before_it_broke_is_sent_and_given_out(
    kind: Callable[[Iterable[OrderRequest]], Any], concurrency: int
) -> None:
    def broken() -> Iterator[OrderRequest]:
        yield from make_requests(5)
        raise BrokenError

    transport, seen = FakeTransport(), list[OrderOutcome]()
    run = make_bulk(transport).submit(kind(broken()), concurrency=concurrency)
    with pytest.raises(BrokenError):
        await gather(run, seen)
    assert sorted(outcome.index for outcome in seen) == sorted(transport.numbers) == [0, 1, 2, 3, 4]
    assert run.summary == BulkSummary(accepted=5, stopped="the input could not be read to its end")


async def test_orders_that_are_out_when_the_source_breaks_are_given_out_before_its_error() -> None:
    async def broken(event: asyncio.Event) -> AsyncIterator[OrderRequest]:
        yield make_request(0)
        await event.wait()
        raise BrokenError

    async with Loopback(stall) as server:
        async with AsyncClient("k", server.base_url, gap=0, timeouts=Timeouts(read=0.05)) as client:
            seen: list[OrderOutcome] = []
            with pytest.raises(BrokenError):
                await gather(client.bulk.submit(broken(server.arrived)), seen)
        assert [outcome.state for outcome in seen] == [OrderState.UNKNOWN]
        assert len(server.received) == 1


async def test_requests_with_faults_are_refused_and_not_planned(tmp_path: Path) -> None:
    transport = FakeTransport()
    faulty = [OrderRequest(user_id=USER, order=Order()), make_request(1, user_id="")]
    run = make_bulk(transport).submit(faulty, journal=tmp_path / "run.db")
    assert [outcome.state async for outcome in run] == [OrderState.REJECTED] * 2
    async with Journal(tmp_path / "run.db") as journal:
        assert [entry async for entry in journal.entries()] == []
    assert transport.sent == []
