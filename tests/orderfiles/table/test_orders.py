"""Rows of a table into orders: which rows belong together, what their cells mean, and every fault of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr_async.models import BillingCycle, DomainRegistration, GoogleOAuth, Mailbox, Order, ServiceProvider
from cmr_async.orderfiles.located import LocatedOrder, UnreadableOrder
from cmr_async.orderfiles.table.header import COLUMNS, TableHeader, read_header
from cmr_async.orderfiles.table.orders import orders_from_rows
from tests.orderfiles.reading import BOOLEANS, USER, box, faults, located, orders, read, write_csv


def test_a_row_of_every_column_becomes_every_field(tmp_path: Path) -> None:
    row = box(
        "one.com", "ann", reference="A-1", years="2", forward_to="home.com", profile_picture="https://p.com/1.png",
        on_warmup="TRUE", service_provider="google", billing_cycle="monthly", auto_renew="no",
        google_oauth_route="https://g.com/o", google_client_id="cid", google_app_name="App",
        microsoft_oauth_route="https://m.com/o",
    )  # fmt: skip

    (order,) = located(write_csv(tmp_path / "a.csv", row), confirm=True)

    assert order.request.user_id == USER
    assert order.request.reference == "A-1"
    assert order.request.order == Order(
        domains=(DomainRegistration(domain="one.com", years=2, forward_to="home.com"),),
        mailboxes={
            "one.com": (
                Mailbox(
                    username="ann", first_name="Ann", last_name="Lee", profile_picture="https://p.com/1.png",
                    on_warmup=True,
                ),
            )
        },
        billing_cycle=BillingCycle.MONTHLY,
        confirm=True,
        service_provider=ServiceProvider.GOOGLE,
        microsoft_oauth_route="https://m.com/o",
        google=GoogleOAuth(google_oauth_route="https://g.com/o", client_id="cid", app_name="App"),
        auto_renew=False,
    )  # fmt: skip


def test_rows_of_one_reference_make_one_order_of_several_domains(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "a.csv",
        box("one.com", "ann", reference="A"),
        box("two.com", "bob", reference="A"),
        box("one.com", "cat", reference="A"),
        box("one.com", "dan", reference="B"),
    )

    first, second = orders(path)

    assert [entry.domain for entry in first.domains] == ["one.com", "two.com"]
    assert {name: [one.username for one in boxes] for name, boxes in first.mailboxes.items()} == {
        "one.com": ["ann", "cat"],
        "two.com": ["bob"],
    }
    assert second.mailbox_count == 1


def test_rows_without_reference_make_one_order_per_user_and_domain(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "a.csv", box("One.com", "ann"), box("one.com", "bob"), box("two.com", "cat", user_id="U2")
    )

    found = located(path)

    assert [order.key for order in found] == [f"{USER}:one.com", "U2:two.com"]
    assert [order.request.reference for order in found] == [None, None]
    assert [order.request.order.mailbox_count for order in found] == [2, 1]


def test_rows_whose_references_are_two_forms_of_the_same_letters_are_one_order(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "a.csv", box("one.com", "ann", reference="\u00fc"), box("two.com", "bob", reference="u\u0308")
    )
    (order,) = located(path)
    assert (order.key, order.request.reference) == ("\u00fc", "\u00fc")
    assert order.request.order.domain_names == ("one.com", "two.com")


def test_several_domains_of_one_user_can_share_an_order_when_asked_for(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "a.csv",
        box("a.com", "x"),
        box("b.com", "x"),
        box("b.com", "y"),
        box("c.com", "x"),
        box("d.com", "x", user_id="U2"),
        box("e.com", "x", user_id="U2", billing_cycle="MONTHLY"),
    )

    grouped = [[entry.domain for entry in order.domains] for order in orders(path, domains_per_order=2)]

    assert grouped == [["a.com", "b.com"], ["c.com"], ["d.com"], ["e.com"]]


def test_a_row_without_username_only_registers_its_domain(tmp_path: Path) -> None:
    (order,) = orders(write_csv(tmp_path / "a.csv", {"user_id": USER, "domain": "one.com"}))
    assert order == Order(domains=(DomainRegistration(domain="one.com", years=1),))


def test_empty_cells_take_the_value_of_the_order_and_of_its_domain(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "a.csv",
        box("one.com", "ann", reference="A", years="3", forward_to="home.com", auto_renew="yes"),
        box("one.com", "bob", reference="A", user_id=""),
        box("one.com", "cat", reference="A", service_provider="MICROSOFT"),
    )

    (order,) = orders(path)

    assert order.domains == (DomainRegistration(domain="one.com", years=3, forward_to="home.com"),)
    assert order.auto_renew is True
    assert order.service_provider is ServiceProvider.MICROSOFT


def test_contradicting_cells_of_one_order_are_faults_with_row_and_column(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "a.csv",
        box("one.com", "ann", reference="A", years="1", service_provider="GOOGLE"),
        box("one.com", "bob", reference="A", years="2", service_provider="MICROSOFT", user_id="U2"),
    )
    assert faults(path) == [
        f'row 3, user_id: "U2" contradicts "{USER}" of the same order, which begins at row 2',
        'row 3, service_provider: "MICROSOFT" contradicts "GOOGLE" of the same order, which begins at row 2',
        'row 3, years: "2" contradicts "1" of the same order, which begins at row 2',
    ]


def test_each_bad_cell_is_reported_in_one_pass(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "a.csv",
        box("one.com", "ann", years="many", on_warmup="maybe"),
        box("two.com", "", on_warmup="true"),
        box("", "bob"),
    )
    assert faults(path) == [
        f'row 2, on_warmup: "maybe" is neither true nor false; {BOOLEANS}',
        'row 2, years: "many" is not a whole number',
        "row 3, username: is empty, but the row describes a mailbox; a row that only registers a domain has no names",
        "row 4, domain: is empty",
    ]


def test_a_row_of_another_width_is_a_fault_and_spoils_the_order_it_may_belong_to(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"user_id,domain,username,first_name,last_name\n{USER},one.com,ann,Ann,Lee\n{USER},one.com,Lee\n")
    assert faults(path) == ["row 3: has 3 cells, the header has 5; is a comma missing?"]
    assert [type(order) for order in read(path)] == [UnreadableOrder]


def test_a_torn_row_between_two_orders_may_belong_to_either(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"user_id,domain,username,first_name,last_name\n{USER},one.com,ann,Ann,Lee\n"
                    f"{USER},two\n{USER},two.com,bob,Bob,Lee\n{USER},six.com,cat,Cat,Lee\n")  # fmt: skip
    assert [isinstance(order, LocatedOrder) for order in read(path)] == [False, False, True]
    assert faults(path)[1] == "row 4: row 3, which cannot be read, may belong to this order"


def test_blank_rows_are_skipped_and_still_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"user_id,domain,years\n\n,,\n{USER},one.com,x\n   \n")
    assert faults(path) == ['row 4, years: "x" is not a whole number']


def test_unknown_and_double_columns_are_faults_with_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user_id,domain,First Nam,Domain,Shoe Size,\n")
    assert faults(path) == [
        'row 1, First Nam: column "First Nam" is not known; did you mean "first_name"?',
        "row 1, domain: this column occurs twice",
        "row 1, Shoe Size: column \"Shoe Size\" is not known; to leave out: --ignore-columns 'Shoe Size'",
    ]


@pytest.mark.parametrize(
    "header",
    [
        "userId,domain,firstName,lastName,username,autoRenew",
        "User ID,Domain,First Name,Last Name,Username,Auto Renew",
        "user-id,domain,first-name,last-name,username,auto-renew",
        "UserID,DOMAIN,FirstName, last  name ,UserName,AUTO_RENEW",
        "userid,domain,firstname,lastname,username,autorenew",
    ],
)
def test_columns_may_have_the_names_of_the_api_and_of_people(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n{USER},one.com,Ann,Lee,ann,yes\n")
    (order,) = orders(path)
    assert order.auto_renew is True
    assert order.mailboxes["one.com"] == (Mailbox(username="ann", first_name="Ann", last_name="Lee"),)


def test_a_table_without_a_header_is_one_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{USER},one.com,1\n{USER},two.com,1\n")
    (fault,) = faults(path)
    assert fault == (
        "row 1: no column has a known name; the first row names the columns: user_id, reference, domain, years, "
        "forward_to, username, first_name, ..."
    )


def test_an_empty_table_is_one_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("")
    (fault,) = faults(path)
    assert fault.endswith("a.csv: the file is empty; its first row names the columns")


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["true", "TRUE", "yes", "y", "Y", "1", "x", "on", "WAHR", "ja", "VRAI", "oui"], True),
        (["false", "FALSE", "no", "n", "0", "off", "FALSCH", "nein", "FAUX", "non"], False),
        (["", " "], None),
    ],
)
def test_booleans_are_in_the_words_of_people(tmp_path: Path, words: list[str], value: bool | None) -> None:
    rows = [box(f"d{number}.com", "ann", auto_renew=word) for number, word in enumerate(words)]
    assert [order.auto_renew for order in orders(write_csv(tmp_path / "a.csv", *rows))] == [value] * len(words)


@pytest.mark.parametrize("text", ["2", "2.0", "2,00"])
def test_years_may_be_a_whole_number_with_a_point(tmp_path: Path, text: str) -> None:
    (order,) = orders(write_csv(tmp_path / "a.csv", box("one.com", "ann", years=text)))
    assert order.domains[0].years == 2
    for other in ("2.5", "2.", ".0", "two", "-1.0"):
        assert "is not a whole number" in faults(write_csv(tmp_path / "b.csv", box("one.com", "ann", years=other)))[0]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_line_about_the_separator_is_no_header(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a.csv"
    rows = [["user_id", "domain", "years"], [USER, "one.com", "1"], [USER, "two.com", "x"]]
    path.write_text(f"sep={mark}\r\n" + "".join(mark.join(row) + "\r\n" for row in rows))
    assert faults(path) == ['row 4, years: "x" is not a whole number']
    assert [isinstance(order, LocatedOrder) for order in read(path)] == [True, False]


def test_a_table_needs_the_column_of_the_domain(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user_id,username\n")
    assert faults(path) == ["row 1, domain: this column is missing"]


def test_a_user_is_needed_from_the_row_or_from_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("domain\none.com\n")
    assert faults(path) == [
        "row 1, user_id: this column is missing; add it, or name the user of all rows with --user-id"
    ]
    (order,) = located(path, user_id="U9")
    assert order.request.user_id == "U9"


def test_a_torn_row_before_the_first_order_comes_by_itself_and_spoils_that_order() -> None:
    header = table_of("user_id", "domain", "years")
    first, second = orders_from_rows(header, [["U", "one.com"], ["U", "two.com", "1"]])
    assert [str(fault) for order in (first, second) for fault in unreadable(order).faults] == [
        "f.csv, row 2: has 2 cells, the header has 3; is a comma missing?",
        "f.csv, row 3: row 2, which cannot be read, may belong to this order",
    ]
    assert (unreadable(first).key, unreadable(second).key) == ("", "U:two.com")


@pytest.mark.parametrize(("mark", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab")])
def test_a_row_of_another_width_is_asked_about_the_separator_of_its_file(tmp_path: Path, mark: str, name: str) -> None:
    path = tmp_path / "a.csv"
    rows = [["user_id", "domain", "years"], [USER, "one.com"], [USER, "two.com", "1", "x"]]
    path.write_text("".join(f"{mark.join(row)}\n" for row in rows))
    assert [fault for fault in faults(path) if "cells" in fault] == [
        f"row 2: has 2 cells, the header has 3; is a {name} missing?",
        f"row 3: has 4 cells, the header has 3; is a {name} in a cell without quotes?",
    ]


def test_empty_cells_behind_the_last_column_mean_nothing() -> None:
    header = table_of("user_id", "domain")
    (order,) = orders_from_rows(header, [["U", "one.com", "", " "]])
    assert isinstance(order, LocatedOrder)
    assert order.request.order == Order(domains=(DomainRegistration(domain="one.com"),))


def test_a_bad_cell_of_an_order_as_a_whole_is_reported_once() -> None:
    header = table_of("user_id", "domain", "auto_renew")
    (order,) = orders_from_rows(
        header, [["U", "a.com", "perhaps"], ["U", "a.com", "perhaps"], ["U", "a.com", ""]], allow_duplicates=True
    )
    assert [str(fault) for fault in unreadable(order).faults] == [
        f'f.csv, row 2, auto_renew: "perhaps" is neither true nor false; {BOOLEANS}'
    ]


def test_a_number_of_years_with_very_many_digits_is_left_to_the_check() -> None:
    header = table_of("user_id", "domain", "years")
    (order,) = orders_from_rows(header, [["U", "one.com", "9" * 5000]])
    assert isinstance(order, LocatedOrder)
    assert order.request.order.domains[0].years == 999_999_999


# Whatever the rows say

_CELLS = {
    "user_id": ["U", "U", "V", ""],
    "reference": ["", "", "A", "B"],
    "domain": ["one.com", "one.com", "One.com", "two.com", "-x-", ""],
    "years": ["", "1", "2", "11", "x"],
    "forward_to": ["", "home.com", "https://home.com/a", "no where"],
    "username": ["ann", "bob", "Ann", "c d", ""],
    "first_name": ["Ann", "Zo\u00eb", ""],
    "last_name": ["Lee"],
    "profile_picture": ["", "https://p.com/1.png", "p.png"],
    "on_warmup": ["", "true", "No", "maybe"],
    "service_provider": ["", "google", "MICROSOFT"],
    "auto_renew": ["", "yes", "perhaps"],
    "google_app_name": ["", "App"],
}
# The first value of a column is the likely one: most rows of a real file differ in little.
_row = st.tuples(
    *(st.sampled_from([*[_CELLS[name][0]] * 8, *_CELLS[name]]) if name in _CELLS else st.just("") for name in COLUMNS)
)
_torn = st.sampled_from([("U", "A", "one.com"), ("",) * len(COLUMNS), ("",)])


def table_of(*columns: str) -> TableHeader:
    header = read_header("f.csv", columns, user_id="W")
    assert isinstance(header, TableHeader)
    return header


def unreadable(order: LocatedOrder | UnreadableOrder) -> UnreadableOrder:
    assert isinstance(order, UnreadableOrder)
    return order


def found(
    columns: Sequence[str], rows: Iterable[Sequence[str]], **options: Any
) -> list[LocatedOrder | UnreadableOrder]:
    return list(orders_from_rows(table_of(*columns), map(list, rows), **options))


@given(
    rows=st.lists(st.tuples(_row | _row | _row | _torn, st.integers(1, 3)), min_size=1, max_size=6),
    user_id=st.sampled_from([None, "W"]),
    domains_per_order=st.integers(1, 2),
    columns=st.permutations(range(len(COLUMNS))),
)
def test_white_space_around_cells_and_the_order_of_the_columns_mean_nothing(
    rows: list[tuple[tuple[str, ...], int]], user_id: str | None, domains_per_order: int, columns: list[int]
) -> None:
    options: dict[str, Any] = {"user_id": user_id, "domains_per_order": domains_per_order}
    repeated = [row for row, times in rows for _ in range(times)]
    # A row of another width cannot be put into another order.
    moved = [[row[at] for at in columns] if len(row) == len(COLUMNS) else row for row in repeated]
    padded = [[f" {cell} " + " " * number for cell in row] for number, row in enumerate(moved)]
    assert found(COLUMNS, repeated, **options) == found([COLUMNS[at] for at in columns], padded, **options)


@given(st.lists(_row, min_size=1, max_size=6), st.integers(1, 2))
def test_every_mailbox_of_every_row_is_in_one_order_at_its_row(rows: list[tuple[str, ...]], most: int) -> None:
    read_orders = found(COLUMNS, rows, domains_per_order=most)
    at = [order.row for order in read_orders]
    assert at == sorted(set(at))
    for order in read_orders:
        if isinstance(order, LocatedOrder):
            for domain, boxes in order.request.order.mailboxes.items():
                for index, mailbox in enumerate(boxes):
                    cells = dict(
                        zip(COLUMNS, rows[order.position(f'mailboxes["{domain}"][{index}]').row - 2], strict=True)
                    )
                    assert (mailbox.username, cells["domain"].lower()) == (cells["username"], domain.lower())
    if all(isinstance(order, LocatedOrder) for order in read_orders):
        total = sum(order.request.order.mailbox_count for order in read_orders if isinstance(order, LocatedOrder))
        assert total == sum(row[COLUMNS.index("username")] != "" for row in rows)
