"""The simulator's endpoints without a network, on a clock of the tests: what the tracker reads, when, and how often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import attrs
import orjson
from aiohttp.test_utils import make_mocked_request

from cmr_async import Order
from cmr_async.core.account import Account
from cmr_async.core.exchange import Exchange, Phase, Request
from cmr_async.core.wire import dump_order
from cmr_async.models.progress import OrderToken
from cmr_async.pipeline import Pipeline
from cmr_async.simulator.http.app import API_BASE, API_KEY_HEADER, application
from cmr_async.simulator.http.bodies import read_order
from cmr_async.simulator.settings import Settings
from cmr_async.simulator.shop.records import SimulatedOrder
from cmr_async.simulator.shop.state import SimulatorState
from tests.fakes import USER, Clock, FakeTransport, answered, make_order, make_pipeline

ORIGIN = "http://shop.test"


class Shop(FakeTransport):
    """Stands in for the transport; each GET is answered by the handlers of the simulator."""

    def __init__(self, clock: Clock | None = None, **settings: Any) -> None:
        super().__init__(clock=clock or Clock())
        given = {"wallet": 10_000_000, "rate_limit": None, "api_key": "k", "clock": self.clock}
        self.state = SimulatorState(settings=Settings(**given | settings))
        self._app = application(self.state)
        self._app.freeze()
        #: Changes an answer by the name of the endpoint: gets its data, returns what is sent instead.
        self.changed: dict[str, Callable[[Any], Exchange]] = {}

    @property
    def read(self) -> list[str]:
        """Names of the endpoints that were asked, in their order."""
        return [request.endpoint.name for request in self.sent]

    async def send(self, request: Request, *, leaving: Callable[[], None] | None = None) -> Exchange:
        self.sent.append(request)
        self.times.append(self.clock.now)
        query = "&".join(f"{name}={value}" for name, value in request.query.items())
        path = f"{API_BASE}{request.endpoint.path}?{query}"
        asked = make_mocked_request("GET", path, headers={"Host": "127.0.0.1", API_KEY_HEADER: "k"}, app=self._app)
        answer = cast("Any", await self._app._handle(asked))
        exchange = Exchange(phase=Phase.COMPLETE, status=answer.status, body=answer.body)
        change = self.changed.get(request.endpoint.name)
        return exchange if change is None else change(orjson.loads(answer.body)["data"])

    def pipeline(self) -> Pipeline:
        """Return a pipeline without a pace on the shop's clock."""
        return attrs.evolve(make_pipeline(self), account=Account(origin=ORIGIN, fingerprint="f"))

    def place(self, name: str = "a", *, user_id: str = USER, **fields: Any) -> OrderToken:
        """Place the order of `make_order` and return its token."""
        order = make_order(name, **fields)
        return self.token(order, self.sell(order, user_id=user_id))

    def sell(self, order: Order, *, user_id: str = USER) -> SimulatedOrder:
        """Sell an order."""
        return self.state.create_order(user_id, read_order(orjson.loads(dump_order(order)), strict=True))

    def token(self, order: Order, sold: SimulatedOrder) -> OrderToken:
        """Return the token of an order."""
        return OrderToken.of(
            order,
            sold.order_id,
            user_id=sold.user_id,
            unavailable=sold.unavailable_domains,
            placed_at=sold.created_at,
            origin=ORIGIN,
        )


def refuse(status: int) -> Callable[[Any], Exchange]:
    """Return a change of an answer to a refusal."""
    return lambda _: answered(status)
