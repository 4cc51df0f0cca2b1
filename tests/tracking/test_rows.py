"""What lists and single looks are taken to say: no more than their shape does."""

from __future__ import annotations

from typing import Any

import pytest

from cmr_async.models.tracking import ProvisionKind, ProvisionState
from cmr_async.tracking.rows import Row, read_rows
from cmr_async.tracking.settings import TrackingSettings

SETTINGS = TrackingSettings()
OLD_FAILURE = {"domainName": "a.com", "status": "FAILED"}
NEW = {"domainName": "a.com", "status": "PENDING"}


def said(row: Row) -> tuple[str, str, str]:
    return row.kind.value, row.name, row.state.value


def rows_of(data: Any) -> list[tuple[str, str, str]]:
    return [said(row) for row in read_rows(data, SETTINGS)]


def test_a_failure_without_an_order_id_counts_only_where_the_name_has_no_other_state() -> None:
    assert rows_of([OLD_FAILURE]) == [("domain", "a.com", "failed")]
    assert rows_of([OLD_FAILURE, NEW]) == [("domain", "a.com", "waiting")]
    assert rows_of([NEW, OLD_FAILURE, {**OLD_FAILURE, "domainName": "b.com"}]) == [
        ("domain", "a.com", "waiting"), ("domain", "b.com", "failed")]  # fmt: skip


def test_a_failure_that_names_its_order_is_told_whatever_else_the_answer_has() -> None:
    (failed, going_on) = read_rows([{**OLD_FAILURE, "orderId": "OLD"}, NEW], SETTINGS)
    assert (failed.state, failed.order_id) == (ProvisionState.FAILED, "OLD")
    assert (going_on.state, going_on.order_id) == (ProvisionState.WAITING, None)


@pytest.mark.parametrize("key", ["domains", "mailboxes"])
def test_a_failure_inside_an_order_is_of_that_order(key: str) -> None:
    thing = {"domain": "a.com", "email": "ada@a.com"} if key == "mailboxes" else {"domain": "a.com"}
    (row,) = read_rows([{"orderId": "OLD", key: [{**thing, "status": "FAILED"}]}], SETTINGS)
    assert (row.state, row.order_id) == (ProvisionState.FAILED, "OLD")


def test_a_mailbox_that_is_there_inside_the_row_of_its_domain_may_be_of_a_later_order() -> None:
    box = {"email": "ada@a.com", "status": "ACTIVE"}
    domain, mailbox = read_rows(
        [{"domain": "a.com", "orderId": "OLD", "status": "ACTIVE", "mailboxes": [box]}], SETTINGS
    )
    assert (domain.kind, domain.order_id) == (ProvisionKind.DOMAIN, "OLD")
    assert (mailbox.kind, mailbox.order_id) == (ProvisionKind.MAILBOX, None)
