"""Stands in for the transport: each order meets the exchange that the test names, and is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, cast

from cmr_async import BulkRun, DomainRegistration, Order, OrderOutcome, OrderRequest, RetryPolicy
from cmr_async.bulk import Bulk
from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import Exchange, Phase, Request
from cmr_async.core.pacing import Pacer
from cmr_async.pipeline import Pipeline
from cmr_async.transport import Transport
from tests.loopback import envelope

__all__ = [
    "ACCEPTED",
    "LOST",
    "UNSENT",
    "USER",
    "Wire",
    "asynchronous",
    "bulk",
    "complete",
    "gather",
    "request",
    "requests",
]

USER = "BVZGM5TE9BMP3PP0VWGW943RGV1B"


def complete(status: int, data: Any = None) -> Exchange:
    return Exchange(phase=Phase.COMPLETE, status=status, body=envelope(status, "said", data))


ACCEPTED = complete(200, {"orderId": "ORD"})
LOST = Exchange(phase=Phase.HEAD_SENT, failure="ServerDisconnectedError")
UNSENT = Exchange(phase=Phase.NOT_SENT, failure="cannot connect")


def request(number: int, *, confirm: bool = True) -> OrderRequest:
    order = Order(domains=[DomainRegistration(domain=f"domain-{number}.com")], confirm=confirm)
    return OrderRequest(user_id=USER, order=order)


def requests(number: int) -> list[OrderRequest]:
    return [request(index) for index in range(number)]


class Wire:
    """Replies to the order with the number in its domain."""

    def __init__(self, reply: Callable[[int], Exchange | Awaitable[Exchange]] = lambda _: ACCEPTED) -> None:
        self.reply = reply
        self.sent: list[int] = []

    def check_usable(self) -> None:
        """It always is."""

    async def send(self, sent: Request) -> Exchange:
        number = int(sent.subject().removeprefix("The order for domain-").removesuffix(".com"))
        self.sent.append(number)
        replied = self.reply(number)
        return replied if isinstance(replied, Exchange) else await replied


def bulk(wire: Wire) -> Bulk:
    once = RetryPolicy(time_budget=0)
    transport = cast("Transport", wire)
    return Bulk(Pipeline(transport=transport, endpoints=ENDPOINTS, pacer=Pacer(), gap=0, retry=once))


async def gather(run: BulkRun, seen: list[OrderOutcome]) -> None:
    """Keep what a run gave out also when it ends with an error."""
    async for outcome in run:
        seen.append(outcome)  # noqa: PERF401 - see above


async def asynchronous(items: Iterable[OrderRequest]) -> AsyncIterator[OrderRequest]:
    for item in items:
        yield item
