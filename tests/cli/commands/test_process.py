"""`cmr orders process`: drafts of a journal are paid once each, after a question, at a path that must be given."""

from __future__ import annotations

import asyncio
import csv
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import Result

from cmr_async import AsyncClient, DomainRegistration, Mailbox, Order, OrderRequest
from cmr_async.core.order.prices import PriceList
from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator
from tests.cli.conftest import Cmr, Start
from tests.cli.terminal import on_terminal

PATH = "/some/place"


@pytest.fixture
def simulator(start_simulator: Start) -> Simulator:
    return start_simulator(rate_limit=None, endpoints={"orders.process": PATH})


def a_request(key: str, *, confirm: bool = False) -> OrderRequest:
    domain = f"{key[0]}-domain.com"
    boxes = {domain: [Mailbox(username="ann", first_name="Ann", last_name="Lee")]}
    order = Order(domains=[DomainRegistration(domain=domain)], mailboxes=boxes, confirm=confirm)
    return OrderRequest(user_id=DEMO_USERS[0], reference=key, order=order)


async def submit(simulator: Simulator, journal: Path, *requests: OrderRequest) -> None:
    async with AsyncClient(simulator.api_key, simulator.base_url, gap=0) as client:
        async for _ in client.bulk.submit(requests, journal=journal, concurrency=1):
            pass


@pytest.fixture
def journal(simulator: Simulator, tmp_path: Path) -> Path:
    """Three accepted drafts, a refused one, and a paid order."""
    journal = tmp_path / "run.db"
    simulator.faults.add(FaultRule(kind="status", status=422, skip=3))
    asyncio.run(submit(simulator, journal, *map(a_request, "abcd"), a_request("e", confirm=True)))
    assert paid(simulator) == ["e"]
    return journal


@pytest.fixture
def process(cmr: Cmr, journal: Path) -> Cmr:
    def run(*more: str | Path) -> Result:
        return cmr("orders", "process", journal, "--path", PATH, "--concurrency", "1", *more)

    return run


def paid(simulator: Simulator) -> list[str]:
    """References of the orders that money was taken for, in that order."""
    return [simulator.state.orders[line.order_id].body.domains[0].domain[0] for line in simulator.state.ledger]


def states(cmr: Cmr, journal: Path) -> dict[str, str]:
    lines = cmr("journal", "show", journal, "--step", "process").stdout.splitlines()
    cells = [line.split("\t") for line in lines if "\t" in line]
    assert {cell[1] for cell in cells} <= {"process"}
    return {cell[2]: cell[0] for cell in cells}


@pytest.mark.parametrize(
    ("key", "reference", "row"), [("  a", "  a", "1"), ("sha256:x", "sha256:x", "1"), ("other", "a", "0")]
)
def test_a_draft_with_a_key_of_another_making_is_paid_and_reported_like_the_others(
    process: Cmr, journal: Path, key: str, reference: str, row: str
) -> None:
    with closing(sqlite3.connect(journal)) as connection, connection:
        for table in ("orders", "steps", "events"):
            connection.execute(f"UPDATE cmr_{table} SET key = ? WHERE key = 'a'", (key,))
        connection.execute("UPDATE cmr_orders SET reference = ? WHERE key = ?", (reference, key))
    output = journal.with_name("results.csv")
    result = process("--yes", "--output", output)
    assert result.exit_code == 0, result.output
    with output.open(newline="") as file:
        assert [(line["row"], line["state"]) for line in csv.DictReader(file)] == [
            (number, "accepted") for number in (row, "2", "3")
        ]


def test_the_accepted_drafts_are_paid_once_each(
    cmr: Cmr, process: Cmr, simulator: Simulator, journal: Path, tmp_path: Path
) -> None:
    result = process("--yes", "--output", tmp_path / "results.csv")
    assert result.exit_code == 0
    assert "3 of 3 drafts processed." in result.output
    assert "is not documented. It said: 3 x Order created and queued for processing" in result.stderr
    assert paid(simulator) == ["e", "a", "b", "c"]
    assert states(cmr, journal) == dict.fromkeys("abc", "accepted")
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["row"], row["reference"], row["state"], row["confirm"]) for row in rows] == [
        ("1", "a", "accepted", "true"),
        ("2", "b", "accepted", "true"),
        ("3", "c", "accepted", "true"),
    ]
    assert {row["order_id"] for row in rows} <= set(simulator.state.orders)

    again = process()  # there is nothing left to ask about
    assert again.exit_code == 0
    assert "journal    " + str(journal) + ": 0 drafts to send; dealt with before: 3 accepted" in again.output
    assert "3 skipped: accepted in an earlier run." in again.output
    assert len(simulator.state.ledger) == 4


def test_without_its_path_nothing_is_sent_and_it_says_what_to_do(
    cmr: Cmr, simulator: Simulator, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = cmr("orders", "process", journal, "--yes")
    assert refused.exit_code == 2
    assert "is not documented. When you know it, say --path /the/path or set CMR_PROCESS_PATH." in refused.stderr
    assert cmr("orders", "process", journal, "--yes", "--path", "no-slash").exit_code == 2
    assert paid(simulator) == ["e"]
    monkeypatch.setenv("CMR_PROCESS_PATH", PATH)
    assert cmr("orders", "process", journal, "--yes").exit_code == 0
    assert len(simulator.state.ledger) == 4


def test_without_a_key_nothing_is_read(process: Cmr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CMR_API_KEY")
    result = process("--yes")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "set CMR_API_KEY" in result.stderr


def test_where_nobody_can_be_asked_yes_must_have_been_said(process: Cmr, simulator: Simulator) -> None:
    refused = process()
    assert refused.exit_code == 2
    assert (
        "cmr: processing spends money on 3 drafts, 3 domains, 3 mailboxes, and nobody can be asked here: add --yes."
        in refused.stderr
    )
    assert paid(simulator) == ["e"]


def test_on_a_terminal_it_asks_first(journal: Path, simulator: Simulator) -> None:
    arguments = ("orders", "process", journal, "--path", PATH, "--concurrency", "1")
    with on_terminal(*arguments) as terminal:
        terminal.read_until("Spend money on 3 drafts, 3 domains, 3 mailboxes, about $56.64? [y/N]")
        terminal.type("n\n")
        assert terminal.end() == 1
    assert paid(simulator) == ["e"]
    with on_terminal(*arguments) as terminal:
        terminal.read_until("[y/N]")
        terminal.type("y\n")
        assert terminal.end() == 0
    assert paid(simulator) == ["e", "a", "b", "c"]


def test_a_dry_run_needs_neither_key_nor_path(
    cmr: Cmr, journal: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CMR_API_KEY")
    result = cmr("orders", "process", journal, "--dry-run")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "Plan",
        "  drafts     3, paid at once",
        f"  journal    {journal}: 3 drafts to send",
        "  domains    3 to register",
        "  mailboxes  3",
        "  users      1",
        f"  cost       about $56.64 when paid ({PriceList().source})",
        "Dry run: nothing was sent.",
    ]
    assert states(cmr, journal) == {}
    assert paid(simulator) == ["e"]


@pytest.mark.parametrize(
    ("limit", "reached"),
    [
        (("--max-orders", "2"), "the limit of 2 orders is reached"),
        (("--max-spend", "40"), "the next order would pass the limit of $40.00"),
    ],
)
def test_a_limit_holds_the_rest_back_until_the_next_time(
    process: Cmr, simulator: Simulator, limit: tuple[str, str], reached: str
) -> None:
    first = process("--yes", *limit)
    assert first.exit_code == 1
    assert "limit      stops after 2 drafts, about $37.76" in first.output
    assert "1 not started." in first.output
    assert f"The run stopped early: {reached}." in first.output
    assert paid(simulator) == ["e", "a", "b"]
    assert process("--yes", *limit).exit_code == 0
    assert paid(simulator) == ["e", "a", "b", "c"]


def test_drafts_can_be_named(process: Cmr, simulator: Simulator) -> None:
    assert process("--yes", "--reference", "c").exit_code == 0
    assert paid(simulator) == ["e", "c"]
    for strange in ("d", "e", "nobody"):  # refused, paid already, not there
        result = process("--yes", "--reference", "a", "--reference", strange)
        assert result.exit_code == 2
        assert f"holds no accepted draft {strange}" in result.stderr
    assert paid(simulator) == ["e", "c"]


def test_a_draft_whose_processing_got_no_answer_is_shown_and_left_alone(
    cmr: Cmr, process: Cmr, simulator: Simulator, journal: Path
) -> None:
    simulator.faults.add(FaultRule(kind="reset", after_processing=True, path=PATH))
    simulator.faults.add(FaultRule(kind="status", status=422, path=PATH, skip=1))
    first = process("--yes")
    assert first.exit_code == 3
    assert f"The unknown orders are left alone: run `cmr orders reconcile {journal}`." in first.output
    assert states(cmr, journal) == {"a": "unknown", "b": "rejected", "c": "accepted"}
    assert paid(simulator) == ["e", "a", "c"]
    again = process()
    assert again.exit_code == 3
    assert "1 UNKNOWN: may or may not have been placed." in again.output
    assert f"`cmr orders resubmit {journal} --all-rejected --step process`" in again.output
    assert paid(simulator) == ["e", "a", "c"]

    assert cmr("orders", "resubmit", journal, "--reference", "a", "--step", "process").exit_code == 2
    assert cmr("orders", "resubmit", journal, "--all-rejected", "--step", "process").exit_code == 0
    process("--yes")
    assert paid(simulator) == ["e", "a", "c", "b"]


def test_a_domain_is_not_bought_by_two_drafts(process: Cmr, simulator: Simulator, journal: Path) -> None:
    asyncio.run(submit(simulator, journal, a_request("a2")))
    result = process("--yes")
    assert result.exit_code == 2
    assert (
        f"{journal}, row 2, domains[0].domain: a-domain.com is registered by the order at row 1 already"
        in result.stderr
    )
    assert "Name the drafts that are right with --reference." in result.stderr
    assert paid(simulator) == ["e"]
    assert process("--yes", "--reference", "a2").exit_code == 0
    assert paid(simulator) == ["e", "a"]
    again = process("--yes", "--reference", "a")
    assert again.exit_code == 2
    assert "a-domain.com is paid for by another order of this journal already" in again.stderr
    assert paid(simulator) == ["e", "a"]


def test_a_domain_is_not_bought_by_a_draft_after_a_paid_order(
    process: Cmr, simulator: Simulator, journal: Path
) -> None:
    asyncio.run(submit(simulator, journal, a_request("b2", confirm=True)))
    result = process("--yes")
    assert result.exit_code == 2
    assert "row 2, domains[0].domain: b-domain.com is paid for by another order of this journal" in result.stderr
    assert paid(simulator) == ["e", "b"]


def test_a_journal_without_drafts_is_an_error(cmr: Cmr, tmp_path: Path, process: Cmr, simulator: Simulator) -> None:
    missing = cmr("orders", "process", tmp_path / "typo.db", "--path", PATH, "--yes")
    assert missing.exit_code == 2
    assert "There is no journal" in missing.stderr
    assert not (tmp_path / "typo.db").exists()
    assert paid(simulator) == ["e"]
    assert process("--dry-run").exit_code == 0


def test_a_journal_of_paid_orders_only_has_nothing_to_process(cmr: Cmr, tmp_path: Path, simulator: Simulator) -> None:
    journal = tmp_path / "paid.db"
    asyncio.run(submit(simulator, journal, a_request("e", confirm=True)))
    result = cmr("orders", "process", journal, "--path", PATH, "--yes")
    assert result.exit_code == 2
    assert f"cmr: {journal} holds no accepted draft. Nothing was sent.\n" in result.stderr


def test_a_spending_limit_needs_every_price(cmr: Cmr, tmp_path: Path, simulator: Simulator) -> None:
    journal = tmp_path / "warm.db"
    box = Mailbox(username="ann", first_name="Ann", last_name="Lee", on_warmup=True)
    order = Order(domains=[DomainRegistration(domain="warm.com")], mailboxes={"warm.com": [box]})
    asyncio.run(submit(simulator, journal, OrderRequest(user_id=DEMO_USERS[0], order=order)))
    limited = ("orders", "process", journal, "--path", PATH, "--yes", "--max-spend", "100")
    refused = cmr(*limited)
    assert refused.exit_code == 2
    assert "needs the price of warmup, which is not published: give it with your prices." in refused.stderr
    assert paid(simulator) == []


def test_a_journal_is_shown_step_by_step(cmr: Cmr, process: Cmr, journal: Path) -> None:
    process("--yes")
    shown = cmr("journal", "show", journal)
    assert shown.stderr.splitlines() == ["create: 4 accepted, 1 rejected", "process: 3 accepted"]
    whole = shown.stdout.splitlines()
    created = cmr("journal", "show", journal, "--step", "create").stdout.splitlines()
    assert (len(whole), len(created)) == (5 + 3, 5)
    wrong = cmr("journal", "show", journal, "--step", "paid")
    assert wrong.exit_code == 2
    assert "'paid' is not one of 'create', 'process'" in wrong.stderr
