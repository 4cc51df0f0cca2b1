"""The pages about Django, Flask, Celery, Jupyter and gunicorn: their snippets run as printed, and do what they say."""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.myst import CodeBlockParser

from cmr_async import NotSentError

from .conftest import Server

PAGES = Path(__file__).parents[2] / "docs" / "blocking"


@pytest.fixture
def names(server: Server, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("CMR_API_KEY", "key-of-a-page")
    monkeypatch.setenv("CMR_BASE_URL", server.url + "ok")
    return {"__name__": "page"}


def run(page: str, names: dict[str, Any]) -> None:
    """Run all snippets of a page, in their order, in one namespace."""
    examples: list[Example] = []
    for example in (
        Sybil(parsers=[CodeBlockParser(language="python", evaluator=examples.append)]).parse(PAGES / page).examples()
    ):
        example.evaluate()
    assert examples
    for example in examples:
        source = "\n" * example.line + textwrap.dedent(str(example.parsed))
        code = compile(source, example.path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if inspect.iscoroutine(result := FunctionType(code, names)()):
            asyncio.run(result)


def test_django(names: dict[str, Any], server: Server) -> None:
    settings = pytest.importorskip("django.conf").settings
    requests = pytest.importorskip("django.test").RequestFactory()
    if not settings.configured:
        settings.configure(DEFAULT_CHARSET="utf-8")
    run("django.md", names)
    answer = names["create_order"](requests.get("/", {"domain": "example.com"}))
    assert (answer.status_code, answer.content) == (200, b'{"order": "order-of-U1"}')
    rows = (SimpleNamespace(owner=f"U{number}", name=f"example{number}.com") for number in range(5))
    assert names["submit"](rows).accepted == 5


def test_flask(names: dict[str, Any]) -> None:
    pytest.importorskip("flask")
    run("flask.md", names)
    web = names["app"].test_client()
    assert web.post("/orders", data={"domain": "example.com", "user": "U7"}).get_json() == {"order": "order-of-U7"}
    refused = web.post("/orders", data={"domain": "no domain", "user": "U7"})
    assert refused.status_code == 422


def test_celery(names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("celery")
    run("celery.md", names)
    names["app"].conf.task_always_eager = True
    task = names["create_order"]
    assert task.delay("example.com", "U3").get() == "order-of-U3"
    assert NotSentError in task.autoretry_for


def test_jupyter(names: dict[str, Any], server: Server) -> None:
    run("jupyter.md", names)
    assert names["created"].order_id == "order-of-BVZGM5TE9BMP3PP0VWGW943RGV1B"
    assert len(server.users) == 2


def test_gunicorn(names: dict[str, Any]) -> None:
    run("gunicorn.md", names)
    started: list[Any] = []
    body = names["application"]({"QUERY_STRING": "domain=example.com"}, lambda *given: started.append(given))
    assert (body, started[0][0]) == ([b"order-of-U1"], "200 OK")
