"""`--check`: the API is asked about each domain first, and an answer that looks wrong stops everything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cmr_async.simulator import DEMO_USERS, Simulator
from tests.cli.conftest import Cmr, Start

USER = DEMO_USERS[0]


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    rows = "".join(f"{USER},ref-{number},domain-{number}.com,1\n" for number in (1, 2, 3))
    path.write_text(f"user_id,reference,domain,years\n{rows}")
    return path


def requests(simulator: Simulator) -> Any:
    return dict(simulator.state.requests.by_endpoint)


def test_a_clear_check_goes_on_to_the_orders(cmr: Cmr, simulator: Simulator, orders: Path) -> None:
    result = cmr("orders", "submit", orders, "--confirm", "--yes", "--check")
    assert result.exit_code == 0
    assert "Checked: no workspace at 3 domains. Availability was not asked: no source says how." in result.output
    assert requests(simulator) == {"POST /domains/has-workspace": 3, "POST /orders/json": 3}


def test_a_workspace_stops_everything(cmr: Cmr, start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator(rate_limit=None, workspaces=["domain-2.com"])
    result = cmr("orders", "submit", orders, "--confirm", "--yes", "--check")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-2:] == [
        f"{orders}, row 3: domain-2.com: workspace conflict: the API answered 409, 'Workspace already exists'",
        (
            "cmr: for 1 of 3 domains the API did not say that there is no workspace; nothing was sent. Take these "
            "orders out of the file, or run without --check."
        ),
    ]
    assert requests(simulator) == {"POST /domains/has-workspace": 3}
    assert simulator.state.ledger == []


def test_a_plan_can_be_checked_and_sends_no_order(cmr: Cmr, simulator: Simulator, orders: Path) -> None:
    assert cmr("orders", "plan", orders, "--check").exit_code == 0
    assert cmr("orders", "submit", orders, "--dry-run", "--check", "--max-orders", "1").exit_code == 0
    assert requests(simulator) == {"POST /domains/has-workspace": 3 + 1}


def test_only_what_the_journal_has_not_settled_is_asked_about(cmr: Cmr, simulator: Simulator, orders: Path) -> None:
    submit = ("orders", "submit", orders, "--confirm", "--yes")
    assert cmr(*submit, "--max-orders", "2").exit_code == 1
    assert cmr(*submit, "--check").exit_code == 0
    assert requests(simulator) == {"POST /domains/has-workspace": 1, "POST /orders/json": 3}


def test_the_simulator_in_the_command_can_be_asked_too(cmr: Cmr, orders: Path) -> None:
    result = cmr("orders", "submit", orders, "--simulator", "--check")
    assert result.exit_code == 0
    assert "Checked: no workspace at 3 domains." in result.output


@pytest.mark.parametrize("command", [("plan",), ("submit", "--dry-run")])
def test_a_check_needs_a_key(cmr: Cmr, monkeypatch: pytest.MonkeyPatch, orders: Path, command: tuple[str, ...]) -> None:
    monkeypatch.delenv("CMR_API_KEY", raising=False)
    name, *options = command
    result = cmr("orders", name, orders, "--check", *options)
    assert (result.exit_code, "no API key" in result.stderr) == (2, True)
