"""`cmr orders watch`: wait for what the orders of a journal bring."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest
from jsonschema import Draft202012Validator

from cmr_async import AsyncClient, Journal, OrderToken, Stall, TrackingSettings
from cmr_async.cli.api import api_client
from cmr_async.cli.commands import watch
from cmr_async.journal.states import StepState
from cmr_async.models.progress import progress_of
from cmr_async.models.requests import Verdict
from cmr_async.simulator import DEMO_USERS
from tests.cli.conftest import Cmr, Start
from tests.fakes import USER, make_request

SCHEMA = Path(__file__).parents[3] / "docs" / "command-line.schema.json"
ROWS = "user_id,reference,domain,username,first_name,last_name\n" + "".join(
    f"{DEMO_USERS[0]},{name},{name}.com,ada,Ada,Lovelace\n" for name in "abcde"
)


@pytest.fixture(autouse=True)
def _looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = TrackingSettings(first_look=0, read_every=0.01, single_look=0.05)
    monkeypatch.setattr(watch, "api_client", lambda: api_client(tracking=quick))


def submitted(cmr: Cmr, tmp_path: Path) -> Path:
    """Pay for five orders; return their journal."""
    path = tmp_path / "orders.csv"
    path.write_text(ROWS)
    assert cmr("orders", "submit", path, "--confirm", "--yes").exit_code == 0
    return path.with_name("orders.csv.journal.db")


def test_it_ends_when_every_order_is_active(cmr: Cmr, start_simulator: Start, tmp_path: Path) -> None:
    start_simulator(rate_limit=None, provision_seconds=(0, 0))
    result = cmr("orders", "watch", submitted(cmr, tmp_path))
    assert result.exit_code == 0
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert sorted((line[0], *line[2:]) for line in lines) == [("active", name, f"{name}.com") for name in "abcde"]
    assert "5 of 5 orders active, 5 of 5 mailboxes" in result.stderr


def test_what_failed_is_shown_and_the_exit_code_says_so(cmr: Cmr, start_simulator: Start, tmp_path: Path) -> None:
    start_simulator(rate_limit=None, provision_seconds=(0, 0), failing_domains=["b.com"])
    result = cmr("orders", "watch", submitted(cmr, tmp_path), "--json")
    assert result.exit_code == 1
    *found, last = [json.loads(line) for line in result.stdout.splitlines()]
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    for line in (*found, last):
        validator.validate(line)
    assert (last["type"], last["active"], last["failed"], last["exit_code"]) == ("progress_summary", 4, 1, 1)
    assert sorted(line["reference"] for line in found) == list("abcde")
    (failed,) = [line for line in found if line["state"] == "failed"]
    assert [each["name"] for each in failed["failures"]] == ["b.com", "ada@b.com"]
    assert (failed["domains"], len(found)) == ({"total": 1, "active": 0, "failed": 1}, 5)
    assert "1 failed" in result.stderr


def test_when_the_time_is_over_it_says_what_is_not_done(cmr: Cmr, start_simulator: Start, tmp_path: Path) -> None:
    start_simulator(rate_limit=None, provision_seconds=(3600, 3600))
    result = cmr("orders", "watch", submitted(cmr, tmp_path), "--timeout", "0.05")
    assert result.exit_code == 1
    assert "a.com is not done; ada@a.com is not done" in result.stdout
    assert "5 orders not done when the time was over" in result.stderr
    assert "do not send them again" in result.stderr


def test_a_journal_without_paid_orders_has_nothing_to_wait_for(
    cmr: Cmr, start_simulator: Start, tmp_path: Path
) -> None:
    start_simulator(rate_limit=None)
    path = tmp_path / "orders.csv"
    path.write_text(ROWS)
    cmr("orders", "submit", path)
    result = cmr("orders", "watch", path.with_name("orders.csv.journal.db"))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing to wait for" in result.stderr


@pytest.fixture
def paid(cmr: Cmr, start_simulator: Start, tmp_path: Path) -> Path:
    """A journal whose five orders are active at once."""
    start_simulator(rate_limit=None, provision_seconds=(0, 0))
    return submitted(cmr, tmp_path)


def left(path: Path, state: StepState, *, confirm: bool = True, verdict: Verdict | None = None) -> None:
    """Leave an order in a journal that nobody can wait for."""

    async def leave() -> None:
        async with Journal(path) as journal:
            await journal.add([make_request(99, confirm=confirm)])
            claim = await journal.claim("99") if state is not StepState.PLANNED else None
            if claim is not None:
                await journal.record(claim, state)
            entry = await journal.get("99")
            if verdict is not None and entry is not None:
                await journal.verdict(entry, verdict, "a domain is there")

    asyncio.run(leave())


@pytest.mark.parametrize(
    ("order", "field", "said"),
    [
        ({"state": StepState.UNKNOWN}, "in_doubt", "1 paid order in doubt, which may have been placed"),
        (
            {"state": StepState.UNKNOWN, "verdict": Verdict.CONFLICT}, "in_doubt",
            "Do not send them again; `cmr orders reconcile",
        ),
        (
            {"state": StepState.UNKNOWN, "verdict": Verdict.PLACED}, "without_id",
            "1 paid order that the evidence shows as placed, but whose ids are not known",
        ),
        ({"state": StepState.PLANNED}, "unsent", "1 paid order not sent yet"),
        ({"state": StepState.NOT_SENT}, "unsent", "Run the command that sends them, unless it still runs."),
    ],
)  # fmt: skip
def test_paid_orders_that_nobody_waits_for_are_told(
    cmr: Cmr, paid: Path, order: dict[str, Any], field: str, said: str
) -> None:
    left(paid, **order)
    result = cmr("orders", "watch", paid, "--json")
    assert result.exit_code == (1 if field == "unsent" else 3)
    assert said in result.stderr
    last = json.loads(result.stdout.splitlines()[-1])
    assert {name: last[name] for name in ("active", "exit_code", field)} == {
        "active": 5, "exit_code": result.exit_code, field: 1}  # fmt: skip


@pytest.mark.parametrize(
    "order",
    [
        {"state": StepState.UNKNOWN, "verdict": Verdict.ABSENT},
        {"state": StepState.UNKNOWN, "confirm": False},
        {"state": StepState.REJECTED},
    ],
)
def test_what_took_no_money_is_not_missed(cmr: Cmr, paid: Path, order: dict[str, Any]) -> None:
    left(paid, **order)
    result = cmr("orders", "watch", paid)
    assert (result.exit_code, "Not watched" in result.stderr) == (0, False)


def test_what_holds_it_up_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    client = create_autospec(AsyncClient, instance=True)
    seen = watch._Seen(client)
    seen.take(progress_of(OrderToken(order_id="O", user_id=USER, domains=("a.com",)), {}))
    for client.stall in (
        Stall(message="no connection yet; trying", left=9),
        Stall(message="no connection yet; trying", left=5),
        None,
    ):
        seen.say()
    assert capsys.readouterr().err.splitlines() == [
        "0 of 1 order active; no connection yet; trying",
        "0 of 1 order active",
    ]


def test_many_domains_of_an_order_are_shortened(cmr: Cmr, start_simulator: Start, tmp_path: Path) -> None:
    start_simulator(rate_limit=None, provision_seconds=(0, 0))
    path = tmp_path / "orders.csv"
    rows = "".join(f"{DEMO_USERS[0]},one,{name}.com,ada,Ada,Lovelace\n" for name in "abcde")
    path.write_text(ROWS.partition("\n")[0] + "\n" + rows)
    assert cmr("orders", "submit", path, "--confirm", "--yes").exit_code == 0
    result = cmr("orders", "watch", path.with_name("orders.csv.journal.db"))
    assert "a.com, b.com, c.com and 2 more" in result.stdout


@pytest.mark.parametrize(("words", "said"), [(["none.db"], "none.db"), (["none.db", "--timeout", "0"], "0")])
def test_what_cannot_be_watched_is_refused(
    cmr: Cmr, start_simulator: Start, tmp_path: Path, words: list[Any], said: str
) -> None:
    start_simulator(rate_limit=None)
    result = cmr("orders", "watch", tmp_path / words[0], *words[1:])
    assert result.exit_code != 0
    assert said in result.stderr
