"""AsyncClient: its settings, and that both clients can be faked by the tests of whoever uses them."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import create_autospec

import aiohttp
import pytest
from aioresponses import aioresponses

from cmr_async import AsyncClient, Client, ConfigurationError, Order, OrderCreated
from cmr_async.models.requests import BulkSummary

CREATED = OrderCreated(order_id="order-1")
KEY = "k3y-that-must-never-show"

# Settings


def test_without_a_key_the_error_says_where_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CMR_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="CMR_API_KEY"):
        AsyncClient()


def test_key_and_base_url_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMR_API_KEY", KEY)
    monkeypatch.setenv("CMR_BASE_URL", "https://api.example/v1")
    assert repr(AsyncClient()) == "<AsyncClient https://api.example/v1>"


@pytest.mark.parametrize("key", ["two words", "new\nline", "ключ"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AsyncClient(key)
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["ftp://host/", "no url", "https://user:pass@host/", "https://host/?x=1", "http://api.example/"]
)
def test_a_base_url_that_would_not_do_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        AsyncClient(KEY, url)


def test_a_base_url_that_no_parser_can_read_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^The base URL cannot be read as a URL\.$"):
        AsyncClient(KEY, "http://[half/")


def test_plain_http_to_another_host_must_be_asked_for() -> None:
    with pytest.raises(ConfigurationError, match=r"http://api\.example would show the key"):
        AsyncClient(KEY, "http://api.example/")
    assert repr(AsyncClient(KEY, "http://api.example/", allow_plain_http=True)) == "<AsyncClient http://api.example/>"


@pytest.mark.parametrize("gap", [-0.1, float("inf"), float("nan")])
def test_a_gap_that_is_no_duration_is_refused(gap: float) -> None:
    with pytest.raises(ConfigurationError, match="gap must be 0 or more seconds"):
        AsyncClient(KEY, gap=gap)


async def test_a_session_and_a_connector_for_the_same_calls_are_refused() -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ConfigurationError, match="for the same calls: give one of them"):
            AsyncClient(KEY, session=session, connector=session.connector)


@pytest.mark.parametrize("setting", [{"local_addr": ("127.0.0.1", 0)}, {"resolver": object()}])
def test_what_belongs_to_a_connector_is_set_by_its_factory(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="are set on what it makes"):
        AsyncClient(KEY, connector_factory=aiohttp.TCPConnector, **setting)


@pytest.mark.parametrize(
    "headers",
    [
        {"CMR-X-API-KEY": "other"},
        *({name: "x-value"} for name in ("content-type", "Host", "Content-Length", "Transfer-Encoding", "Cookie")),
        *({name: "x-value"} for name in ("Authorization", "Content-Encoding", "Expect", "X-HTTP-Method-Override")),
        {"": "x-value"},
        {"two words": "x-value"},
        {"X-Broken\r\nCookie": "x-value"},
        {"X-Broken": "x-value\r\nCookie: a"},
        {"X-Broken": "ключ"},
        {"X-Twice": "x-value", "x-twice": "x-value"},
        {5: "x-value"},
        {"X-Number": 5},
    ],
    ids=str,
)
def test_headers_that_would_change_the_call_are_refused_without_their_values(headers: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^headers: ") as caught:
        AsyncClient(KEY, headers=headers)
    assert "x-value" not in str(caught.value)


async def test_further_headers_go_with_every_call(mocked_api: aioresponses) -> None:
    mocked_api.get("https://api.example/v1/users?userId=u", payload={"status": 200, "message": "", "data": None})
    headers = {"x-gateway-token": "token", "user-agent": "our-service"}
    async with AsyncClient(KEY, "https://api.example/v1", headers=headers) as client:
        await client.users.get("u")
    (((_, _), (call,)),) = mocked_api.requests.items()
    assert call.kwargs["headers"] == {
        "User-Agent": "our-service",
        "X-Gateway-Token": "token",
        "cmr-x-api-key": KEY,
        "Content-Type": "application/json",
        "Accept": "application/json",
    }


async def test_the_headers_name_the_key_as_the_settings_say(mocked_api: aioresponses) -> None:
    answer = {"status": 200, "message": "", "data": None}
    mocked_api.get("https://api.example/v1/users?userId=u", payload=answer)
    async with AsyncClient(KEY, "https://api.example/v1", key_header="cmr-x-sandbox-api-key") as client:
        await client.users.get("u")
    (((_, _), (call,)),) = mocked_api.requests.items()
    assert call.kwargs["headers"]["cmr-x-sandbox-api-key"] == KEY
    assert "cmr-x-api-key" not in call.kwargs["headers"]


# Fakes


async def test_an_async_client_is_faked_with_its_groups_and_signatures() -> None:
    cmr = create_autospec(AsyncClient, instance=True)
    cmr.orders.create.return_value = CREATED
    assert await cmr.orders.create(Order(), user_id="u") is CREATED
    cmr.orders.create.assert_awaited_once_with(Order(), user_id="u")
    with pytest.raises(TypeError, match="user_id"):
        await cmr.orders.create(Order())
    with pytest.raises(AttributeError):
        cmr.orders.cancel  # noqa: B018 - reading it is the test


def test_a_blocking_client_is_faked_with_its_groups_and_signatures() -> None:
    cmr = create_autospec(Client, instance=True)
    cmr.orders.create.return_value = CREATED
    assert cmr.orders.create(Order(), user_id="u") is CREATED
    with pytest.raises(TypeError, match="user_id"):
        cmr.orders.create(Order())
    cmr.bulk.submit.return_value.summary = BulkSummary(accepted=1)
    assert cmr.bulk.submit([]).summary.accepted == 1


async def test_a_method_of_an_async_client_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async def create(order: Order, *, user_id: str) -> OrderCreated:
        return CREATED

    async with AsyncClient("key") as cmr:
        monkeypatch.setattr(cmr.orders, "create", create)
        assert await cmr.orders.create(Order(), user_id="u") is CREATED


def test_a_method_of_a_blocking_client_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with Client("key") as cmr:
        monkeypatch.setattr(cmr.orders, "create", lambda order, *, user_id: CREATED)
        assert cmr.orders.create(Order(), user_id="u") is CREATED


async def test_a_client_whose_closing_is_cancelled_closes_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancelled(_: object) -> None:
        raise asyncio.CancelledError

    client = AsyncClient("key")
    closed: list[str] = []

    async def close() -> None:
        closed.append("closed")

    monkeypatch.setattr("cmr_async.tracking.waiting.Waiting.close", cancelled)
    monkeypatch.setattr(client._transport, "close", close)
    with pytest.raises(asyncio.CancelledError):
        await client.close()
    assert closed == ["closed"]
