"""Whom a simulator answers, and how large, slow and odd a request may be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import product
from typing import Any

import orjson
import pytest

from cmr_async.simulator import FaultRule, Simulator
from cmr_async.simulator.http.bodies import read_order
from cmr_async.simulator.http.limits import LARGEST_BODY, is_loopback
from cmr_async.simulator.shop.records import Refusal

from ..conftest import USER, Caller, order_body

#: Values that no number of a page is, and that are hard to answer.
ODD = ["99999999999999999999", "9" * 5000, "18446744073709551615", "-1", "0", "1.5", "one", "1e3", "²", "\0", "+1"]
NAMES = ["page", "limit", "userId", "orderId", "status", "domain", "componentSubscriptionId"]
GETS = ["/users/list", "/subscriptions", "/users", "/orders/status", "/domains/by-user"]


async def connect(sim: Simulator) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", int(sim.base_url.split(":")[2].partition("/")[0]))


async def ask(sim: Simulator, *hosts: str, path: str = "/_simulator/ledger") -> int:
    """Return the status of an answer to a request with these `Host` headers."""
    reader, writer = await connect(sim)
    lines = [f"GET {path} HTTP/1.1", *(f"Host: {host}" for host in hosts), "Connection: close", "", ""]
    writer.write("\r\n".join(lines).encode())
    answer = await reader.read()
    writer.close()
    return int(answer.split()[1])


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1234", "127.0.0.1:80", "127.0.0.2", "[::1]:80", "[::ffff:127.0.0.1]"]
)
async def test_a_loopback_name_is_answered(host: str) -> None:
    async with Simulator() as sim:
        assert await ask(sim, host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "",
        "[half",
        ":80",
    ],
)
@pytest.mark.parametrize("path", ["/_simulator/ledger", "/_simulator/requests", "/api/v1/integration/users/list", "/"])
async def test_a_name_that_was_led_to_loopback_reads_nothing(host: str, path: str) -> None:
    async with Simulator() as sim:
        assert await ask(sim, host, path=path) == 421
        assert sim.state.requests.total == 0


async def test_a_request_for_nobody_or_for_two_hosts_is_not_answered() -> None:
    async with Simulator() as sim:
        assert await ask(sim) in {400, 421}
        assert await ask(sim, "127.0.0.1", "evil.example") in {400, 421}


async def test_the_address_that_it_is_bound_to_is_answered() -> None:
    with pytest.warns(UserWarning, match="The simulator listens on 0.0.0.0: other machines may reach it"):
        async with Simulator(host="0.0.0.0") as sim:
            assert [await ask(sim, host) for host in ("127.0.0.1", "evil.example", "10.0.0.1")] == [200, 421, 421]


async def test_the_name_that_it_is_bound_to_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Simulator(host="localhost") as sim:
        assert await ask(sim, "localhost") == 200
    monkeypatch.setattr("cmr_async.simulator.http.limits.is_loopback", lambda _: False)
    async with Simulator(host="127.0.0.1") as sim:
        assert [await ask(sim, host) for host in ("127.0.0.1", "localhost")] == [200, 421]


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("::1", True), ("LocalHost", True), ("0.0.0.0", False), ("::", False), ("a.example", False)],
)
def test_loopback_is_what_no_other_machine_reaches(host: str, here: bool) -> None:
    assert is_loopback(host) is here


@pytest.mark.parametrize("path", GETS)
async def test_an_odd_query_is_refused_or_means_nothing(caller: Caller, path: str) -> None:
    for text, name in product(ODD, NAMES):
        reply = await caller.get(path, **{"userId": USER, name: text})
        assert reply.status in {200, 400, 404}, (text, name, reply)
        if name in {"page", "limit"} and path in GETS[:2]:
            most = 1_000_000_000 if name == "page" else 100
            assert reply.json == {"status": 400, "message": f"{name} must be a number from 1 to {most}", "data": None}


async def test_the_last_page_that_may_be_asked_for_is_empty(caller: Caller) -> None:
    reply = await caller.get("/users/list", page="0001000000000")
    assert reply.json["data"]["users"] == []
    assert reply.json["data"]["pagination"]["nextPage"] == 1_000_000_001


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
async def test_a_body_over_the_limit_is_refused_and_nothing_is_bought(caller: Caller) -> None:
    reply = await caller.order(b" " * (LARGEST_BODY - 10) + orjson.dumps(order_body(confirm=True)))
    assert (reply.status, reply.json["status"], caller.sim.state.ledger) == (413, 413, [])
    assert (await caller.order(order_body(confirm=True))).status == 200


@pytest.mark.parametrize(
    "faulty",
    [
        {"domains": [1] * 500_000},
        {"mailboxes": {"x" * 100_000: [{}] * 300_000}},
        {"mailboxes": {f"x{number}": 1 for number in range(100_000)}},
        {f"x{number}": 1 for number in range(100_000)},
    ],
)
def test_a_body_of_faults_gets_a_short_answer(faulty: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match=r"; the rest was not looked at$") as refused:
        read_order(faulty, strict=True)
    assert len(refused.value.message) < 10_000


def nothing(_: Simulator) -> None:
    """No fault."""


def a_status(sim: Simulator) -> None:
    sim.faults.add(FaultRule(kind="status", status=500))


@pytest.mark.parametrize("fault", [nothing, a_status])
async def test_a_body_that_does_not_come_is_not_waited_for(
    fault: Callable[[Simulator], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmr_async.simulator.http.limits._SECONDS_FOR_BODY", 0.01)
    async with Simulator() as sim:
        fault(sim)
        reader, writer = await connect(sim)
        head = (
            f"POST /api/v1/integration/orders/json?userId={USER} HTTP/1.1", "Host: localhost",
            f"cmr-x-api-key: {sim.api_key}", "Content-Length: 100", "", "{",
        )  # fmt: skip
        writer.write("\r\n".join(head).encode())
        assert (await reader.readline()).split()[1] == b"408"
        writer.close()
