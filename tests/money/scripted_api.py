"""A loopback API whose look-ups answer as a test says, with a ledger of its own: what was bought, and how often."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from cmr_async import AsyncClient
from tests.fakes import USER

BASE = "/api/v1/integration"


class ScriptedAPI:
    """The server: `async with ScriptedAPI() as api`. It is never asked what it did by the code under test."""

    def __init__(self) -> None:
        #: How often each domain was paid for.
        self.bought: Counter[str] = Counter()
        #: Orders that came in, drafts included.
        self.orders = 0
        #: Domains whose orders never arrive: the connection closes before they are read.
        self.deaf: set[str] = set()
        #: Domains whose orders are placed, and whose answers are lost.
        self.mute: set[str] = set()
        #: Set by a test to let orders be answered; they wait for it.
        self.go_on = asyncio.Event()
        self.go_on.set()
        #: Set when an order has come in.
        self.arrived = asyncio.Event()
        #: `data` of the look-ups, by path.
        self.answers: dict[str, Any] = {
            "/users": {"userId": USER},
            "/domains/by-user": [],
            "/subscriptions": {"subscriptions": []},
        }
        #: Awaited before the next look-up of a path is answered, once.
        self.before: dict[str, Callable[[], Awaitable[None]]] = {}
        self._runner = web.AppRunner(self._application(), access_log=None)
        self._port = 0

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    def client(self, key: str = "key") -> AsyncClient:
        """Make a client of this API, without a pace."""
        return AsyncClient(key, f"http://127.0.0.1:{self._port}{BASE}", gap=0)

    def _application(self) -> web.Application:
        app = web.Application()
        app.router.add_post(f"{BASE}/orders/json", self._order)
        app.router.add_get(BASE + "/{path:.*}", self._look_up)
        return app

    async def _order(self, request: web.Request) -> web.Response:
        body = await request.json()
        domains = {entry["domain"] for entry in body.get("domains", ())} | set(body.get("mailboxes", {}))
        if not domains & self.deaf:
            self.orders += 1
            if body["confirm"]:
                self.bought.update(domains)
        self.arrived.set()
        await self.go_on.wait()
        if domains & (self.deaf | self.mute):
            assert request.transport is not None
            request.transport.close()
        return _answer({"orderId": f"ORDER{self.orders}"})

    async def _look_up(self, request: web.Request) -> web.Response:
        path = f"/{request.match_info['path']}"
        if (hook := self.before.pop(path, None)) is not None:
            await hook()
        return _answer(self.answers[path])


def _answer(data: Any) -> web.Response:
    return web.json_response({"status": 200, "message": "said", "data": data})
