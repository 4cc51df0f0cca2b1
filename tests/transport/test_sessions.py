"""The settings that shape the SDK's own sessions, and whose sessions, loops and processes they may be used in."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import socket
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from cmr_async import (
    AsyncClient,
    Client,
    ClientStateError,
    ConfigurationError,
    NotSentError,
    OutcomeUnknownError,
    RetryPolicy,
)
from tests.fakes import USER, make_order
from tests.loopback import Connection, Loopback, answer

KEY = "k3y"
PAID = make_order("acme-outreach")
DRAFT = make_order("acme-outreach", confirm=False)
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


@pytest.mark.parametrize("given", ["session", "connector", "resolver"])
async def test_a_session_of_the_parents_is_not_used_in_a_forked_child(given: str) -> None:
    async with Loopback() as server, aiohttp.ClientSession() as session:
        values = {"session": session, "connector": session.connector, "resolver": aiohttp.ThreadedResolver()}
        own: Any = {given: values[given]}
        client = AsyncClient(KEY, server.base_url, gap=0, **own)
        client._transport._sessions.leave_to_parent()  # as in a child
        with pytest.raises(
            ClientStateError, match="before a fork, around a session, connector or resolver of your own"
        ):
            await client.orders.create(DRAFT, user_id=USER)
        assert server.received == []


def test_a_client_can_be_closed_after_its_loop_has_ended() -> None:
    async def use() -> AsyncClient:
        async with Loopback() as server:
            client = AsyncClient(KEY, server.base_url, gap=0)
            await client.orders.create(DRAFT, user_id=USER)
            return client

    client = asyncio.run(use())
    asyncio.run(client.close())
    gc.collect()


_FORK = """
import asyncio, json, os, sys, threading
sys.path[:0] = json.loads(sys.argv[1])
from cmr_async import AsyncClient, DomainRegistration, Order
from tests.loopback import Loopback

PAID = Order(domains=[DomainRegistration(domain="acme-outreach.com")], confirm=True)
server, ready = Loopback(), threading.Event()

async def serve():
    async with server:
        ready.set()
        await asyncio.Event().wait()

async def order():
    await asyncio.wait_for(client.orders.status("A", user_id="U"), 60)
    await asyncio.wait_for(client.orders.create(PAID, user_id="U"), 60)

threading.Thread(target=asyncio.run, args=(serve(),), daemon=True).start()
ready.wait()
client = AsyncClient("k", server.base_url, gap=0)
loop = asyncio.new_event_loop()
loop.run_until_complete(order())
child = os.fork()
if child == 0:
    asyncio.run(order())
    asyncio.run(client.close())
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
loop.run_until_complete(order())
print(json.dumps([request.connection for request in server.received]), flush=True)
os._exit(0)
"""


_FORK_UNUSED = """
child = os.fork()
if child == 0:
    del client
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
loop.run_until_complete(order())
print(json.dumps([request.connection for request in server.received]), flush=True)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_that_never_uses_the_client_leaves_its_parents_connections_alone() -> None:
    script = _FORK.partition("child = os.fork()")[0] + _FORK_UNUSED
    done = subprocess.run(
        [sys.executable, "-W", "default", "-W", "ignore::DeprecationWarning", "-c", script, json.dumps(sys.path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("[1, 2, 1, 3]", "", 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_connections_of_its_own_and_leaves_its_parents_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _FORK, json.dumps(sys.path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.stdout.strip(), done.returncode) == ("[1, 2, 3, 4, 1, 5]", 0), done.stderr
