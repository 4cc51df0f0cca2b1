"""Reading order files: every format, every fault with its place, any size."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cmr_async.errors import OrderFileChangedError, OrderFileError
from cmr_async.models import BillingCycle, DomainRegistration, GoogleOAuth, Mailbox, Order, ServiceProvider
from cmr_async.orderfiles.file import InputFormat, OrderFile
from cmr_async.orderfiles.located import ReadOrder
from cmr_async.orderfiles.table import COLUMNS
from cmr_async.orderfiles.template import template_text

USER = "BVZGM5TE9BMP3PP0VWGW943RGV1B"
PAGE_BODY = Path(__file__).parents[2] / "examples" / "order.json"


def write_csv(path: Path, *rows: dict[str, str], columns: Iterable[str] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def box(domain: str, username: str, **more: str) -> dict[str, str]:
    return {
        "user_id": USER, "domain": domain, "username": username, "first_name": "Ann", "last_name": "Lee", **more
    }  # fmt: skip


def read(path: Path | str, **options: Any) -> list[ReadOrder]:
    with OrderFile(path) as file:
        return list(file.orders(**options))


def faults(path: Path | str, **options: Any) -> list[str]:
    return [str(fault).removeprefix(f"{path}, ") for order in read(path, **options) for fault in order.faults]


def orders(path: Path | str, **options: Any) -> list[Order]:
    found = read(path, **options)
    assert [fault for order in found for fault in order.faults] == []
    return [order.request.order for order in found if order.request]


def test_a_row_of_every_column_becomes_every_field(tmp_path: Path) -> None:
    row = box(
        "one.com", "ann", reference="A-1", years="2", forward_to="home.com", profile_picture="https://p.com/1.png",
        on_warmup="TRUE", service_provider="google", billing_cycle="monthly", auto_renew="no",
        google_oauth_route="https://g.com/o", google_client_id="cid", google_app_name="App",
        microsoft_oauth_route="https://m.com/o",
    )  # fmt: skip

    (order,) = read(write_csv(tmp_path / "a.csv", row), confirm=True)

    assert order.request is not None
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

    found = read(path)

    assert [order.request.reference for order in found if order.request] == [f"{USER}:one.com", "U2:two.com"]
    assert [order.request.order.mailbox_count for order in found if order.request] == [2, 1]


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
        'row 2, on_warmup: "maybe" is neither true nor false',
        'row 2, years: "many" is not a whole number',
        "row 3, username: is empty, but the row describes a mailbox; a row that only registers a domain has no names",
        "row 4, domain: is empty",
    ]


def test_a_row_of_another_width_is_a_fault_and_spoils_the_order_it_may_belong_to(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"user_id,domain,username,first_name,last_name\n{USER},one.com,ann,Ann,Lee\n{USER},one.com,Lee\n")
    assert faults(path) == ["row 3: has 3 cells, the header has 5; is a comma in a cell without quotes?"]
    assert read(path)[0].request is None


def test_a_torn_row_between_two_orders_may_belong_to_either(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"user_id,domain,username,first_name,last_name\n{USER},one.com,ann,Ann,Lee\n"
                    f"{USER},two\n{USER},two.com,bob,Bob,Lee\n{USER},six.com,cat,Cat,Lee\n")  # fmt: skip
    assert [order.request is not None for order in read(path)] == [False, False, True]
    assert faults(path)[1] == "row 4: row 3, which cannot be read, may belong to this order"


def test_blank_rows_are_skipped_and_still_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"user_id,domain,years\n\n,,\n{USER},one.com,x\n   \n")
    assert faults(path) == ['row 4, years: "x" is not a whole number']


def test_unknown_and_double_columns_are_faults_with_a_suggestion(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user_id,domain,first name,domain,shoe_size,\n")
    assert faults(path) == [
        'row 1, first name: column "first name" is not known; did you mean "first_name"?',
        "row 1, domain: this column stands twice",
        'row 1, shoe_size: column "shoe_size" is not known',
    ]


def test_a_user_is_needed_from_the_row_or_from_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("domain\none.com\n")
    assert faults(path) == [
        "row 1, user_id: this column is missing; add it, or name the user of all rows with --user-id"
    ]
    (order,) = read(path, user_id="U9")
    assert order.request is not None
    assert order.request.user_id == "U9"


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("packed", [False, True])
def test_tables_of_every_dialect_read_the_same(tmp_path: Path, mark: str, encoding: str, packed: bool) -> None:
    text = mark.join(["user_id", "domain", "username", "first_name", "last_name"]) + "\r\n"
    text += mark.join([USER, "one.com", "zoe", "Zoë", '"Lee, Jr;\tX"']) + "\r\n"
    data = text.encode(encoding)
    path = tmp_path / ("a.csv.gz" if packed else "a.csv")
    path.write_bytes(gzip.compress(data) if packed else data)

    (order,) = orders(path)

    assert order.mailboxes["one.com"] == (Mailbox(username="zoe", first_name="Zoë", last_name="Lee, Jr;\tX"),)


def test_text_that_is_not_utf8_is_a_fault_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(f"user_id,domain,forward_to\n{USER},one.com,caf\xe9\n".encode("latin-1"))
    assert [order.faults[0].message for order in read(path)] == [
        "is not UTF-8 (byte 0xe9); in a spreadsheet, save it as CSV UTF-8"
    ]


def test_an_open_quotation_mark_does_not_swallow_the_rest_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'user_id,domain,forward_to\n{USER},one.com,"home.com\n{USER},two.com,home.com\n')
    (order,) = read(path)
    assert order.request is None
    assert order.faults[0].message.endswith("is a quotation mark left open?")


def test_a_cut_gzip_file_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    data = f"user_id,domain\n{USER},one.com\n" + "".join(f"{USER},d{n}.com\n" for n in range(5000))
    path.write_bytes(gzip.compress(data.encode())[:-400])
    assert "cut or damaged" in read(path)[-1].faults[0].message


def test_a_spreadsheet_reads_like_a_table(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["user_id", "domain", "years", "username", "first_name", "last_name", "on_warmup", "auto_renew"])
    book.active.append([USER, "one.com", 2, "ann", "Ann", "Lee", True, None])
    book.active.append([USER, "one.com", 2.0, "bob", "Bob", "Lee"])
    book.save(tmp_path / "a.xlsx")

    (order,) = orders(tmp_path / "a.xlsx")

    assert order.domains == (DomainRegistration(domain="one.com", years=2),)
    assert order.mailboxes["one.com"] == (
        Mailbox(username="ann", first_name="Ann", last_name="Lee", on_warmup=True),
        Mailbox(username="bob", first_name="Bob", last_name="Lee"),
    )


def test_the_body_of_the_page_is_one_order() -> None:
    (order,) = read(PAGE_BODY, user_id=USER)
    assert order.request is not None
    assert order.request.order.domains == (
        DomainRegistration(domain="domain.com", years=1, forward_to="coldmailreseller.com"),
    )
    assert [one.username for one in order.request.order.mailboxes["domain.com"]] == ["email1", "email1"]
    assert order.request.order.google is not None
    assert order.request.order.google.app_name == "Outreach App"


def body(domain: str = "one.com", **more: Any) -> dict[str, Any]:
    return {"domains": [{"domain": domain, "years": 1}], **more}


def test_a_list_mixes_bodies_and_orders_with_their_users(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    wrapped = {"user_id": "U2", "reference": "B", "order": body("two.com")}
    path.write_text("\n\n [" + json.dumps(body()) + ",\n" + json.dumps(wrapped) + "\n]\n")

    found = read(path, user_id="U1")

    assert [(order.row, order.request and (order.request.user_id, order.request.reference)) for order in found] == [
        (3, ("U1", None)),
        (4, ("U2", "B")),
    ]


def test_a_list_longer_than_the_window_reads_element_by_element(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmr_async.orderfiles.json._CHUNK", 7)
    path = tmp_path / "a.json"
    path.write_text(json.dumps([body(f"d{n}.com") for n in range(20)], indent=1))
    assert [order.domains[0].domain for order in orders(path, user_id="U")] == [f"d{n}.com" for n in range(20)]


def test_json_lines_report_a_broken_line_and_go_on(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(body()) + "\n\n{nope}\n" + json.dumps(body("two.com")) + "\n")
    found = read(path, user_id="U")
    assert [order.row for order in found if order.request] == [1, 4]
    assert [str(fault) for order in found for fault in order.faults] == [
        f"{path}, row 3: is not JSON: Expecting property name enclosed in double quotes at character 2 of line 3"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"auto_renew": 1}', 'row 1, auto_renew: the API has no field "auto_renew"; did you mean "autoRenew"?'),
        ('{"order": {}, "userid": "U"}', 'row 1, userid: "userid" is not known; did you mean "user_id"?'),
        ('{"order": {"foo": 1}}', 'row 1, order.foo: the API has no field "foo"'),
        ('{"mailboxes": {"x.com": [], "x.com": []}}', 'row 1: "x.com" stands twice in one object; join the two'),
        ('{"order": {}, "reference": 7}', "row 1, reference: must be text and not empty, or absent"),
        ("[1]", "row 1: an order is an object, as on the API's page"),
        ("[{}\n{}]", 'row 2: is not JSON: a comma or ] is expected, not "{"'),
        ("[{}", "row 1: is not JSON: a comma or ] is expected, not the end of the file"),
        ("{}\n{}", "row 2: more text after the first order; one order a line is JSON lines: --format jsonl"),
        ('{"domains": [{"domain": 5, "years": 1}]}', "row 1, domains[0].domain: must be text, not 5"),
    ],
)  # fmt: skip
def test_faults_of_json_have_their_place(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    assert faults(path, user_id="U") == [expected]


def test_confirm_comes_from_the_caller_and_never_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(body(confirm=True)))
    (draft,) = read(path, user_id="U")
    (paid,) = read(path, user_id="U", confirm=True)
    assert draft.request is not None
    assert paid.request is not None
    assert (draft.request.order.confirm, draft.asks_confirm) == (False, True)
    assert paid.request.order.confirm is True


def test_equal_orders_without_reference_have_equal_keys(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(body(confirm=True)) + "\n" + json.dumps(body()) + "\n" + json.dumps(body("two.com")))
    first, second, third = read(path, user_id="U")
    assert first.key == second.key != third.key


def test_standard_input_can_be_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO(f"user_id,domain\n{USER},one.com\n".encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
    with OrderFile("-") as file:
        assert file.format is InputFormat.CSV
        assert [len(list(file.orders())) for _ in range(2)] == [1, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[", InputFormat.JSON),
        ('{"a": 1}\n{"b": 2}\n', InputFormat.JSONL),
        ('{\n"a": 1}', InputFormat.JSON),
        ("domain;years\n", InputFormat.CSV),
    ],
)
def test_a_file_without_a_telling_name_is_known_by_its_first_bytes(
    tmp_path: Path, text: str, expected: InputFormat
) -> None:
    path = tmp_path / "orders"
    path.write_text(text)
    with OrderFile(path) as file:
        assert file.format is expected


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "poem").write_text("Shall I compare thee")
    (tmp_path / "wide.csv").write_bytes("domain".encode("utf-16"))
    with pytest.raises(OrderFileError, match="No such file"):
        OrderFile(tmp_path / "absent.csv")
    with pytest.raises(OrderFileError, match="--format"):
        OrderFile(tmp_path / "poem")
    with pytest.raises(OrderFileError, match="UTF-16"):
        OrderFile(tmp_path / "wide.csv")


def test_a_file_that_changes_after_it_was_opened_is_noticed(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", box("one.com", "ann"))
    with OrderFile(path) as file:
        file.raise_if_changed()
        os.utime(path, ns=(1, 1))
        with pytest.raises(OrderFileChangedError):
            file.raise_if_changed()


@pytest.mark.parametrize("format", ["csv", "json", "jsonl"])
def test_the_template_is_a_good_file(tmp_path: Path, format: str) -> None:  # noqa: A002
    path = tmp_path / f"template.{format}"
    path.write_text(template_text(format))
    found = orders(path)
    assert found[0].domain_names == ("example-outreach.com",)
    assert found[0].mailbox_count == 2
