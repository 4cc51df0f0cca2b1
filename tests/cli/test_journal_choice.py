"""Which journal a run gets: the one beside the file, unless the user names another or wants none."""

from __future__ import annotations

import re
import sys
from functools import partial
from pathlib import Path

import pytest

from cmr_async.cli import journal_choice
from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator
from tests.cli.conftest import Cmr, Start


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of orders in a folder that is not the current one."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "there").mkdir()
    path = tmp_path / "there" / "orders.csv"
    path.write_text("user_id,reference,domain\n" + "".join(f"{DEMO_USERS[0]},r{n},d{n}.com\n" for n in (1, 2, 3)))
    return path


def beside(orders: Path) -> Path:
    return orders.parent / "orders.csv.journal.db"


def made(orders: Path) -> list[str]:
    folders = (orders.parent, Path.cwd())
    return sorted(path.name for folder in folders for path in folder.iterdir() if path != orders)


def test_a_paid_run_goes_on_when_the_same_command_is_given_again(cmr: Cmr, simulator: Simulator, orders: Path) -> None:
    simulator.faults.add(FaultRule(kind="status", status=422, path="/orders/json", skip=1))
    paid = ("orders", "submit", orders, "--confirm", "--yes", "--concurrency", "1")
    cut = cmr(*paid, "--max-orders", "2")
    assert cut.exit_code == 1
    assert f"Written down in {beside(orders)}: the same command goes on there" in cut.output
    assert f"run the same command again: what the journal {beside(orders)} has settled" in cut.output
    assert len(simulator.state.ledger) == 1

    planned = cmr("orders", "plan", orders)
    assert f"{beside(orders)}: 1 order to send; dealt with before: 1 accepted, 1 rejected" in planned.output
    assert "journal " not in cmr("orders", "plan", orders, "--no-journal").stdout

    again = cmr(*paid)
    assert again.exit_code == 1
    assert "1 skipped: accepted in an earlier run." in again.output
    assert "correct their rows, or send them as they are with --retry-rejected" in again.output
    assert len(simulator.state.ledger) == 2

    whole = cmr(*paid, "--retry-rejected")
    assert whole.exit_code == 0
    assert f"{beside(orders)}: 1 order to send; dealt with before: 2 accepted" in whole.output
    assert len(simulator.state.ledger) == 3
    assert made(orders) == ["orders.csv.journal.db"]


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_paid_orders_from_a_pipe_need_a_journal_that_is_named(
    cmr: Cmr, simulator: Simulator, orders: Path, name: str
) -> None:
    refused = cmr("orders", "submit", name, "--confirm", "--yes", text=orders.read_text())
    assert refused.exit_code == 2
    assert "--journal cmr-orders.journal.db; or go without one: --no-journal." in refused.stderr
    assert not simulator.state.orders
    assert made(orders) == []


def test_drafts_from_a_pipe_may_go_without_a_journal(cmr: Cmr, simulator: Simulator, orders: Path) -> None:
    result = cmr("orders", "submit", "-", text=orders.read_text())
    assert result.exit_code == 0
    assert "drafts from a pipe are not written down" in result.stderr
    assert "--journal cmr-orders.journal.db." in result.stderr
    assert len(simulator.state.orders) == 3
    assert made(orders) == []
    assert "not written down" not in cmr("orders", "submit", "-", "--no-journal", text=orders.read_text()).stderr


def test_a_file_without_links_is_called_as_it_was_typed(orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(orders.parent)
    assert journal_choice.journal_beside("orders.csv") == Path("orders.csv.journal.db")
    assert journal_choice.journal_beside("../there/orders.csv") == Path("../there/orders.csv.journal.db")


def test_drafts_have_a_journal_too(cmr: Cmr, simulator: Simulator, orders: Path) -> None:
    first, again = (cmr("orders", "submit", orders) for _ in range(2))
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert f"Written down in {beside(orders)}" in first.output
    assert "3 skipped: accepted in an earlier run." in again.output
    assert len(simulator.state.orders) == 3


@pytest.mark.parametrize(
    "options",
    [("--confirm", "--yes", "--no-journal"), ("--no-journal",), ("--simulator", "--confirm"), ("--dry-run",)],
    ids=["paid", "drafts", "simulator", "dry run"],
)
def test_no_journal_is_made_where_none_is_wanted(
    cmr: Cmr, start_simulator: Start, orders: Path, options: tuple[str, ...]
) -> None:
    start_simulator(rate_limit=None)
    assert cmr("orders", "submit", orders, *options).exit_code == 0
    assert cmr("orders", "plan", orders).exit_code == 0
    assert made(orders) == []


def test_a_simulators_run_has_the_journal_that_was_named_only(
    cmr: Cmr, start_simulator: Start, orders: Path, tmp_path: Path
) -> None:
    start_simulator(rate_limit=None)
    assert cmr("orders", "submit", orders, "--confirm", "--yes").exit_code == 0
    simulated = cmr("orders", "submit", orders, "--simulator", "--confirm")
    assert "3 paid orders accepted of 3 orders." in simulated.output
    named = ("--journal", tmp_path / "tried.db")
    assert cmr("orders", "submit", orders, "--simulator", *named).exit_code == 0
    assert "3 accepted" in cmr("orders", "submit", orders, "--simulator", *named, "--dry-run").stdout


def test_paying_without_a_journal_says_what_that_means(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    start_simulator(rate_limit=None)
    result = cmr("orders", "submit", orders, "--confirm", "--yes", "--no-journal")
    assert "--no-journal: nothing is written down" in result.stderr
    assert "sending the file again buys them again" in result.stderr
    assert result.stderr.splitlines()[-1] == "Do not send the file again."


@pytest.mark.parametrize(
    ("options", "again"),
    [
        (("--no-journal",), "they are ordered again."),
        (("--journal", "another.db"), "what its own journal does not know is ordered again."),
    ],
)
def test_a_journal_beside_the_file_that_is_not_used_is_spoken_of_before_money(
    cmr: Cmr, simulator: Simulator, orders: Path, options: tuple[str, ...], again: str
) -> None:
    simulator.faults.add(FaultRule(kind="reset", after_processing=True, path="/orders/json", skip=2))
    cmr("orders", "submit", orders, "--confirm", "--yes", "--concurrency", "1")
    refused = cmr("orders", "submit", orders, "--confirm", *options)  # nobody can be asked here
    assert refused.exit_code == 2
    assert (
        f"warning: {beside(orders)} knows 2 of these orders as accepted and 1 of these orders as unknown, and this run "
        f"does not use it: {again}"
    ) in refused.stderr
    assert len(simulator.state.ledger) == 3


def test_a_file_beside_the_orders_that_is_no_journal_is_spoken_of_too(
    cmr: Cmr, simulator: Simulator, orders: Path
) -> None:
    beside(orders).write_text("something else, and long enough to look like it" * 100)
    result = cmr("orders", "submit", orders, "--confirm", "--yes", "--no-journal")
    assert "warning: the journal beside the file is not used and cannot be read:" in result.stderr
    assert len(simulator.state.ledger) == 3


def test_a_file_that_was_renamed_is_not_bought_a_second_time(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator(rate_limit=None)
    simulator.faults.add(FaultRule(kind="reset", path="/orders/json", skip=2))
    cmr("orders", "submit", orders, "--confirm", "--yes", "--concurrency", "1")
    renamed = orders.rename(orders.with_name("march.csv"))
    refused = cmr("orders", "submit", renamed, "--confirm", "--yes")
    assert refused.exit_code == 2
    assert f"{beside(orders)} knows 2 of these orders as accepted and 1 of these orders as unknown" in refused.stderr
    assert f"go on with its journal: --journal {beside(orders)}." in refused.stderr
    assert not renamed.with_name("march.csv.journal.db").exists()
    assert len(simulator.state.ledger) == 2

    went_on = cmr("orders", "submit", renamed, "--confirm", "--yes", "--journal", beside(orders))
    assert "2 skipped: accepted in an earlier run." in went_on.output
    named = cmr("orders", "submit", renamed, "--confirm", "--yes", "--journal", f"{renamed}.journal.db")
    assert "3 paid orders accepted of 3 orders." in named.output


@pytest.mark.parametrize("reference", ["", "r1"])
def test_a_file_that_was_saved_anew_with_other_cells_is_not_bought_a_second_time(
    cmr: Cmr, start_simulator: Start, orders: Path, reference: str
) -> None:
    simulator = start_simulator(rate_limit=None)
    row = f"{DEMO_USERS[0]},{reference},d1.com,007,James,Bond"
    orders.write_text(f"user_id,reference,domain,username,first_name,last_name\n{row}\n")
    cmr("orders", "submit", orders, "--confirm", "--yes")
    saved = orders.with_name("saved.csv")
    saved.write_text(orders.read_text().replace("007", "7"))
    refused = cmr("orders", "submit", saved, "--confirm", "--yes")
    assert refused.exit_code == 2
    assert f"{beside(orders)} knows 1 of these orders as ordered with other content, and this run" in refused.stderr
    assert len(simulator.state.ledger) == 1


def test_other_files_of_the_folder_hold_no_run_up(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator(rate_limit=None)
    (orders.parent / "no.journal.db").write_text("something else, and long enough to look like it" * 100)
    (orders.parent / "folder.journal.db").mkdir()
    simulator.faults.add(FaultRule(kind="status", status=422, path="/orders/json", times=2))
    cmr("orders", "submit", orders, "--confirm", "--yes", "--concurrency", "1", "--max-orders", "2")
    assert simulator.state.ledger == []
    renamed = orders.rename(orders.with_name("march.csv"))  # what was refused bought nothing
    assert "3 paid orders accepted of 3 orders." in cmr("orders", "submit", renamed, "--confirm", "--yes").output
    others = renamed.with_name("april.csv")
    # The same references, for other domains
    numbered = renamed.with_name("may.csv")
    numbered.write_text(renamed.read_text().replace(",d", ",f").replace(",fomain", ",domain"))
    assert "3 paid orders accepted of 3 orders." in cmr("orders", "submit", numbered, "--confirm", "--yes").output
    others.write_text(re.sub(r"r(\d),d(\d)", r"s\1,e\2", renamed.read_text()))
    assert "3 paid orders accepted of 3 orders." in cmr("orders", "submit", others, "--confirm", "--yes").output


def test_nothing_is_made_before_the_question_is_answered(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    start_simulator()
    refused = cmr("orders", "submit", orders, "--confirm")
    assert refused.exit_code == 2
    assert "Written down" not in refused.output
    assert made(orders) == []


def test_a_journal_that_was_named_takes_the_place_of_the_default(
    cmr: Cmr, start_simulator: Start, orders: Path, tmp_path: Path
) -> None:
    start_simulator(rate_limit=None)
    result = cmr("orders", "submit", orders, "--confirm", "--yes", "--journal", tmp_path / "run.db")
    assert (tmp_path / "run.db").exists()
    assert "Written down in" not in result.output
    assert made(orders) == []


@pytest.mark.parametrize("command", ["plan", "submit"])
def test_a_journal_and_none_is_a_contradiction(cmr: Cmr, start_simulator: Start, orders: Path, command: str) -> None:
    start_simulator()
    result = cmr("orders", command, orders, "--journal", "run.db", "--no-journal")
    assert result.exit_code == 2
    assert "say one of them" in result.stderr


@pytest.mark.parametrize("options", [("--confirm", "--yes"), ()], ids=["paid", "drafts"])
def test_without_sqlalchemy_nothing_is_sent_and_it_says_how_to_get_it(
    cmr: Cmr, simulator: Simulator, orders: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    on_sqlalchemy = ("cmr_async.journal.states", "cmr_async.journal.storage.")
    for module in [name for name in sys.modules if name.startswith(on_sqlalchemy)]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(sys.modules, "cmr_async.preflight.journal_check", raising=False)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    refused = cmr("orders", "submit", orders, *options)
    assert refused.exit_code == 2
    assert 'pip install "cmr-async[journal]"' in refused.stderr
    assert not simulator.state.orders
    assert cmr("orders", "submit", orders, *options, "--no-journal").exit_code == 0
    assert len(simulator.state.orders) == 3


def test_a_folder_that_is_read_only_is_said_before_anything_is_sent(
    cmr: Cmr, start_simulator: Start, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = start_simulator()
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    result = cmr("orders", "submit", orders, "--confirm", "--yes")
    assert result.exit_code == 2
    assert "its folder is read-only. Name another place with --journal. (--no-journal also works, but" in result.stderr
    assert "would then buy everything again" in result.stderr
    assert not simulator.state.orders


def test_the_environment_names_the_journal_unless_the_command_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMR_JOURNAL", "postgresql://host/db")
    file = str(tmp_path / "orders.csv")
    for choose in (
        partial(journal_choice.choose_journal, file, pays=True),
        partial(journal_choice.find_journal, file),
    ):
        assert choose(named=None, without=False) == "postgresql://host/db"
        assert choose(named="run.db", without=False) == "run.db"
        assert choose(named=None, without=True) is None
    monkeypatch.setenv("CMR_JOURNAL", "")
    assert journal_choice.choose_journal(file, named=None, without=False, pays=True) == f"{file}.journal.db"


def test_a_simulator_does_not_write_into_the_journal_of_the_environment(
    cmr: Cmr, orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMR_JOURNAL", str(tmp_path / "run.db"))
    result = cmr("orders", "submit", orders, "--simulator")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "run.db").exists()
