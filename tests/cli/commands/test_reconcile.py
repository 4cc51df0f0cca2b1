"""`--journal`, `cmr journal show`, `cmr orders reconcile` and `resubmit`, against the simulator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cmr_async.cli.app import app
from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator

DOMAINS = ("a-one.com", "b-two.com", "c-three.com", "d-four.com")


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    rows = (f"{DEMO_USERS[0]},{domain.partition('.')[0]},{domain}" for domain in DOMAINS)
    path = tmp_path / "orders.csv"
    path.write_text("user_id,reference,domain\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture
def cmr(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Run commands one after the other against one simulator, with the faults that `setup` gives."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(simulator: Simulator, *arguments: object) -> tuple[int, str]:
        monkeypatch.setenv("CMR_BASE_URL", simulator.base_url)
        monkeypatch.setenv("CMR_API_KEY", simulator.api_key)
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        return result.exit_code, result.output

    return run


async def in_thread(run: Callable[..., tuple[int, str]], *arguments: object) -> tuple[int, str]:
    return await asyncio.to_thread(run, *arguments)


async def test_the_same_command_goes_on_and_buys_nothing_twice(
    orders: Path, tmp_path: Path, cmr: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Signals can be handled in the main thread only, and the command runs beside the simulator here
    monkeypatch.setattr("cmr_async.cli.run._signals.__enter__", lambda _: None)
    monkeypatch.setattr("cmr_async.cli.run._signals.__exit__", lambda *_: None)
    journal = tmp_path / "run.db"
    async with Simulator(rate_limit=None, time_scale=1000) as simulator:
        simulator.faults.add(FaultRule(kind="reset", after_processing=True, method="POST", skip=1))
        simulator.faults.add(FaultRule(kind="close_unread", method="POST", skip=2))
        submit = (simulator, "orders", "submit", orders, "--confirm", "--yes", "--journal", journal)
        code, said = await in_thread(cmr, *submit)
        assert code == 3
        assert f"cmr orders reconcile {journal}" in said
        assert len(simulator.state.ledger) == 3

        code, said = await in_thread(cmr, *submit)
        assert code == 3
        assert "2 skipped" in said
        assert len(simulator.state.ledger) == 3

        code, said = await in_thread(cmr, simulator, "journal", "show", journal, "--state", "unknown")
        assert code == 0
        assert said.splitlines()[0] == "create: 2 accepted, 2 unknown"
        assert len(said.splitlines()) == 3

        code, said = await in_thread(cmr, simulator, "orders", "reconcile", journal, "--settle", 0)
        assert code == 0
        verdicts = {line.split("\t")[2]: line.split("\t")[0] for line in said.splitlines() if "\t" in line}
        assert sorted(verdicts.values()) == ["absent", "confirmed"]
        (absent,) = (key for key, verdict in verdicts.items() if verdict == "absent")

        for key in verdicts:
            code, said = await in_thread(cmr, simulator, "orders", "resubmit", journal, "--reference", key)
            assert code == (0 if key == absent else 2)
        await in_thread(cmr, *submit)
        assert {domain: simulator.state.purchases(domain) for domain in DOMAINS} == dict.fromkeys(DOMAINS, 1)


async def test_events_of_webhooks_are_evidence(
    orders: Path, tmp_path: Path, cmr: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmr_async.cli.run._signals.__enter__", lambda _: None)
    monkeypatch.setattr("cmr_async.cli.run._signals.__exit__", lambda *_: None)
    journal, events = tmp_path / "run.db", tmp_path / "events.jsonl"
    data = {"userId": DEMO_USERS[0], "domainName": DOMAINS[0], "orderId": "ORDER-1"}
    events.write_text(json.dumps({"event": "domain.order.failed", "eventId": "E", "data": data}) + "\n")
    async with Simulator(rate_limit=None) as simulator:
        simulator.faults.add(FaultRule(kind="close_unread", method="POST", path="/orders/json"))
        await in_thread(
            cmr, simulator, "orders", "submit", orders, "--confirm", "--yes", "--journal", journal, "--concurrency", 1
        )
        code, said = await in_thread(cmr, simulator, "orders", "reconcile", journal, "--events", events)
        assert code == 0
        assert "confirmed\tcreate\ta-one\tthe webhook event domain.order.failed names it" in said


@pytest.mark.parametrize("command", [("journal", "show"), ("orders", "reconcile"), ("orders", "resubmit")])
def test_a_journal_that_is_not_there_is_not_made(
    command: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMR_API_KEY", "key")
    extra = ["--reference", "x"] if command[1] == "resubmit" else []
    result = CliRunner().invoke(app, [*command, str(tmp_path / "typo.db"), *extra])
    assert result.exit_code == 2
    assert "There is no journal" in result.output
    assert list(tmp_path.iterdir()) == []
