"""Bulk runs of the blocking client: the input is pulled in the caller's thread, and no order is lost track of."""

from __future__ import annotations

import gc
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest

from cmr_async import Client, ClientStateError, OrderRequest, OrderState
from cmr_async.errors import JournalError
from cmr_async.sync import BlockingBulkRun
from cmr_async.sync import bulk as bulk_module
from cmr_async.sync.bulk import _Step
from cmr_async.sync.portal import running_portal

from .conftest import ORDER, Server


def requests(number: int = 1000) -> Iterator[OrderRequest]:
    return (OrderRequest(user_id=f"u{one}", order=ORDER) for one in range(number))


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """A thread to iterate runs in, while the test decides what the server answers."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def release_when_stopped(run: BlockingBulkRun, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold the orders in flight until the run is being left."""
    stop = run._run.stop

    def stop_and_release(reason: str = "") -> None:
        stop(reason)
        server.release()

    monkeypatch.setattr(run._run, "stop", stop_and_release)


def begin_four(run: BlockingBulkRun, server: Server, pool: ThreadPoolExecutor) -> None:
    """Take the first outcome of a run on `/held` while three more orders are in flight."""
    first = pool.submit(next, run)
    server.wait_for_requests(4)
    server.release("u0")
    assert first.result(20).state is OrderState.ACCEPTED


def test_a_run_yields_every_outcome(server: Server) -> None:
    with server.client() as cmr:
        run = cmr.bulk.submit(requests(40))
        assert sorted(outcome.order_id or "" for outcome in run) == sorted(f"order-of-u{one}" for one in range(40))
        assert (run.summary.accepted, run.summary.total, run.summary.stopped) == (40, 40, None)
        assert (run.drained, run.in_flight, run.paused_for) == ([], {}, 0)
        assert [outcome.index for outcome in cmr.bulk.submit(list(requests(1)))] == [0]


def test_a_run_takes_an_async_source_too(server: Server) -> None:
    async def source() -> AsyncIterator[OrderRequest]:
        for request in requests(5):
            yield request

    with server.client() as cmr:
        assert len(list(cmr.bulk.submit(source()))) == 5


@pytest.mark.parametrize("wake_every", [-1, 0.001])
def test_the_input_is_pulled_in_the_thread_that_iterates(
    server: Server, monkeypatch: pytest.MonkeyPatch, wake_every: float
) -> None:
    monkeypatch.setattr(bulk_module, "WAKE_EVERY", wake_every)
    threads = set()

    def source() -> Iterator[OrderRequest]:
        for request in requests(20):
            threads.add(threading.current_thread())
            yield request

    with server.client() as cmr:
        assert len(list(cmr.bulk.submit(source(), concurrency=3))) == 20
    assert threads == {threading.current_thread()}


def test_an_input_that_blocks_does_not_hold_up_other_callers(server: Server, pool: ThreadPoolExecutor) -> None:
    asked = threading.Event()
    go_on = threading.Event()

    def source() -> Iterator[OrderRequest]:
        asked.set()
        assert go_on.wait(20)
        yield from requests(1)

    with server.client() as cmr:
        outcomes = pool.submit(lambda: list(cmr.bulk.submit(source())))
        assert asked.wait(20)
        assert cmr.orders.create(ORDER, user_id="meanwhile").order_id == "order-of-meanwhile"
        go_on.set()
        assert [outcome.order_id for outcome in outcomes.result(20)] == ["order-of-u0"]


def test_an_input_may_call_the_client_itself(server: Server) -> None:
    with server.client() as cmr:

        def source() -> Iterator[OrderRequest]:
            for number in range(3):
                cmr.orders.status("o", user_id=f"asked{number}")
                yield OrderRequest(user_id=f"u{number}", order=ORDER)

        assert len(list(cmr.bulk.submit(source()))) == 3


def test_an_error_of_the_input_comes_out_of_the_loop(server: Server) -> None:
    def source() -> Iterator[OrderRequest]:
        yield from requests(2)
        raise LookupError("the database is gone")

    with server.client() as cmr, pytest.raises(LookupError, match="the database is gone"):
        list(cmr.bulk.submit(source(), concurrency=1))


def test_an_item_that_comes_after_the_run_was_stopped_is_not_sent(server: Server, pool: ThreadPoolExecutor) -> None:
    asked, stopped = threading.Event(), threading.Event()

    def source() -> Iterator[OrderRequest]:
        asked.set()
        assert stopped.wait(20)
        yield from requests(1)

    with server.client() as cmr:
        run = cmr.bulk.submit(source())
        outcomes = pool.submit(list, run)
        assert asked.wait(20)
        run.stop("enough")
        stopped.set()
        assert outcomes.result(20) == []
    assert (server.users, run.summary.stopped) == ([], "enough")


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
    pulled: list[str] = []

    def source() -> Iterator[OrderRequest]:
        try:
            for request in requests():
                pulled.append(request.user_id)
                yield request
        finally:
            closed.set()

    with server.client() as cmr:
        leave(cmr.bulk.submit(source(), concurrency=2))
        gc.collect()
        assert closed.wait(20)
    # The client is closed: nothing can follow
    assert len(pulled) <= 3 + 2
    assert set(server.users) <= set(pulled)


def test_a_with_block_waits_for_what_was_sent(
    server: Server, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server.client("held") as cmr, cmr.bulk.submit(requests(), concurrency=4) as run:
        begin_four(run, server, pool)
        assert sorted(run.in_flight) == [1, 2, 3]
        release_when_stopped(run, server, monkeypatch)
    assert (run.summary.accepted, run.summary.unknown, run.summary.stopped) == (4, 0, "left early")
    assert sorted(outcome.order_id or "" for outcome in run.drained) == ["order-of-u1", "order-of-u2", "order-of-u3"]
    assert list(run) == []
    assert len(server.users) == 4


def test_closing_the_client_cuts_no_order_off(
    server: Server, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server.client("held") as cmr:
        run = cmr.bulk.submit(requests(), concurrency=4)
        begin_four(run, server, pool)
        release_when_stopped(run, server, monkeypatch)
        bulk_run = run._run
        del run
        gc.collect()
    assert (bulk_run.summary.accepted, bulk_run.summary.unknown) == (4, 0)
    assert (len(server.users), server.aborted) == (4, [])


def test_stop_works_from_another_thread(server: Server) -> None:
    with server.client() as cmr:
        run = cmr.bulk.submit(requests(), concurrency=2)
        next(run)
        thread = threading.Thread(target=run.stop, args=["enough"])
        thread.start()
        thread.join()
        yielded = 1 + len(list(run))
    assert run.summary.stopped == "enough"
    assert yielded == run.summary.total < 1000


def test_a_stop_before_the_first_outcome_sends_nothing(server: Server) -> None:
    with server.client() as cmr:
        run = cmr.bulk.submit(requests())
        run.stop()
        assert list(run) == []
    assert server.users == []


def test_giving_up_ends_the_iteration_without_the_answers(server: Server, pool: ThreadPoolExecutor) -> None:
    with server.client("held") as cmr:
        run = cmr.bulk.submit(requests(), concurrency=2)
        outcome = pool.submit(next, run, None)
        server.wait_for_requests(2)
        run.give_up()
        assert outcome.result(20) is None
    assert [outcome.state for outcome in run.drained] == [OrderState.UNKNOWN, OrderState.UNKNOWN]
    assert run.summary.stopped == "given up by the caller"


def test_a_closed_client_takes_its_runs_along(server: Server) -> None:
    cmr = server.client()
    run = cmr.bulk.submit(requests())
    next(run)
    cmr.close()
    with pytest.raises(ClientStateError, match="closed"):
        next(run)


def test_a_caller_that_the_exit_interrupts_is_told_how_the_orders_ended(
    server: Server, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with server.client("held") as cmr:
        run = cmr.bulk.submit(requests(), concurrency=2)
        release_when_stopped(run, server, monkeypatch)
        outcome = pool.submit(next, run)
        server.wait_for_requests(2)
        portal = running_portal()

        async def exit_of_the_interpreter() -> None:
            for call in list(portal.calls):
                if isinstance(call, _Step) and call._bulk_run is run._run:
                    call.cancel_for_exit()

        portal.call(exit_of_the_interpreter)
        error = outcome.exception(20)
    assert isinstance(error, ClientStateError)
    assert str(error) == "The interpreter is exiting: the call was cancelled."
    assert sorted(error.__notes__) == [
        "Order 0 ended as accepted, its id: order-of-u0.",
        "Order 1 ended as accepted, its id: order-of-u1.",
    ]


DRAFT = attrs.evolve(ORDER, confirm=False)


def test_drafts_of_a_journal_are_processed_through_the_blocking_client(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    journal = tmp_path / "run.db"
    drafts = [OrderRequest(user_id=name, order=DRAFT, reference=name) for name in ("a", "b", "c")]
    with Client("key", server.url + "ok", gap=0, endpoints={"orders.process": "/orders/process"}) as cmr:
        assert {outcome.state for outcome in cmr.bulk.submit(drafts, journal=journal)} == {OrderState.ACCEPTED}
        processed = cmr.bulk.process(journal, references=(name for name in ("a", "b")))
        assert sorted(outcome.order_id or "" for outcome in processed) == ["order-of-a", "order-of-b"]
    assert sorted(server.users) == ["a", "a", "b", "b", "c"]


def test_unknown_orders_are_reconciled_and_not_planned_again_without_a_verdict(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy")
    journal = tmp_path / "run.db"
    request = OrderRequest(user_id="a", order=ORDER, reference="one")
    server.cut()
    with server.client("held") as cmr:
        assert [outcome.state for outcome in cmr.bulk.submit([request], journal=journal)] == [OrderState.UNKNOWN]
    with server.client() as cmr:
        (finding,) = cmr.bulk.reconcile(journal, events=iter([]))
        assert (finding.entry.key, finding.verdict) == ("one", None)
        with pytest.raises(JournalError, match="reconcile"):
            cmr.bulk.resubmit(journal, "one")
