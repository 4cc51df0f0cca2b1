"""The template that people start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmr_async.orderfiles.template import TemplateFormat, template_text
from tests.orderfiles.reading import orders


@pytest.mark.parametrize("format", TemplateFormat)
def test_the_template_is_a_good_file(tmp_path: Path, format: TemplateFormat) -> None:  # noqa: A002
    path = tmp_path / f"template.{format}"
    path.write_text(template_text(format))
    found = orders(path)
    assert found[0].domain_names == ("example-outreach.com",)
    assert found[0].mailbox_count == 2
