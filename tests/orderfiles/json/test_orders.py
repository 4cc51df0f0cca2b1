"""JSON into orders: bodies of the page, lists, lines, and faults with their lines."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from cmr_async.models import DomainRegistration, Order
from cmr_async.orderfiles import FileLimits, LocatedOrder, OrderFile, UnreadableOrder
from cmr_async.orderfiles.bounded import BoundedReader
from cmr_async.orderfiles.json.text import documents
from tests.orderfiles.reading import USER, faults, located, read

COMMA = "a comma stands before the end of a list or an object; take it away"
PAGE_BODY = Path(__file__).parents[3] / "examples" / "order.json"


def test_the_body_of_the_page_is_one_order() -> None:
    (order,) = located(PAGE_BODY, user_id=USER)
    assert order.request.order.domains == (
        DomainRegistration(domain="domain.com", years=1, forward_to="coldmailreseller.com"),
    )
    assert [one.username for one in order.request.order.mailboxes["domain.com"]] == ["email1", "email1"]
    assert isinstance(order.request.order, Order)
    assert order.request.order.google is not None
    assert order.request.order.google.app_name == "Outreach App"


def body(domain: str = "one.com", **more: Any) -> dict[str, Any]:
    return {"domains": [{"domain": domain, "years": 1}], **more}


def test_a_list_mixes_bodies_and_orders_with_their_users(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    wrapped = {"user_id": "U2", "reference": "B", "order": body("two.com")}
    path.write_text("\n\n [" + json.dumps(body()) + ",\n" + json.dumps(wrapped) + "\n]\n")

    found = located(path, user_id="U1")

    assert [(order.row, (order.request.user_id, order.request.reference)) for order in found] == [
        (3, ("U1", None)),
        (4, ("U2", "B")),
    ]


def test_json_lines_report_a_broken_line_and_go_on(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(body()) + "\n\n{nope}\n" + json.dumps(body("two.com")) + "\n")
    found = read(path, user_id="U")
    assert [order.row for order in found if isinstance(order, LocatedOrder)] == [1, 4]
    assert faults(path, user_id="U") == [
        "row 3: is not JSON: the name of a field in double quotes is expected (character 2 of line 3)"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"auto_renew": 1}', 'row 1, auto_renew: the page documents no field "auto_renew"; did you mean "autoRenew"?'),
        ('{"order": {}, "userid": "U"}', 'row 1, userid: "userid" is not known; did you mean "user_id"?'),
        (
            '{"order": {"foo": 1}}',
            'row 1, order.foo: the page documents no field "foo"; to send it all the same, put it into "extra"',
        ),
        ('{"mailboxes": {"x.com": [], "x.com": []}}', 'row 1: "x.com" occurs twice in one object; merge the two'),
        ('{"order": {}, "reference": 7}', "row 1, reference: must be text and not empty, or absent"),
        ("[1]", "row 1: an order is an object, as on the API's page"),
        ("[{}\n{}]", 'row 2: is not JSON: a comma or ] is expected, not "{"'),
        ("[{}", "row 1: is not JSON: a comma or ] is expected, not the end of the file"),
        ("{}\n{}", "row 2: more text after the first order; one order a line is JSON lines: --format jsonl"),
        ('{"domains": [{"domain": 5, "years": 1}]}', "row 1, domains[0].domain: must be text, not 5"),
        ("[\n] 6", "row 2: more text after the list of orders"),
        ('{"order": 7}', "row 1, order: an order is an object, as on the API's page"),
        ("[", "row 1: is not JSON: Expecting value at character 2 of line 1"),
        ("\n [{}, ]", f"row 2: is not JSON: {COMMA} (character 7 of line 2)"),
        ('[\n {},\n {\n "a"}', "row 3: is not JSON: Expecting ':' delimiter at character 5 of line 4"),
        ('["a', "row 1: is not JSON: Unterminated string starting at character 2 of line 1"),
        ('{"google": ' + "9" * 5000 + "}", "row 1: holds a number of too many digits"),
    ],
)  # fmt: skip
def test_faults_of_json_have_their_place(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    assert faults(path, user_id="U") == [expected]


def test_confirm_comes_from_the_caller_and_never_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(body(confirm=True)))
    (draft,) = located(path, user_id="U")
    (paid,) = located(path, user_id="U", confirm=True)
    assert (draft.request.order.confirm, draft.asks_confirm) == (False, True)
    assert paid.request.order.confirm is True


def test_a_reference_is_read_in_one_form_and_without_it_nothing_names_an_order(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    wrapped = {"user_id": "U", "reference": " u\u0308 ", "order": body()}
    path.write_text(json.dumps(wrapped) + "\n" + json.dumps(body("two.com")))
    first, second = located(path, user_id="U")
    assert (first.key, first.request.reference) == ("\u00fc", "\u00fc")
    assert (second.key, second.request.reference) == ("", None)


def test_a_list_is_read_element_by_element_each_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([body(f"d{n}.com") for n in range(20)], indent=1))
    found = located(path, user_id="U")
    assert [order.request.order.domains[0].domain for order in found] == [f"d{n}.com" for n in range(20)]
    assert [order.row for order in found] == [2 + 8 * n for n in range(20)]


def test_the_orders_before_broken_text_are_read_and_what_follows_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[" + json.dumps(body()) + ",\n{nope},\n{}]")
    first, broken = read(path, user_id="U")
    assert isinstance(first, LocatedOrder)
    assert isinstance(broken, UnreadableOrder)
    assert (broken.row, broken.ends_reading) == (2, True)


@pytest.mark.parametrize("text", ["", " \n ", "[]", "[ \n ]\n"])
def test_a_file_without_orders_holds_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    assert read(path, user_id="U") == []


def test_an_order_that_is_longer_than_its_limit_is_a_fault_and_a_longer_file_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    one = json.dumps(body())
    path.write_text(f"[{one},\n{one}, {one[:-1]} }}]")
    limits = FileLimits(max_order_size=len(one))
    with OrderFile(path, limits=limits) as file:
        *orders, last = file.orders(user_id="U")
    assert [order.row for order in orders if isinstance(order, LocatedOrder)] == [1, 2]
    assert isinstance(last, UnreadableOrder)
    assert str(last.faults[0]) == (
        f"{path}, row 2: the order is longer than {len(one)} characters; --max-order-size sets another limit"
    )


def test_a_list_of_more_orders_than_the_limit_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([body()] * 3, indent=0))
    with OrderFile(path, limits=FileLimits(max_rows=2)) as file:
        *_, last = file.orders(user_id="U")
    assert isinstance(last, UnreadableOrder)
    assert last.faults[0].message == "the file has more than 2 orders; --max-rows sets another limit"


@pytest.mark.parametrize("window", [1, 7, 64])
def test_values_are_the_same_wherever_the_window_ends(
    tmp_path: Path, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [-12.5e3, "Z\u00fcrich \U0001f600 \\ud83d", True, None, {"a": [1, 23456], "b": {}}, "x" * 300, 98765]
    text = "\ufeff \n" + json.dumps(values, indent=3) + " \n"
    monkeypatch.setattr("cmr_async.orderfiles.json.text._WINDOW", window)
    reader = BoundedReader(io.BytesIO(text.encode()), max_size=1 << 20)
    found = list(documents(reader, FileLimits()))
    assert [value for _, value in found] == values
    assert [row for row, _ in found] == [3, 4, 5, 6, 7, 14, 15]


@pytest.mark.parametrize("window", [1, 5, 1 << 16])
def test_a_fault_has_its_place_wherever_the_window_ends(
    tmp_path: Path, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"domains": [\n]},  {"domains": [nope]}, ' + " " * 100 + "{}]")
    monkeypatch.setattr("cmr_async.orderfiles.json.text._WINDOW", window)
    assert faults(path, user_id="U")[-1] == "row 2: is not JSON: Expecting value at character 19 of line 2"


def test_bytes_that_are_not_utf8_have_their_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'[\n{"domains": [\n"caf\xe9"')
    with OrderFile(path, encoding="utf-8") as file:
        (broken,) = file.orders(user_id="U")
    assert isinstance(broken, UnreadableOrder)
    assert broken.faults[0].row == 3
    assert broken.faults[0].message.startswith("is not UTF-8 (byte 0xe9); state another encoding with --encoding")


@pytest.mark.parametrize("text", ['{"order": {}, %s}', "{%s}"])
def test_of_very_many_unknown_names_a_few_are_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text % ", ".join(f'"name{n}": 1' for n in range(1_000)))
    found = faults(path, user_id="U")
    assert len(found) == 21
    assert found[-1] == "row 1: 980 more names are not known"


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_text_that_is_nested_too_deeply_is_a_fault(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_text("[" * 200_000 + "]" * 200_000 if suffix == "jsonl" else '{"google": ' + "[" * 200_000)
    assert faults(path, user_id="U") == ["row 1: is nested too deeply for an order"]


@pytest.mark.parametrize("depth", [90, 900])
def test_an_order_that_is_nested_deeper_than_any_is_a_fault(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"domains": [{"domain": ' + "[" * depth + "]" * depth + "}]}")
    assert len(faults(path, user_id="U")) == 1


def test_more_text_on_a_line_of_json_lines_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(body()) + "\n{} {}\n")
    assert faults(path, user_id="U") == ["row 2: more text after the order of this line"]


def test_the_first_of_many_keys_that_stands_twice_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    names = [f'"d{n}.com": []' for n in range(50_000)]
    path.write_text('{"mailboxes": {' + ", ".join([*names, names[40_000]]) + "}}")
    assert faults(path, user_id="U") == ['row 1: "d40000.com" occurs twice in one object; merge the two']


def test_an_order_needs_a_user(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(body()))
    assert faults(path) == ['row 1, user_id: no user: name one with --user-id, or write {"user_id": ..., "order": ...}']
