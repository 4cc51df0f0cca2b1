"""`cmr orders`: what it sends, what it refuses, what it says, how it ends."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from cmr_async.cli.output.display import show_plan
from cmr_async.simulator import DEMO_USERS, FaultRule
from tests.cli.conftest import Cmr, Start
from tests.orderfiles.reading import BOOLEANS

EXAMPLES = Path(__file__).parents[3] / "examples"
USER = DEMO_USERS[0]


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """Three orders of one mailbox each."""
    path = tmp_path / "orders.csv"
    rows = [f"{USER},ref-{n},domain-{n}.com,ann,Ann,Lee,\n" for n in (1, 2, 3)]
    path.write_text("user_id,reference,domain,username,first_name,last_name,on_warmup\n" + "".join(rows))
    return path


def test_orders_are_drafts_unless_confirmed(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator()
    result = cmr("orders", "submit", orders)
    assert result.exit_code == 0
    assert "3 drafts accepted of 3 orders." in result.output
    assert [order.purchase is not None for order in simulator.state.orders.values()] == [False, False, False]
    assert simulator.state.wallet == Decimal(1000)


def test_in_a_pipe_each_order_is_a_line_of_cells(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator()
    lines = [line.split("\t") for line in cmr("orders", "submit", orders).stdout.splitlines() if "\t" in line]
    assert sorted(line[3] for line in lines) == ["domain-1.com", "domain-2.com", "domain-3.com"]
    assert {line[1] for line in lines} == set(simulator.state.orders)
    assert {(line[0], line[2], line[4]) for line in lines} == {("accepted", USER, "1")}
    assert sorted(line[5] for line in lines) == ["ref-1", "ref-2", "ref-3"]


def test_confirm_in_a_pipe_needs_yes(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator()
    refused = cmr("orders", "submit", orders, "--confirm")
    assert refused.exit_code == 2
    assert "money on 3 orders, 3 domains, 3 mailboxes, and nobody can be asked here: add --yes" in refused.stderr
    assert not simulator.state.orders

    paid = cmr("orders", "submit", orders, "--confirm", "--yes")
    assert paid.exit_code == 0
    assert "3 paid orders accepted of 3 orders." in paid.output
    assert [order.purchase is not None for order in simulator.state.orders.values()] == [True, True, True]
    assert simulator.state.wallet < Decimal(1000)


def test_what_the_file_says_about_confirm_never_spends_money(cmr: Cmr, start_simulator: Start, tmp_path: Path) -> None:
    simulator = start_simulator()
    path = tmp_path / "order.json"
    path.write_text(json.dumps({"domains": [{"domain": "one.com", "years": 1}], "confirm": True}))
    result = cmr("orders", "submit", path, "--user-id", USER)
    assert "the file says confirm: true of 1 order; made as drafts: only --confirm pays" in result.output
    assert [order.purchase is not None for order in simulator.state.orders.values()] == [False]


def test_one_fault_anywhere_means_that_nothing_is_sent(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator()
    with orders.open("a") as file:
        file.write(f"{USER},ref-4,domain-4.com,a b,Ann,Lee,perhaps\n{USER},ref-5,nonsense,,,,\n")
    result = cmr("orders", "submit", orders)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f'{orders}, row 5, on_warmup: "perhaps" is neither true nor false; {BOOLEANS}',
        f"{orders}, row 6, domain: is no domain name: 'nonsense'",
        f"cmr: 2 faults in {orders}; nothing was sent.",
        "More: `cmr docs order-files`",
    ]
    assert not simulator.state.orders


def test_a_dry_run_needs_no_key_and_sends_nothing(cmr: Cmr, orders: Path) -> None:
    result = cmr("orders", "submit", orders, "--confirm", "--dry-run")
    assert result.exit_code == 0
    assert [line.split(None, 1) for line in result.output.splitlines()[1:6]] == [
        ["file", str(orders)],
        ["orders", "3, paid at once"],
        ["domains", "3 to register"],
        ["mailboxes", "3"],
        ["users", "1"],
    ]
    assert result.output.splitlines()[-1] == "Dry run: nothing was sent."


def test_without_a_key_it_says_where_to_get_one(cmr: Cmr, orders: Path) -> None:
    result = cmr("orders", "submit", orders)
    assert result.exit_code == 2
    assert "set CMR_API_KEY" in result.stderr
    assert "--simulator" in result.stderr


def test_a_wrong_key_stops_the_run_and_says_what_to_do(
    cmr: Cmr, start_simulator: Start, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = start_simulator()
    monkeypatch.setenv("CMR_API_KEY", "not-the-key-7f3a")
    result = cmr("orders", "submit", orders, "--concurrency", "1")
    assert result.exit_code == 1
    assert "1 not sent: safe to send again." in result.output
    assert "2 not started." in result.output
    assert "check CMR_API_KEY" in result.output
    assert "The first order that was not started begins at row 3." in result.output
    assert "not-the-key-7f3a" not in result.output
    assert not simulator.state.orders


def test_an_empty_wallet_stops_the_run(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator(wallet=Decimal(0))
    result = cmr("orders", "submit", orders, "--confirm", "--yes", "--concurrency", "1")
    assert result.exit_code == 1
    assert "top it up" in result.output
    assert not simulator.state.orders


def test_an_order_in_doubt_makes_exit_code_three(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator()
    simulator.faults.add(FaultRule(kind="reset", after_processing=True, path="/orders/json"))
    result = cmr("orders", "submit", orders, "--no-journal")
    assert result.exit_code == 3
    assert "2 drafts accepted of 3 orders." in result.output
    assert "1 UNKNOWN: may or may not have been placed." in result.output
    assert "Do not send the unknown orders again" in result.output
    assert len(simulator.state.orders) == 3


def test_a_refused_order_is_a_result_like_the_others(
    cmr: Cmr, start_simulator: Start, orders: Path, tmp_path: Path
) -> None:
    simulator = start_simulator()
    simulator.faults.add(FaultRule(kind="status", status=422, message="=not available"))
    output = tmp_path / "results.csv"

    result = cmr("orders", "submit", orders, "--output", output, "--concurrency", "1")

    assert result.exit_code == 1
    rows = list(csv.DictReader(output.read_text().splitlines()))
    assert [(row["row"], row["reference"], row["state"], row["mailboxes"]) for row in rows] == [
        ("2", "ref-1", "rejected", "1"),
        ("3", "ref-2", "accepted", "1"),
        ("4", "ref-3", "accepted", "1"),
    ]
    assert rows[0]["order_id"] == ""
    assert [row["order_id"] for row in rows[1:]] == list(simulator.state.orders)
    assert {row["confirm"] for row in rows} == {"false"}


def test_results_as_json_lines_keep_their_types(cmr: Cmr, start_simulator: Start, orders: Path, tmp_path: Path) -> None:
    simulator = start_simulator()
    output = tmp_path / "results.jsonl"
    cmr("orders", "submit", orders, "--output", output, "--concurrency", "1")
    rows = [orjson.loads(line) for line in output.read_bytes().splitlines()]
    assert [(row["row"], row["mailboxes"], row["confirm"], row["attempts"]) for row in rows] == [
        (2, 1, False, 1),
        (3, 1, False, 1),
        (4, 1, False, 1),
    ]
    assert [row["order_id"] for row in rows] == list(simulator.state.orders)


def test_the_results_of_an_earlier_run_are_kept(cmr: Cmr, orders: Path, tmp_path: Path) -> None:
    output = tmp_path / "results.csv"
    output.write_text("precious")
    result = cmr("orders", "submit", orders, "--simulator", "--output", output)
    assert result.exit_code == 2
    assert "say --overwrite" in result.stderr
    assert output.read_text() == "precious"
    assert cmr("orders", "submit", orders, "--simulator", "--output", tmp_path / "results.txt").exit_code == 2


def test_the_embedded_simulator_takes_the_users_of_the_file(cmr: Cmr) -> None:
    result = cmr("orders", "submit", EXAMPLES / "order.json", "--user-id", "SOMEONE", "--simulator", "--confirm")
    assert result.exit_code == 0
    assert "1 paid order accepted of 1 order." in result.output
    assert "This was the simulator" in result.output
    assert "email1 is already a mailbox of this domain" in result.stderr


def test_orders_come_from_standard_input(cmr: Cmr) -> None:
    text = f"user_id;domain;username;first_name;last_name\n{USER};one.com;ann;Ann;Lee\n"
    result = cmr("orders", "submit", "-", "--simulator", text=text)
    assert result.exit_code == 0
    assert "file       <stdin>" in result.output


@pytest.mark.parametrize("command", [["plan"], ["submit", "--simulator", "--confirm", "--yes"]])
def test_a_domain_that_looks_like_another_one_is_pointed_out_before_money(
    cmr: Cmr, tmp_path: Path, command: list[str]
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("user_id,domain\nU1,\u0430pple.com\nU1,pay\u200bpal.com\n", encoding="utf-8")
    result = cmr("orders", command[0], path, *command[1:])
    assert result.exit_code == 0, result.stderr
    first, second, *_ = result.stderr.splitlines()
    assert first == (
        f"caution: {path}, row 2, domain: '\u0430pple.com' mixes look-alike letters (CYRILLIC SMALL LETTER A, U+0430), "
        "sent as xn--pple-43d.com"
    )
    assert second == (
        f"caution: {path}, row 3, domain: 'pay\\u200bpal.com' holds what cannot be seen (ZERO WIDTH SPACE, U+200B), "
        "sent as paypal.com"
    )


def test_many_equal_cautions_are_shown_as_a_few(cmr: Cmr, tmp_path: Path) -> None:
    box = {"username": "a", "firstName": "A", "lastName": "B"}
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"mailboxes": {f"d{n}.com": [box]}}) for n in range(50)))
    result = cmr("orders", "plan", path, "--user-id", "U")
    assert len(result.stderr.splitlines()) == 4
    assert result.stderr.splitlines()[-1] == "caution: ... and 47 more like it"


def test_control_characters_of_a_file_do_not_reach_the_terminal(cmr: Cmr, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user_id,domain\nU,\x1b[2Jevil\n")
    result = cmr("orders", "plan", path)
    assert result.exit_code == 2
    assert "\x1b" not in result.output


def test_a_file_without_orders_is_an_error(cmr: Cmr, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user_id,domain\n")
    result = cmr("orders", "plan", path)
    assert result.exit_code == 2
    assert "holds no orders" in result.stderr


def test_the_plan_uses_your_prices(cmr: Cmr, orders: Path, tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"mailbox": 2, "domain": 10, "warmup": 1}')
    result = cmr("orders", "plan", orders, "--prices", prices)
    assert f"about $36.00 when paid (an estimate from {prices})" in result.output


def test_a_template_can_be_planned_as_it_is(cmr: Cmr) -> None:
    template = cmr("orders", "template").stdout
    result = cmr("orders", "plan", "-", text=template)
    assert result.exit_code == 0
    assert "orders     2" in result.output
    assert cmr("orders", "template", "--format", "poem").exit_code == 2


def test_a_template_of_mailboxes_can_be_planned_and_registers_nothing(cmr: Cmr) -> None:
    result = cmr("orders", "plan", "-", "--json", text=cmr("orders", "template", "--mailboxes").stdout)
    assert result.exit_code == 0, result.stderr
    *_, plan = map(json.loads, result.stdout.splitlines())
    assert (plan["orders"], plan["domains"], plan["mailboxes"], plan["cost"]) == (2, 0, 3, "9.00")


def test_a_template_can_be_a_spreadsheet(cmr: Cmr, tmp_path: Path) -> None:
    result = cmr("orders", "template", "--format", "xlsx")
    path = tmp_path / "orders.xlsx"
    path.write_bytes(result.stdout_bytes)
    assert "orders     2" in cmr("orders", "plan", path).stdout


def test_the_help_documents_exit_codes_and_where_the_key_comes_from(cmr: Cmr) -> None:
    text = cmr("orders", "submit", "--help").stdout
    for part in ("  0 ", "  1 ", "  2 ", "  3 ", "  130 ", "CMR_API_KEY"):
        assert part in text
    assert "--api-key" not in text


def test_faulty_orders_are_left_out_only_when_asked_for(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator()
    with orders.open("a") as file:
        file.write(f"{USER},ref-4,nonsense,,,,\n")
    assert cmr("orders", "submit", orders).exit_code == 2
    result = cmr("orders", "submit", orders, "--skip-invalid")
    assert result.exit_code == 1
    assert "row 5, domain: is no domain name: 'nonsense'" in result.stderr
    assert "left out   1 order with faults (--skip-invalid)" in result.output
    assert "3 drafts accepted of 3 orders." in result.output
    assert "1 left out because of faults." in result.output
    assert len(simulator.state.orders) == 3


def test_a_file_that_cannot_be_read_to_its_end_is_refused_whatever_is_asked(
    cmr: Cmr, start_simulator: Start, tmp_path: Path
) -> None:
    simulator = start_simulator()
    path = tmp_path / "cut.csv"
    path.write_text(f'user_id,domain,forward_to\n{USER},one.com,\n{USER},two.com,"home')
    result = cmr("orders", "submit", path, "--skip-invalid")
    assert result.exit_code == 2
    assert "cannot be read to its end" in result.stderr
    assert not simulator.state.orders


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        (("--max-orders", "2"), "the limit of 2 orders is reached"),
        (("--max-spend", "$40"), "the next order would pass the limit of $40.00"),
    ],
)
def test_a_run_stops_before_it_passes_a_limit(
    cmr: Cmr, start_simulator: Start, orders: Path, limit: tuple[str, str], reason: str
) -> None:
    simulator = start_simulator()
    result = cmr("orders", "submit", orders, "--confirm", "--yes", *limit)
    assert result.exit_code == 1
    assert "limit      stops after 2 orders, about $37.76" in result.output
    assert f"The run stopped early: {reason}." in result.output
    assert "The first order that was not started begins at row 4." in result.output
    assert len(simulator.state.orders) == 2


@pytest.mark.parametrize("command", ["plan", "submit"])
@pytest.mark.parametrize(
    ("option", "fault"),
    [
        ("--max-size=50", "holds more than 50 bytes; --max-size sets another limit"),
        ("--max-rows=2", "the file has more than 2 rows; --max-rows sets another limit"),
    ],
)
def test_a_file_beyond_a_limit_is_not_sent(
    cmr: Cmr, start_simulator: Start, orders: Path, *, command: str, option: str, fault: str
) -> None:
    simulator = start_simulator()
    result = cmr("orders", command, orders, option)
    assert result.exit_code == 2
    assert fault in result.stderr
    assert not simulator.state.orders


def test_a_spending_limit_needs_every_price(cmr: Cmr, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"user_id,domain,username,first_name,last_name,on_warmup\n{USER},one.com,a,A,B,true\n")
    refused = cmr("orders", "plan", path, "--max-spend", "100")
    assert refused.exit_code == 2
    assert "a limit of dollars needs the price of warmup" in refused.stderr
    prices = tmp_path / "prices.json"
    prices.write_text('{"warmup": 5}')
    assert cmr("orders", "plan", path, "--max-spend", "100", "--prices", prices).exit_code == 0
    assert cmr("orders", "plan", path, "--max-spend", "lots").exit_code == 2


def test_rows_without_reference_share_orders_when_asked_for(cmr: Cmr, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user_id,domain\n" + "".join(f"{USER},d{n}.com\n" for n in range(5)))
    assert "orders     5," in cmr("orders", "plan", path).stdout
    assert "orders     3," in cmr("orders", "plan", path, "--domains-per-order", "2").stdout


def test_a_format_that_is_none_is_refused(cmr: Cmr, orders: Path) -> None:
    result = cmr("orders", "plan", orders, "--format", "poem")
    assert result.exit_code == 2
    assert "'poem' is not one of 'csv', 'json', 'jsonl', 'xlsx'" in result.stderr


def test_a_file_that_changes_after_its_check_is_not_sent(
    cmr: Cmr, start_simulator: Start, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = start_simulator()

    def change(*arguments: Any, **options: Any) -> None:
        show_plan(*arguments, **options)
        with orders.open("a") as file:
            file.write(f"{USER},ref-4,domain-4.com,ann,Ann,Lee,\n")

    monkeypatch.setattr("cmr_async.cli.ordering.order_input.show_plan", change)
    result = cmr("orders", "submit", orders)
    assert result.exit_code == 1
    assert "The run stopped early: " in result.output
    assert "3 not started." in result.output
    assert not simulator.state.orders


def test_an_order_of_json_has_a_longest_size(cmr: Cmr, tmp_path: Path) -> None:
    path = tmp_path / "order.json"
    path.write_bytes(orjson.dumps({"domains": [{"domain": "a.com", "years": 1}]}))
    arguments = ("orders", "plan", path, "--user-id", USER)
    assert cmr(*arguments).exit_code == 0
    refused = cmr(*arguments, "--max-order-size", 10)
    assert refused.exit_code == 2
    assert "the order is longer than 10 characters; --max-order-size sets another limit" in refused.stderr


def test_a_file_as_people_save_it_is_planned_with_its_options_and_cautions(cmr: Cmr, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = f"{USER},https://one.com/,jos\xe9@one.com,Jos\xe9,Lee,call\n" * 2
    path.write_bytes(f"user_id,domain,username,first_name,last_name,notes\n{rows}".encode("cp1252"))
    refused = cmr("orders", "plan", path)
    assert refused.exit_code == 2
    assert "to leave out: --ignore-columns notes" in refused.stderr
    refused = cmr("orders", "plan", path, "--ignore-columns", "notes")
    assert refused.exit_code == 2
    assert "row 3: is the same as row 2; delete one of them, or say --allow-duplicates" in refused.stderr
    options = ("--ignore-columns", "notes", "--allow-duplicates")
    planned = cmr("orders", "plan", path, *options)
    assert planned.exit_code == 0
    assert f'caution: {path}: is not UTF-8 and was read as windows-1252, a guess: line 2 has "jos\xe9' in planned.stderr
    assert '"https://one.com/" is a web address; the order is for one.com' in planned.stderr
    dry = cmr("orders", "submit", path, *options, "--encoding", "cp1252", "--dry-run")
    assert dry.exit_code == 0
    assert "a guess" not in dry.stderr


def test_a_sheet_is_chosen(cmr: Cmr, tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.create_sheet("Orders")
    for row in (["user_id", "domain"], [USER, "one.com"]):
        sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    assert "--sheet Orders" in cmr("orders", "plan", tmp_path / "a.xlsx").stderr
    assert cmr("orders", "submit", tmp_path / "a.xlsx", "--sheet", "Orders", "--dry-run").exit_code == 0
