"""The settings that shape the SDK's own sessions, over which everything goes that must not be repeated."""

from __future__ import annotations

import asyncio
import socket
import sys
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from cmr_async import AsyncClient, Client, ConfigurationError, NotSentError, OutcomeUnknownError, RetryPolicy
from tests.fakes import USER, make_order
from tests.loopback import Connection, Loopback, answer

KEY = "k3y"
PAID = make_order("acme-outreach")
ONCE = RetryPolicy(time_budget=0)


class Static(AbstractResolver):
    """Knows one address, and needs no event loop when it is made."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        """Hold nothing."""


async def test_a_resolver_of_the_callers_finds_the_api() -> None:
    resolver = Static()
    async with Loopback() as server:
        url = f"http://api.example:{server.port}/v1"
        async with AsyncClient(KEY, url, gap=0, allow_plain_http=True, resolver=resolver) as client:
            await client.orders.create(PAID, user_id=USER)
            await client.users.get(USER)
        assert [request.headers["host"] for request in server.received] == [f"api.example:{server.port}"] * 2
    assert resolver.asked == ["api.example", "api.example"]  # once for each session


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of this machine")
async def test_requests_come_from_the_address_that_was_set() -> None:
    peers = []

    async def note(connection: Connection) -> None:
        peers.append(connection.writer.get_extra_info("peername")[0])
        await answer()(connection)

    async with (
        Loopback(note, note) as server,
        AsyncClient(KEY, server.base_url, gap=0, local_addr=("127.0.0.2", 0)) as client,
    ):
        await client.orders.create(PAID, user_id=USER)
        await client.users.get(USER)
    assert peers == ["127.0.0.2", "127.0.0.2"]


async def test_further_headers_go_with_orders() -> None:
    async with Loopback() as server:
        async with AsyncClient(KEY, server.base_url, gap=0, headers={"x-gateway": "token"}) as client:
            await client.orders.create(PAID, user_id=USER)
        (request,) = server.received
    assert (request.headers["x-gateway"], request.headers["cmr-x-api-key"]) == ("token", KEY)
    assert request.headers["content-type"] == "application/json"


async def test_headers_for_the_proxy_go_to_the_proxy_alone() -> None:
    async with Loopback(answer(403, b"no")) as proxy:
        settings: dict[str, Any] = {
            "proxy": f"http://user:password@127.0.0.1:{proxy.port}",
            "proxy_headers": {"X-Tenant": "ours"},
        }
        async with AsyncClient(KEY, "https://api.example/v1", gap=0, retry=ONCE, **settings) as client:
            with pytest.raises(NotSentError) as caught:
                await client.orders.create(PAID, user_id=USER)
        (request,) = proxy.received
        proxy_port = proxy.port
    assert (request.method, request.headers["x-tenant"]) == ("CONNECT", "ours")
    assert request.headers["proxy-authorization"].startswith("Basic ")
    assert "password" not in f"{caught.value}{caught.value.__cause__}"
    assert f"//***@127.0.0.1:{proxy_port}" in str(caught.value.__cause__)


# Traces


async def test_traces_of_the_callers_run_for_orders_and_reads() -> None:
    seen = []

    async def note(
        _: aiohttp.ClientSession, __: SimpleNamespace, params: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        seen.append(params.method)

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(note)
    async with Loopback() as server, AsyncClient(KEY, server.base_url, gap=0, trace_configs=[trace]) as client:
        await client.orders.create(PAID, user_id=USER)
        await client.users.get(USER)
    assert seen == ["POST", "GET"]


async def test_a_trace_that_fails_before_the_head_goes_out_keeps_the_order_here() -> None:
    async def fail(*_: object) -> None:
        raise LookupError

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(fail)
    async with Loopback() as server:
        async with AsyncClient(KEY, server.base_url, gap=0, retry=ONCE, trace_configs=[trace]) as client:
            with pytest.raises(NotSentError, match="LookupError"):
                await client.orders.create(PAID, user_id=USER)
        assert server.received == []


async def test_a_trace_that_fails_after_the_answer_leaves_the_order_in_doubt() -> None:
    async def fail(*_: object) -> None:
        raise LookupError

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(fail)
    async with Loopback() as server:
        async with AsyncClient(KEY, server.base_url, gap=0, trace_configs=[trace]) as client:
            with pytest.raises(OutcomeUnknownError, match="LookupError"):
                await client.orders.create(PAID, user_id=USER)
        assert len(server.received) == 1


# A factory of connectors


async def test_a_factory_makes_a_connector_for_each_session_and_the_client_closes_them() -> None:
    made: list[aiohttp.BaseConnector] = []

    def make() -> aiohttp.BaseConnector:
        made.append(aiohttp.TCPConnector(force_close=True))
        return made[-1]

    async with Loopback() as server:
        async with AsyncClient(KEY, server.base_url, gap=0, connector_factory=make) as client:
            for _ in range(2):
                await client.orders.create(PAID, user_id=USER)
                await client.users.get(USER)
        assert [request.connection for request in server.received] == [1, 2, 3, 4]
    assert [connector.closed for connector in made] == [True, True]


@pytest.mark.parametrize("read", [True, False], ids=["read", "order"])
async def test_a_factory_whose_connectors_keep_connections_is_refused_before_anything_is_sent(*, read: bool) -> None:
    async with Loopback() as server:
        async with AsyncClient(KEY, server.base_url, gap=0, connector_factory=aiohttp.TCPConnector) as client:
            with pytest.raises(ConfigurationError, match="make it with force_close=True"):
                await (client.users.get(USER) if read else client.orders.create(PAID, user_id=USER))
        assert server.received == []


# The blocking client


async def test_the_blocking_client_has_the_same_settings() -> None:
    def order(url: str) -> None:
        with Client(
            KEY,
            url,
            gap=0,
            allow_plain_http=True,
            headers={"X-Gateway": "token"},
            connector_factory=lambda: aiohttp.TCPConnector(force_close=True, resolver=resolver),
        ) as client:
            client.orders.create(PAID, user_id=USER)

    resolver = Static()
    async with Loopback() as server:
        await asyncio.to_thread(order, f"http://api.example:{server.port}/v1")
        (request,) = server.received
    assert request.headers["x-gateway"] == "token"
    assert resolver.asked == ["api.example"]
