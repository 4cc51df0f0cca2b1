"""Every object that `--json` prints is one of `docs/command-line.schema.json`, and has every field of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from cmr_async.cli.app import _WITHOUT_JSON, COMMANDS
from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator
from tests.cli.conftest import Cmr, Start
from tests.money.ledger import KEY, Ledger

SCHEMA: dict[str, Any] = orjson.loads((Path(__file__).parents[2] / "docs" / "command-line.schema.json").read_bytes())
ROWS = "user_id,reference,domain,username,first_name,last_name\n"
GOOD = ROWS + "".join(f"{DEMO_USERS[0]},{name},{name}-one.com,jane,Jane,Doe\n" for name in "abc")


@pytest.fixture
def lines(cmr: Cmr) -> Callable[..., list[dict[str, Any]]]:
    """Run a command with `--json` and return its lines, each valid and whole."""
    valid = Draft202012Validator(SCHEMA)

    def run(*arguments: object, code: int = 0, text: str | None = None) -> list[dict[str, Any]]:
        result = cmr(*map(str, arguments), "--json", text=text)
        assert result.exit_code == code, result.output
        found: list[dict[str, Any]] = [orjson.loads(line) for line in result.stdout.splitlines()]
        for line in found:
            valid.validate(line)
            described = SCHEMA["$defs"][line["type"]]["properties"]
            assert line["type"] == "step" or set(line) == set(described)
        return found

    return run


def types(found: list[dict[str, Any]]) -> list[str]:
    return [line["type"] for line in found]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_a_plan_with_its_cautions_and_faults(lines: Callable[..., list[dict[str, Any]]], tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text(GOOD + f"{DEMO_USERS[0]},d,d-one.com,jane,Jane,Doe\n{DEMO_USERS[0]},d,d-one.com,jane,Jane,Roe\n")
    found = lines("orders", "plan", path, "--no-journal")
    assert types(found) == ["caution", "plan"]
    assert (found[-1]["orders"], found[-1]["mailboxes"], found[-1]["cost"]) == (4, 5, found[-1]["affordable_cost"])
    path.write_text(ROWS + "U,a,,jane,Jane,Doe\n")
    (fault,) = lines("orders", "plan", path, code=2)
    assert (fault["type"], fault["row"], fault["column"]) == ("fault", 2, "domain")


def test_a_run_what_its_journal_says_and_what_became_of_it(
    lines: Callable[..., list[dict[str, Any]]], simulator: Simulator, tmp_path: Path
) -> None:
    simulator.faults.add(FaultRule(kind="close_unread", method="POST", path="/orders/json", skip=1))
    path, journal = tmp_path / "orders.csv", tmp_path / "orders.csv.journal.db"
    path.write_text(GOOD)
    sent = lines("orders", "submit", path, "--confirm", "--yes", "--concurrency", 1, code=3)
    assert types(sent) == ["plan", "order", "order", "order", "summary"]
    assert [line["state"] for line in sent[1:4]] == ["accepted", "unknown", "accepted"]
    assert (sent[-1]["accepted"], sent[-1]["unknown"], sent[-1]["exit_code"]) == (2, 1, 3)
    shown = lines("journal", "show", journal, "--step", "create")
    assert types(shown) == ["counts", "step", "step", "step"]
    assert shown[0]["states"]["unknown"] == 1
    (finding,) = lines("orders", "reconcile", journal, "--settle", 0, "--yes")
    assert (finding["type"], finding["verdict"], finding["key"]) == ("finding", "absent", "b")
    assert lines("orders", "resubmit", journal, "--all-absent") == [
        {"type": "resubmitted", "step": "create", "key": "b"}
    ]


def test_drafts_that_are_paid(lines: Callable[..., list[dict[str, Any]]], tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("user_id,domain\nU,one.com\n")
    with Ledger() as api:
        api.users.add("U")
        api.process_path = "/the/path"
        monkeypatch.setenv("CMR_BASE_URL", api.base_url)
        monkeypatch.setenv("CMR_API_KEY", KEY)
        assert types(lines("orders", "submit", path)) == ["plan", "order", "summary"]
        paid = lines("orders", "process", f"{path}.journal.db", "--path", "/the/path", "--yes")
    assert types(paid) == ["plan", "order", "summary"]
    assert (paid[1]["confirm"], paid[1]["state"]) == (True, "accepted")


def test_looks(lines: Callable[..., list[dict[str, Any]]], start_simulator: Start) -> None:
    start_simulator(rate_limit=None)
    assert set(types(lines("doctor"))) == {"check"}
    assert types(lines("users", "get", DEMO_USERS[0])) == ["answer"]
    assert types(lines("domains", "list", "--user-id", DEMO_USERS[0])) == ["answer"]
    assert types(lines("domains", "has-workspace", "one.com")) == ["answer"]
    assert types(lines("subscriptions", "list")) == ["answer"]


def test_every_command_that_shows_data_takes_json(cmr: Cmr) -> None:
    for group, commands in COMMANDS.items():
        for command in set(commands) - _WITHOUT_JSON:
            words = [command] if group == "cmr" else [group, command]
            assert "--json" in cmr(*words, "--help").stdout
