"""The receivers of `docs/webhooks.md` run as they are printed: each genuine event is taken once, nothing else is."""

from __future__ import annotations

import asyncio
import gzip
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp.test_utils import TestClient, TestServer

from cmr_async import BlockingReceiver
from cmr_async.webhooks import Receiver, sign

PAGE = Path(__file__).parents[1] / "docs" / "webhooks.md"
KEY = "key-of-a-page"
BODY = b'{"event": "mailbox.created", "eventId": "E1", "data": {"email": "ada@example.com", "orderId": "O1"}}'
OTHER = b'{"event": "domain.expired", "eventId": "E2", "data": {"domainName": "example.com"}}'
PATH = "/webhooks/cmr"

#: A body and headers.
Delivery = tuple[bytes, dict[str, str]]
#: The status and the text of an answer.
Answer = tuple[int, str]
#: Gives deliveries to one of the page's services, one after the other.
Service = Callable[[dict[str, Any], list[Delivery]], list[Answer]]


def aiohttp(names: dict[str, Any], deliveries: list[Delivery]) -> list[Answer]:
    async def post(client: Any, body: bytes, headers: dict[str, str]) -> Answer:
        async with client.post(PATH, data=body, headers=headers) as answer:
            return answer.status, await answer.text()

    async def run() -> list[Answer]:
        async with TestClient(TestServer(names["aiohttp_app"])) as client:
            return [await post(client, body, headers) for body, headers in deliveries]

    return asyncio.run(run())


async def parts(body: bytes) -> AsyncIterator[bytes]:
    """Give a body as a network does, in parts."""
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


def fastapi(names: dict[str, Any], deliveries: list[Delivery]) -> list[Answer]:
    app = names["fastapi_app"]

    async def run() -> list[Answer]:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://service") as client,
        ):
            answers = [await client.post(PATH, content=parts(body), headers=headers) for body, headers in deliveries]
        return [(answer.status_code, answer.text) for answer in answers]

    return asyncio.run(run())


def flask(names: dict[str, Any], deliveries: list[Delivery]) -> list[Answer]:
    client = names["flask_app"].test_client()
    answers = [client.post(PATH, data=body, headers=headers) for body, headers in deliveries]
    return [(answer.status_code, answer.text) for answer in answers]


def django(names: dict[str, Any], deliveries: list[Delivery]) -> list[Answer]:
    requests = pytest.importorskip("django.test").RequestFactory(enforce_csrf_checks=True)
    answers = [
        names["django_webhook"](requests.post(PATH, data=body, content_type="application/json", headers=headers))
        for body, headers in deliveries
    ]
    return [(answer.status_code, answer.content.decode()) for answer in answers]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The names of the page, whose journal lies in the test's own folder."""
    settings = pytest.importorskip("django.conf").settings
    if not settings.configured:
        settings.configure(DEFAULT_CHARSET="utf-8")
    monkeypatch.setenv("CMR_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "page"}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)
    yield names
    names["blocking_receiver"].close()


def ready(folder: Path) -> list[tuple[str, str]]:
    """The table that the page's handler writes."""
    with closing(sqlite3.connect(folder / "run.db")) as connection:
        return connection.execute("SELECT email, order_id FROM ready_mailboxes").fetchall()


SERVICES: list[Service] = [aiohttp, fastapi, flask, django]


@pytest.mark.parametrize("service", SERVICES)
def test_a_genuine_event_has_its_effect_once(service: Service, names: dict[str, Any], tmp_path: Path) -> None:
    deliveries = [(body, sign(body, key=KEY)) for body in (BODY, OTHER, BODY)]
    assert service(names, deliveries) == [(200, "taken"), (200, "taken"), (200, "duplicate")]
    assert ready(tmp_path) == [("ada@example.com", "O1")]


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_not_genuine_is_told_the_reason(service: Service, names: dict[str, Any], tmp_path: Path) -> None:
    genuine = sign(BODY, key=KEY)
    deliveries = [
        (BODY, {}),
        (BODY, sign(BODY, key="another-key")),
        (BODY.replace(b"E1", b"E3"), genuine),
        (BODY, sign(BODY, key=KEY, now=1_000_000_000)),
        (b"[]", sign(b"[]", key=KEY)),
        (OTHER, sign(OTHER, key=KEY)),
    ]
    assert service(names, deliveries) == [
        (401, "no_signature"),
        (401, "wrong_signature"),
        (401, "wrong_signature"),
        (401, "too_old"),
        (400, "not_an_object"),
        (200, "taken"),
    ]
    with closing(sqlite3.connect(tmp_path / "run.db")) as connection:
        assert connection.execute("SELECT id FROM cmr_deliveries").fetchall() == [("E2",)]


@pytest.mark.parametrize("service", SERVICES)
def test_an_event_whose_handler_failed_is_taken_when_it_comes_again(
    service: Service, names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = names["ready"].create
    faults = [OSError("no space left on device")]

    def fails_once(*args: Any, **options: Any) -> None:
        create(*args, **options)
        if faults:
            raise faults.pop()

    monkeypatch.setattr(names["ready"], "create", fails_once)
    assert service(names, [(BODY, sign(BODY, key=KEY))] * 2) == [(500, "failed"), (200, "taken")]
    assert ready(tmp_path) == [("ada@example.com", "O1")]


@pytest.mark.parametrize("service", [fastapi, flask])
def test_no_more_of_a_body_is_kept_than_shows_that_it_is_too_long(
    service: Service, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    for receiver in (Receiver, BlockingReceiver):
        monkeypatch.setattr(receiver, "receive", _noting_sizes(sizes, receiver.receive))
    body = b" " * 3_000_000
    ((status, _),) = service(names, [(body, sign(body, key=KEY))])
    assert status == 413
    assert all(size == 1_048_577 for size in sizes)


def _noting_sizes(sizes: list[int], receive: Callable[..., Any]) -> Callable[..., Any]:
    def noting(self: Any, body: bytes, headers: Any) -> Any:
        sizes.append(len(body))
        return receive(self, body, headers)

    return noting


def test_aiohttp_unpacks_what_was_signed_packed(names: dict[str, Any]) -> None:
    packed = gzip.compress(BODY)
    headers = {**sign(packed, key=KEY), "Content-Encoding": "gzip"}
    assert aiohttp(names, [(packed, headers)]) == [(401, "wrong_signature")]
