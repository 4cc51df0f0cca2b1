"""The threats of SECURITY.md: each row names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TABLE = (ROOT / "SECURITY.md").read_text("utf-8").partition("## Threats, and what holds against them")[2]
ROWS = [line.strip("|").split("|") for line in TABLE.splitlines() if line.startswith("| ")][1:]


def test_there_are_threats() -> None:
    assert len(ROWS) >= 10


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip())
def test_each_threat_has_tests_that_show_what_holds_against_it(row: list[str]) -> None:
    assert len(row) == 4
    named = re.findall(r"`(tests/[\w/.]+)::(\w+)`", row[2])
    assert named
    for path, test in named:
        assert f"def {test}(" in (ROOT / path).read_text("utf-8")
