"""The examples of the documentation and the README run as they are printed."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import textwrap
from itertools import count
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from aioresponses import CallbackResult, aioresponses
from sybil import Example, Sybil
from sybil.parsers.myst import CodeBlockParser

HERE = Path(__file__).parents[1]
PAGES = [HERE / "README.md", *sorted(HERE.glob("docs/*.md"))]


def examples(page: Path) -> list[Example]:
    """The Python examples of a page, in their order."""
    found: list[Example] = []
    parsers = [CodeBlockParser(language=language, evaluator=found.append) for language in ("python", "py")]
    for example in Sybil(parsers=parsers).parse(page).examples():
        example.evaluate()
    assert len(found) == len(re.findall(r"^```py", page.read_text(encoding="utf-8"), re.MULTILINE))
    return found


def run(example: Example, names: dict[str, Any]) -> None:
    """Run an example like a cell of a notebook, where `await` is allowed at the top level."""
    source = "\n" * example.line + textwrap.dedent(str(example.parsed))
    code = compile(source, example.path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = FunctionType(code, names)()
    if inspect.iscoroutine(result):
        asyncio.run(result)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_examples_of_a_page_run(
    page: Path, mocked_api: aioresponses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    numbers = count(1)

    def accept(_: Any, **__: Any) -> CallbackResult:
        data = {"orderId": f"order-{next(numbers)}"}
        return CallbackResult(status=200, payload={"status": 200, "message": "Order created", "data": data})

    mocked_api.post(re.compile(r".*/orders/json\?userId=\w+"), callback=accept, repeat=True)
    no_workspace = {"status": 200, "message": "Workspace not exists", "data": None}
    mocked_api.post(re.compile(r".*/domains/has-workspace$"), payload=no_workspace, repeat=True)
    monkeypatch.setenv("CMR_API_KEY", "key-of-an-example")
    monkeypatch.delenv("CMR_BASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": page.stem}
    for example in examples(page):
        run(example, names)
