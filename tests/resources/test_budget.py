"""The path of every call on a clock of the test's own: no attempt outside the budget, none before its slot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import cast

import attrs
import pytest

from cmr_async import NotSentError, OutcomeUnknownError, RateLimitError, RetryPolicy, ServerError
from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import Exchange, Phase, Request
from cmr_async.core.pacing import Pacer
from cmr_async.pipeline import Pipeline
from cmr_async.transport import Transport
from tests.wire import ACCEPTED, LOST, UNSENT, complete


class HandClock:
    """A clock that goes on to the next sleeper when all others have had their turn."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleepers: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        self.sleepers.append(until)
        while self.now < until:
            for _ in range(5):
                await asyncio.sleep(0)
            if until == min(self.sleepers):
                self.now = max(self.now, until)
        self.sleepers.remove(until)


@attrs.define
class Server:
    """Answers with what the test names, and keeps the times of the attempts."""

    clock: HandClock
    reply: Callable[[int], Exchange]
    times: list[float] = attrs.field(factory=list)

    def check_usable(self) -> None:
        """It always is."""

    async def send(self, request: Request) -> Exchange:
        self.times.append(self.clock.now)
        return self.reply(len(self.times))


def refused(seconds: str) -> Exchange:
    return Exchange(phase=Phase.COMPLETE, status=429, headers={"retry-after": seconds})


def caller(server: Server, *, pacer: Pacer | None = None, gap: float = 0.203, budget: float = 60) -> Pipeline:
    return Pipeline(
        transport=cast("Transport", server),
        endpoints=ENDPOINTS,
        pacer=pacer or Pacer(),
        gap=gap,
        retry=RetryPolicy(time_budget=budget),
        clock=server.clock,
        sleep=server.clock.sleep,
        rng=Random(3),
    )


async def create(pipeline: Pipeline) -> object:
    return await pipeline.call("orders.create", subject=lambda: "The order", user_id="U", body=b"{}", pays=True)


@pytest.mark.parametrize("exchange", [UNSENT, complete(429), refused("3"), refused("0"), refused("soon")])
@pytest.mark.parametrize("budget", [0, 1, 20])
async def test_no_attempt_of_an_order_starts_after_the_budget(exchange: Exchange, budget: float) -> None:
    server = Server(HandClock(), lambda _: exchange)
    with pytest.raises(NotSentError if exchange is UNSENT else RateLimitError) as caught:
        await create(caller(server, budget=budget))
    assert server.times[-1] - server.times[0] <= budget
    assert caught.value.attempts == len(server.times)
    assert budget or len(server.times) == 1


@pytest.mark.parametrize("exchange", [UNSENT, refused("0")])
async def test_a_long_queue_for_slots_does_not_carry_an_attempt_beyond_the_budget(exchange: Exchange) -> None:
    pacer, clock = Pacer(), HandClock()

    def reply(_: int) -> Exchange:
        for _ in range(500):  # meanwhile others have taken the slots of the next 100 seconds
            pacer.reserve(clock.now, 0.203)
        return exchange

    server = Server(clock, reply)
    with pytest.raises((NotSentError, RateLimitError)):
        await create(caller(server, pacer=pacer, budget=20))
    assert server.times == [1000.0]
    assert clock.now <= 1020


async def test_an_order_in_doubt_is_sent_once_and_a_read_again_and_again() -> None:
    order = Server(HandClock(), lambda _: LOST)
    with pytest.raises(OutcomeUnknownError):
        await create(caller(order))
    assert len(order.times) == 1
    read = Server(HandClock(), lambda _: complete(503))
    with pytest.raises(ServerError):
        await caller(read).call("orders.status", subject=lambda: "The status", user_id="U")
    assert len(read.times) > 3
    assert read.times[-1] - read.times[0] <= 60


async def test_an_order_that_is_in_doubt_after_refusals_is_not_sent_again() -> None:
    server = Server(HandClock(), lambda attempt: LOST if attempt == 3 else refused("0"))
    with pytest.raises(OutcomeUnknownError) as caught:
        await create(caller(server))
    assert caught.value.attempts == len(server.times) == 3


async def test_a_refusal_holds_everybody_back_who_shares_the_pace() -> None:
    clock, pacer = HandClock(), Pacer()
    server = Server(clock, lambda attempt: refused("5") if attempt == 1 else ACCEPTED)
    await asyncio.gather(*(create(caller(server, pacer=pacer)) for _ in range(5)))
    assert len(server.times) == 6
    assert server.times[1] - server.times[0] >= 5
    assert all(later - earlier >= 0.2 for earlier, later in zip(server.times[1:], server.times[2:], strict=False))


async def test_nothing_more_is_sent_once_it_may_not() -> None:
    server = Server(HandClock(), lambda _: refused("0"))
    answers = iter([None, None, "it lost its claim"])
    with pytest.raises(NotSentError, match="lost its claim"):
        await caller(server).call("orders.create", subject=lambda: "The order", veto=lambda: next(answers))
    assert len(server.times) == 2
