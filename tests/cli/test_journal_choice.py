"""Which journal a run gets: paid orders have one unless the user wants none."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import Result

from cmr_async.cli import journal_choice
from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator

Cmr = Callable[..., Result]
Start = Callable[..., Simulator]


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of orders in a folder that is not the current one."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "there").mkdir()
    path = tmp_path / "there" / "orders.csv"
    path.write_text("user_id,reference,domain\n" + "".join(f"{DEMO_USERS[0]},r{n},d{n}.com\n" for n in (1, 2, 3)))
    return path


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_choice, "find_spec", lambda name: None if name == "sqlalchemy" else find_spec(name))


def beside(orders: Path) -> Path:
    return orders.parent / "orders.csv.journal.db"


def made(orders: Path) -> list[str]:
    folders = (orders.parent, Path.cwd())
    return sorted(path.name for folder in folders for path in folder.iterdir() if path != orders)


def test_a_paid_run_goes_on_when_the_same_command_is_given_again(
    cmr: Cmr, start_simulator: Start, orders: Path
) -> None:
    simulator = start_simulator(rate_limit=None)
    simulator.faults.add(FaultRule(kind="status", status=401, path="/orders/json", skip=1))
    paid = ("orders", "submit", orders, "--confirm", "--yes", "--concurrency", "1")
    cut = cmr(*paid)
    assert cut.exit_code == 1
    assert f"Written down in {beside(orders)}: the same command goes on there" in cut.stdout
    assert f"run the same command again: what the journal {beside(orders)} knows" in cut.stdout
    assert len(simulator.state.ledger) == 1

    planned = cmr("orders", "plan", orders)
    assert f"{beside(orders)}: 1 order to send; dealt with before: 1 accepted, 1 rejected" in planned.stdout
    assert "journal " not in cmr("orders", "plan", orders, "--no-journal").stdout

    again = cmr(*paid)
    assert again.exit_code == 1
    assert "1 skipped: accepted in an earlier run." in again.stdout
    assert f"`cmr orders resubmit {beside(orders)}`" in again.stdout
    assert len(simulator.state.ledger) == 2
    assert made(orders) == ["orders.csv.journal.db"]


def test_orders_from_a_pipe_have_a_journal_in_the_current_folder(
    cmr: Cmr, start_simulator: Start, orders: Path
) -> None:
    simulator = start_simulator(rate_limit=None)
    first, again = (cmr("orders", "submit", "-", "--confirm", "--yes", text=orders.read_text()) for _ in range(2))
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert "3 skipped: accepted in an earlier run." in again.stdout
    assert len(simulator.state.ledger) == 3
    assert made(orders) == ["cmr-orders.journal.db"]


@pytest.mark.parametrize(
    "options",
    [(), ("--confirm", "--yes", "--no-journal"), ("--simulator", "--confirm"), ("--confirm", "--dry-run")],
    ids=["drafts", "unwanted", "simulator", "dry run"],
)
def test_only_what_spends_money_gets_a_journal(
    cmr: Cmr, start_simulator: Start, orders: Path, options: tuple[str, ...]
) -> None:
    start_simulator(rate_limit=None)
    assert cmr("orders", "submit", orders, *options).exit_code == 0
    assert cmr("orders", "plan", orders).exit_code == 0
    assert made(orders) == []


def test_nothing_is_made_before_the_question_is_answered(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    start_simulator()
    refused = cmr("orders", "submit", orders, "--confirm")
    assert refused.exit_code == 2
    assert "Written down" not in refused.stdout
    assert made(orders) == []


def test_a_journal_that_was_named_takes_the_place_of_the_default(
    cmr: Cmr, start_simulator: Start, orders: Path, tmp_path: Path
) -> None:
    start_simulator(rate_limit=None)
    result = cmr("orders", "submit", orders, "--confirm", "--yes", "--journal", tmp_path / "run.db")
    assert (tmp_path / "run.db").exists()
    assert "Written down in" not in result.stdout
    assert made(orders) == []


@pytest.mark.parametrize("command", ["plan", "submit"])
def test_a_journal_and_none_is_a_contradiction(cmr: Cmr, start_simulator: Start, orders: Path, command: str) -> None:
    start_simulator()
    result = cmr("orders", command, orders, "--journal", "run.db", "--no-journal")
    assert result.exit_code == 2
    assert "say one of them" in result.stderr


@pytest.mark.usefixtures("without_extra")
def test_without_the_extra_it_says_how_to_get_it_and_goes_on(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator(rate_limit=None)
    refused = cmr("orders", "submit", orders, "--confirm")
    assert refused.exit_code == 2
    assert 'pip install "cmr-async[journal]"' in refused.stderr
    assert not simulator.state.ledger

    result = cmr("orders", "submit", orders, "--confirm", "--yes")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "Do not send the file again."
    assert len(simulator.state.ledger) == 3
    assert made(orders) == []

    quiet = cmr("orders", "submit", orders, "--confirm", "--dry-run")
    assert quiet.stderr == ""


def test_a_folder_that_is_read_only_is_said_before_anything_is_sent(
    cmr: Cmr, start_simulator: Start, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = start_simulator()
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    result = cmr("orders", "submit", orders, "--confirm", "--yes")
    assert result.exit_code == 2
    assert "its folder is read-only. Name another place with --journal" in result.stderr
    assert not simulator.state.orders
