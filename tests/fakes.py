"""Doubles that several rooms of the tests share: a clock, a random source, a transport, and makers of their values."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from random import Random
from typing import Any, cast

import orjson

from cmr_async import DomainRegistration, Mailbox, Order, OrderRequest, RetryPolicy, Timeouts
from cmr_async.bulk import Bulk
from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import Exchange, Phase, Request
from cmr_async.core.pacing import Pacer, Slot
from cmr_async.pipeline import Pipeline
from cmr_async.slots import SharedPace, Slots
from cmr_async.transport.transport import Transport

#: The user who orders; the simulator knows them.
USER = "BVZGM5TE9BMP3PP0VWGW943RGV1B"
ADA = Mailbox(username="ada", first_name="Ada", last_name="Lovelace")

#: Turns of the event loop in which all other tasks reach their own next sleep.
_TURNS = 5


class Clock:
    """Stands in for `time.time` and `time.monotonic`, and its `sleep` for `asyncio.sleep`.

    A test moves it by `clock.now += 5`. Sleeping moves it as well: once all other tasks wait, it goes on to the end of
    the sleep that ends first, so that tasks that sleep at once wake in the order of their times.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now
        #: Seconds of each sleep, in the order in which they began.
        self.sleeps: list[float] = []
        self._ends: list[float] = []
        #: How many sleeps have begun or ended.
        self._changes = 0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        end = self.now + seconds
        self._ends.append(end)
        self._changes += 1
        try:
            while self.now < end:
                before = self._changes
                for _ in range(_TURNS):
                    await asyncio.sleep(0)
                if before == self._changes and end == min(self._ends):
                    self.now = max(self.now, end)
        finally:
            self._ends.remove(end)
            self._changes += 1


class Highest(Random):
    """Stands in for `Random` where waits get a jitter: always draws the upper bound."""

    def uniform(self, a: float, b: float) -> float:
        return b


# Exchanges


def answered(status: int = 200, data: Any = None, *, body: bytes | None = None, **headers: str) -> Exchange:
    """Make an exchange with a whole answer: `data` in the API's envelope, or any body. `retry_after="2"`: a header."""
    if body is None:
        body = orjson.dumps({"status": status, "message": "said", "data": data})
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(phase=Phase.COMPLETE, status=status, headers=names, body=body)


ACCEPTED = answered(200, {"orderId": "ORD"})
LOST = Exchange(phase=Phase.HEAD_SENT, failure="ServerDisconnectedError")
UNSENT = Exchange(phase=Phase.NOT_SENT, failure="cannot connect")

# Orders


def make_order(name: str = "a", *, years: int = 1, forward_to: str | None = None, **fields: Any) -> Order:
    """Make an order for `{name}.com` with a mailbox; it spends money unless `confirm=False`."""
    domain = f"{name}.com"
    registration = DomainRegistration(domain=domain, years=years, forward_to=forward_to)
    values: dict[str, Any] = {"mailboxes": {domain: [ADA]}, "confirm": True}
    return Order(domains=[registration], **values | fields)


def make_request(
    name: str | int = "a", *, user_id: str = USER, reference: str | None = "its name", **order: Any
) -> OrderRequest:
    """Make a request for `make_order(name)`; its reference is the name unless another, or `None`, is given."""
    key = str(name) if reference == "its name" else reference
    return OrderRequest(user_id=user_id, reference=key, order=make_order(str(name), **order))


def make_requests(count: int, **fields: Any) -> list[OrderRequest]:
    """Make requests for `0.com`, `1.com`, and so on."""
    return [make_request(number, **fields) for number in range(count)]


async def stream(items: Iterable[OrderRequest]) -> AsyncIterator[OrderRequest]:
    """Yield the items as an async source that has to be waited for."""
    for item in items:
        await asyncio.sleep(0)
        yield item


# Calls

#: What a request meets: an exchange, or an error that is raised.
Reply = Exchange | BaseException


class FakeTransport:
    """Stands in for `Transport`: keeps each request and the time of it, and replies as the test says.

    Args:
        replies: A script, one reply a request; or a function of the number of the order (of `make_request(number)`)
            that returns a reply or an awaitable of one.
        clock: Gives the times, and the pipeline of `make_pipeline` its clock and sleep.
    """

    def __init__(
        self,
        replies: Iterable[Reply] | Callable[[int], Reply | Awaitable[Reply]] = lambda _: ACCEPTED,
        *,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock(0.0)
        self.sent: list[Request] = []
        self.times: list[float] = []
        self._function = replies if callable(replies) else None
        self._script: Iterator[Reply] = iter(()) if callable(replies) else iter(replies)

    @property
    def numbers(self) -> list[int]:
        """Numbers of the orders that were sent, in their order."""
        return [_number(request) for request in self.sent]

    def check_usable(self) -> None:
        """Be usable on every event loop."""

    async def send(self, request: Request, *, leaving: Callable[[], None] | None = None) -> Exchange:
        if leaving is not None:
            leaving()
        self.sent.append(request)
        self.times.append(self.clock.now)
        reply = self._function(_number(request)) if self._function else next(self._script)
        if not isinstance(reply, Exchange | BaseException):
            reply = await reply
        if isinstance(reply, BaseException):
            raise reply
        return reply


def _number(request: Request) -> int:
    domain: str = orjson.loads(request.body or b"")["domains"][0]["domain"]
    return int(domain.removesuffix(".com"))


def make_pipeline(
    transport: FakeTransport,
    *,
    gap: float = 0.0,
    budget: float = 0.0,
    pacer: Pacer | None = None,
    rng: Random | None = None,
    shared: SharedPace | None = None,
    timeouts: Timeouts | None = None,
) -> Pipeline:
    """Make a pipeline on the clock of the transport: without a pace and without repetitions unless asked for."""
    return Pipeline(
        transport=cast("Transport", transport),
        endpoints=ENDPOINTS,
        slots=Slots(pacer or Pacer(), gap, clock=transport.clock, sleep=transport.clock.sleep, shared=shared),
        retry=RetryPolicy(time_budget=budget),
        clock=transport.clock,
        sleep=transport.clock.sleep,
        rng=rng or Highest(),
        timeouts=timeouts or Timeouts(),
    )


async def wait_for_slot(
    pace: SharedPace, sleep: Callable[[float], Awaitable[None]] | None = None, *, gap: float = 8.0
) -> tuple[Slot, float]:
    """Wait for a slot of a shared pace, in a process that has sent nothing yet; return it and for how long."""
    waited = 0.0

    async def count(seconds: float) -> None:
        nonlocal waited
        waited += seconds
        if sleep is not None:
            await sleep(seconds)

    slot = await Slots(Pacer(), gap, clock=lambda: waited, sleep=count, shared=pace).wait(reads=False)
    return slot, waited


def make_bulk(transport: FakeTransport, **settings: Any) -> Bulk:
    """Make bulk runs on a pipeline of `make_pipeline`."""
    return Bulk(make_pipeline(transport, **settings))
