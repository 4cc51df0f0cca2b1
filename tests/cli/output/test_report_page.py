"""`--report`: a page about the run, whatever kind of run it was."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import pytest

from cmr_async.cli.ordering import run
from cmr_async.cli.output.report_page import write_page
from cmr_async.errors import CMRError, ConfigurationError
from cmr_async.report.page import ReportPage
from cmr_async.report.run_report import RunReport
from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator
from tests.cli.conftest import Cmr, Start


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("user_id,reference,domain\n" + "".join(f"{DEMO_USERS[0]},r{n},d{n}.com\n" for n in (1, 2, 3)))
    return path


def states(page: Path) -> list[str]:
    return re.findall(r'<tr data-state="(\w+)"', page.read_text("utf-8"))


@pytest.mark.parametrize("journal", [("--no-journal",), ("--confirm", "--yes")], ids=["without", "with"])
def test_a_page_is_written_with_a_journal_and_without(
    cmr: Cmr, simulator: Simulator, orders: Path, tmp_path: Path, journal: tuple[str, ...]
) -> None:
    simulator.faults.add(FaultRule(kind="reset", after_processing=True, path="/orders/json", skip=1))
    simulator.faults.add(FaultRule(kind="status", status=422, path="/orders/json", skip=2))
    page = tmp_path / "run.html"
    result = cmr("orders", "submit", orders, *journal, "--report", page, "--concurrency", "1")
    assert result.exit_code == 3
    assert f"Report: {page}" in result.output.splitlines()
    assert states(page) == ["unknown", "rejected", "accepted"]
    text = page.read_text("utf-8")
    assert all(order_id in text for order_id in list(simulator.state.orders)[:1])
    assert all(f"<td>d{n}.com</td>" in text for n in (1, 2, 3))
    assert simulator.api_key not in text
    name = "orders.csv.journal.db" if "--confirm" in journal else "orders.csv"
    assert f"<h1>{tmp_path / name}</h1>" in text


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C comes while the first outcome is being written."""
    write = run.Submission._write
    signals = [signal.SIGINT]

    def interrupt(self: run.Submission, *arguments: Any) -> None:
        if signals:
            signal.raise_signal(signals.pop())
        write(self, *arguments)

    monkeypatch.setattr(run.Submission, "_write", interrupt)


@pytest.mark.usefixtures("interrupted")
@pytest.mark.parametrize("journal", [("--no-journal",), ("--confirm", "--yes")], ids=["without", "with"])
def test_an_interrupted_run_leaves_a_page(
    cmr: Cmr, simulator: Simulator, orders: Path, tmp_path: Path, journal: tuple[str, ...]
) -> None:
    page = tmp_path / "run.html"
    result = cmr("orders", "submit", orders, *journal, "--report", page, "--concurrency", "1")
    assert result.exit_code == 130
    assert 0 < len(simulator.state.orders) < 3
    assert states(page).count("accepted") == len(simulator.state.orders)
    assert set(states(page)) <= {"accepted", "planned", "not_sent"}


def test_a_page_of_an_earlier_run_is_kept_and_nothing_is_sent(
    cmr: Cmr, simulator: Simulator, orders: Path, tmp_path: Path
) -> None:
    page = tmp_path / "run.html"
    page.write_text("precious")
    refused = cmr("orders", "submit", orders, "--report", page)
    assert refused.exit_code == 2
    assert "say --overwrite" in refused.stderr
    assert page.read_text() == "precious"
    assert not simulator.state.orders

    assert cmr("orders", "submit", orders, "--report", page, "--overwrite").exit_code == 0
    assert states(page) == ["accepted"] * 3


@pytest.mark.parametrize("name", ["run.txt", "missing/run.html"])
def test_a_page_that_cannot_be_written_is_said_before_anything_is_sent(
    cmr: Cmr, start_simulator: Start, orders: Path, tmp_path: Path, name: str
) -> None:
    simulator = start_simulator()
    assert cmr("orders", "submit", orders, "--report", tmp_path / name).exit_code == 2
    assert not simulator.state.orders


def test_a_page_that_fails_at_the_end_does_not_change_what_the_run_says(
    cmr: Cmr, start_simulator: Start, orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_simulator(rate_limit=None)
    page = tmp_path / "run.html"
    monkeypatch.setattr(
        "cmr_async.cli.output.report_page.check_page", lambda _: page.mkdir() if not page.exists() else None
    )
    monkeypatch.setattr("cmr_async.cli.output.report_page.expect_writable", lambda *_, **__: None)
    result = cmr("orders", "submit", orders, "--report", page)
    assert result.exit_code == 0
    assert "the report was not written" in result.stderr
    assert "3 drafts accepted of 3 orders." in result.output
    assert "Report:" not in result.output


def test_a_run_that_breaks_leaves_a_page(
    cmr: Cmr, start_simulator: Start, orders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_simulator(rate_limit=None)
    whole = run.Submission.run

    def broken(self: run.Submission) -> RunReport:
        whole(self)
        raise CMRError("the disk is on fire")

    monkeypatch.setattr(run.Submission, "run", broken)
    page = tmp_path / "run.html"
    result = cmr("orders", "submit", orders, "--report", page)
    assert "the disk is on fire" in result.stderr
    assert states(page) == ["accepted"] * 3


def test_a_page_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    output = tmp_path / "missing" / "run.html"
    with pytest.raises(ConfigurationError, match=r"run\.html cannot be written: No such file or directory$"):
        write_page(output, ReportPage(title="run.db"), overwrite=True)


def test_the_page_of_a_run_estimates_with_the_prices_of_the_run(
    cmr: Cmr, start_simulator: Start, orders: Path, tmp_path: Path
) -> None:
    start_simulator(rate_limit=None)
    prices, page, other = tmp_path / "prices.json", tmp_path / "run.html", tmp_path / "other.html"
    prices.write_text('{"domain": 10}')
    submit = ("orders", "submit", orders, "--prices", prices)
    assert cmr(*submit, "--no-journal", "--report", other).exit_code == 0
    assert other.read_text("utf-8").count('<td data-sort="1000">$10.00 when paid</td>') == 3
    assert cmr(*submit, "--confirm", "--yes", "--report", page).exit_code == 0
    assert "<dd>about $30.00</dd>" in page.read_text("utf-8")


def test_the_same_command_makes_the_page_of_its_journal_anew(
    cmr: Cmr, start_simulator: Start, orders: Path, tmp_path: Path
) -> None:
    start_simulator(rate_limit=None)
    submit = ("orders", "submit", orders, "--confirm", "--yes", "--report", tmp_path / "run.html")
    assert cmr(*submit, "--max-orders", "1").exit_code == 1
    assert cmr(*submit).exit_code == 0
    assert states(tmp_path / "run.html") == ["accepted"] * 3


@pytest.mark.parametrize("first", [("--no-journal",), ("--journal", "other.db")], ids=["none", "another"])
def test_a_page_that_the_journal_of_the_run_cannot_make_again_is_kept(
    cmr: Cmr, start_simulator: Start, orders: Path, tmp_path: Path, first: tuple[str, ...]
) -> None:
    first = tuple(part.replace("other.db", str(tmp_path / "other.db")) for part in first)
    simulator = start_simulator(rate_limit=None)
    page = tmp_path / "run.html"
    assert cmr("orders", "submit", orders, *first, "--report", page).exit_code == 0
    before = page.read_bytes()
    refused = cmr("orders", "submit", orders, "--report", page)
    assert (refused.exit_code, "say --overwrite" in refused.stderr) == (2, True)
    assert page.read_bytes() == before
    assert len(simulator.state.orders) == 3


def test_results_of_an_earlier_run_are_kept_with_a_journal_too(
    cmr: Cmr, start_simulator: Start, orders: Path, tmp_path: Path
) -> None:
    start_simulator(rate_limit=None)
    results = tmp_path / "results.csv"
    assert cmr("orders", "submit", orders, "--no-journal", "--output", results).exit_code == 0
    before = results.read_bytes()
    refused = cmr("orders", "submit", orders, "--output", results)
    assert (refused.exit_code, "may hold the only record" in refused.stderr) == (2, True)
    assert results.read_bytes() == before
