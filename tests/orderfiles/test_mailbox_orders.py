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
