"""The template that people start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmr_async.orderfiles.template import template_text
from tests.orderfiles.reading import orders


@pytest.mark.parametrize("format", ["csv", "json", "jsonl"])
def test_the_template_is_a_good_file(tmp_path: Path, format: str) -> None:  # noqa: A002
    path = tmp_path / f"template.{format}"
    path.write_text(template_text(format))
    found = orders(path)
    assert found[0].domain_names == ("example-outreach.com",)
    assert found[0].mailbox_count == 2


def test_a_spreadsheet_has_no_template() -> None:
    with pytest.raises(ValueError, match="'xlsx' is none of csv, json, jsonl"):
        template_text("xlsx")
