"""What every request passes through: the key, the rate limit, the envelope of refusals, the counts."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestServer

from cmr_async.simulator import DEMO_USERS, SimulatorState
from cmr_async.simulator.http.app import API_BASE, application
from tests.fakes import Clock

from ..conftest import USER, Caller, Start, order_body


@pytest.mark.parametrize("key", [None, "", "wrong", "the simulator's ", "simulator-kéy"])
async def test_a_wrong_key_is_refused(caller: Caller, key: str | None) -> None:
    # HTTP trims the blanks around a header's value, so this one arrives as the right key.
    if key == "the simulator's ":
        assert (await caller.send("GET", "/users/list", key=f"{caller.sim.api_key} ")).status == 200
        return
    reply = await caller.send("GET", "/users/list", key=key)
    assert reply.status == 401
    assert reply.json == {"status": 401, "message": "Invalid API Key", "data": None}


async def test_a_wrong_key_places_no_order(caller: Caller) -> None:
    reply = await caller.send("POST", "/orders/json", body=order_body(), query={"userId": USER}, key="wrong")
    assert (reply.status, caller.sim.state.orders) == (401, {})


async def test_the_key_is_in_no_repr(start: Start) -> None:
    caller = await start(api_key="a-secret-key")
    assert "a-secret-key" not in repr(caller.sim) + repr(caller.sim.state)


async def test_the_sixth_request_of_a_second_is_throttled(start: Start, clock: Clock) -> None:
    caller = await start(rate_limit=5)
    statuses = []
    for _ in range(6):
        statuses.append((await caller.get("/users/list")).status)
        clock.now += 0.1
    assert statuses == [200] * 5 + [429]
    reply = await caller.get("/users/list")
    assert reply.headers["Retry-After"] == "1"
    assert reply.json == {"status": 429, "message": "Rate limit exceeded", "data": None}
    clock.now += 1
    assert (await caller.get("/users/list")).status == 200


async def test_a_throttled_order_is_not_placed(start: Start) -> None:
    caller = await start(rate_limit=1)
    statuses = [(await caller.order(order_body(confirm=True))).status for _ in range(2)]
    assert (statuses, len(caller.sim.state.orders), len(caller.sim.state.ledger)) == ([200, 429], 1, 1)


async def test_the_rate_limit_counts_real_time_however_fast_simulated_time_runs(start: Start) -> None:
    caller = await start(rate_limit=1, time_scale=1_000_000)
    assert [(await caller.get("/users/list")).status for _ in range(2)] == [200, 429]


async def test_an_unknown_path_is_a_404_envelope(caller: Caller) -> None:
    reply = await caller.get("/no/such/path")
    assert reply.json == {"status": 404, "message": "Not Found", "data": None}


async def test_a_wrong_method_is_a_405_envelope(caller: Caller) -> None:
    reply = await caller.send("DELETE", "/orders/json")
    assert reply.json == {"status": 405, "message": "Method Not Allowed", "data": None}
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("body", [b"", b"{", b'{"domains": NaN}', b"\xff"])
async def test_malformed_json_is_refused(caller: Caller, body: bytes) -> None:
    reply = await caller.order(body)
    assert reply.json == {"status": 400, "message": "The request body is not valid JSON", "data": None}


async def test_every_request_is_counted_where_it_went(start: Start, clock: Clock) -> None:
    caller = await start(rate_limit=2)
    await caller.get("/users/list")
    await caller.get("/users", userId=DEMO_USERS[1])
    await caller.get("/users/list")
    clock.now += 1
    await caller.get("/nowhere")
    await caller.send("GET", "/users/list", key="wrong")
    assert await caller.admin("requests") == {
        "total": 5,
        "byEndpoint": {"GET /users/list": 3, "GET /users": 1, "other": 1},
        "byStatus": {"200": 2, "429": 1, "404": 1, "401": 1},
        "byFault": {},
        "mostInOneSecond": 3,
    }


async def test_the_simulators_own_routes_are_outside_the_limit_and_the_counts(start: Start) -> None:
    caller = await start(rate_limit=1)
    for _ in range(3):
        await caller.admin("ledger")
    assert caller.sim.state.requests.total == 0
    assert (await caller.get("/users/list")).status == 200


async def test_the_application_runs_without_a_simulator() -> None:
    state = SimulatorState()
    async with TestServer(application(state)) as server, ClientSession() as session:
        headers = {"cmr-x-api-key": state.settings.api_key}
        async with session.get(server.make_url(f"{API_BASE}/users/list"), headers=headers) as answer:
            assert answer.status == 200
