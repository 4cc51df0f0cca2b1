"""Plain iterators over async ones, and bulk runs: lazy, in the caller's thread, closed when they are left."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator

import pytest

from cmr_async import Client, ClientStateError, OrderRequest, OrderState
from cmr_async.client import AsyncClient
from cmr_async.sync import BlockingIterator
from cmr_async.sync.iterator import iterate
from cmr_async.sync.lifetime import Lifetime

from .conftest import Server
from .test_client import ORDER, client


class Numbers:
    """An async source that shows what is done with it."""

    def __init__(self) -> None:
        self.given: list[int] = []
        self.closed = threading.Event()

    async def items(self) -> AsyncGenerator[int, None]:
        try:
            for number in range(10):
                self.given.append(number)
                yield number
        finally:
            self.closed.set()


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


@pytest.fixture
def iterator(numbers: Numbers) -> BlockingIterator[int]:
    return iterate(Lifetime(AsyncClient("key", "http://localhost")), numbers.items)


def test_it_pulls_one_item_at_a_time(numbers: Numbers, iterator: BlockingIterator[int]) -> None:
    assert numbers.given == []
    assert [next(iterator) for _ in range(3)] == [0, 1, 2]
    assert numbers.given == [0, 1, 2]


def test_it_ends_and_stays_ended(numbers: Numbers, iterator: BlockingIterator[int]) -> None:
    assert list(iterator) == list(range(10))
    assert list(iterator) == []
    assert numbers.closed.is_set()


def test_a_loop_that_is_left_closes_the_source(numbers: Numbers) -> None:
    for number in iterate(Lifetime(AsyncClient("key", "http://localhost")), numbers.items):
        if number == 2:
            break
    assert numbers.closed.wait(5)
    assert numbers.given == [0, 1, 2]


def test_a_with_block_has_closed_the_source_at_its_end(numbers: Numbers, iterator: BlockingIterator[int]) -> None:
    with pytest.raises(ZeroDivisionError), iterator:  # noqa: PT012 - the error leaves the loop
        for _ in iterator:
            raise ZeroDivisionError
    assert numbers.closed.is_set()
    assert list(iterator) == []


def test_garbage_closes_the_source(numbers: Numbers, iterator: BlockingIterator[int], request: object) -> None:
    other = Numbers()
    kept = [iterate(Lifetime(AsyncClient("key", "http://localhost")), other.items)]
    next(kept[0])
    kept.append(kept)  # type: ignore[arg-type]  # a cycle
    del kept
    gc.collect()
    assert other.closed.wait(5)


def requests(number: int = 1000) -> Iterator[OrderRequest]:
    return (OrderRequest(user_id=f"u{one}", order=ORDER) for one in range(number))


def test_a_run_gives_every_outcome(server: Server) -> None:
    with client(server) as cmr:
        run = cmr.bulk.submit(requests(40))
        assert sorted(outcome.order_id or "" for outcome in run) == sorted(f"order-of-u{one}" for one in range(40))
        assert (run.summary.accepted, run.summary.total, run.summary.stopped) == (40, 40, None)
        assert run.drained == []
        assert [outcome.index for outcome in cmr.bulk.submit(list(requests(1)))] == [0]


def test_a_run_takes_an_async_source_too(server: Server) -> None:
    async def source() -> AsyncIterator[OrderRequest]:
        for request in requests(5):
            yield request

    with client(server) as cmr:
        assert len(list(cmr.bulk.submit(source()))) == 5


def test_the_input_is_pulled_in_the_thread_that_iterates(server: Server) -> None:
    threads = set()

    def source() -> Iterator[OrderRequest]:
        for request in requests(20):
            threads.add(threading.current_thread())
            yield request

    with client(server) as cmr:
        assert len(list(cmr.bulk.submit(source(), concurrency=3))) == 20
    assert threads == {threading.current_thread()}


def test_an_input_that_blocks_does_not_hold_up_other_callers(server: Server) -> None:
    asked = threading.Event()
    go_on = threading.Event()

    def source() -> Iterator[OrderRequest]:
        asked.set()
        assert go_on.wait(5)
        yield from requests(1)

    with client(server) as cmr:
        thread = threading.Thread(target=lambda: list(cmr.bulk.submit(source())))
        thread.start()
        assert asked.wait(5)
        assert cmr.orders.create(ORDER, user_id="meanwhile").order_id == "order-of-meanwhile"
        go_on.set()
        thread.join(5)
        assert not thread.is_alive()


def test_an_input_may_call_the_client_itself(server: Server) -> None:
    with client(server) as cmr:

        def source() -> Iterator[OrderRequest]:
            for number in range(3):
                cmr.orders.status("o", user_id=f"asked{number}")
                yield OrderRequest(user_id=f"u{number}", order=ORDER)

        assert len(list(cmr.bulk.submit(source()))) == 3


def test_an_error_of_the_input_comes_out_of_the_loop(server: Server) -> None:
    def source() -> Iterator[OrderRequest]:
        yield from requests(2)
        raise LookupError("the database is gone")

    with client(server) as cmr, pytest.raises(LookupError, match="the database is gone"):
        list(cmr.bulk.submit(source(), concurrency=1))


def _break(run: Iterator[object]) -> None:
    for number, _ in enumerate(run):
        if number == 2:
            break


def _raise(run: Iterator[object]) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - the error leaves the loop
        for number, _ in enumerate(run):
            if number == 2:
                raise ZeroDivisionError


@pytest.mark.parametrize("leave", [_break, _raise])
def test_a_run_left_after_3_outcomes_sends_no_more(server: Server, leave: Callable[[Iterator[object]], None]) -> None:
    closed = threading.Event()

    def source() -> Iterator[OrderRequest]:
        try:
            yield from requests()
        finally:
            closed.set()

    with client(server) as cmr:
        leave(cmr.bulk.submit(source(), concurrency=2))
        gc.collect()
        assert closed.wait(20)
    seen = len(server.users)
    assert seen <= 3 + 2
    time.sleep(0.1)
    assert len(server.users) == seen


def test_a_with_block_waits_for_what_had_gone_out(server: Server) -> None:
    with client(server, "slow") as cmr, cmr.bulk.submit(requests(), concurrency=4) as run:
        first = next(run)
    assert first.state is OrderState.ACCEPTED
    assert run.summary.accepted == len(server.users)
    assert run.summary.unknown == 0
    assert run.summary.stopped == "left early"
    assert len(run.drained) == len(server.users) - 1
    assert list(run) == []


def test_closing_the_client_cuts_no_order_off(server: Server) -> None:
    with client(server, "slow") as cmr:
        run = cmr.bulk.submit(requests(), concurrency=4)
        next(run)
        bulk = run._run
        del run
        gc.collect()
    assert bulk.summary.accepted == len(server.users)
    assert bulk.summary.unknown == 0


def test_stop_works_from_another_thread(server: Server) -> None:
    with client(server) as cmr:
        run = cmr.bulk.submit(requests(), concurrency=2)
        next(run)
        thread = threading.Thread(target=run.stop, args=["enough"])
        thread.start()
        thread.join()
        given = 1 + len(list(run))
    assert run.summary.stopped == "enough"
    assert given == run.summary.total < 1000


def test_a_stop_before_the_first_outcome_sends_nothing(server: Server) -> None:
    with client(server) as cmr:
        run = cmr.bulk.submit(requests())
        run.stop()
        assert list(run) == []
    assert server.users == []


def test_a_closed_client_takes_its_runs_along(server: Server) -> None:
    cmr = Client("key", server.url + "ok", gap=0)
    run = cmr.bulk.submit(requests())
    next(run)
    cmr.close()
    with pytest.raises(ClientStateError, match="closed"):
        next(run)
