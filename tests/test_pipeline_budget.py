"""The time budget of a call: no attempt starts after it, and none before its slot."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import chain, repeat
from random import Random

import attrs
import pytest

from cmr_async import NotSentError, OutcomeUnknownError, RateLimitError, ServerError
from cmr_async.core.exchange import Exchange
from cmr_async.core.pacing import Pacer
from cmr_async.drain import Guard
from cmr_async.pipeline import Pipeline
from tests.fakes import ACCEPTED, LOST, UNSENT, Clock, FakeTransport, Reply, answered, make_pipeline


def refused(seconds: str) -> Exchange:
    return answered(429, retry_after=seconds)


def caller(server: FakeTransport, *, pacer: Pacer | None = None, gap: float = 0.203, budget: float = 60.0) -> Pipeline:
    return make_pipeline(server, pacer=pacer, gap=gap, budget=budget, rng=Random(3))


async def create(pipeline: Pipeline) -> object:
    return await pipeline.call("orders.create", subject=lambda: "The order", user_id="U", body=b"{}", pays=True)


@pytest.mark.parametrize("exchange", [UNSENT, answered(429), refused("3"), refused("0"), refused("soon")])
@pytest.mark.parametrize("budget", [0, 1, 20])
async def test_no_attempt_of_an_order_starts_after_the_budget(exchange: Exchange, budget: float) -> None:
    server = FakeTransport(repeat(exchange))
    with pytest.raises(NotSentError if exchange is UNSENT else RateLimitError) as caught:
        await create(caller(server, budget=budget))
    assert server.times[-1] - server.times[0] <= budget
    assert caught.value.attempts == len(server.times)
    assert budget or len(server.times) == 1


async def test_a_long_queue_for_slots_does_not_carry_an_attempt_beyond_the_budget() -> None:
    pacer, clock = Pacer(), Clock()

    def replies() -> Iterable[Reply]:
        for _ in range(500):  # meanwhile others have taken the slots of the next 100 seconds
            pacer.reserve(clock.now, 0.203)
        yield UNSENT

    began, server = clock.now, FakeTransport(replies(), clock=clock)
    with pytest.raises(NotSentError):
        await create(caller(server, pacer=pacer, budget=20))
    assert server.times == [began]
    assert clock.now <= began + 20


async def test_an_order_in_doubt_is_sent_once_and_a_read_again_and_again() -> None:
    order = FakeTransport(repeat(LOST))
    with pytest.raises(OutcomeUnknownError):
        await create(caller(order))
    assert len(order.times) == 1
    read = FakeTransport(repeat(answered(503)))
    with pytest.raises(ServerError):
        await caller(read).call("orders.status", subject=lambda: "The status", user_id="U")
    assert len(read.times) > 3
    assert read.times[-1] - read.times[0] <= 60


async def test_an_order_that_is_in_doubt_after_refusals_is_not_sent_again() -> None:
    server = FakeTransport([refused("0"), refused("0"), LOST, ACCEPTED])
    with pytest.raises(OutcomeUnknownError) as caught:
        await create(caller(server))
    assert caught.value.attempts == len(server.times) == 3


async def test_a_refusal_holds_everybody_back_who_shares_the_pace() -> None:
    pacer, server = Pacer(), FakeTransport(chain([refused("5")], repeat(ACCEPTED)))
    await asyncio.gather(*(create(caller(server, pacer=pacer)) for _ in range(5)))
    assert len(server.times) == 6
    assert server.times[1] - server.times[0] >= 5
    assert all(later - earlier >= 0.2 for earlier, later in zip(server.times[1:], server.times[2:], strict=False))


async def test_nothing_more_is_sent_once_it_may_not() -> None:
    server = FakeTransport(repeat(refused("0")))

    class Losing(Guard):
        answers = iter([None, None, "it lost its claim"])

        def veto(self) -> str | None:
            return next(self.answers)

    with pytest.raises(NotSentError, match="lost its claim"):
        await caller(server).call("orders.create", subject=lambda: "The order", guard=Losing())
    assert len(server.times) == 2


async def test_who_could_not_leave_in_time_is_told_why_the_last_attempt_did_nothing() -> None:
    async def for_ever(_: float) -> None:
        await asyncio.Event().wait()

    pipeline = attrs.evolve(caller(FakeTransport(repeat(UNSENT)), gap=0), sleep=for_ever)
    sending = pipeline.call("orders.create", subject=lambda: "The order", body=b"{}", pays=True, send_within=0.2)
    with pytest.raises(NotSentError) as caught:
        await sending
    assert str(caught.value) == "The order was not sent: it could not leave within 0.2 s (cannot connect)."
    assert caught.value.attempts == 1


async def test_the_slot_of_an_order_that_another_process_has_claimed_is_for_the_next_order() -> None:
    class Taken(Guard):
        async def claim(self) -> None:
            raise NotSentError("another process has claimed it")

    server = FakeTransport(repeat(ACCEPTED))
    pipeline = caller(server)
    await create(pipeline)
    for _ in range(3):
        with pytest.raises(NotSentError, match="another process"):
            await pipeline.call("orders.create", subject=lambda: "The order", user_id="U", body=b"{}", guard=Taken())
    await create(pipeline)
    assert server.times[1] - server.times[0] == pytest.approx(0.203)
