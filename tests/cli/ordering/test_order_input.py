"""`cmr orders plan` and `submit` beside a journal that has dealt with some of the file's orders before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from cmr_async import DomainRegistration, Order, OrderRequest
from cmr_async.cli.ordering import run
from cmr_async.journal.journal import Journal, StepState
from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator
from tests.cli.conftest import Cmr, Start


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    rows = [f"{DEMO_USERS[0]},ref-{n},domain-{n}.com,home.com\n" for n in (1, 2, 3)]
    path.write_text("user_id,reference,domain,forward_to\n" + "".join(rows))
    return path


def state_of(journal: Path, key: str) -> StepState:
    async def look() -> StepState:
        async with Journal(journal, create=False) as opened:
            entry = await opened.get(key)
            assert entry is not None
            return entry.state

    return asyncio.run(look())


def journal_line(result: Result) -> str:
    (line,) = (line for line in result.output.splitlines() if line.startswith("  journal "))
    return line.split(None, 1)[1]


def test_a_plan_shows_what_was_dealt_with_before(
    cmr: Cmr, start_simulator: Start, orders: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "run.db"
    assert journal_line(cmr("orders", "plan", orders, "--journal", journal)) == f"{journal} (new): 3 orders to send"
    assert not journal.exists()

    simulator = start_simulator(rate_limit=None)
    simulator.faults.add(FaultRule(kind="reset", after_processing=True, path="/orders/json", skip=1))
    simulator.faults.add(FaultRule(kind="status", status=422, path="/orders/json", skip=2))
    cmr("orders", "submit", orders, "--confirm", "--yes", "--journal", journal, "--concurrency", "1")
    with orders.open("a") as file:
        file.write(f"{DEMO_USERS[0]},ref-4,domain-4.com,home.com\n")
    result = cmr("orders", "plan", orders, "--journal", journal)
    assert result.exit_code == 0
    assert journal_line(result) == (f"{journal}: 1 order to send; dealt with before: 1 accepted, 1 unknown, 1 rejected")
    assert "domains    1 to register" in result.output
    assert "cost       about $15.88 when paid" in result.output


def test_limits_count_only_what_would_be_sent(cmr: Cmr, simulator: Simulator, orders: Path, tmp_path: Path) -> None:
    journal = ("--journal", tmp_path / "run.db")
    limited = ("orders", "submit", orders, "--confirm", "--yes", *journal, "--max-orders", "2")
    assert "limit      stops after 2 orders" in cmr(*limited).output
    again = cmr(*limited)
    assert again.exit_code == 0
    assert "limit " not in again.output
    assert "1 paid order accepted of 3 orders." in again.output
    assert len(simulator.state.ledger) == 3


def test_nobody_is_asked_when_nothing_is_left_to_send(
    cmr: Cmr, simulator: Simulator, orders: Path, tmp_path: Path
) -> None:
    submit = ("orders", "submit", orders, "--confirm", "--journal", tmp_path / "run.db")
    assert cmr(*submit).exit_code == 2  # nobody can be asked here
    assert cmr(*submit, "--yes").exit_code == 0
    again = cmr(*submit)
    assert again.exit_code == 0
    assert "3 skipped" in again.output
    assert len(simulator.state.ledger) == 3


def test_changed_orders_are_all_shown_before_anything_is_sent(
    cmr: Cmr, simulator: Simulator, orders: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "run.db"
    submit = ("orders", "submit", orders, "--confirm", "--yes", "--journal", journal)
    cmr(*submit)
    text = orders.read_text().replace("domain-1.com,home", "domain-1.com,away").replace("domain-3.com", "other-3.com")
    orders.write_text(text + f"{DEMO_USERS[0]},ref-4,domain-4.com,home.com\n")

    refused = cmr(*submit)
    assert refused.exit_code == 2
    assert refused.stderr.splitlines() == [
        f'{orders}, row 2, forward_to: the journal has "home.com", now it is "away.com" (ref-1, accepted there)',
        f'{orders}, row 4, domain: the journal has "domain-3.com", now it is "other-3.com" (ref-3, accepted there)',
        f"cmr: 2 faults in {orders}; nothing was sent.",
        (
            f"2 orders changed since the journal {journal} was written. Put back what was there, or leave such "
            "orders out with --skip-invalid. A new reference makes a changed order a new purchase."
        ),
        "More: `cmr docs order-files`",
    ]
    assert len(simulator.state.ledger) == 3

    rest = cmr(*submit, "--skip-invalid")
    assert rest.exit_code == 1
    assert "1 paid order accepted of 2 orders." in rest.output
    assert "2 left out because of faults." in rest.output
    assert len(simulator.state.ledger) == 4
    assert simulator.state.purchases("other-3.com") == 0
    assert state_of(journal, "ref-4") is StepState.ACCEPTED


def test_a_domain_is_not_bought_again_under_another_reference(
    cmr: Cmr, simulator: Simulator, orders: Path, tmp_path: Path
) -> None:
    submit = ("orders", "submit", orders, "--confirm", "--yes", "--journal", tmp_path / "run.db")
    cmr(*submit)
    orders.write_text(orders.read_text().replace("ref-2", "renamed"))
    refused = cmr(*submit)
    assert refused.exit_code == 2
    assert f"{orders}, row 3, domain: domain-2.com is ordered by ref-2 (accepted) in the journal" in refused.stderr
    assert len(simulator.state.ledger) == 3


PATH = "/orders/process"


def drafts_and_one_more(cmr: Cmr, orders: Path, journal: Path) -> None:
    """Make drafts of the file, then add an order to the file."""
    assert cmr("orders", "submit", orders, "--journal", journal).exit_code == 0
    with orders.open("a") as file:
        file.write(f"{DEMO_USERS[0]},ref-4,domain-4.com,home.com\n")


def test_drafts_are_paid_instead_of_being_ordered_a_second_time(
    cmr: Cmr, simulator: Simulator, orders: Path, tmp_path: Path
) -> None:
    drafts_and_one_more(cmr, orders, tmp_path / "run.db")
    pay = ("orders", "submit", orders, "--journal", tmp_path / "run.db", "--confirm", "--process-path", PATH)
    refused = cmr(*pay)
    assert "  drafts     3 drafts will be paid, 1 new order" in refused.output
    assert "money on 4 orders, 4 domains, 0 mailboxes, and nobody can be asked here: add --yes." in refused.stderr
    assert not simulator.state.ledger

    paid = cmr(*pay, "--yes")
    assert paid.exit_code == 0
    assert "4 paid orders accepted of 4 orders." in paid.output
    assert len(simulator.state.orders) == 4
    assert [simulator.state.purchases(f"domain-{n}.com") for n in (1, 2, 3, 4)] == [1, 1, 1, 1]

    again = cmr(*pay)
    assert again.exit_code == 0
    assert "4 skipped: accepted in an earlier run." in again.output
    draft = cmr("orders", "submit", orders, "--journal", tmp_path / "run.db")
    assert (draft.exit_code, len(simulator.state.orders)) == (0, 4)


def test_without_the_path_drafts_are_named_and_nothing_is_sent(
    cmr: Cmr, simulator: Simulator, orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts_and_one_more(cmr, orders, tmp_path / "run.db")
    ids = list(simulator.state.orders)
    pay = ("orders", "submit", orders, "--journal", tmp_path / "run.db", "--confirm", "--yes")
    refused = cmr(*pay)
    assert refused.exit_code == 2
    assert f"cmr: 3 orders of the file exist as drafts in the journal {tmp_path / 'run.db'}: ref-" in refused.stderr
    for order_id in ids:
        assert f"(order {order_id})" in refused.stderr
    assert "say --process-path /the/path or set CMR_PROCESS_PATH" in refused.stderr
    assert f"`cmr orders process {tmp_path / 'run.db'} --path /the/path`" in refused.stderr
    assert "name another journal with --journal" in refused.stderr
    assert list(simulator.state.orders) == ids
    dry = cmr(*pay, "--dry-run")
    assert dry.exit_code == 0
    assert "3 drafts will be paid, 1 new order" in dry.stdout
    assert dry.stderr.splitlines()[-2].startswith("note: to pay for the drafts, the path of ")
    assert cmr(*pay, "--process-path", "no-slash").exit_code == 2

    monkeypatch.setenv("CMR_PROCESS_PATH", PATH)
    assert cmr(*pay).exit_code == 0
    assert len(simulator.state.ledger) == 4


def test_drafts_that_were_made_before_may_be_left_for_a_second_order_in_another_journal(
    cmr: Cmr, simulator: Simulator, orders: Path, tmp_path: Path
) -> None:
    assert cmr("orders", "submit", orders).exit_code == 0
    other = cmr("orders", "submit", orders, "--journal", tmp_path / "other.db", "--confirm", "--yes")
    assert other.exit_code == 0
    assert "knows 3 of these orders as accepted, and this run does not use it" in other.stderr
    assert len(simulator.state.orders) == 6


def between_plan_and_run(monkeypatch: pytest.MonkeyPatch, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    made = run.Submission.__init__

    def work_first(*arguments: Any, **options: Any) -> None:
        asyncio.run(work())
        made(*arguments, **options)

    monkeypatch.setattr(run.Submission, "__init__", work_first)


def test_more_is_never_sent_than_the_plan_showed(
    cmr: Cmr, simulator: Simulator, orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between plan and run somebody plans a refused order again; nobody has said yes to that one."""
    journal = tmp_path / "run.db"
    simulator.faults.add(FaultRule(kind="status", status=422, path="/orders/json", skip=1))
    submit = ("orders", "submit", orders, "--confirm", "--journal", journal)
    cmr(*submit, "--yes", "--concurrency", "1")

    async def plan_again() -> None:
        async with Journal(journal) as opened:
            await opened.resubmit("ref-2")

    between_plan_and_run(monkeypatch, plan_again)
    result = cmr(*submit)
    assert "more orders are to be sent than the plan showed" in result.output
    assert result.exit_code == 1
    assert len(simulator.state.ledger) == 2


def test_an_order_that_contradicts_the_journal_only_now_ends_the_run_and_says_why(
    cmr: Cmr, simulator: Simulator, orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = tmp_path / "run.db"
    submit = ("orders", "submit", orders, "--confirm", "--yes", "--journal", journal)
    cmr(*submit, "--max-orders", "1")

    async def plan_another() -> None:
        order = Order(domains=[DomainRegistration(domain="domain-3.com", forward_to="away.com")], confirm=True)
        async with Journal(journal) as opened:
            await opened.add([OrderRequest(user_id=DEMO_USERS[0], reference="ref-3", order=order)])
            claim = await opened.claim("ref-3")
            assert claim is not None
            await opened.record(claim, StepState.ACCEPTED)

    between_plan_and_run(monkeypatch, plan_another)
    result = cmr(*submit)
    assert result.exit_code == 1
    assert f"this had no fault when the file was checked: {orders}, row 4, forward_to: the journal has" in result.output
    assert len(simulator.state.ledger) == 2
