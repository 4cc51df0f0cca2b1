"""What a client sees of a fault, and what the server did meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientError, ClientOSError, ClientPayloadError, ServerDisconnectedError

from cmr_async.simulator import FaultRule

from ..conftest import USER, Caller, order_body

#: Faults that leave the client without any answer.
SILENT = ("reset", "close_before_answer", "close_unread")


def placed(caller: Caller) -> tuple[int, int, int]:
    """Requests that came, orders placed, charges made."""
    state = caller.sim.state
    return state.requests.total, len(state.orders), len(state.ledger)


@pytest.mark.parametrize("kind", SILENT)
@pytest.mark.parametrize("after_processing", [False, True])
async def test_a_lost_connection_hides_whether_the_order_was_placed(
    caller: Caller, kind: str, *, after_processing: bool
) -> None:
    caller.sim.faults.add(FaultRule(kind=kind, after_processing=after_processing))
    with pytest.raises(ClientError) as caught:
        await caller.order(order_body(confirm=True))
    assert type(caught.value) is (ClientOSError if kind == "reset" else ServerDisconnectedError)
    assert placed(caller) == ((1, 1, 1) if after_processing else (1, 0, 0))
    assert caller.sim.state.requests.by_fault == {kind: 1}
    assert caller.sim.state.requests.by_status == {}
    assert (await caller.order(order_body("next.com"))).status == 200


@pytest.mark.parametrize("after_processing", [False, True])
async def test_a_stall_never_answers(caller: Caller, *, after_processing: bool) -> None:
    caller.sim.faults.add(FaultRule(kind="stall", after_processing=after_processing))
    waiting = asyncio.ensure_future(caller.order(order_body(confirm=True)))
    while not caller.sim.faults.fired:  # noqa: ASYNC110 - yields to the server, waits for no time
        await asyncio.sleep(0)
    assert not waiting.done()
    assert placed(caller) == ((1, 1, 1) if after_processing else (1, 0, 0))
    await asyncio.wait_for(caller.sim.close(), timeout=5)
    with pytest.raises(ServerDisconnectedError):
        await waiting


async def test_a_cut_answer_promises_more_than_it_brings(caller: Caller) -> None:
    caller.sim.faults.add(FaultRule(kind="cut", after_processing=True))
    with pytest.raises(ClientPayloadError):
        await caller.order(order_body(confirm=True))
    assert placed(caller) == (1, 1, 1)
    assert caller.sim.state.requests.by_status == {200: 1}


async def test_an_answer_can_be_cut_without_any_order(caller: Caller) -> None:
    caller.sim.faults.add(FaultRule(kind="cut", status=200))
    with pytest.raises(ClientPayloadError):
        await caller.order(order_body(confirm=True))
    assert placed(caller) == (1, 0, 0)


async def test_a_delay_answers_late_but_rightly(caller: Caller) -> None:
    caller.sim.faults.add(FaultRule(kind="delay", seconds=0.001))
    caller.sim.faults.add(FaultRule(kind="delay", seconds=0.001, after_processing=True))
    assert (await caller.order(order_body(confirm=True))).json["status"] == 200
    assert caller.sim.state.requests.by_fault == {"delay": 2}
    assert placed(caller) == (1, 1, 1)


async def test_a_delayed_processing_still_finds_its_order_in_the_body(caller: Caller) -> None:
    order_id = (await caller.order(order_body(confirm=False))).json["data"]["orderId"]
    caller.sim.faults.add(FaultRule(kind="delay", seconds=0.001, path="/orders/process"))
    reply = await caller.post("/orders/process", {"orderId": order_id}, userId=USER)
    assert (reply.status, len(caller.sim.state.ledger)) == (200, 1)


@pytest.mark.parametrize("after_processing", [False, True])
async def test_a_status_can_come_in_the_envelope(caller: Caller, *, after_processing: bool) -> None:
    fault = FaultRule(
        kind="status", status=503, message="Busy", headers={"Retry-After": "2"}, after_processing=after_processing
    )
    caller.sim.faults.add(fault)
    reply = await caller.order(order_body(confirm=True))
    assert reply.json == {"status": 503, "message": "Busy", "data": None}
    assert (reply.status, reply.headers["Retry-After"]) == (503, "2")
    assert placed(caller) == ((1, 1, 1) if after_processing else (1, 0, 0))


@pytest.mark.parametrize(
    ("fault", "content_type", "body"),
    [
        (FaultRule(kind="status", status=524, envelope=False), "text/html", b"<html><body><h1>524</h1></body></html>"),
        (FaultRule(kind="status", status=200, body=b"{}"), "application/json", b"{}"),
        (FaultRule(kind="status", status=403, envelope=False, body=b"<p>"), "text/html", b"<p>"),
    ],
)
async def test_a_status_can_come_from_something_in_between(
    caller: Caller, fault: FaultRule, content_type: str, body: bytes
) -> None:
    caller.sim.faults.add(fault)
    url = f"{caller.sim.base_url}/orders/json?userId={USER}"
    async with caller.session.post(url, json=order_body()) as answer:
        assert (answer.status, answer.content_type, await answer.read()) == (fault.status, content_type, body)
    assert placed(caller) == (1, 0, 0)


async def test_a_redirect_leads_elsewhere(caller: Caller) -> None:
    caller.sim.faults.add(FaultRule(kind="status", status=307, headers={"Location": "http://127.0.0.1:9/"}))
    reply = await caller.order(order_body(confirm=True))
    assert (reply.status, reply.headers["Location"]) == (307, "http://127.0.0.1:9/")


async def test_a_refused_request_leaves_the_fault_for_a_processed_one(caller: Caller) -> None:
    caller.sim.faults.add(FaultRule(kind="reset", after_processing=True))
    assert (await caller.order(order_body(confirm=1))).status == 400
    with pytest.raises(ClientError):
        await caller.order(order_body())
    assert placed(caller) == (2, 1, 0)
