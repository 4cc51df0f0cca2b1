"""The examples of `docs/simulator.md` run as they are printed, on a real simulator.

They are marked `py`, not `python`: the other pages' examples run without any network.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.myst import CodeBlockParser

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"


@pytest.mark.skipif(not PAGE.exists(), reason="the tests of an installed package come without its pages")
async def test_the_examples_of_the_page_run(capsys: pytest.CaptureFixture[str]) -> None:
    found: list[Example] = []
    for example in Sybil(parsers=[CodeBlockParser(language="py", evaluator=found.append)]).parse(PAGE).examples():
        example.evaluate()
    assert len(found) == 3
    names: dict[str, Any] = {}
    for example in found:
        code = compile(str(example.parsed), example.path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = FunctionType(code, names)()
        if inspect.iscoroutine(result):
            await result
    assert capsys.readouterr().out.splitlines()[-2:] == ["84.12 1", "domain.order.success"]
