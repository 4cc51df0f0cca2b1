"""The wire, against a real loopback server: what each fault proves, and how often the server saw the order."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import traceback
from collections.abc import AsyncIterator, Callable

import aiohttp
import attrs
import pytest

from cmr_async import (
    APIError,
    AsyncClient,
    ClientStateError,
    CMRError,
    ConfigurationError,
    NotSentError,
    Order,
    OrderCreated,
    OutcomeUnknownError,
    RetryPolicy,
    ServerError,
    Timeouts,
    TransportError,
)
from cmr_async.resources.orders import Orders
from tests.fakes import USER, Clock, Highest, make_order
from tests.loopback import (
    ACCEPTED,
    Act,
    Loopback,
    answer,
    answer_after,
    close_after_reading,
    close_before_reading,
    cut,
    cut_chunked,
    envelope,
    reset_after_head,
    reset_after_reading,
    stall,
    stall_after_head,
)

KEY = "k3y-that-must-never-show"
PAID = make_order("acme-outreach", mailboxes={})
DRAFT = make_order("acme-outreach", mailboxes={}, confirm=False)
ONCE = RetryPolicy(time_budget=0)
#: For servers that never answer, so that the wait for an answer always ends by this.
IMPATIENT = Timeouts(read=0.01)

MakeClient = Callable[..., AsyncClient]


@pytest.fixture
async def make_client() -> AsyncIterator[MakeClient]:
    made: list[AsyncClient] = []

    def make(server: Loopback, **settings: object) -> AsyncClient:
        made.append(AsyncClient(KEY, server.base_url, **{"gap": 0, "retry": ONCE, **settings}))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for client in made:
        await client.close()


LOST = {
    "closes before reading": close_before_reading,
    "closes after reading": close_after_reading,
    "resets after the head": reset_after_head,
    "resets after reading": reset_after_reading,
    "cuts the answer": cut,
    "cuts a chunked answer": cut_chunked,
    "redirects with 301": answer(301, b"", Location="/elsewhere"),
    "redirects with 302": answer(302, b"", Location="/elsewhere"),
    "redirects with 307": answer(307, b"", Location="/elsewhere"),
    "redirects with 308": answer(308, b"", Location="/elsewhere"),
    "answers 400 without the envelope": answer(400, b"<html>"),
    "answers 403 as a proxy does": answer(403, b'{"message":"Forbidden"}'),
    "answers 404 as Spring does": answer(404, b'{"timestamp":1,"status":404,"error":"x","message":"","path":"/"}'),
    "answers 408 in the envelope": answer(408, envelope(408)),
    "answers 500 in the envelope": answer(500, envelope(500)),
    "answers 502 without it": answer(502, b"Bad Gateway"),
    "answers 503 in the envelope": answer(503, envelope(503)),
    "answers 520 as a CDN does": answer(520, b"<html>"),
    "answers 526 as a CDN does": answer(526, b"<html>"),
    "answers 599": answer(599, b""),
    "answers 200 with a page": answer(200, b"<html>welcome</html>"),
    "answers 200 with nothing": answer(200, b""),
    "answers 200 with half a body": answer(200, ACCEPTED[:-5]),
    "answers 200 without an order id": answer(200, envelope(200, "Order created", {})),
    "answers 200 whose body says 400": answer(200, envelope(400, "no", {"orderId": "X"})),
    "answers 204": answer(204, b""),
}


@pytest.mark.parametrize("act", LOST.values(), ids=LOST.keys())
@pytest.mark.parametrize("order", [PAID, DRAFT], ids=["paid", "draft"])
async def test_an_order_without_proof_is_unknown_and_was_sent_once(
    make_client: MakeClient, act: Act, order: Order
) -> None:
    async with Loopback(act) as server:
        client = make_client(server, retry=RetryPolicy(time_budget=60))
        with pytest.raises(OutcomeUnknownError) as caught:
            await client.orders.create(order, user_id=USER)
        assert len(server.received) == 1
        assert caught.value.attempts == 1
        assert not isinstance(caught.value, TimeoutError | OSError | aiohttp.ClientError)
        assert "Do not send it again" in str(caught.value)


@pytest.mark.parametrize("act", [stall, stall_after_head], ids=["says nothing", "stops in the answer"])
async def test_an_order_whose_answer_does_not_come_in_time_is_unknown(make_client: MakeClient, act: Act) -> None:
    async with Loopback(act) as server:
        client = make_client(server, timeouts=IMPATIENT, retry=RetryPolicy(time_budget=60))
        with pytest.raises(OutcomeUnknownError, match="no answer in time"):
            await client.orders.create(PAID, user_id=USER)
        await server.count(1)
        assert len(server.received) == 1


async def test_the_time_to_wait_can_be_set_for_one_call(make_client: MakeClient) -> None:
    async with Loopback(stall) as server:
        client = make_client(server, timeouts=Timeouts(read=600))
        with pytest.raises(OutcomeUnknownError, match="no answer in time"):
            await client.orders.create(PAID, user_id=USER, timeout=0.01)


@pytest.mark.parametrize("limits", [(600, 0.05), (0.05, 600)], ids=["the later one first", "the earlier one first"])
async def test_each_call_has_a_time_of_its_own(make_client: MakeClient, limits: tuple[float, float]) -> None:
    hold = asyncio.Event()
    async with Loopback(*[answer_after(hold)] * 3) as server:
        client = make_client(server)
        calls = []
        for number, limit in enumerate(limits, 1):
            calls.append(asyncio.ensure_future(client.orders.create(PAID, user_id=USER, timeout=limit)))
            await server.count(number)
        done, waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        assert [type(call.exception()) for call in done] == [OutcomeUnknownError]
        with pytest.raises(OutcomeUnknownError, match="no answer in time"):  # the clock goes on after it has rung
            await client.orders.create(PAID, user_id=USER, timeout=0.05)
        hold.set()
        assert isinstance(await waiting.pop(), OrderCreated)


async def test_closing_lets_an_order_under_way_have_its_answer(make_client: MakeClient) -> None:
    hold = asyncio.Event()
    async with Loopback(answer_after(hold)) as server:
        client = make_client(server, timeouts=Timeouts(drain=600))
        order = asyncio.ensure_future(client.orders.create(PAID, user_id=USER))
        await server.arrived.wait()
        closing = asyncio.ensure_future(client.close())
        await asyncio.sleep(0)
        assert client._transport._sessions._closed
        hold.set()
        assert isinstance(await order, OrderCreated)
        await closing


async def test_closing_does_not_wait_longer_than_a_drain(make_client: MakeClient) -> None:
    async with Loopback(stall) as server:
        client = make_client(server, timeouts=Timeouts(read=600, drain=0.01))
        order = asyncio.ensure_future(client.orders.create(PAID, user_id=USER))
        await server.arrived.wait()
        await client.close()
        with pytest.raises(OutcomeUnknownError):
            await order


async def test_an_answer_beyond_the_size_cap_is_unknown(make_client: MakeClient) -> None:
    async with Loopback(answer(200, ACCEPTED + b" " * 70_000)) as server:
        client = make_client(server)
        client._transport._max_answer = 1000
        with pytest.raises(OutcomeUnknownError, match="more than 1000 bytes"):
            await client.orders.create(PAID, user_id=USER)


REFUSED = {400: "BadRequestError", 401: "AuthenticationError", 402: "InsufficientBalanceError"} | {
    403: "PermissionDeniedError",
    404: "NotFoundError",
    409: "ConflictError",
    422: "UnprocessableError",
}


@pytest.mark.parametrize(("status", "name"), REFUSED.items())
async def test_a_refusal_in_the_envelope_is_proof(make_client: MakeClient, status: int, name: str) -> None:
    async with Loopback(answer(status, envelope(status, "no such thing"))) as server:
        with pytest.raises(APIError, match="no such thing") as caught:
            await make_client(server).orders.create(PAID, user_id=USER)
        assert type(caught.value).__name__ == name
        assert caught.value.status == status
        assert len(server.received) == 1


async def test_a_429_is_repeated_after_the_pause_it_asks_for(make_client: MakeClient) -> None:
    refused = answer(429, envelope(429, "Rate limit exceeded"), Retry_After="0")
    async with Loopback(refused, refused) as server:
        client = make_client(server, retry=RetryPolicy(time_budget=60, initial=0.001))
        created = await client.orders.create(PAID, user_id=USER)
        assert created.order_id == "RJK7NR2W194HAGHGTX75D391P3NB"
        assert created.envelope is not None
        assert created.envelope.attempts == 3
        assert len(server.received) == 3


async def test_a_server_that_is_not_there_was_sent_nothing(make_client: MakeClient) -> None:
    async with Loopback() as server:
        client = make_client(server)
    with pytest.raises(NotSentError, match=r"cannot connect to 127\.0\.0\.1"):
        await client.orders.create(PAID, user_id=USER)


async def test_a_request_that_could_not_leave_is_repeated(make_client: MakeClient) -> None:
    async with Loopback() as server:
        client = make_client(server, retry=RetryPolicy(time_budget=10))
    clock = Clock()
    pipeline = attrs.evolve(client.orders._pipeline, clock=clock, sleep=clock.sleep, rng=Highest())
    with pytest.raises(NotSentError) as caught:
        await Orders(pipeline).create(PAID, user_id=USER)
    assert clock.sleeps == [0.5, 1.0, 2.0, 4.0]
    assert caught.value.attempts == 5


@pytest.mark.parametrize("act", [close_after_reading, reset_after_reading, cut, answer(500, b"")])
async def test_a_read_is_repeated_whatever_happened(make_client: MakeClient, act: Act) -> None:
    async with Loopback(act, act, answer(200, envelope(200, "here", {"state": "x"}))) as server:
        client = make_client(server, retry=RetryPolicy(time_budget=60, initial=0.001, maximum=0.001))
        assert (await client.orders.status("A", user_id=USER)).data == {"state": "x"}
        assert {request.method for request in server.received} == {"GET"}


@pytest.mark.parametrize("act", [close_after_reading, reset_after_reading])
async def test_a_read_is_repeated_by_nobody_but_the_pipeline_which_waits_for_a_slot(
    make_client: MakeClient, act: Act
) -> None:
    async with Loopback(act, answer(200, envelope(200, "here", {}))) as server:
        with pytest.raises(TransportError):
            await make_client(server).orders.status("A", user_id=USER)
        assert len(server.received) == 1


async def test_a_read_that_gets_no_answer_fails_with_what_happened(make_client: MakeClient) -> None:
    async with Loopback(answer(503, envelope(503))) as server:
        with pytest.raises(ServerError, match="HTTP 503"):
            await make_client(server).orders.status("A", user_id=USER)
    async with Loopback(stall) as server:
        with pytest.raises(TransportError, match="no answer in time"):
            await make_client(server, timeouts=IMPATIENT).orders.status("A", user_id=USER)


async def test_a_redirect_is_not_followed_and_the_key_stays(make_client: MakeClient) -> None:
    async with Loopback() as other:
        for status in (301, 302, 303, 307, 308):
            async with Loopback(answer(status, b"", Location=f"{other.base_url}/orders/json")) as server:
                with pytest.raises(OutcomeUnknownError, match=f"HTTP {status}"):
                    await make_client(server).orders.create(PAID, user_id=USER)
                assert len(server.received) == 1
        assert other.received == []


async def test_orders_drafts_and_processings_have_a_connection_each_and_reads_share_one(
    make_client: MakeClient,
) -> None:
    read = answer(200, envelope(200, "here", {}))
    async with Loopback(answer(), answer(), answer(), read, read, read) as server:
        client = make_client(server, endpoints={"orders.process": "/orders/process"})
        for order in (PAID, DRAFT, DRAFT):
            await client.orders.create(order, user_id=USER)
        await client.orders.status("A", user_id=USER)
        await client.orders.process("A", user_id=USER)
        await client.orders.status("A", user_id=USER)
        assert [request.connection for request in server.received] == [1, 2, 3, 4, 5, 4]
        assert {request.headers.get("connection") for request in server.received if request.method == "POST"} == {
            "close"
        }


async def test_the_page_and_nothing_else_goes_over_the_wire(make_client: MakeClient) -> None:
    async with Loopback() as server:
        await make_client(server).orders.create(DRAFT, user_id=USER)
        (request,) = server.received
        assert (request.method, request.target) == ("POST", f"/api/v1/integration/orders/json?userId={USER}")
        assert request.json == {"domains": [{"domain": "acme-outreach.com", "years": 1}], "confirm": False}
        assert request.headers["cmr-x-api-key"] == KEY
        assert request.headers["content-type"] == "application/json"


# Sessions, loops, processes ----------------------------------------------------------------------------------------


async def test_an_order_that_cannot_leave_was_not_sent_whatever_session_was_given(make_client: MakeClient) -> None:
    async with aiohttp.ClientSession() as session:
        async with Loopback() as server:
            client = make_client(server, session=session)
        with pytest.raises(NotSentError):
            await client.orders.create(PAID, user_id=USER)
        with pytest.raises(TransportError, match="cannot connect"):
            await client.orders.status("A", user_id=USER)


async def test_a_given_session_carries_reads_with_the_key_and_stays_open(make_client: MakeClient) -> None:
    async with Loopback() as server, aiohttp.ClientSession(headers={"X-Theirs": "1"}) as session:
        client = make_client(server, session=session)
        await client.orders.status("A", user_id=USER)
        assert isinstance(await client.orders.create(PAID, user_id=USER), OrderCreated)
        assert [request.headers["cmr-x-api-key"] for request in server.received] == [KEY, KEY]
        assert [request.headers.get("x-theirs") for request in server.received] == ["1", None]
        await client.close()
        assert not session.closed


async def test_a_given_connector_carries_reads_and_stays_open(make_client: MakeClient) -> None:
    async with Loopback() as server:
        connector = aiohttp.TCPConnector()
        client = make_client(server, connector=connector)
        await client.orders.status("A", user_id=USER)
        await client.orders.create(PAID, user_id=USER)
        await client.orders.status("A", user_id=USER)
        assert [request.connection for request in server.received] == [1, 2, 1]
        await client.close()
        assert not connector.closed
        await connector.close()


async def test_a_closed_client_says_so(make_client: MakeClient) -> None:
    async with Loopback() as server:
        client = make_client(server)
        await client.close()
        with pytest.raises(ClientStateError, match="closed"):
            await client.orders.create(PAID, user_id=USER)
        assert server.received == []


def test_a_client_on_a_second_loop_says_so() -> None:
    client = AsyncClient(KEY, "http://127.0.0.1:9/", retry=ONCE, gap=0)

    async def use() -> None:
        with pytest.raises(NotSentError):
            await client.orders.create(PAID, user_id=USER)

    asyncio.run(use())

    async def use_again() -> None:
        with pytest.raises(ClientStateError, match="another event loop"):
            await client.orders.create(PAID, user_id=USER)
        await client.close()

    asyncio.run(use_again())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
async def test_a_fork_leaves_the_sessions_to_the_parent(make_client: MakeClient) -> None:
    async with Loopback() as server:
        client = make_client(server)
        await client.orders.status("A", user_id=USER)
        kept = client._transport._sessions._kept
        client._transport._sessions.leave_to_parent()  # as in a child
        await client.orders.status("A", user_id=USER)
        assert client._transport._sessions._kept is not kept
        assert kept is not None
        assert not kept.closed
        assert [request.connection for request in server.received] == [1, 2]
        await kept.close()


# Secrets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [answer(), *LOST.values(), answer(401, envelope(401, "Invalid API Key"))])
async def test_the_key_is_in_no_repr_log_or_traceback(
    make_client: MakeClient, act: Act, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Loopback(act) as server:
        client = make_client(server)
        said = [repr(client), repr(client.orders), repr(client.bulk), repr(client._transport), repr(vars(client))]
        try:
            said.append(repr(await client.orders.create(PAID, user_id=USER)))
        except CMRError as error:
            said += traceback.TracebackException.from_exception(error, capture_locals=True).format()
            said += [repr(error), str(error), repr(vars(error)), repr(pickle.dumps(error))]
        assert server.received[0].headers["cmr-x-api-key"] == KEY
    assert KEY not in "\n".join([*said, caplog.text])


@pytest.mark.parametrize("settings", [{"connect": 0}, {"read": -1}, {"drain": float("inf")}])
def test_time_outs_that_are_no_durations_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        Timeouts(**settings)
