"""Orders: the request that leaves for each call, and what is made of the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest
from aioresponses import aioresponses
from yarl import URL

from cmr_async import AsyncClient, __version__
from cmr_async.errors import (
    AuthenticationError,
    EndpointNotConfiguredError,
    OrderWarning,
    OutcomeUnknownError,
    ValidationError,
)
from cmr_async.models import DomainRegistration, Order, OrderCreated
from cmr_async.resources.orders import describe

SAMPLES = Path(__file__).parent.parent / "samples"
BASE = "https://api.example/v1"
OnlyRequest = Callable[[], tuple[str, URL, dict[str, Any]]]
ORDERS = f"{BASE}/orders/json?userId=user-1"
ORDER = Order(domains=[DomainRegistration(domain="example.com", years=2)], confirm=True)
BODY = {"domains": [{"domain": "xn--bcher-kva.example", "years": 2}], "confirm": True}


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


async def test_an_order_is_posted_as_the_page_says(
    cmr: AsyncClient, mocked_api: aioresponses, only_request: OnlyRequest
) -> None:
    mocked_api.post(ORDERS, body=sample("order_created"))
    order = attrs.evolve(ORDER, domains=[DomainRegistration(domain="Bücher.example", years=2)])
    with pytest.warns(OrderWarning, match="'Bücher.example' is sent as xn--bcher-kva.example"):
        created = await cmr.orders.create(order, user_id="user-1")
    assert created == OrderCreated(
        order_id="RJK7NR2W194HAGHGTX75D391P3NB",
        message="Order created and queued for processing, make sure to have enough balance in your wallet!",
    )
    method, url, sent = only_request()
    assert (method, url) == ("POST", URL(ORDERS))
    assert orjson.loads(sent["data"]) == BODY
    assert sent["allow_redirects"] is False


async def test_the_headers_carry_the_key_and_say_json(
    cmr: AsyncClient, mocked_api: aioresponses, only_request: OnlyRequest
) -> None:
    mocked_api.post(ORDERS, body=sample("order_created"))
    await cmr.orders.create(ORDER, user_id="user-1")
    headers = only_request()[2]["headers"]
    assert dict(headers) == {
        "cmr-x-api-key": "a-key",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": f"cmr-async/{__version__}",
    }


async def test_the_newer_answer_is_read_too(cmr: AsyncClient, mocked_api: aioresponses) -> None:
    mocked_api.post(ORDERS, body=sample("order_created_newer"))
    created = await cmr.orders.create(ORDER, user_id="user-1")
    assert (created.order_id, created.action_id, created.unavailable_domains) == (
        "ord_R8K2LQPZA9XM",
        "ACT_7a078272-0fa7-4db4-a85b-c78697dacea1",
        (),
    )


async def test_an_order_with_faults_is_not_sent(cmr: AsyncClient, mocked_api: aioresponses) -> None:
    with pytest.raises(ValidationError, match="order: has neither domains nor mailboxes"):
        await cmr.orders.create(Order(), user_id="user-1")
    assert mocked_api.requests == {}


async def test_a_warning_names_the_line_of_the_caller(cmr: AsyncClient, mocked_api: aioresponses) -> None:
    mocked_api.post(ORDERS, body=sample("order_created"))
    order = Order(domains=[DomainRegistration(domain="x.com", years=11)])
    with pytest.warns(OrderWarning) as warned:
        await cmr.orders.create(order, user_id="user-1")
    assert [warning.filename for warning in warned] == [__file__]


async def test_a_refusal_is_raised(cmr: AsyncClient, mocked_api: aioresponses) -> None:
    mocked_api.post(ORDERS, status=401, body=sample("invalid_key"))
    with pytest.raises(AuthenticationError, match="Invalid API Key") as caught:
        await cmr.orders.create(ORDER, user_id="user-1")
    assert (caught.value.status, caught.value.attempts) == (401, 1)
    assert "a-key" not in repr(caught.value)


async def test_an_error_page_leaves_the_order_in_doubt(cmr: AsyncClient, mocked_api: aioresponses) -> None:
    mocked_api.post(ORDERS, status=502, body=b"<html>")
    with pytest.raises(OutcomeUnknownError, match="may have been placed") as caught:
        await cmr.orders.create(ORDER, user_id="user-1")
    assert (caught.value.status, caught.value.body_excerpt) == (502, "<html>")


async def test_the_status_of_an_order_is_plain_data(
    cmr: AsyncClient, mocked_api: aioresponses, only_request: OnlyRequest
) -> None:
    url = f"{BASE}/orders/status?orderId=ord_1&userId=u%261"
    mocked_api.get(url, payload={"status": 200, "message": "ok", "data": {"a": [1]}})
    envelope = await cmr.orders.status("ord_1", user_id="u&1")
    assert (envelope.status, envelope.message, envelope.data) == (200, "ok", {"a": [1]})
    method, asked, sent = only_request()
    assert (method, asked, sent["data"]) == ("GET", URL(url), None)


async def test_a_draft_is_processed_by_its_id(
    cmr: AsyncClient, mocked_api: aioresponses, only_request: OnlyRequest
) -> None:
    url = f"{BASE}/orders/process?userId=user-1"
    mocked_api.post(url, payload={"status": 200, "message": "queued", "data": None, "actionId": "ACT_1"})
    envelope = await cmr.orders.process("ord_1", user_id="user-1")
    assert (envelope.message, envelope.action_id) == ("queued", "ACT_1")
    method, asked, sent = only_request()
    assert (method, asked, orjson.loads(sent["data"])) == ("POST", URL(url), {"orderId": "ord_1"})


async def test_a_path_that_makes_another_order_processes_no_draft(cmr: AsyncClient, mocked_api: aioresponses) -> None:
    url = f"{BASE}/orders/process?userId=user-1"
    mocked_api.post(url, payload={"status": 200, "message": "Order created", "data": {"orderId": "ord_2"}})
    with pytest.raises(OutcomeUnknownError, match="HTTP 200 that names another order"):
        await cmr.orders.process("ord_1", user_id="user-1")


async def test_processing_needs_a_path_that_the_caller_names(mocked_api: aioresponses) -> None:
    async with AsyncClient("a-key", BASE) as cmr:
        with pytest.raises(EndpointNotConfiguredError):
            await cmr.orders.process("ord_1", user_id="user-1")
    assert mocked_api.requests == {}


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["a.com"], "The order for a.com"),
        (["a.com", "b.com", "c.com"], "The order for a.com, b.com, c.com"),
        (["a.com", "b.com", "c.com", "d.com", "e.com"], "The order for a.com, b.com, c.com and 2 more"),
    ],
)
def test_an_order_is_named_by_its_domains(names: list[str], text: str) -> None:
    assert describe(Order(domains=[DomainRegistration(domain=name) for name in names])) == text


IDS_THAT_ARE_NONE: list[Any] = ["", "  ", None, 5, ["a"], b"a", "a\ud800", "a\nb", "a\x00b", "a\u202eb", "a" * 257]


@pytest.mark.parametrize("wrong", IDS_THAT_ARE_NONE, ids=repr)
async def test_no_call_sends_what_is_no_id(wrong: Any, mocked_api: aioresponses) -> None:
    async with AsyncClient("a-key", BASE, gap=0, endpoints={"orders.process": "/orders/process"}) as cmr:
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: cmr.orders.process(wrong, user_id="user-1"),
            lambda: cmr.orders.process("ord_1", user_id=wrong),
            lambda: cmr.orders.create(ORDER, user_id=wrong),
            lambda: cmr.orders.status(wrong, user_id="user-1"),
            lambda: cmr.orders.status("ord_1", user_id=wrong),
            lambda: cmr.users.get(wrong),
            lambda: cmr.domains.by_user(wrong),
        ]
        for call in calls:
            with pytest.raises(ValidationError, match=r"must be the id of (a user|an order), as the API returned it"):
                await call()
    assert not mocked_api.requests


async def test_both_ids_of_a_processing_are_named_when_both_are_none(cmr: AsyncClient) -> None:
    with pytest.raises(ValidationError) as caught:
        await cmr.orders.status("", user_id="")
    assert [fault.path for fault in caught.value.faults] == ["order_id", "user_id"]


async def test_white_space_around_ids_is_dropped(
    cmr: AsyncClient, mocked_api: aioresponses, only_request: OnlyRequest
) -> None:
    mocked_api.get(f"{BASE}/orders/status?orderId=ord_1&userId=user-1", payload={"status": 200, "message": "ok"})
    await cmr.orders.status(" ord_1\n", user_id="\tuser-1 ")
    assert dict(only_request()[1].query) == {"userId": "user-1", "orderId": "ord_1"}
