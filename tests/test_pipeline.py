"""The path of every call, with a transport that plays a script and a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from cmr_async.core.exchange import Exchange, Phase, Request
from cmr_async.core.pacing import DEFAULT_GAP, Pace, Pacer, Slot
from cmr_async.drain import Guard
from cmr_async.errors import (
    AuthenticationError,
    CMRError,
    ConfigurationError,
    EndpointNotConfiguredError,
    NotSentError,
    OutcomeUnknownError,
    RateLimitError,
    ServerError,
    TransportError,
)
from cmr_async.models import Envelope
from cmr_async.pipeline import Pipeline, Stall
from tests.fakes import LOST, UNSENT, Clock, FakeTransport, Reply, answered, make_pipeline

GAP = 0.25
OK = answered(200, {"orderId": "ord_1"})
THROTTLED = answered(429, retry_after="2")
BROKEN = answered(503)


class World(FakeTransport):
    """A transport that plays a script, and calls on the way to it."""

    def __init__(self, *script: Reply) -> None:
        super().__init__(script)
        self.pacer = Pacer()

    def pipeline(self, budget: float = 60.0, **settings: Any) -> Pipeline:
        return make_pipeline(self, gap=GAP, budget=budget, pacer=self.pacer, **settings)

    async def order(self, budget: float = 60.0, **arguments: Any) -> Envelope:
        arguments = {"user_id": "u", "body": b"{}", "pays": True, **arguments}
        return await self.pipeline(budget).call("orders.create", subject=lambda: "The order for x.com", **arguments)

    async def read(self, budget: float = 60.0, **arguments: Any) -> Envelope:
        return await self.pipeline(budget).call("orders.status", subject=lambda: "The status", **arguments)


async def test_one_call_is_one_request() -> None:
    world = World(OK)
    envelope = await world.order(query={"a": "1", "b": None}, timeout=7)
    assert (envelope.data, envelope.attempts) == ({"orderId": "ord_1"}, 1)
    (request,) = world.sent
    assert request.query == {"userId": "u", "a": "1"}
    assert (request.body, request.pays, request.timeout) == (b"{}", True, 7)
    assert world.clock.sleeps == []


async def test_the_user_goes_nowhere_where_the_row_says_so() -> None:
    world = World(OK)
    await world.pipeline().call("subscriptions.list", subject=lambda: "The list", user_id="u")
    assert world.sent[0].query == {}


async def test_a_refusal_by_the_limit_is_repeated_after_the_shared_pause() -> None:
    world = World(THROTTLED, THROTTLED, OK)
    envelope = await world.order()
    assert envelope.attempts == 3
    assert world.times == pytest.approx([0.0, 2.0, 4.0])
    assert world.pacer.pace(3.0, DEFAULT_GAP).paused_for == 1.0


async def test_a_refusal_by_the_limit_without_a_wait_pauses_a_second() -> None:
    world = World(answered(429), OK)
    await world.order()
    assert world.times == pytest.approx([0.0, 1.0])


async def test_a_request_that_never_left_is_repeated_with_growing_waits() -> None:
    world = World(UNSENT, UNSENT, UNSENT, OK)
    envelope = await world.order()
    assert envelope.attempts == 4
    assert world.times == pytest.approx([0.0, 0.5, 1.5, 3.5])


@pytest.mark.parametrize("doubtful", [LOST, BROKEN, answered(302), answered(body=b'{"message": "hello"}')])
async def test_an_order_in_doubt_is_never_repeated(doubtful: Exchange) -> None:
    world = World(doubtful, OK)
    with pytest.raises(OutcomeUnknownError) as caught:
        await world.order()
    assert caught.value.attempts == len(world.sent) == 1


async def test_an_order_in_doubt_after_a_refusal_by_the_limit_is_not_repeated_either() -> None:
    world = World(THROTTLED, LOST, OK)
    with pytest.raises(OutcomeUnknownError) as caught:
        await world.order()
    assert caught.value.attempts == len(world.sent) == 2


async def test_a_refusal_is_final() -> None:
    world = World(answered(401), OK)
    with pytest.raises(AuthenticationError) as caught:
        await world.order()
    assert caught.value.attempts == len(world.sent) == 1


@pytest.mark.parametrize("failed", [LOST, BROKEN, THROTTLED, UNSENT])
async def test_a_read_is_repeated_whatever_became_of_it(failed: Exchange) -> None:
    world = World(failed, OK)
    assert (await world.read()).attempts == 2


@pytest.mark.parametrize(
    ("failed", "kind"),
    [(LOST, TransportError), (BROKEN, ServerError), (THROTTLED, RateLimitError), (UNSENT, NotSentError)],
)
async def test_the_last_error_is_raised_when_the_budget_is_used_up(failed: Exchange, kind: type[CMRError]) -> None:
    world = World(*[failed] * 100)
    with pytest.raises(kind) as caught:
        await world.read(budget=10.0)
    assert world.clock.now <= 10.0
    assert caught.value.attempts == len(world.sent) > 1


async def test_a_budget_of_zero_means_one_attempt() -> None:
    world = World(UNSENT, OK)
    with pytest.raises(NotSentError) as caught:
        await world.order(budget=0.0)
    assert caught.value.attempts == 1


async def test_a_wait_beyond_the_budget_is_not_begun() -> None:
    world = World(answered(429, retry_after="3600"), OK)
    with pytest.raises(RateLimitError) as caught:
        await world.order(budget=60.0)
    assert (caught.value.retry_after, world.clock.now) == (3600.0, 0.0)


async def test_the_wait_for_the_first_slot_is_not_taken_from_the_budget() -> None:
    world = World(UNSENT, OK)
    world.pacer.pause(0.0, 100.0)
    assert (await world.order(budget=1.0)).attempts == 2


async def test_every_attempt_of_every_call_has_a_slot_of_its_own() -> None:
    world = World(OK, OK, OK, OK)
    for _ in range(4):
        await world.order()
    assert world.times == [0.0, 0.25, 0.5, 0.75]


async def test_a_pause_during_the_wait_makes_the_waiter_reserve_again() -> None:
    world = World(OK, OK)
    await world.order()

    async def pause() -> None:
        await world.clock.sleep(GAP / 2)
        world.pacer.pause(world.clock.now, 5.0)

    await asyncio.gather(pause(), world.order())
    assert world.times == pytest.approx([0.0, GAP / 2 + 5.0])


async def test_the_slot_is_the_last_wait_before_the_send() -> None:
    events: list[str] = []

    class Shared:
        async def reserve(self, gap: float, *, reads: bool) -> Slot:
            events.append(f"shared slot, {reads=}")
            return Slot(wait=0.0, at=1.0, gap=gap, era=0)

        async def holds(self, slot: Slot) -> bool:
            raise AssertionError(slot)

        async def refused(self, slot: Slot, asked: float | None) -> float:
            events.append(f"shared pause of {asked}")
            assert slot.at == 1.0
            return 2.5

        def pace(self, gap: float) -> Pace:
            return Pace(gap=gap, limit=None, paused_for=0.0)

    class RecordedClock(Clock):
        async def sleep(self, seconds: float) -> None:
            events.append(f"sleep {seconds:g}")
            await super().sleep(seconds)

    class RecordedWorld(World):
        async def send(self, request: Request, *, leaving: Callable[[], None] | None = None) -> Exchange:
            events.append("send")
            return await super().send(request, leaving=leaving)

    world = RecordedWorld(UNSENT, THROTTLED, OK)
    world.clock = RecordedClock(0.0)
    await world.pipeline(shared=Shared()).call("orders.create", subject=lambda: "The order")
    assert events == [
        "shared slot, reads=False",
        "send",
        "sleep 0.5",
        "shared slot, reads=False",
        "send",
        "shared pause of 2.0",
        "sleep 2.5",
        "shared slot, reads=False",
        "send",
    ]


class Recording(Guard):
    """A guard that writes down what it is asked, and vetoes as the test says."""

    def __init__(self, *vetoes: str | None) -> None:
        super().__init__()
        self.calls: list[str] = []
        self._vetoes = iter(vetoes)

    async def claim(self) -> None:
        self.calls.append("claim")

    def veto(self) -> str | None:
        self.calls.append("veto")
        return next(self._vetoes, None)

    def leaves(self) -> None:
        super().leaves()
        self.calls.append("leaves")

    async def give_back(self, error: CMRError) -> None:
        self.calls.append(f"give back after {error.attempts}")


async def test_each_attempt_is_claimed_after_its_slot_and_asked_about_as_its_head_goes_out() -> None:
    world, guard = World(THROTTLED, UNSENT, OK), Recording()
    await world.order(guard=guard)
    attempt = ["claim", "veto", "leaves"]
    assert guard.calls == [*attempt, "give back after 1", *attempt, "give back after 2", *attempt]
    assert guard.in_flight  # what it did is still to be told to the journal and the caller


async def test_an_attempt_that_is_final_is_not_given_back() -> None:
    guard = Recording()
    with pytest.raises(RateLimitError):
        await World(THROTTLED).order(0, guard=guard)
    assert guard.calls == ["claim", "veto", "leaves"]
    assert not guard.in_flight


async def test_nothing_is_sent_when_there_is_a_reason() -> None:
    world = World(OK)
    with pytest.raises(NotSentError, match=r"was not sent: its claim is lost\.$") as caught:
        await world.order(guard=Recording("its claim is lost."))
    assert (world.sent, caught.value.attempts) == ([], 0)


async def test_a_reason_is_asked_for_before_each_attempt() -> None:
    world = World(UNSENT, OK)
    with pytest.raises(NotSentError, match="lost its claim") as caught:
        await world.order(guard=Recording(None, "it lost its claim"))
    assert caught.value.attempts == len(world.sent) == 1


async def test_a_call_whose_task_is_cancelled_as_a_refusal_by_the_limit_comes_is_not_repeated() -> None:
    ended = answered(429, retry_after="2")
    ended.cancelled = True
    with pytest.raises(RateLimitError):
        await World(ended, OK).order()


async def test_a_call_whose_caller_has_left_is_not_repeated() -> None:
    guard = Recording()
    guard.abandoned = True
    with pytest.raises(RateLimitError):
        await World(THROTTLED, OK).order(guard=guard)


@pytest.mark.parametrize("name", ["timeout", "send_within"])
@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
async def test_a_time_that_is_no_duration_is_refused(name: str, seconds: float) -> None:
    world = World(OK)
    with pytest.raises(ConfigurationError, match=f"{name} must be more than 0 seconds"):
        await world.order(**{name: seconds})
    assert world.sent == []


async def test_a_call_without_a_path_takes_no_slot() -> None:
    world = World(OK)
    with pytest.raises(EndpointNotConfiguredError):
        await world.pipeline().call("orders.process", subject=lambda: "The processing")
    assert world.pacer.reserve(0.0).wait == 0.0


async def test_the_log_is_an_allow_list(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", logger="cmr_async"):
        await World(UNSENT, OK).order(user_id="secret-user", body=b"secret-body")
    assert [record.message for record in caplog.records] == [
        "orders.create attempt=1 phase=not_sent status=None outcome=not_sent failure=cannot connect",
        "orders.create attempt=2 phase=complete status=200 outcome=accepted failure=None",
    ]


class Hanging(World):
    """A transport in which an attempt takes five seconds, with its head out or not, and looks at the pipeline then."""

    host = "api.example:443"

    def __init__(self, *script: Reply, head_goes_out: bool) -> None:
        super().__init__(*script)
        self.whole = self.pipeline()
        self.head_goes_out = head_goes_out
        self.seen: list[Stall | None] = []

    async def send(self, request: Request, *, leaving: Callable[[], None] | None = None) -> Exchange:
        self.seen.append(self.whole.stall())
        if self.head_goes_out and leaving is not None:
            leaving()
        self.clock.now += 5
        self.seen.append(self.whole.stall())
        return await super().send(request)

    async def run(self) -> None:
        await self.whole.call("orders.create", subject=lambda: "The order", body=BODY)


BODY = b'{"domains":[{"domain":"1.com"}]}'
REFUSED = Exchange(phase=Phase.NOT_SENT, failure="ClientConnectorError: cannot connect to h:1 (Connection refused)")


async def test_a_call_that_gets_no_connection_says_so_and_then_why() -> None:
    world = Hanging(REFUSED, OK, head_goes_out=False)
    await world.run()
    assert world.seen == [
        None,
        Stall(message="no connection to api.example:443 yet; trying", left=55.0),
        Stall(message="cannot connect to h:1 (Connection refused); retrying", left=54.5),
        Stall(message="cannot connect to h:1 (Connection refused); retrying", left=49.5),
    ]
    assert world.whole.stall() is None
    assert world.whole.under_way == set()


async def test_a_call_without_an_answer_says_so_and_nothing_of_earlier_attempts() -> None:
    world = Hanging(UNSENT, OK, head_goes_out=True)
    await world.run()
    waiting = Stall(message="no answer to 1 request yet; waiting", left=115.0)
    assert world.seen == [None, waiting, Stall(message="cannot connect; retrying", left=54.5), waiting]


async def test_a_call_that_the_pace_holds_back_is_not_held_up_by_anything_else() -> None:
    world = Hanging(THROTTLED, OK, head_goes_out=True)
    await world.run()
    assert world.seen[2] is None
