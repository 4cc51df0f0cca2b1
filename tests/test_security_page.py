"""The table of threats in `SECURITY.md`: every row says what holds, and names tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
_HEADER = ["Threat", "What holds against it", "Shown by", "Left to you"]


def _rows() -> list[list[str]]:
    lines = (HERE / "SECURITY.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if row != _HEADER and set(row[0]) != {"-"}]


ROWS = _rows()


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the names of the test functions in a file."""
    tree = ast.parse((HERE / path).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:50])
def test_every_threat_has_an_answer_and_tests_that_exist(row: list[str]) -> None:
    threat, holds, shown_by, _ = row
    assert threat
    assert holds
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", shown_by)
    assert named
    # Nothing else stands there: a name that is spelt wrong would not be looked at
    assert ", ".join(f"`{path}::{name}`" for path, name in named) == shown_by
    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []


def test_the_table_is_there() -> None:
    assert len(ROWS) >= 25
    assert len({row[0] for row in ROWS}) == len(ROWS)
