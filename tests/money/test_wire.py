"""What happens on the wire never buys a domain twice, and no answer is believed that does not belong to the order."""

from __future__ import annotations

import asyncio
import pickle
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from cmr_async import (
    AsyncClient,
    InsufficientBalanceError,
    NotSentError,
    OutcomeUnknownError,
    RetryPolicy,
    Timeouts,
    TransportError,
)
from tests.fakes import USER, make_order
from tests.loopback import (
    Act,
    Connection,
    Loopback,
    answer,
    close_after_reading,
    cut_after,
    envelope,
    reset_after_reading,
    stall,
)

KEY = "k3y-that-must-never-show"
#: Repeats whatever may be repeated, at once.
EAGER = RetryPolicy(time_budget=60, initial=0.001, maximum=0.001)
#: Repeats nothing.
ONCE = RetryPolicy(time_budget=0)


def bought(server: Loopback) -> Counter[str]:
    """Return the server's ledger: how often each domain was ordered."""
    orders = [request for request in server.received if request.method == "POST"]
    return Counter(entry["domain"] for order in orders for entry in order.json["domains"])


async def order_in_doubt(server: Loopback, name: str = "a", **settings: Any) -> OutcomeUnknownError:
    async with AsyncClient(KEY, server.base_url, gap=0, retry=EAGER, **settings) as client:
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.orders.create(make_order(name), user_id=USER)
    return caught.value


# A 429 after the order was placed

PLACED_AND_REFUSED: dict[str, Act] = {
    "a cut body": cut_after(429, envelope(429, "slow down"), 20),
    "html": answer(429, b"<html>Too many requests</html>"),
    "a numeric order id": answer(429, envelope(429, "slow down", {"orderId": 12})),
    "an order id": answer(429, envelope(429, "slow down", {"orderId": "X"})),
    "nothing": answer(429, b""),
    "a gateway's own envelope": answer(429, b'{"message": "slow down", "request_id": "r"}'),
    "a field twice": answer(429, b'{"status": 200, "status": 429, "message": "slow down"}'),
}


@pytest.mark.parametrize("act", PLACED_AND_REFUSED.values(), ids=PLACED_AND_REFUSED)
async def test_a_429_after_the_order_was_placed_does_not_buy_it_again(act: Act) -> None:
    async with Loopback(act) as server:
        error = await order_in_doubt(server)
        assert error.status == 429
        assert bought(server) == {"a.com": 1}


# A session of the caller's


async def _retry_three_times(
    request: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]]
) -> aiohttp.ClientResponse:
    for _ in range(2):
        try:
            return await handler(request)
        except aiohttp.ClientError:
            pass
    return await handler(request)


@pytest.mark.parametrize("act", [close_after_reading, reset_after_reading], ids=["closed", "reset"])
@pytest.mark.parametrize("confirm", [True, False], ids=["paid", "draft"])
async def test_a_retry_middleware_on_the_callers_session_does_not_send_an_order_again(
    act: Act, *, confirm: bool
) -> None:
    async with Loopback(act, act, act) as server, aiohttp.ClientSession(middlewares=[_retry_three_times]) as session:
        async with AsyncClient(KEY, server.base_url, gap=0, retry=EAGER, session=session) as client:
            with pytest.raises(OutcomeUnknownError):
                await client.orders.create(make_order("a", confirm=confirm), user_id=USER)
        assert bought(server) == {"a.com": 1}


class LeavesAStaleAnswer:
    """Answers a read, and when the client has taken that, leaves the answer to somebody else's order behind it."""

    def __init__(self) -> None:
        self._writer: asyncio.StreamWriter | None = None

    async def __call__(self, connection: Connection) -> None:
        self._writer = connection.writer
        await answer(200, envelope(200, "here", {}))(connection)

    async def leave(self) -> None:
        assert self._writer is not None
        stale = envelope(200, "Order created", {"orderId": "SOMEBODY-ELSES"})
        self._writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(stale) + stale)
        await self._writer.drain()
        for _ in range(20):  # the client's side of the connection takes it in
            await asyncio.sleep(0)


@pytest.mark.parametrize("given", ["session", "connector", "nothing"])
@pytest.mark.parametrize("confirm", [True, False], ids=["paid", "draft"])
async def test_a_stale_answer_on_a_kept_connection_is_not_taken_for_the_own_one(given: str, *, confirm: bool) -> None:
    read = LeavesAStaleAnswer()
    async with Loopback(read) as server, aiohttp.ClientSession() as session:
        settings: dict[str, Any] = {"session": {"session": session}, "connector": {"connector": session.connector}}
        async with AsyncClient(KEY, server.base_url, gap=0, **settings.get(given, {})) as client:
            await client.users.get(USER)
            await read.leave()
            created = await client.orders.create(make_order("a", confirm=confirm), user_id=USER)
        assert created.order_id == "RJK7NR2W194HAGHGTX75D391P3NB"
        assert bought(server) == {"a.com": 1}
        assert [request.connection for request in server.received] == [1, 2]


@pytest.mark.parametrize("given", ["session", "nothing"])
async def test_a_stale_answer_is_not_taken_for_that_to_the_processing_of_a_draft(given: str) -> None:
    read = LeavesAStaleAnswer()
    refused = answer(402, envelope(402, "no balance"))
    async with Loopback(read, refused) as server, aiohttp.ClientSession() as session:
        own: dict[str, Any] = {"session": session} if given == "session" else {}
        paths = {"orders.process": "/orders/process"}
        async with AsyncClient(KEY, server.base_url, gap=0, endpoints=paths, **own) as client:
            await client.users.get(USER)
            await read.leave()
            with pytest.raises(InsufficientBalanceError, match="no balance"):
                await client.orders.process("ORD", user_id=USER)
        assert [request.connection for request in server.received] == [1, 2]


# Answers that contradict themselves

CONTRADICTIONS = {
    "status": b'{"status": 200, "status": 400, "message": "no"}',
    "data": b'{"status": 400, "message": "no", "data": {"orderId": "X"}, "data": null}',
    "order id": b'{"status": 400, "message": "no", "data": {"orderId": "X", "orderId": null}}',
}


@pytest.mark.parametrize("body", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
async def test_a_400_with_contradictory_duplicate_keys_is_no_rejection(body: bytes) -> None:
    async with Loopback(answer(400, body)) as server:
        error = await order_in_doubt(server)
        assert (error.status, error.body_excerpt) == (400, body.decode())
        assert bought(server) == {"a.com": 1}


# Causes


def everything_of(error: BaseException) -> str:
    """Return all that a log, a tracker or a task queue could write down of an error."""
    lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    return "".join([*lines, repr(vars(error)), repr(error.__cause__), repr(pickle.dumps(error))])


async def test_an_order_that_was_not_sent_has_a_cause_without_secrets() -> None:
    async with Loopback() as server:
        url = server.base_url
    async with AsyncClient(KEY, url, gap=0, retry=ONCE) as client:
        with pytest.raises(NotSentError) as caught:
            await client.orders.create(make_order("a"), user_id=USER)
    assert str(caught.value.__cause__).startswith("aiohttp.client_exceptions.ClientConnectorError: Cannot connect to")
    assert KEY not in everything_of(caught.value)


async def test_a_read_without_an_answer_has_a_cause_without_secrets() -> None:
    twice = [close_after_reading] * 2  # aiohttp itself sends a read again after the first
    async with Loopback(*twice) as server, AsyncClient(KEY, server.base_url, gap=0, retry=ONCE) as client:
        with pytest.raises(TransportError) as caught:
            await client.users.get(USER)
    assert str(caught.value.__cause__) == "aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected"
    assert KEY not in everything_of(caught.value)


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        (close_after_reading, "aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected"),
        (reset_after_reading, "aiohttp.client_exceptions.ClientOSError: [Errno 104] Connection reset by peer"),
        (stall, "TimeoutError"),
    ],
    ids=["closed", "reset", "no answer"],
)
async def test_an_order_in_doubt_has_a_cause_without_secrets(act: Act, cause: str) -> None:
    async with Loopback(act) as server:
        error = await order_in_doubt(server, timeouts=Timeouts(read=0.05))
        assert bought(server) == {"a.com": 1}
    assert str(error.__cause__) == cause
    assert KEY not in everything_of(error)
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), copied.args, copied.status) == (OutcomeUnknownError, error.args, error.status)


async def test_a_fault_inside_the_http_layer_keeps_the_lines_of_its_traceback() -> None:
    async def end(*_: object) -> None:
        raise TypeError(f"cannot read https://api.example/orders?userId={USER} with {KEY}")

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(end)
    async with Loopback() as server:
        error = await order_in_doubt(server, trace_configs=[trace])
        assert bought(server) == {"a.com": 1}
    assert str(error).startswith("The order for a.com may have been placed (TypeError). ")
    assert str(error.__cause__) == "TypeError: cannot read https://api.example/orders?*** with ***"
    (note,) = error.__cause__.__notes__  # type: ignore[union-attr]  # the line above shows that there is a cause
    assert f'File "{__file__}"' in note
    assert "in end" in note
    assert KEY not in everything_of(error)
    assert USER not in str(error.__cause__) + note
