"""The check that holds the bounds of test coverage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools.check_coverage import main, shortfalls


def report(total: float, **files: float) -> dict[str, Any]:
    """A report as `coverage json` writes it, of what the check reads."""
    return {
        "files": {f"cmr_async/{name}.py": {"summary": {"percent_covered": part}} for name, part in files.items()},
        "totals": {"percent_covered": total},
    }


def written(folder: Path, content: dict[str, Any]) -> str:
    path = folder / "coverage.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def test_files_on_their_bound_pass() -> None:
    assert shortfalls(report(95.0, client=90.0, errors=100.0), package=95, file=90) == []


def test_files_below_their_bound_are_named_least_covered_first() -> None:
    found = shortfalls(report(97.0, client=89.994, errors=41.5, forks=90.0), package=95, file=90)
    assert found == [
        " 41.50 %  cmr_async/errors.py, at least 90 % wanted",
        " 89.99 %  cmr_async/client.py, at least 90 % wanted",
    ]


def test_a_package_below_its_bound_is_named_although_each_file_passes() -> None:
    found = shortfalls(report(94.9, client=92.0), package=95, file=90)
    assert found == [" 94.90 %  the whole package, at least 95 % wanted"]


def test_the_command_passes_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([written(tmp_path, report(96.0, client=96.0))]) == 0
    assert capsys.readouterr().out == " 96.00 %  of 1 files together\n"


def test_the_command_fails_with_1_and_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([written(tmp_path, report(96.0, client=89.0, errors=100.0))]) == 1
    assert capsys.readouterr().out.splitlines()[0] == " 89.00 %  cmr_async/client.py, at least 90 % wanted"


def test_the_bounds_can_be_set(tmp_path: Path) -> None:
    path = written(tmp_path, report(60.0, client=60.0))
    assert main([path, "--package", "60", "--file", "60"]) == 0
    assert main([path, "--package", "61", "--file", "60"]) == 1


def test_a_report_without_files_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([written(tmp_path, report(100.0))]) == 1
    assert "nothing was measured" in capsys.readouterr().out
