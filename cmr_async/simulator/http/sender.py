"""Send the webhooks that are due, over HTTP.

The events of one order leave one after the other, as they happened or were shuffled; a receiver that hangs holds up
that order's only.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

import attrs
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from ...webhooks import sign
from ..shop.outbox import PendingDelivery
from ..shop.state import SimulatorState

#: Real seconds between two looks at the clock.
_LOOK_SECONDS = 0.02
#: Deliveries that are on their way at once.
_MOST_AT_ONCE = 16


def _session() -> ClientSession:
    # A connection for each delivery: one that the receiver closed meanwhile would make a delivery fail
    return ClientSession(connector=TCPConnector(force_close=True), cookie_jar=DummyCookieJar())


@attrs.define(eq=False)
class Sender:
    """Sends the webhooks of a running simulator, on the event loop that it was opened on."""

    _state: SimulatorState
    _session: ClientSession = attrs.field(init=False, factory=_session)
    _room: asyncio.Semaphore = attrs.field(init=False, factory=lambda: asyncio.Semaphore(_MOST_AT_ONCE))
    #: The deliveries on their way, and the last one of each order.
    _on_way: set[asyncio.Task[None]] = attrs.field(init=False, factory=set)
    _last_of: dict[str, asyncio.Task[None]] = attrs.field(init=False, factory=dict)
    _closing: bool = attrs.field(init=False, default=False)
    _watch: asyncio.Task[None] | None = attrs.field(init=False, default=None)

    def watch_clock(self) -> None:
        """Send from now on whatever becomes due."""
        self._watch = asyncio.create_task(self._send_for_ever())

    async def deliver_due(self) -> None:
        """Send what is due, and return when all of it was answered or given up for now."""
        while self._start_due() or self._on_way:
            await asyncio.wait(self._on_way)

    async def close(self) -> None:
        """Stop; deliveries that are on their way are cut short, and due again after another start."""
        self._closing = True
        tasks = [*self._on_way, *([self._watch] if self._watch else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._session.close()

    async def _send_for_ever(self) -> None:
        while True:
            self._start_due()
            await asyncio.sleep(_LOOK_SECONDS)

    def _start_due(self) -> int:
        due = [] if self._closing else self._state.outbox.take_due(self._state.now)
        for pending in due:
            order_id = pending.event.order.order_id
            task = asyncio.create_task(self._send(pending, self._last_of.get(order_id)))
            self._on_way.add(task)
            self._last_of[order_id] = task
            task.add_done_callback(partial(self._ended, pending))
        return len(due)

    def _ended(self, pending: PendingDelivery, task: asyncio.Task[None]) -> None:
        self._on_way.discard(task)
        order_id = pending.event.order.order_id
        if self._last_of.get(order_id) is task:
            del self._last_of[order_id]
        if task.cancelled():
            self._state.outbox.put_back(pending, self._state.now)

    async def _send(self, pending: PendingDelivery, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        async with self._room:
            status = await self._post(pending)
        self._state.outbox.record(pending, status, self._state.now)

    async def _post(self, pending: PendingDelivery) -> int | None:
        settings = self._state.settings
        body = self._state.outbox.body(pending)
        # Signed with unscaled time: a receiver compares it with its own clock
        signed = sign(body, key=settings.api_key, now=settings.clock(), scheme=settings.webhook_scheme)
        with suppress(ClientError, OSError, TimeoutError):
            async with self._session.post(
                settings.webhook_url or "",
                data=body,
                headers={"Content-Type": "application/json", **signed},
                timeout=ClientTimeout(total=settings.webhook_timeout),
                allow_redirects=False,
            ) as answer:
                return answer.status
        return None
