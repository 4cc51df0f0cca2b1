"""JSON into orders: bodies of the page, lists, lines, and faults with their lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cmr_async.models import DomainRegistration
from cmr_async.orderfiles import LocatedOrder, OrderFile, UnreadableOrder
from tests.orderfiles.reading import USER, faults, located, orders, read

PAGE_BODY = Path(__file__).parents[2] / "examples" / "order.json"


def test_the_body_of_the_page_is_one_order() -> None:
    (order,) = located(PAGE_BODY, user_id=USER)
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
        "row 3: is not JSON: Expecting property name enclosed in double quotes at character 2 of line 3"
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
        ("\n [{}, ]", "row 2: is not JSON: Expecting value at character 7 of line 2"),
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


def test_a_file_with_more_characters_than_are_read_whole_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([body()]))
    monkeypatch.setattr("cmr_async.orderfiles.json._MOST_CHARACTERS", len(path.read_text()))
    assert len(orders(path, user_id="U")) == 1
    path.write_text(json.dumps([body()]) + " ")
    (fault,) = faults(path, user_id="U")
    assert fault == (
        f"{path}: holds more than 50 characters; write one order a line, which may be any number of lines, and read it "
        "as JSON lines: --format jsonl"
    )
    with OrderFile(path, format="jsonl") as file:
        assert isinstance(next(file.orders(user_id="U")), UnreadableOrder)  # a list is no order of a line


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
