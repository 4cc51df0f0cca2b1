"""The orders of a file checked one by one and against each other."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from cmr_async.core.order import checked as checked_module
from cmr_async.models import DomainRegistration, Mailbox, MailboxOrder, Order
from cmr_async.models.requests import OrderRequest
from cmr_async.orderfiles import DomainRows, InputFault, LocatedOrder, UnreadableOrder
from cmr_async.preflight.file_check import FileOrder, check_file

BOX = Mailbox(username="ann", first_name="Ann", last_name="Lee")


def registering(*names: str, **more: Any) -> Order:
    return Order(domains=[DomainRegistration(domain=name) for name in names], **more)


def with_boxes(*names: str, username: str = "ann") -> Order:
    return Order(mailboxes={name: [attrs.evolve(BOX, username=username)] for name in names})


def located(
    row: int, order: Order | MailboxOrder, *, key: str | None = None, user_id: str = "U", **more: Any
) -> LocatedOrder:
    request = OrderRequest(user_id=user_id, order=order, reference=key)
    return LocatedOrder(source="a.jsonl", row=row, key=key or str(row), request=request, **more)


def found(*orders: LocatedOrder | UnreadableOrder) -> list[FileOrder]:
    return list(check_file(orders))


def faults(*orders: LocatedOrder | UnreadableOrder) -> list[str]:
    return [str(fault).removeprefix("a.jsonl, ") for order in found(*orders) for fault in order.faults]


def cautions(*orders: LocatedOrder | UnreadableOrder) -> list[str]:
    return [str(caution).removeprefix("a.jsonl, ") for order in found(*orders) for caution in order.cautions]


def test_a_sound_order_is_carried_on_as_it_was_read_and_its_body_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checked_module, "dump_order", pytest.fail)
    read = located(1, registering("a.com"))
    (order,) = found(read)
    assert (order.located, order.faults, order.cautions, order.settled, order.changed) == (read, (), (), None, False)
    assert order.checked is not None
    assert order.checked.request is read.request
    assert order.checked.order is read.request.order
    assert (order.row, order.ends_reading) == (1, False)


def test_the_request_of_a_checked_order_has_the_names_that_are_sent() -> None:
    (order,) = found(located(1, registering("B\u00fccher.de")))
    assert order.checked is not None
    assert order.checked.order.domain_names == ("xn--bcher-kva.de",)
    assert order.checked.request.order is order.checked.order


def test_what_cannot_be_read_keeps_its_faults() -> None:
    part = UnreadableOrder.of(InputFault(source="a.jsonl", row=3, message="is cut"), ends_reading=True)
    (order,) = found(part)
    assert (order.located, order.checked, order.faults) == (part, None, part.faults)
    assert (order.row, order.ends_reading) == (3, True)


def test_every_fault_and_caution_of_an_order_has_its_position() -> None:
    bad = registering("a.com", "-x-", mailboxes={"b.com": [BOX, BOX]})
    (order,) = found(located(4, bad))
    assert order.checked is None
    assert list(map(str, order.faults)) == ["a.jsonl, row 4, domains[1].domain: is no domain name: '-x-'"]
    assert [caution.column for caution in order.cautions] == ['mailboxes["b.com"]', 'mailboxes["b.com"][1].username']


def test_the_id_of_the_user_is_checked_too() -> None:
    assert faults(located(1, registering("a.com"), user_id="\ud800")) == [
        "row 1, user_id: must be the id of a user, as the API returned it"
    ]


def test_a_key_that_comes_again_is_a_fault_that_names_both_rows() -> None:
    first = located(1, registering("a.com"), key="A")
    assert faults(first, located(2, registering("b.com"), key="A")) == [
        'row 2, reference: the reference "A" is at row 1 already'
    ]
    rows = {"b.com": DomainRows(2, ())}
    (fault,) = faults(first, located(2, registering("b.com"), key="A", rows=rows))
    assert fault == (
        'row 2, reference: an order "A" is at row 1 already; put the rows of one order next to each other, or give '
        "two orders two references"
    )


def test_a_document_without_a_reference_is_told_by_what_it_buys() -> None:
    order = with_boxes("a.com")
    first, again, other = (
        attrs.evolve(located(row, given, user_id=user), key="", request=OrderRequest(user_id=user, order=given))
        for row, given, user in (
            (1, order, "U"),
            (2, attrs.evolve(with_boxes("A.com"), confirm=True), "U "),
            (3, order, "U2"),
        )
    )
    assert [fault.partition(": ")[2] for fault in faults(first, again, other)] == [
        "the same order is at row 1 already",
        "ann@a.com is ordered at row 1 already; paying for both may buy it twice",  # another order, for the same box
    ]


def test_the_key_of_an_order_with_faults_counts() -> None:
    fault = InputFault(source="a.jsonl", row=1, message="x")
    first = UnreadableOrder(row=1, key="A", faults=(fault,))
    assert faults(first, located(2, registering("a.com"), key="A"))[1] == (
        'row 2, reference: the reference "A" is at row 1 already'
    )


def test_a_domain_is_registered_by_one_order_only() -> None:
    orders = (located(1, registering("a.com", "bücher.com")), located(2, registering("c.com", "XN--bcher-kva.com")))
    (fault,) = faults(*orders)
    assert fault == (
        "row 2, domains[1].domain: xn--bcher-kva.com is registered by the order at row 1 already; paying for both may "
        "buy it twice"
    )
    assert found(*orders)[1].checked is None


def test_a_domain_of_several_orders_that_is_bought_once_is_a_caution() -> None:
    given = (
        located(1, registering("a.com")),
        located(2, with_boxes("a.com")),
        located(3, with_boxes("b.com")),
        located(4, registering("b.com", mailboxes={"b.com": [attrs.evolve(BOX, username="bob")]})),
        located(5, with_boxes("b.com", username="cid")),
    )
    assert [order.checked is not None for order in found(*given)] == [True] * 5
    assert [caution for caution in cautions(*given) if "the order at" in caution] == [
        'row 2, mailboxes["a.com"]: the order at row 1 is for a.com too; no mailbox should be in both',
        "row 4, domains[0].domain: the order at row 3 has mailboxes on b.com; they cannot wait for this order",
        'row 5, mailboxes["b.com"]: the order at row 4 is for b.com too; no mailbox should be in both',
    ]


def test_a_mailbox_is_ordered_once() -> None:
    given = (
        located(1, registering("a.com", mailboxes={"a.com": [BOX]})),
        located(2, Order(mailboxes={"a.com": [attrs.evolve(BOX, username="bob"), attrs.evolve(BOX, username="Ann")]})),
        located(3, MailboxOrder(mailboxes={"A.com": [attrs.evolve(BOX, username="bob")]}, domain_id="D")),
    )
    assert [fault.removesuffix(" already; paying for both may buy it twice") for fault in faults(*given)] == [
        'row 2, mailboxes["a.com"][1].username: ann@a.com is ordered at row 1',
        'row 3, mailboxes["a.com"][0].username: bob@a.com is ordered at row 2',
    ]
    assert [order.checked is not None for order in found(*given)] == [True, False, False]


def test_a_mailbox_that_one_order_has_twice_is_left_to_the_check_of_the_order() -> None:
    assert faults(located(1, registering("a.com", mailboxes={"a.com": [BOX, BOX]}))) == []


def test_two_orders_of_one_line_are_two_orders() -> None:
    given = (located(1, registering("a.com"), key="A"), located(1, with_boxes("a.com"), key="B"))
    assert any("the order at row 1 is for a.com too" in caution for caution in cautions(*given))


def test_domains_of_an_order_with_faults_do_not_count() -> None:
    assert faults(located(1, registering("a.com", "-x-")), located(2, registering("a.com"))) == [
        "row 1, domains[1].domain: is no domain name: '-x-'"
    ]


def test_what_was_found_cannot_be_changed() -> None:
    (order,) = found(located(1, registering("a.com")))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        order.checked = None  # type: ignore[misc]
