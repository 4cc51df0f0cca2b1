"""Cancelled calls: what had not left was not sent, and what had gone out gets a bounded drain to learn its answer."""

from __future__ import annotations

import asyncio
import gc
import pickle
import traceback
import warnings
from typing import Any

import aiohttp
import pytest

from cmr_async import AsyncClient, OutcomeUnknownError, Timeouts
from cmr_async.core.exchange import CallCancelled
from tests.fakes import USER, make_order
from tests.loopback import Loopback, answer_after, stall

PAID = make_order()
#: Nothing but the test itself ends a wait.
PATIENT = Timeouts(read=600, drain=600)
#: A drain that ends soon; it is for servers that never answer.
IMPATIENT = Timeouts(read=600, drain=0.01)


def client_of(server: Loopback, timeouts: Timeouts = PATIENT) -> AsyncClient:
    return AsyncClient("key", server.base_url, gap=0, timeouts=timeouts)


async def cancelled(task: asyncio.Task[object]) -> asyncio.CancelledError:
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return caught.value


async def test_a_cancelled_order_that_had_not_left_was_not_sent() -> None:
    # The pace is kept by key and port, which a later test may get as well: so a key of its own
    async with Loopback() as server, AsyncClient("key-of-one-slot", server.base_url, gap=600) as client:
        await client.orders.create(make_order(confirm=False), user_id=USER)  # takes the first slot
        task = asyncio.create_task(client.orders.create(PAID, user_id=USER))
        await asyncio.sleep(0)
        task.cancel()
        assert (await cancelled(task)).__cause__ is None
        assert len(server.received) == 1


async def test_an_order_that_is_cancelled_before_it_has_a_connection_is_not_drained() -> None:
    connecting = asyncio.Event()

    class Slow(aiohttp.TCPConnector):
        async def connect(self, *args: Any, **kwargs: Any) -> Any:
            connecting.set()
            await asyncio.Event().wait()

    connector = Slow()
    async with AsyncClient("key", "http://127.0.0.1:9/", gap=0, timeouts=PATIENT, connector=connector) as client:
        task = asyncio.create_task(client.orders.create(PAID, user_id=USER))
        await connecting.wait()
        task.cancel()
        assert (await cancelled(task)).__cause__ is None
    await connector.close()


async def test_the_drain_learns_the_answer_of_a_cancelled_order_and_it_can_be_pickled() -> None:
    go_on = asyncio.Event()
    async with Loopback(answer_after(go_on)) as server, client_of(server) as client:
        task = asyncio.create_task(client.orders.create(PAID, user_id=USER))
        await server.count(1)
        task.cancel()
        await asyncio.sleep(0)  # the cancellation arrives before the answer
        go_on.set()
        learned = (await cancelled(task)).__cause__
    for each in (learned, pickle.loads(pickle.dumps(learned))):
        assert isinstance(each, CallCancelled)
        assert each.envelope is not None
        assert each.envelope.data == {"orderId": "RJK7NR2W194HAGHGTX75D391P3NB"}
        assert each.error is None


async def test_a_drain_that_learns_nothing_leaves_the_order_unknown_and_it_can_be_pickled() -> None:
    async with Loopback(stall) as server, client_of(server, IMPATIENT) as client:
        task = asyncio.create_task(client.orders.create(PAID, user_id=USER))
        await server.count(1)
        task.cancel()
        error = await cancelled(task)
    assert "may have been placed" in error.__notes__[0]
    learned = error.__cause__
    assert isinstance(learned, CallCancelled)
    assert isinstance(learned.error, OutcomeUnknownError)
    copied = pickle.loads(pickle.dumps(learned))
    assert isinstance(copied.error, OutcomeUnknownError)
    assert copied.error.args == learned.error.args
    assert copied.exchange == learned.exchange


async def test_a_second_cancellation_leaves_at_once() -> None:
    async with Loopback(stall) as server, client_of(server) as client:
        task = asyncio.create_task(client.orders.create(PAID, user_id=USER))
        await server.count(1)
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the drain has begun
        task.cancel()
        assert isinstance((await cancelled(task)).__cause__, CallCancelled)


async def test_a_timeout_of_the_caller_is_a_timeout_and_says_what_may_have_happened() -> None:
    async def order(server: Loopback) -> None:
        async with client_of(server, IMPATIENT) as client, asyncio.timeout(None) as limit:
            ending = asyncio.create_task(end(limit, server))
            await client.orders.create(PAID, user_id=USER)
            await ending

    async def end(limit: asyncio.Timeout, server: Loopback) -> None:
        await server.count(1)
        limit.reschedule(asyncio.get_running_loop().time())

    async with Loopback(stall) as server:
        with pytest.raises(TimeoutError) as caught:
            await order(server)
    assert "may have been placed" in "".join(traceback.format_exception(caught.value))


async def test_a_cancelled_read_is_aborted_at_once() -> None:
    async with Loopback(stall) as server, client_of(server) as client:
        task = asyncio.create_task(client.orders.status("A", user_id=USER))
        await server.count(1)
        task.cancel()
        assert (await cancelled(task)).__cause__ is None


def test_a_loop_that_ends_under_an_order_says_that_it_may_have_been_placed() -> None:
    seen: list[BaseException | None] = []

    async def order(client: AsyncClient) -> None:
        try:
            await client.orders.create(PAID, user_id=USER)
        except asyncio.CancelledError as cancelled:
            seen.append(cancelled.__cause__)
            raise

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        arrived.set()

    async def main() -> asyncio.Task[None]:
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        background = asyncio.ensure_future(order(AsyncClient("key", url, gap=0)))
        await arrived.wait()
        return background

    arrived = asyncio.Event()
    loop_errors: list[dict[str, object]] = []
    with asyncio.Runner() as runner, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # this test leaves its client and its server open
        runner.get_loop().set_exception_handler(lambda _, context: loop_errors.append(context))
        assert not runner.run(main()).done()
        runner.close()
        gc.collect()
    (learned,) = seen
    assert isinstance(learned, CallCancelled)
    assert isinstance(learned.error, OutcomeUnknownError)
    assert [context for context in loop_errors if "Unclosed" not in str(context)] == []
