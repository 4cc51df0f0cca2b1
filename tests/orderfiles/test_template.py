"""The template that people start from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cmr_async import MailboxOrder
from cmr_async.core.order.checked import check_request
from cmr_async.errors import OrderFileError
from cmr_async.orderfiles.template import TemplateFormat, template
from tests.orderfiles.reading import located, orders


@pytest.mark.parametrize("format", TemplateFormat)
def test_the_template_is_a_good_file(tmp_path: Path, format: TemplateFormat) -> None:  # noqa: A002
    path = tmp_path / f"template.{format}"
    path.write_bytes(template(format))
    found = orders(path)
    assert found[0].domain_names == ("example-outreach.com",)
    assert found[0].mailbox_count == 2


@pytest.mark.parametrize("format", TemplateFormat)
def test_the_template_of_mailboxes_holds_orders_of_mailboxes_alone(tmp_path: Path, format: TemplateFormat) -> None:  # noqa: A002
    path = tmp_path / f"template.{format}"
    path.write_bytes(template(format, mailboxes=True))
    first, *more = (check_request(found.request) for found in located(path))
    assert isinstance(first.order, MailboxOrder)
    assert (first.order.subscription_id, first.order.mailbox_count) == ("SUBSCRIPTION-ID-FROM-THE-API", 2)
    assert first.order.domain_names == ("example-outreach.com",)
    assert {type(checked.order) for checked in more} <= {MailboxOrder}
    assert [checked.faults or checked.cautions for checked in (first, *more)] == [()] * (1 + len(more))


def test_without_the_extra_a_spreadsheet_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(OrderFileError, match=r"cmr-async\[xlsx\]"):
        template(TemplateFormat.XLSX)
