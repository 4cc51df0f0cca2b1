"""An order on its way: checked once, serialised once."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from cmr_async import DomainRegistration, Fault, Mailbox, Order, OrderRequest
from cmr_async.core.order import checked as checked_module
from cmr_async.core.order.checked import check_request
from cmr_async.core.wire import dump_order

ORDER = Order(domains=[DomainRegistration(domain="X.com")])


def test_a_request_is_kept_as_it_was_given_beside_the_order_that_will_be_sent() -> None:
    request = OrderRequest(user_id="U", order=ORDER, reference="A")
    checked = check_request(request)
    assert checked.request is request
    assert checked.order.domain_names == ("x.com",)
    assert checked.faults == ()
    assert checked.cautions == (Fault("domains[0].domain", "'X.com' is sent as x.com"),)


@pytest.mark.parametrize("user_id", ["", " ", "\ud800", None])
def test_the_fault_of_the_user_comes_before_those_of_the_order(user_id: Any) -> None:
    checked = check_request(OrderRequest(user_id=user_id, order=Order()))
    assert [fault.path for fault in checked.faults] == ["user_id", "order"]


def test_cautions_are_kept() -> None:
    boxes = [Mailbox(username="a", first_name="A", last_name="B")] * 2
    checked = check_request(OrderRequest(user_id="U", order=attrs.evolve(ORDER, mailboxes={"x.com": boxes})))
    assert checked.faults == ()
    assert checked.cautions[1:] == (Fault('mailboxes["x.com"][1].username', "a is already a mailbox of this domain"),)


def test_the_body_is_made_once_when_it_is_asked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Order] = []

    def dump(order: Order) -> bytes:
        made.append(order)
        return dump_order(order)

    monkeypatch.setattr(checked_module, "dump_order", dump)
    checked = check_request(OrderRequest(user_id="U", order=ORDER))
    assert made == []
    assert checked.body is checked.body
    assert checked.body == b'{"confirm":false,"domains":[{"domain":"x.com","years":1}]}'
    assert made == [checked.order]


def test_an_order_on_its_way_cannot_be_changed() -> None:
    checked = check_request(OrderRequest(user_id="U", order=ORDER))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        checked.order = ORDER  # type: ignore[misc]
