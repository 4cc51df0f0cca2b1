"""Orders of mailboxes in files, beside orders of domains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from cmr_async import MailboxOrder, Order
from cmr_async.orderfiles import LocatedOrder, OrderFile, UnreadableOrder
from tests.fakes import ADA, USER

BOXES = {"one.com": [{"username": "ada", "firstName": "Ada", "lastName": "Lovelace"}]}


def read(path: Path, **options: Any) -> list[LocatedOrder | UnreadableOrder]:
    with OrderFile(path) as file:
        return list(file.orders(user_id=USER, **options))


def found(path: Path, **options: Any) -> list[Order | MailboxOrder]:
    read_orders = read(path, **options)
    assert [order.faults for order in read_orders if isinstance(order, UnreadableOrder)] == []
    return [order.request.order for order in read_orders if isinstance(order, LocatedOrder)]


def faults(path: Path) -> list[tuple[int, str, str]]:
    unreadable = [order for order in read(path) if isinstance(order, UnreadableOrder)]
    return [(fault.row, fault.column, fault.message) for order in unreadable for fault in order.faults]


@pytest.mark.parametrize(("name", "field"), [("subscriptionId", "subscription_id"), ("domainId", "domain_id")])
def test_a_body_with_a_target_is_an_order_of_mailboxes(tmp_path: Path, name: str, field: str) -> None:
    path = tmp_path / "orders.jsonl"
    documents = [{name: "X1", "mailboxes": BOXES, "confirm": True}, {"mailboxes": BOXES}]
    path.write_bytes(b"\n".join(map(orjson.dumps, documents)))
    expected: dict[str, Any] = {field: "X1"}
    assert found(path) == [MailboxOrder(mailboxes={"one.com": [ADA]}, **expected), Order(mailboxes={"one.com": [ADA]})]


def test_an_order_of_mailboxes_registers_no_domain(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    path.write_bytes(orjson.dumps({"domainId": "D1", "mailboxes": BOXES, "domains": []}))
    ((_, column, message),) = faults(path)
    assert (column, message.partition(";")[0]) == ("domains", 'the page documents no field "domains"')


def test_a_target_in_other_letters_is_a_slip(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    path.write_bytes(orjson.dumps({"subscription_id": "S1", "mailboxes": BOXES}))
    ((_, _, message),) = faults(path)
    assert message == 'the page documents no field "subscription_id"; did you mean "subscriptionId"?'


def test_an_extra_of_an_order_may_still_hold_such_a_field(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    path.write_bytes(orjson.dumps({"mailboxes": BOXES, "extra": {"domainId": "D1"}}))
    (order,) = found(path)
    assert isinstance(order, Order)


COLUMNS = "reference,domain,years,username,first_name,last_name,service_provider,auto_renew,subscription_id,domain_id"


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join((COLUMNS, *rows)) + "\n")
    return path


def test_rows_with_a_target_are_orders_of_mailboxes_beside_others(tmp_path: Path) -> None:
    path = table(
        tmp_path / "orders.csv",
        ",two.com,1,ada,Ada,Lovelace,,,,",
        ",one.com,,ada,Ada,Lovelace,,,S1,",
        ",one.com,,bob,Bob,Lovelace,,,,",
        ",one.com,,ada,Ada,Lovelace,,yes,,D1",
    )
    first, second, third = found(path, confirm=True)
    assert isinstance(first, Order)
    assert first.domain_names == ("two.com",)
    assert isinstance(second, MailboxOrder)
    assert (second.subscription_id, second.mailbox_count, second.confirm) == ("S1", 2, True)
    assert third == MailboxOrder(domain_id="D1", auto_renew=True, mailboxes={"one.com": [ADA]}, confirm=True)
    assert [order.assumed_years for order in read(path) if isinstance(order, LocatedOrder)] == [0, 0, 0]


def test_a_spreadsheet_may_hold_both_kinds(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in (
        COLUMNS.split(","),
        ["a", "two.com", 2, "ada", "Ada", "Lovelace", "GOOGLE", None, None, None],
        ["b", "one.com", None, "ada", "Ada", "Lovelace", None, None, "S1", None],
        ["b", "one.com", None, "bob", "Bob", "Lovelace", None, None, None, None],
        ["c", "one.com", None, "ada", "Ada", "Lovelace", None, True, None, 4711],
    ):
        book.active.append(row)
    book.save(path := tmp_path / "orders.xlsx")
    first, second, third = found(path)
    assert isinstance(first, Order)
    assert [(entry.domain, entry.years) for entry in first.domains] == [("two.com", 2)]
    assert isinstance(second, MailboxOrder)
    assert (second.subscription_id, second.domain_id, second.mailbox_count) == ("S1", None, 2)
    assert third == MailboxOrder(domain_id="4711", auto_renew=True, mailboxes={"one.com": [ADA]})


def test_a_row_that_names_both_targets_is_left_to_the_check_of_the_order(tmp_path: Path) -> None:
    (order,) = found(table(tmp_path / "orders.csv", ",one.com,,ada,Ada,Lovelace,,,S1,D1"))
    assert order == MailboxOrder(subscription_id="S1", domain_id="D1", mailboxes={"one.com": [ADA]})


@pytest.mark.parametrize(
    ("rows", "place", "words"),
    [
        ([",one.com,2,ada,Ada,Lovelace,,,S1,"], (2, "years"), "is for a domain to register"),
        ([",one.com,,ada,Ada,Lovelace,GOOGLE,,S1,"], (2, "service_provider"), "is not documented for an order with"),
        ([",one.com,,ada,Ada,Lovelace,,perhaps,S1,"], (2, "auto_renew"), "is neither true nor false"),
        (
            ["r,one.com,,ada,Ada,Lovelace,,,,", "r,one.com,,bob,Bob,Lovelace,,,S1,"],
            (3, "subscription_id"),
            "is empty in row 2, where the order begins",
        ),
        (
            ["r,one.com,,ada,Ada,Lovelace,,,S1,", "r,one.com,,bob,Bob,Lovelace,,,S2,"],
            (3, "subscription_id"),
            '"S2" contradicts "S1" of the same order',
        ),
    ],
)
def test_what_contradicts_a_target_is_a_fault(
    tmp_path: Path, rows: list[str], place: tuple[int, str], words: str
) -> None:
    ((row, column, message),) = faults(table(tmp_path / "orders.csv", *rows))
    assert (row, column) == place
    assert words in message
