"""Where the values of an order stand in its file."""

from __future__ import annotations

import attrs
import pytest

from cmr_async.errors import Fault
from cmr_async.models import DomainRegistration, Order
from cmr_async.models.requests import OrderRequest
from cmr_async.orderfiles import DomainRows, InputFault, LocatedOrder, Position, UnreadableOrder
from cmr_async.orderfiles.located import suggestion

REQUEST = OrderRequest(user_id="U", order=Order(domains=(DomainRegistration(domain="a.com"),)))
IN_TABLE = LocatedOrder(
    source="a.csv",
    row=2,
    key="A",
    request=REQUEST,
    rows={"a.com": DomainRows(2, (2, 4)), "b.com": DomainRows(5, ())},
)
IN_JSON = LocatedOrder(source="a.json", row=7, key="A", request=REQUEST)


@pytest.mark.parametrize(
    ("path", "row", "column"),
    [
        ('mailboxes["a.com"][1].username', 4, "username"),
        ('mailboxes["A.com"][1].firstName', 4, "first_name"),
        ('mailboxes["a.com"][0]', 2, "username"),
        ('mailboxes["a.com"]', 2, "domain"),
        ('mailboxes["b.com"][0].last_name', 5, "last_name"),
        ('mailboxes["c.com"][0].last_name', 2, 'mailboxes["c.com"][0].last_name'),
        ("domains[1].forwardTo", 5, "forward_to"),
        ("domains[1]", 5, "domain"),
        ("domains[2].years", 2, "domains[2].years"),
        ("google.client_id", 2, "google_client_id"),
        ("google.clientId", 2, "google_client_id"),
        ("google", 2, "google_oauth_route"),
        ("mailboxes", 2, "username"),
        ("billingCycle", 2, "billing_cycle"),
        ("confirm", 2, "confirm"),
    ],
)
def test_a_path_in_an_order_of_a_table_is_a_row_and_a_column(path: str, row: int, column: str) -> None:
    assert IN_TABLE.position(path) == Position(row, column)


def test_a_path_in_an_order_of_a_json_file_is_the_path_itself() -> None:
    path = 'mailboxes["a.com"][1].firstName'
    assert IN_JSON.position(path) == Position(7, path)


def test_a_fault_is_put_at_its_position() -> None:
    fault = IN_TABLE.at(Fault('mailboxes["a.com"][1].username', "is wrong"))
    assert fault == InputFault(source="a.csv", row=4, column="username", message="is wrong")
    assert str(fault) == "a.csv, row 4, username: is wrong"


def test_a_fault_of_a_file_as_a_whole_has_no_row() -> None:
    assert str(InputFault(source="a.csv", message="is cut")) == "a.csv: is cut"


def test_a_part_that_cannot_be_read_begins_where_its_first_fault_is() -> None:
    first, second = (InputFault(source="a.csv", row=row, message="x") for row in (3, 4))
    part = UnreadableOrder.of(first, second, ends_reading=True)
    assert (part.row, part.key, part.faults, part.ends_reading) == (3, "", (first, second), True)


@pytest.mark.parametrize("value", [IN_TABLE, UnreadableOrder.of(InputFault(source="a", message="x"))], ids=["a", "b"])
def test_what_was_read_cannot_be_changed(value: LocatedOrder | UnreadableOrder) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        value.key = "B"  # type: ignore[misc]


def test_a_name_that_is_nearly_known_is_suggested() -> None:
    assert suggestion("First Name", ["first_name", "domain"]) == '; did you mean "first_name"?'
    assert suggestion("shoe_size", ["first_name", "domain"]) == ""
