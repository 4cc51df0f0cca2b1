"""What lists and single looks are taken to say: no more than their shape does."""

from __future__ import annotations

from typing import Any

import pytest

from cmr_async.models.tracking import ProvisionKind, ProvisionState
from cmr_async.tracking.rows import Row, page_length, read_rows, total_pages
from cmr_async.tracking.settings import TrackingSettings

SETTINGS = TrackingSettings()
OLD_FAILURE = {"domainName": "a.com", "status": "FAILED"}
NEW = {"domainName": "a.com", "status": "PENDING"}


def said(row: Row) -> tuple[str, str, str]:
    return row.kind.value, row.name, row.state.value


def rows_of(data: Any, *, mailboxes: bool = False) -> list[tuple[str, str, str]]:
    return [said(row) for row in read_rows(data, SETTINGS, mailboxes=mailboxes)]


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


@pytest.mark.parametrize("named", [{"email": None}, {"mailbox": "ada"}, {"email": ""}, {"email": "@a.com"}, {}])
def test_a_mailbox_without_an_address_is_no_domain(named: dict[str, Any]) -> None:
    failed = {**named, "domain": "a.com", "status": "FAILED"}
    assert rows_of({"mailboxes": [failed]}) == []
    assert rows_of([failed], mailboxes=True) == []
    assert rows_of({"data": {"items": [failed]}}, mailboxes=True) == []
    assert rows_of([{**failed, "mailboxId": "M"}]) == []
    assert rows_of([{**failed, "mailboxId": None}]) == []
    assert rows_of({"mailboxes": {"items": [failed]}}) == []


def test_what_names_a_mailbox_is_no_domain_in_any_list() -> None:
    assert rows_of([{"mailbox": "ada", "domain": "a.com", "status": "FAILED"}]) == []


def test_a_list_of_mailboxes_may_be_grouped_by_domain() -> None:
    box = {"username": "ada", "domain": "a.com", "status": "IN_PROGRESS"}
    answer = {"domains": [{"id": "D", "domain": "a.com", "status": "ACTIVE", "mailboxes": [box]}]}
    assert rows_of(answer, mailboxes=True) == [("domain", "a.com", "active"), ("mailbox", "ada@a.com", "waiting")]


def test_the_mailboxes_of_a_domain_may_have_one_state_together() -> None:
    answer = {"domains": [{"domain": "a.com", "status": "ACTIVE", "mailboxes": {"quantity": 2, "status": "FAILED"}}]}
    assert rows_of(answer) == [("domain", "a.com", "active"), ("mailbox", "*@a.com", "failed")]
    assert rows_of({"mailboxes": [{"email": "*@a.com", "status": "FAILED"}]}) == []


@pytest.mark.parametrize("inside", [
    {"warmup": {"email": "ada@a.com", "status": "ACTIVE"}},
    {"exports": [{"platform": "SMARTLEAD", "email": "ada@a.com", "status": "FAILED"}]},
    {"forwarding": {"domain": "a.com", "status": "FAILED"}},
    {"subscription": {"domain": "a.com", "status": "FAILED"}},
    {"dns": {"items": [{"domain": "a.com", "status": "FAILED"}]}},
])  # fmt: skip
def test_the_state_of_what_lies_in_a_thing_is_not_its_own(inside: dict[str, Any]) -> None:
    box = {"email": "ada@a.com", "status": "IN_PROGRESS", **inside}
    assert rows_of({"mailboxes": [box]}) == [("mailbox", "ada@a.com", "waiting")]
    assert rows_of([{"domainName": "a.com", "status": "PENDING", **inside}]) == [("domain", "a.com", "waiting")]


@pytest.mark.parametrize("wrapper", ["data", "items", "mailboxes", "results", "RESULTS"])
def test_rows_are_found_in_the_usual_wrappers(wrapper: str) -> None:
    assert rows_of({wrapper: [{"email": "ada@a.com", "status": "ACTIVE"}]}) == [("mailbox", "ada@a.com", "active")]


@pytest.mark.parametrize("fields", [
    {"email": "Ada@M\u00fcller.de"},
    {"email": " ada@XN--MLLER-KVA.de "},
    {"username": "ada", "domain": "m\u00fcller.de"},
    {"username": "ada@m\u00fcller.de", "domain": "m\u00fcller.de"},
])  # fmt: skip
def test_addresses_are_read_in_every_form(fields: dict[str, Any]) -> None:
    assert rows_of([{**fields, "status": "ACTIVE"}]) == [("mailbox", "ada@xn--mller-kva.de", "active")]


@pytest.mark.parametrize("parts", [
    [{"pagination": {"totalPages": 3, "totalSearchedCount": 4}}],
    [{"totalPages": "3"}],
    [{"totalPages": 3.0}],
    [[], {"pagination": {"totalPages": 3}}],
    [{"mailboxes": [], "meta": {"totalPages": 3}}],
    [{"pagination": {"totalSearchedCount": 201, "nextPage": 2}}],
    [{"pagination": None, "totalSearchedCount": "300"}],
])  # fmt: skip
def test_the_number_of_pages_is_found_in_every_form(parts: list[Any]) -> None:
    assert total_pages(*parts, size=100) == 3


@pytest.mark.parametrize("value", [True, None, -1, 2.5, "two", "-1", "\u00b2", "9" * 5000, float("inf"), [3], {"n": 3}])
def test_what_is_no_number_of_pages_is_left_alone(value: Any) -> None:
    assert total_pages({"totalPages": value}, size=100) is None


def test_a_list_has_no_more_pages_than_anybody_can_read() -> None:
    assert total_pages({"totalPages": 10**300}, size=100) == 100_000
    assert total_pages({"totalPages": 0}, size=100) == 0


@pytest.mark.parametrize(("data", "length"), [
    ([1, 2], 2), ({"mailboxes": [{}, {}]}, 2), ({"data": {"Items": [None]}, "tags": [1, 2, 3]}, 1), ({}, 0), (None, 0),
])  # fmt: skip
def test_the_items_of_a_page_are_counted_whatever_they_say(data: Any, length: int) -> None:
    assert page_length(data) == length


def test_deep_answers_are_read_to_some_depth() -> None:
    answer: Any = [{"email": "ada@a.com", "status": "ACTIVE"}]
    for _ in range(1_000):
        answer = {"data": answer}
    assert (rows_of(answer), page_length(answer), total_pages(answer, size=100)) == ([], 0, None)
