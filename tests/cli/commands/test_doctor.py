"""`cmr doctor`: what is wrong is said before money is spent, and looking costs nothing."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from typer.testing import Result

from cmr_async.cli.commands import doctor
from cmr_async.cli.commands.doctor import State, _clock
from cmr_async.journal.journal import Journal
from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator
from tests.cli.conftest import Cmr, Start


def problems(result: Result) -> dict[str, str]:
    """Return what was found to be wrong, by the name of the check."""
    lines = [line.split(None, 1)[1] for line in result.stdout.splitlines() if line.startswith("problem")]
    return {line[:14].strip(): line[15:] for line in lines}


def test_all_is_well(cmr: Cmr, start_simulator: Start, tmp_path: Path) -> None:
    simulator = start_simulator()
    asyncio.run(make_journal(tmp_path / "run.db"))
    result = cmr("doctor", "--user-id", DEMO_USERS[0], "--journal", tmp_path / "run.db")
    assert result.exit_code == 0
    assert problems(result) == {}
    for found in (
        "takes the key",
        "within a minute",
        "from CMR_API_KEY",
        "in order",
        f"user           {DEMO_USERS[0]}",
    ):
        assert found in result.stdout
    assert simulator.api_key not in result.output
    assert simulator.state.ledger == []
    assert simulator.state.orders == {}


async def make_journal(path: Path) -> None:
    async with Journal(path):
        pass


def test_without_a_key_nothing_is_asked(cmr: Cmr) -> None:
    result = cmr("doctor")
    assert result.exit_code == 1
    assert problems(result)["key"].startswith("none: set CMR_API_KEY")
    assert "API            not asked, because of the problem above" in result.stdout


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ("CMR_API_KEY=wrong", ("API", "answers, and does not take the key: ")),
        ("CMR_BASE_URL=ftp://x", ("base URL", "The base URL must be like https://host/prefix")),
        ("CMR_BASE_URL=http://127.0.0.1:9", ("API", "cannot be reached: ")),
        ("CMR_KEY_HEADER=Authorization", ("settings", "key_header: ")),
    ],
)
def test_a_wrong_setting_is_named(
    setting: str, found: tuple[str, str], cmr: Cmr, start_simulator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_simulator()
    name, _, value = setting.partition("=")
    monkeypatch.setenv(name, value)
    result = cmr("doctor")
    assert result.exit_code == 1
    check, said = found
    assert problems(result)[check].startswith(said)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (FaultRule(kind="status", status=403, method="GET", path="/subscriptions"), "answers, and refuses a list of"),
        (
            FaultRule(kind="status", status=200, envelope=False, method="GET", path="/subscriptions"),
            "what answers is not the API: ",
        ),
    ],
)
def test_an_api_that_answers_otherwise_is_a_problem(
    fault: FaultRule, said: str, cmr: Cmr, start_simulator: Start
) -> None:
    start_simulator().faults.add(fault)
    assert problems(cmr("doctor"))["API"].startswith(said)


def test_a_user_that_the_api_does_not_know_is_a_problem(cmr: Cmr, start_simulator: Start) -> None:
    start_simulator()
    assert "does not exist" in problems(cmr("doctor", "--user-id", "NOBODY"))["user"]


def test_a_journal_that_would_be_refused_is_a_problem(cmr: Cmr, start_simulator: Start, tmp_path: Path) -> None:
    start_simulator()
    asyncio.run(make_journal(tmp_path / "run.db"))
    shutil.copy(tmp_path / "run.db", tmp_path / "copy.db")
    assert "cmr journal adopt" in problems(cmr("doctor", "--journal", tmp_path / "copy.db"))["journal"]
    assert "no journal" in problems(cmr("doctor", "--journal", tmp_path / "missing.db"))["journal"]


def test_an_address_that_is_none_is_a_problem_of_the_journal_too(
    cmr: Cmr, start_simulator: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    start_simulator()
    asyncio.run(make_journal(tmp_path / "run.db"))
    monkeypatch.setenv("CMR_BASE_URL", "example.com")
    result = cmr("doctor", "--journal", tmp_path / "run.db")
    assert result.exit_code == 1
    assert problems(result)["base URL"] == problems(result)["journal"]


def test_unknown_orders_of_a_journal_are_told(cmr: Cmr, simulator: Simulator, tmp_path: Path) -> None:
    simulator.faults.add(FaultRule(kind="close_unread", method="POST", path="/orders/json"))
    orders = tmp_path / "orders.csv"
    orders.write_text(f"user_id,domain\n{DEMO_USERS[0]},one.com\n")
    assert cmr("orders", "submit", orders, "--confirm", "--yes").exit_code == 3
    result = cmr("doctor", "--journal", f"{orders}.journal.db")
    assert (result.exit_code, "in order; 1 unknown" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("ours", "date", "state", "said"),
    [
        (0.0, "Thu, 01 Jan 1970 00:00:30 GMT", State.OK, "within a minute"),
        (0.0, "Thu, 01 Jan 1970 01:00:00 GMT", State.PROBLEM, "3,600 s behind the API's"),
        (7200.0, "Thu, 01 Jan 1970 01:00:00 GMT", State.PROBLEM, "3,600 s ahead of the API's"),
        (0.0, "yesterday", State.NOTE, "no date that can be read"),
    ],
)
def test_the_clock_is_compared_with_that_of_the_api(ours: float, date: str, state: State, said: str) -> None:
    check = _clock(ours, date)
    assert (check.state, said in check.detail) == (state, True)


def test_an_extra_that_is_missing_says_how_to_get_it(cmr: Cmr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda _: None)
    assert 'optional, not installed: pip install "cmr-async[xlsx]" for spreadsheets' in cmr("doctor").stdout
