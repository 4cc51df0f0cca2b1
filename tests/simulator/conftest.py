"""A simulator on loopback with a clock that only the test moves, and a plain HTTP client to ask it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import attrs
import orjson
import pytest
import pytest_asyncio
from aiohttp import ClientSession

from cmr_async.simulator import DEMO_USERS, Simulator
from tests.fakes import Clock

#: The user who orders unless a test names another.
USER = DEMO_USERS[0]
#: A body that creates a user.
USER_FIELDS = {
    "email": "jane@example.com",
    "company": "Jane Co.",
    "firstName": "Jane",
    "lastName": "Doe",
    "country": "US",
    "city": "New York",
    "addressLineOne": "1 Main Street #2",
    "languagePreference": "en",
    "postalCode": "10001",
    "state": "New York",
    "phoneCc": "1",
    "phone": "2125550100",
}


@attrs.frozen
class Reply:
    """What came back: status, headers and the decoded JSON."""

    status: int
    headers: dict[str, str]
    json: Any


@attrs.frozen
class Caller:
    """A plain client of one simulator, deliberately not ours."""

    sim: Simulator
    session: ClientSession

    async def get(self, path: str, **query: str | int) -> Reply:
        return await self.send("GET", path, query=query)

    async def post(self, path: str, body: object = None, **query: str | int) -> Reply:
        return await self.send("POST", path, body=body, query=query)

    async def order(self, body: object, user_id: str = USER) -> Reply:
        return await self.post("/orders/json", body, userId=user_id)

    async def add(self, body: object, user_id: str = USER) -> Reply:
        return await self.post("/orders/create-mailbox-order/json", body, userId=user_id)

    async def admin(self, name: str) -> Any:
        async with self.session.get(f"{self.sim.admin_url}/{name}") as answer:
            return orjson.loads(await answer.read())

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, str | int] | None = None,
        key: str | None = "the simulator's",
    ) -> Reply:
        headers = {}
        if key is not None:
            headers["cmr-x-api-key"] = self.sim.api_key if key == "the simulator's" else key
        data = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        async with self.session.request(
            method,
            self.sim.base_url + path,
            params=query,
            data=data,
            headers=headers,
            allow_redirects=False,
        ) as answer:
            raw = await answer.read()
            return Reply(answer.status, dict(answer.headers), orjson.loads(raw) if raw else None)


Start = Callable[..., Awaitable[Caller]]


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_000.0)


@pytest_asyncio.fixture
async def start(clock: Clock) -> AsyncIterator[Start]:
    """Start a simulator with the given settings on the hand-moved clock, without a rate limit unless asked."""
    async with AsyncExitStack() as stack:

        async def begin(**settings: Any) -> Caller:
            sim = await stack.enter_async_context(Simulator(**{"rate_limit": None, "clock": clock, **settings}))
            session = await stack.enter_async_context(ClientSession())
            return Caller(sim, session)

        yield begin


@pytest_asyncio.fixture
async def caller(start: Start) -> Caller:
    """A client of a simulator with the settings that `start` begins with."""
    return await start()


def order_body(domain: str = "example.com", **changes: Any) -> dict[str, Any]:
    """An order of one domain with two mailboxes: 15.88 + 2 x 3.00 dollars."""
    mailbox = {"firstName": "John", "lastName": "Doe"}
    body: dict[str, Any] = {
        "domains": [{"domain": domain, "years": 1, "forwardTo": "coldmailreseller.com"}],
        "mailboxes": {domain: [{"username": "john", **mailbox}, {"username": "jd", **mailbox}]},
        "billingCycle": "MONTHLY",
        "confirm": False,
        "serviceProvider": "GOOGLE",
        "microsoftOauthRoute": "",
        "google": {"googleOauthRoute": "https://accounts.google.com/o", "clientId": "1.apps", "appName": "App"},
        "autoRenew": False,
    }
    return {name: value for name, value in {**body, **changes}.items() if value is not ...}


def mailbox_order_body(domain: str = "example.com", **changes: Any) -> dict[str, Any]:
    """An order of two more mailboxes, 2 x 3.00 dollars; `changes` name the subscription or the domain's id."""
    mailbox = {"firstName": "Jane", "lastName": "Doe"}
    return {
        "mailboxes": {domain: [{"username": "jane", **mailbox}, {"username": "jane.doe", **mailbox}]},
        "billingCycle": "MONTHLY",
        "confirm": True,
        **changes,
    }
