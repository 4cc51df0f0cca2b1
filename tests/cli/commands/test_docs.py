"""`cmr docs`: the pages that errors point to."""

from __future__ import annotations

import pytest

from cmr_async import errors
from cmr_async.cli.pages import PAGES, page_of
from tests.cli.conftest import Cmr


def test_the_pages_are_listed(cmr: Cmr) -> None:
    assert [line.split()[0] for line in cmr("docs").stdout.splitlines()] == list(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_printed(page: str, cmr: Cmr) -> None:
    assert cmr("docs", page).stdout.startswith("# ")


def test_a_page_that_is_not_there_is_a_usage_error(cmr: Cmr) -> None:
    result = cmr("docs", "poem")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the pages are command-line, " in result.stderr


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_points_to_a_page(name: str) -> None:
    kind = getattr(errors, name)
    if issubclass(kind, errors.CMRError):
        assert page_of(kind("it failed")) in PAGES
