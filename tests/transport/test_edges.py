"""The edges of the transport: TLS, proxies, settings and sessions of the caller's, echoes of the key."""

from __future__ import annotations

import pickle
import ssl
import traceback
from typing import Any

import aiohttp
import pytest
import trustme

from cmr_async import (
    AsyncClient,
    AuthenticationError,
    CMRError,
    NotSentError,
    Order,
    RetryPolicy,
    Timeouts,
    TransportError,
)
from tests.fakes import USER, make_order
from tests.loopback import Loopback, answer, envelope, stall

KEY = "k3y-that-must-never-show"
PAID = make_order("acme-outreach", mailboxes={})
DRAFT = make_order("acme-outreach", mailboxes={}, confirm=False)
ONCE = RetryPolicy(time_budget=0)


# TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_a_context_of_the_callers_decides_whom_to_trust(
    server_tls: ssl.SSLContext, client_tls: ssl.SSLContext
) -> None:
    async with Loopback(tls=server_tls) as server, AsyncClient(KEY, server.base_url, gap=0, ssl=client_tls) as client:
        assert (await client.orders.create(PAID, user_id=USER)).order_id == "RJK7NR2W194HAGHGTX75D391P3NB"


@pytest.mark.parametrize("order", [PAID, DRAFT], ids=["paid", "draft"])
@pytest.mark.parametrize("own", ["nothing", "session", "connector"])
async def test_a_certificate_that_nobody_vouches_for_gets_no_order(
    server_tls: ssl.SSLContext, order: Order, own: str
) -> None:
    async with Loopback(tls=server_tls) as server, aiohttp.ClientSession() as session:
        given = {"nothing": {}, "session": {"session": session}, "connector": {"connector": session.connector}}[own]
        async with AsyncClient(KEY, server.base_url, gap=0, retry=ONCE, **given) as client:  # type: ignore[arg-type]
            with pytest.raises(NotSentError, match="ClientConnectorCertificateError") as caught:
                await client.orders.create(order, user_id=USER)
        assert caught.value.attempts == 1
        assert server.received == []


# Proxies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spends", [True, False], ids=["order", "read on a session of the caller's"])
@pytest.mark.parametrize("status", [403, 407, 502])
async def test_a_proxy_that_opens_no_tunnel_gets_neither_order_nor_key(*, spends: bool, status: int) -> None:
    async with Loopback(answer(status, b"no")) as proxy, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{proxy.port}"
        async with AsyncClient(KEY, "https://api.example/v1", gap=0, retry=ONCE, proxy=url, session=session) as client:
            with pytest.raises(NotSentError if spends else TransportError):
                await (client.orders.create(PAID, user_id=USER) if spends else client.users.get(USER))
        (request,) = proxy.received
        assert (request.method, request.target) == ("CONNECT", "api.example:443")
        assert KEY not in repr(request)


async def test_orders_go_through_a_proxy() -> None:
    async with Loopback() as proxy:
        client = AsyncClient(
            KEY, "http://api.example/v1", allow_plain_http=True, proxy=f"http://127.0.0.1:{proxy.port}", gap=0
        )
        async with client:
            await client.orders.create(PAID, user_id=USER)
        assert proxy.received[0].target.startswith("http://api.example/v1/orders/json")


# Sessions of the caller's ------------------------------------------------------------------------------------------


async def test_an_answer_is_not_waited_for_longer_on_a_session_of_the_callers() -> None:
    connected = answer(200, envelope(200))
    async with Loopback(connected, stall) as server, aiohttp.ClientSession() as session:
        # A first call makes the connection, which no limit of the second one can then run out for
        await AsyncClient(KEY, server.base_url, gap=0, session=session).orders.status("A", user_id=USER)
        limits = Timeouts(connect=0.01, read=0.01)
        client = AsyncClient(KEY, server.base_url, gap=0, retry=ONCE, session=session, timeouts=limits)
        with pytest.raises(TransportError, match="no answer in time"):
            await client.orders.status("A", user_id=USER)
        await server.count(2)
        assert [request.connection for request in server.received] == [1, 1]


async def test_a_server_that_takes_no_connection_in_time_was_sent_nothing() -> None:
    class Full(aiohttp.TCPConnector):
        async def connect(self, *args: Any, **kwargs: Any) -> Any:
            raise aiohttp.ConnectionTimeoutError

    def full() -> aiohttp.BaseConnector:
        return Full(force_close=True)

    async with AsyncClient(KEY, "http://127.0.0.1:9/", gap=0, retry=ONCE, connector_factory=full) as client:
        with pytest.raises(NotSentError, match="no connection in time"):
            await client.orders.create(PAID, user_id=USER)


async def test_a_session_that_raises_for_statuses_changes_nothing() -> None:
    async with (
        Loopback(answer(401, envelope(401, "no"))) as server,
        aiohttp.ClientSession(raise_for_status=True) as session,
    ):
        client = AsyncClient(KEY, server.base_url, gap=0, session=session)
        with pytest.raises(AuthenticationError):
            await client.users.get(USER)


# The key -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "act",
    [
        answer(500, f"<pre>cmr-x-api-key: {KEY}</pre>".encode()),
        answer(200, f"{'x' * 290}{KEY}".encode()),
        answer(401, envelope(401, f"Invalid API Key {KEY}")),
        answer(400, envelope(400, "no", {"headers": {"cmr-x-api-key": KEY}})),
        answer(200, envelope(200, f"hello {KEY}", {"orderId": "X", "key": KEY}, echo=KEY)),
    ],
)
async def test_a_server_that_echoes_the_key_does_not_get_it_into_errors(
    act: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    said = []
    async with Loopback(act) as server, AsyncClient(KEY, server.base_url, gap=0) as client:  # type: ignore[arg-type]
        try:
            created = await client.orders.create(PAID, user_id=USER)
            said.append(repr(attrs_of(created)))
        except CMRError as error:
            said += [repr(vars(error)), str(error), repr(pickle.dumps(error))]
            said += traceback.TracebackException.from_exception(error, capture_locals=True).format()
    everything = "\n".join([*said, caplog.text])
    assert KEY not in everything
    assert KEY[:10] not in everything


def attrs_of(value: object) -> object:
    import attrs

    return attrs.asdict(value)  # type: ignore[arg-type]


def test_a_refused_key_is_not_in_the_traceback_with_its_locals() -> None:
    def make() -> None:
        AsyncClient(KEY, "ftp://host/")

    with pytest.raises(CMRError) as caught:
        make()
    inner = caught.value.__traceback__
    assert inner is not None
    text = "".join(traceback.TracebackException(CMRError, caught.value, inner, capture_locals=True).format())
    assert "ftp" in text
    assert f"'{KEY}'" not in text
