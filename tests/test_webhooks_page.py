"""The receivers of `docs/webhooks.md` run as they are printed: genuine deliveries are stored, and others get 400."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from cmr_async.webhooks import DomainExpired, Event, sign

PAGE = Path(__file__).parents[1] / "docs" / "webhooks.md"
KEY = "key-of-a-page"
BODY = b'{"event": "domain.expired", "eventId": "E1", "data": {"domainName": "example.com"}}'
PATH = "/webhooks/cmr"

#: Gives a receiver of the page a body and headers; the status of its answer.
Receiver = Callable[[dict[str, Any], bytes, dict[str, str]], int]


def aiohttp(names: dict[str, Any], body: bytes, headers: dict[str, str]) -> int:
    app = web.Application()  # the page's own would belong to the loop of its first request
    app.router.add_post(PATH, names["aiohttp_webhook"])

    async def post() -> int:
        async with TestClient(TestServer(app)) as client, client.post(PATH, data=body, headers=headers) as answer:
            return answer.status

    return asyncio.run(post())


def fastapi(names: dict[str, Any], body: bytes, headers: dict[str, str]) -> int:
    async def post() -> int:
        transport = httpx.ASGITransport(names["fastapi_app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return (await client.post(PATH, content=body, headers=headers)).status_code

    return asyncio.run(post())


def flask(names: dict[str, Any], body: bytes, headers: dict[str, str]) -> int:
    status: int = names["flask_app"].test_client().post(PATH, data=body, headers=headers).status_code
    return status


def django(names: dict[str, Any], body: bytes, headers: dict[str, str]) -> int:
    requests = pytest.importorskip("django.test").RequestFactory(enforce_csrf_checks=True)
    request = requests.post(PATH, data=body, content_type="application/json", headers=headers)
    status: int = names["django_webhook"](request).status_code
    return status


@pytest.fixture
def stored() -> list[Event]:
    return []


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch, stored: list[Event]) -> dict[str, Any]:
    """The names of the page, whose receivers store events in a list."""
    settings = pytest.importorskip("django.conf").settings
    if not settings.configured:
        settings.configure(DEFAULT_CHARSET="utf-8")
    monkeypatch.setenv("CMR_API_KEY", KEY)
    names: dict[str, Any] = {"__name__": "page"}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    names["store"] = stored.append
    return names


RECEIVERS: list[Receiver] = [aiohttp, fastapi, flask, django]


@pytest.mark.parametrize("receive", RECEIVERS)
def test_a_genuine_delivery_is_stored(receive: Receiver, names: dict[str, Any], stored: list[Event]) -> None:
    assert receive(names, BODY, sign(BODY, key=KEY)) == 204
    assert stored == [DomainExpired(event_id="E1", domain="example.com")]


@pytest.mark.parametrize("receive", RECEIVERS)
def test_anything_else_is_answered_with_400(receive: Receiver, names: dict[str, Any], stored: list[Event]) -> None:
    genuine = sign(BODY, key=KEY)
    assert receive(names, BODY, {}) == 400
    assert receive(names, BODY, sign(BODY, key="another-key")) == 400
    assert receive(names, BODY.replace(b"E1", b"E2"), genuine) == 400
    assert receive(names, BODY, sign(BODY, key=KEY, now=1_000_000_000)) == 400
    assert receive(names, b"[]", sign(b"[]", key=KEY)) == 400
    assert stored == []


def test_aiohttp_unpacks_what_was_signed_packed(names: dict[str, Any], stored: list[Event]) -> None:
    packed = gzip.compress(BODY)
    assert aiohttp(names, packed, {**sign(packed, key=KEY), "Content-Encoding": "gzip"}) == 400
    assert stored == []
