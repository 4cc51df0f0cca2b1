"""Webhooks arrive at a real receiver over loopback: signed, repeated, in sequence, and without waiting for time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import attrs
import orjson
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from cmr_async.simulator import Simulator
from cmr_async.simulator.http.bodies import read_order
from cmr_async.webhooks import Refusal, SignatureScheme, VerifiedDelivery, verify
from tests.fakes import Clock

from ..conftest import Caller, Start, order_body

ALL_EVENTS = ["domain.order.success", "mailbox.order.success", "mailbox.created", "mailbox.created"]


@attrs.define
class Receiver:
    """Takes deliveries, answers with what the test says, and keeps them."""

    server: TestServer = attrs.field(init=False)
    answer: Callable[[], web.Response] = web.Response
    hangs: bool = False
    bodies: list[bytes] = attrs.field(factory=list)
    headers: list[dict[str, str]] = attrs.field(factory=list)
    arrived: asyncio.Event = attrs.field(factory=asyncio.Event)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/hook"))

    @property
    def events(self) -> list[str]:
        return [orjson.loads(body)["event"] for body in self.bodies]

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        self.arrived.set()
        if self.hangs:
            await asyncio.Event().wait()
        return self.answer()


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.take)
    made.server = TestServer(app)
    await made.server.start_server(shutdown_timeout=0.05)
    yield made
    await made.server.close()


async def place(sim: Simulator, body: object) -> None:
    sim.state.create_order(sim.users[0], read_order(body))


async def test_every_event_arrives_signed_and_in_sequence(start: Start, clock: Clock, receiver: Receiver) -> None:
    caller = await start(webhook_url=receiver.url)
    sim = caller.sim
    await caller.order(order_body(confirm=True))
    assert await sim.deliver_due() == ()
    clock.now += 100
    made = await sim.deliver_due()
    assert receiver.events == [one.event for one in made] == ALL_EVENTS
    assert [(one.attempt, one.status, one.outcome) for one in made] == [(1, 200, "delivered")] * 4
    for body, headers, delivery in zip(receiver.bodies, receiver.headers, made, strict=True):
        assert orjson.loads(body)["eventId"] == delivery.event_id
        assert headers["Content-Type"] == "application/json"
        assert isinstance(verify(body, headers, keys=sim.api_key, now=clock.now), VerifiedDelivery)
        assert isinstance(verify(body, headers, keys="another", now=clock.now), Refusal)
    assert (await sim.deliver_due(), sim.deliveries) == ((), made)
    assert sim.state.requests.total == 1


async def test_a_scheme_says_how_they_are_signed(start: Start, clock: Clock, receiver: Receiver) -> None:
    scheme = SignatureScheme(signed_content="{timestamp}.{body}", prefix="v1=")
    sim = (await start(webhook_url=receiver.url, webhook_scheme=scheme)).sim
    caller_body = order_body(confirm=True)
    await place(sim, caller_body)
    clock.now += 100
    await sim.deliver_due()
    body, headers = receiver.bodies[0], receiver.headers[0]
    assert isinstance(verify(body, headers, keys=sim.api_key, now=clock.now, scheme=scheme), VerifiedDelivery)
    assert isinstance(verify(body, headers, keys=sim.api_key, now=clock.now), Refusal)


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_other_answers_than_2xx_lead_to_three_attempts(
    start: Start, clock: Clock, receiver: Receiver, status: int
) -> None:
    receiver.answer = lambda: web.Response(status=status, headers={"Location": "/hook"})
    sim = (await start(webhook_url=receiver.url)).sim
    await place(sim, order_body(confirm=True, mailboxes={}))
    clock.now += 100
    seen = []
    for pause in (0, 29, 1, 299, 1, 1000):
        clock.now += pause
        seen.append([(one.attempt, one.status, one.outcome) for one in await sim.deliver_due()])
    assert seen == [[(1, status, "retried")], [], [(2, status, "retried")], [], [(3, status, "failed")], []]
    assert len({*receiver.bodies}) == 1
    assert len({headers["cmr-x-timestamp"] for headers in receiver.headers}) == 3


async def test_a_receiver_that_hangs_or_is_not_there_is_tried_again(
    start: Start, clock: Clock, receiver: Receiver
) -> None:
    receiver.hangs = True
    sim = (await start(webhook_url=receiver.url, webhook_timeout=0.05)).sim
    await place(sim, order_body(confirm=True, mailboxes={}))
    clock.now += 100
    assert [(one.status, one.outcome) for one in await sim.deliver_due()] == [(None, "retried")]
    await receiver.server.close()
    clock.now += 30
    assert [(one.attempt, one.status) for one in await sim.deliver_due()] == [(2, None)]


async def test_what_is_cut_short_by_the_close_is_sent_after_the_next_start(
    start: Start, clock: Clock, receiver: Receiver
) -> None:
    receiver.hangs = True
    sim = (await start(webhook_url=receiver.url)).sim
    await place(sim, order_body(confirm=True, mailboxes={}))
    clock.now += 100
    sending = asyncio.create_task(sim.deliver_due())
    await receiver.arrived.wait()
    await sim.close()
    await sending
    with pytest.raises(RuntimeError, match="not running"):
        await sim.deliver_due()
    receiver.hangs = False
    await sim.start()
    assert [(one.attempt, one.outcome) for one in await sim.deliver_due()] == [(1, "delivered")]


async def test_on_the_machines_clock_they_are_sent_without_being_asked(receiver: Receiver) -> None:
    async with Simulator(webhook_url=receiver.url, provision_seconds=(0, 0)) as sim:
        await place(sim, order_body(confirm=True, mailboxes={}))
        await receiver.arrived.wait()
        assert receiver.events == ["domain.order.success"]


async def test_without_a_receiver_nothing_is_sent(caller: Caller, clock: Clock) -> None:
    await caller.order(order_body(confirm=True))
    clock.now += 100
    assert (await caller.sim.deliver_due(), caller.sim.deliveries) == ((), ())


async def test_another_process_can_read_the_attempts(start: Start, clock: Clock, receiver: Receiver) -> None:
    caller = await start(webhook_url=receiver.url)
    await place(caller.sim, order_body(confirm=True, mailboxes={}))
    clock.now += 100
    (made,) = await caller.sim.deliver_due()
    assert await caller.admin("deliveries") == {
        "attempts": [
            {
                "time": "2023-11-14T22:15:00.000Z",
                "eventId": made.event_id,
                "event": "domain.order.success",
                "orderId": made.order_id,
                "attempt": 1,
                "status": 200,
                "outcome": "delivered",
            }
        ],
        "lost": [],
    }
