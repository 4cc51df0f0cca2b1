"""An outer time limit, a cancellation or Ctrl-C around an order never ends in an error that people retry."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import pytest

from cmr_async import AsyncClient, OrderCreated, Timeouts
from cmr_async.errors import CMRError, NotSentError, OrderPlacedError, OutcomeUnknownError
from cmr_async.journal.journal import Journal, StepState
from tests.fakes import USER, make_order
from tests.loopback import Loopback, answer, answer_after, envelope, stall

ORDER_ID = "RJK7NR2W194HAGHGTX75D391P3NB"
PAID = make_order()
#: Longer than the limits of the callers below, which pass when the test moves the clock of the loop.
PATIENT = Timeouts(read=600, drain=600)
LIMIT = 10.0

Call = Callable[[], Awaitable[OrderCreated]]


@asynccontextmanager
async def ordering(server: Loopback, timeouts: Timeouts = PATIENT) -> AsyncIterator[Call]:
    async with AsyncClient("key", server.base_url, gap=0, timeouts=timeouts) as cmr:
        yield lambda: cmr.orders.create(PAID, user_id=USER)


def pass_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the limits of the callers run out."""
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + 2 * LIMIT)
    loop.call_soon(lambda: None)  # wakes the loop, which looks at its clock then


async def with_timeout(call: Call) -> OrderCreated:
    async with asyncio.timeout(LIMIT):
        return await call()


async def with_nested_timeouts(call: Call) -> OrderCreated:
    async with asyncio.timeout(LIMIT), asyncio.timeout(LIMIT):
        return await call()


async def with_wait_for(call: Call) -> OrderCreated:
    return await asyncio.wait_for(asyncio.ensure_future(call()), LIMIT)


async def with_fail_after(call: Call) -> OrderCreated:
    with anyio.fail_after(LIMIT):
        return await call()


async def with_move_on_after(call: Call) -> OrderCreated:
    with anyio.move_on_after(LIMIT):
        return await call()
    raise AssertionError("the scope swallowed what became of the order")


LIMITS = [with_timeout, with_nested_timeouts, with_wait_for, with_fail_after, with_move_on_after]


@pytest.mark.parametrize("limited", LIMITS)
async def test_a_time_limit_around_an_order_that_was_placed_is_no_timeout(
    limited: Callable[[Call], Awaitable[OrderCreated]], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()
    async with Loopback(answer_after(go_on)) as server, ordering(server) as call:
        bought, error = 0, None
        task = asyncio.create_task(_retrying_timeouts(lambda: limited(call)))
        await server.count(1)
        pass_time(monkeypatch)
        asyncio.get_running_loop().call_later(0, lambda: asyncio.get_running_loop().call_soon(go_on.set))
        with suppress(OrderPlacedError, OutcomeUnknownError):
            await task
        error, bought = task.exception(), len(server.received)
    assert bought == 1
    if limited in {with_fail_after, with_move_on_after}:  # anyio cancels on each turn of the loop
        assert isinstance(error, OutcomeUnknownError)
    else:
        assert isinstance(error, OrderPlacedError)
        assert error.order_id == ORDER_ID
    assert not isinstance(error, OSError)


async def _retrying_timeouts(call: Call) -> OrderCreated:
    """Do as people do."""
    for _ in range(2):
        with suppress(TimeoutError):
            return await call()
    return await call()


async def test_a_task_group_that_ends_passes_on_what_became_of_the_order() -> None:
    async def fail(server: Loopback, go_on: asyncio.Event) -> None:
        await server.count(1)
        asyncio.get_running_loop().call_later(0, go_on.set)
        raise ZeroDivisionError

    go_on = asyncio.Event()
    async with Loopback(answer_after(go_on)) as server, ordering(server) as call:
        with pytest.raises(ExceptionGroup) as caught:
            await _group(fail(server, go_on), _await(call))
    assert {type(error) for error in caught.value.exceptions} == {ZeroDivisionError, OrderPlacedError}


async def _group(*work: Coroutine[object, object, object]) -> None:
    async with asyncio.TaskGroup() as group:
        for each in work:
            group.create_task(each)


async def _await(call: Call) -> OrderCreated:
    return await call()


async def test_a_cancelled_order_that_was_refused_ends_in_the_refusal() -> None:
    refusal = envelope(422, "taken")
    hold = asyncio.Event()

    async def refuse(connection: object) -> None:
        await hold.wait()
        await answer(422, refusal)(connection)  # type: ignore[arg-type]

    async with Loopback(refuse) as server, ordering(server) as call:
        task = asyncio.create_task(_await(call))
        await server.count(1)
        task.cancel()
        hold.set()
        with pytest.raises(CMRError, match="taken"):
            await task


async def test_a_drain_that_learns_nothing_ends_in_an_unknown_outcome() -> None:
    async with Loopback(stall) as server, ordering(server, Timeouts(read=600, drain=0.01)) as call:
        task = asyncio.create_task(_await(call))
        await server.count(1)
        task.cancel()
        with pytest.raises(OutcomeUnknownError, match="may have been placed"):
            await task


async def test_an_order_that_had_not_left_is_a_plain_cancellation() -> None:
    async with Loopback() as server, AsyncClient("key-of-one-slot", server.base_url, gap=600) as cmr:
        await cmr.orders.create(PAID, user_id=USER)  # takes the first slot
        task = asyncio.create_task(cmr.orders.create(PAID, user_id=USER))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(server.received) == 1


async def test_a_second_cancellation_lets_the_caller_go_and_the_answer_still_reaches_journal_and_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    go_on = asyncio.Event()
    async with (
        Loopback(answer_after(go_on)) as server,
        AsyncClient("key", server.base_url, gap=0, timeouts=PATIENT) as cmr,
    ):
        call = cmr.orders.create(PAID, user_id=USER, reference="a", journal=tmp_path / "orders.db")
        task = asyncio.create_task(_await(lambda: call))
        await server.count(1)
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the drain has begun
        task.cancel()
        with pytest.raises(OutcomeUnknownError, match="cancelled twice"):
            await task
        go_on.set()
    assert any("was accepted as " + ORDER_ID in message for message in caplog.messages)
    async with Journal(tmp_path / "orders.db") as journal:
        entry = await journal.get("a")
    assert entry is not None
    assert (entry.state, entry.order_id) == (StepState.ACCEPTED, ORDER_ID)


async def test_an_order_that_cannot_leave_in_time_was_not_sent() -> None:
    async with Loopback() as server, AsyncClient("key-of-a-slow-pace", server.base_url, gap=600) as cmr:
        await cmr.orders.create(PAID, user_id=USER)
        with pytest.raises(NotSentError, match=r"could not leave within 0\.01 s"):
            await cmr.orders.create(PAID, user_id=USER, send_within=0.01)
        assert len(server.received) == 1


async def test_a_limit_until_the_send_does_not_cut_the_answer_off(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = asyncio.Event()
    async with (
        Loopback(answer_after(go_on)) as server,
        AsyncClient("key", server.base_url, gap=0, timeouts=PATIENT) as cmr,
    ):
        task = asyncio.create_task(_await(lambda: cmr.orders.create(PAID, user_id=USER, send_within=LIMIT)))
        await server.count(1)
        pass_time(monkeypatch)
        go_on.set()
        assert (await task).order_id == ORDER_ID


def test_ctrl_c_around_an_order_says_what_became_of_it() -> None:
    async def main() -> None:
        go_on = asyncio.Event()
        async with Loopback(answer_after(go_on)) as server, ordering(server) as call:
            ordered = asyncio.ensure_future(_interrupt(server, go_on))
            try:
                await call()
            finally:
                await ordered

    async def _interrupt(server: Loopback, go_on: asyncio.Event) -> None:
        await server.count(1)
        os.kill(os.getpid(), signal.SIGINT)
        asyncio.get_running_loop().call_later(0, go_on.set)

    with pytest.raises(OrderPlacedError):
        asyncio.run(main())
