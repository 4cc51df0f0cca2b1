"""Cancelled calls: what had not left was not sent, and what had gone out tells how far it got."""

from __future__ import annotations

import asyncio
import gc
import pickle
import warnings
from typing import Any

import aiohttp
import pytest

from cmr_async import AsyncClient, OutcomeUnknownError, Timeouts
from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import Phase, Request
from cmr_async.transport import transport as transport_module
from cmr_async.transport.sessions import Sessions
from cmr_async.transport.transport import Transport
from tests.fakes import USER, make_order
from tests.loopback import Act, Loopback, stall, stall_after_head

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

    def slow() -> aiohttp.BaseConnector:
        return Slow(force_close=True)

    class Slow(aiohttp.TCPConnector):
        async def connect(self, *args: Any, **kwargs: Any) -> Any:
            connecting.set()
            await asyncio.Event().wait()

    async with AsyncClient("key", "http://127.0.0.1:9/", gap=0, timeouts=PATIENT, connector_factory=slow) as client:
        task = asyncio.create_task(client.orders.create(PAID, user_id=USER))
        await connecting.wait()
        task.cancel()
        assert (await cancelled(task)).__cause__ is None


async def test_a_drain_that_learns_nothing_leaves_the_order_unknown_and_it_can_be_pickled() -> None:
    async with Loopback(stall) as server, client_of(server, IMPATIENT) as client:
        task = asyncio.create_task(client.orders.create(PAID, user_id=USER))
        await server.count(1)
        task.cancel()
        with pytest.raises(OutcomeUnknownError, match="cancelled before the answer came") as caught:
            await task
    copied = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(copied, OutcomeUnknownError)
    assert copied.args == caught.value.args


async def test_a_timeout_of_the_caller_does_not_become_a_timeout_error() -> None:
    async def order(server: Loopback) -> None:
        async with client_of(server, IMPATIENT) as client, asyncio.timeout(None) as limit:
            ending = asyncio.create_task(end(limit, server))
            await client.orders.create(PAID, user_id=USER)
            await ending

    async def end(limit: asyncio.Timeout, server: Loopback) -> None:
        await server.count(1)
        limit.reschedule(asyncio.get_running_loop().time())

    async with Loopback(stall) as server:
        with pytest.raises(OutcomeUnknownError, match="may have been placed"):
            await order(server)


async def test_a_cancelled_read_is_aborted_at_once() -> None:
    async with Loopback(stall) as server, client_of(server) as client:
        task = asyncio.create_task(client.orders.status("A", user_id=USER))
        await server.count(1)
        task.cancel()
        assert (await cancelled(task)).__cause__ is None


def test_a_loop_that_ends_under_an_order_says_that_it_may_have_been_placed() -> None:
    seen: list[str] = []

    async def order(client: AsyncClient) -> None:
        try:
            await client.orders.create(PAID, user_id=USER)
        except OutcomeUnknownError as error:
            seen.append(str(error))

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
    (message,) = seen
    assert message.startswith("The order for a.com may have been placed (cancelled before the answer came).")
    assert [context for context in loop_errors if "Unclosed" not in str(context)] == []


# What the transport itself promises --------------------------------------------------------------------------------


def transport_to(server: Loopback) -> Transport:
    return Transport(base_url=server.base_url, headers={"cmr-x-api-key": "key"}, timeouts=PATIENT, sessions=Sessions())


def request_of(name: str) -> Request:
    return Request(endpoint=ENDPOINTS[name], subject=lambda: "The call")


@pytest.mark.parametrize(
    ("act", "phase"), [(stall, Phase.HEAD_SENT), (stall_after_head, Phase.STATUS_SEEN)], ids=["no answer", "half of it"]
)
async def test_a_send_that_is_cancelled_after_the_head_returns_how_far_it_got(
    act: Act, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = asyncio.Event()
    read_body = transport_module._read_body

    async def notice(response: aiohttp.ClientResponse, body: bytearray, limit: int) -> str | None:
        reading.set()
        return await read_body(response, body, limit)

    monkeypatch.setattr(transport_module, "_read_body", notice)
    async with Loopback(act) as server:
        transport = transport_to(server)
        task = asyncio.create_task(transport.send(request_of("orders.create")))
        await server.count(1)
        if phase is Phase.STATUS_SEEN:
            await reading.wait()
        task.cancel()
        exchange = await task
        await transport.close()
    assert (exchange.phase, exchange.failure) == (phase, "cancelled before the answer came")
    assert exchange.cancelled


async def test_a_send_that_is_cancelled_before_the_head_or_may_be_repeated_is_cancelled() -> None:
    async with Loopback(stall) as server:
        transport = transport_to(server)
        early = asyncio.create_task(transport.send(request_of("orders.create")))
        await asyncio.sleep(0)
        early.cancel()
        await cancelled(early)
        assert server.received == []
        read = asyncio.create_task(transport.send(request_of("orders.status")))
        await server.count(1)
        read.cancel()
        await cancelled(read)
        await transport.close()


async def test_the_last_question_is_asked_before_any_byte_has_left_and_its_answer_comes_out_unchanged() -> None:
    class ClaimLostError(OSError):
        """Of a kind that the HTTP layer would turn into one of its own."""

    lost = ClaimLostError("the claim was lost")

    def ask() -> None:
        raise lost

    async with Loopback() as server:
        transport = transport_to(server)
        for name in ("orders.create", "orders.status"):
            with pytest.raises(ClaimLostError) as caught:
                await transport.send(request_of(name), leaving=ask)
            assert caught.value is lost
        asked: list[int] = []
        exchange = await transport.send(request_of("orders.create"), leaving=lambda: asked.append(len(server.received)))
        await transport.close()
        assert len(server.received) == 1
    assert asked == [0]
    assert (exchange.phase, exchange.failure) == (Phase.COMPLETE, None)
