"""Floors of the dependencies: none is below a version that an advisory names, and what `lowest` tests is the floors."""

from __future__ import annotations

import os
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

#: Advisory: the package, and the first version without the weakness. What CI meets first of a new one is the bot's
#: pull request; its line goes here, so that no later change lowers the floor again.
ADVISORIES = {
    "CVE-2024-27454": ("orjson", "3.9.15"),  # loading deeply nested JSON overflows the stack
    "CVE-2025-67221": ("orjson", "3.11.6"),  # so does writing it
    "CVE-2024-3651": ("idna", "3.7"),  # a long name takes quadratic time ...
    "CVE-2026-45409": ("idna", "3.15"),  # ... and another kind of long name
    "CVE-2026-22815": ("aiohttp", "3.13.4"),  # trailers of any number fill the memory
    "CVE-2026-34993": ("aiohttp", "3.14.0"),
    "CVE-2026-54273": ("aiohttp", "3.14.1"),
    "CVE-2026-59881": ("aiohttp", "3.14.2"),
    "CVE-2026-69244": ("aiohttp", "3.14.3"),
    "GHSA-2g87-pp6c-29x5": ("aiohttp", "3.14.4"),  # several inputs take memory and time without bound
    "GHSA-5wr8-gcqf-gqf3": ("aiohttp", "3.14.5"),  # a server waits for a request head for ever: the simulator
    "GHSA-494j-54xm-rwp3": ("aiohttp", "3.14.5"),  # cookies of https are sent over http
}


def floors() -> dict[str, Version]:
    """Return the floor of everything that the package and its extras need."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [one for extra in project["optional-dependencies"].values() for one in extra]
    needs = map(Requirement, [*project["dependencies"], *extras])
    return {need.name: Version(floor.version) for need in needs for floor in need.specifier if floor.operator == ">="}


@pytest.mark.parametrize("advisory", ADVISORIES)
def test_no_floor_is_below_what_an_advisory_names(advisory: str) -> None:
    package, fixed = ADVISORIES[advisory]
    assert floors()[package] >= Version(fixed)


@pytest.mark.skipif("CMR_LOWEST" not in os.environ, reason="the session `lowest` installs the floors")
def test_the_session_lowest_tests_the_floors() -> None:
    assert {package: Version(metadata.version(package)) for package in floors()} == floors()


@pytest.mark.parametrize("package", floors())
def test_what_is_installed_is_not_below_the_floor(package: str) -> None:
    assert Version(metadata.version(package)) >= floors()[package]
