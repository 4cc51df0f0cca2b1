"""The template that people start from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cmr_async.errors import OrderFileError
from cmr_async.orderfiles.template import TemplateFormat, template
from tests.orderfiles.reading import orders


@pytest.mark.parametrize("format", TemplateFormat)
def test_the_template_is_a_good_file(tmp_path: Path, format: TemplateFormat) -> None:  # noqa: A002
    path = tmp_path / f"template.{format}"
    path.write_bytes(template(format))
    found = orders(path)
    assert found[0].domain_names == ("example-outreach.com",)
    assert found[0].mailbox_count == 2


def test_without_the_extra_a_spreadsheet_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(OrderFileError, match=r"cmr-async\[xlsx\]"):
        template(TemplateFormat.XLSX)
