"""`cmr orders reconcile`: verdicts on unknown orders, at once or when they have settled."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cmr_async.journal.journal import Journal
from cmr_async.models.requests import Verdict
from cmr_async.simulator import DEMO_USERS, FaultRule
from tests.cli.conftest import Cmr, Start
from tests.cli.terminal import CTRL_C, on_terminal

DOMAINS = ("a-one.com", "b-two.com", "c-three.com", "d-four.com")


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    rows = (f"{DEMO_USERS[0]},{domain.partition('.')[0]},{domain}" for domain in DOMAINS)
    path = tmp_path / "orders.csv"
    path.write_text("user_id,reference,domain\n" + "\n".join(rows) + "\n")
    return path


def test_the_same_command_goes_on_and_buys_nothing_twice(
    orders: Path, tmp_path: Path, cmr: Cmr, start_simulator: Start
) -> None:
    journal = tmp_path / "run.db"
    simulator = start_simulator(rate_limit=None, time_scale=1000)
    simulator.faults.add(FaultRule(kind="reset", after_processing=True, method="POST", skip=1))
    simulator.faults.add(FaultRule(kind="close_unread", method="POST", skip=2))
    submit = ("orders", "submit", orders, "--confirm", "--yes", "--journal", journal)
    first = cmr(*submit)
    assert first.exit_code == 3
    assert f"cmr orders reconcile {journal}" in first.output
    assert len(simulator.state.ledger) == 3

    again = cmr(*submit)
    assert again.exit_code == 3
    assert "2 skipped" in again.output
    assert len(simulator.state.ledger) == 3

    shown = cmr("journal", "show", journal, "--state", "unknown")
    assert shown.exit_code == 0
    assert shown.output.splitlines()[0] == "create: 2 accepted, 2 unknown"
    assert len(shown.output.splitlines()) == 3

    reconciled = cmr("orders", "reconcile", journal, "--settle", "0", "--yes")
    assert reconciled.exit_code == 0
    cells = [line.split("\t") for line in reconciled.output.splitlines() if "\t" in line]
    verdicts = {key: verdict for verdict, _, key, _ in cells}
    assert sorted(verdicts.values()) == sorted([Verdict.ABSENT, Verdict.PLACED])
    (absent,) = (key for key, verdict in verdicts.items() if verdict == "absent")

    for key in verdicts:
        result = cmr("orders", "resubmit", journal, "--reference", key)
        assert result.exit_code == (0 if key == absent else 2)
    cmr(*submit)
    assert {domain: simulator.state.purchases(domain) for domain in DOMAINS} == dict.fromkeys(DOMAINS, 1)
    assert cmr("orders", "reconcile", journal).stderr.splitlines()[-1] == "No order is in doubt."


@pytest.fixture
def unknown(orders: Path, tmp_path: Path, cmr: Cmr, start_simulator: Start) -> Path:
    """A journal with one order in doubt, which was never placed."""
    journal = tmp_path / "run.db"
    simulator = start_simulator(rate_limit=None)
    simulator.faults.add(FaultRule(kind="close_unread", method="POST", path="/orders/json"))
    cmr("orders", "submit", orders, "--confirm", "--yes", "--journal", journal, "--concurrency", "1")
    return journal


def test_an_order_that_stays_in_doubt_makes_exit_code_three(unknown: Path, cmr: Cmr) -> None:
    result = cmr("orders", "reconcile", unknown)  # it was sent too recently to be called absent
    assert result.exit_code == 3
    first, then, last = result.output.splitlines()
    assert first.startswith("undecided\tcreate\ta-one\t")
    assert then.startswith("Some have to settle until ")
    assert then.endswith(f": `cmr orders reconcile {unknown} --wait` stays until then.")
    assert last == "1 undecided: look again later, or in the Partner Dashboard. Do not send them again."


def test_calling_an_order_absent_early_has_to_be_meant(unknown: Path, cmr: Cmr) -> None:
    warning = (
        "warning: --settle 899 is less than 900 seconds: an order that the API is still working on is called absent, "
        "and is bought twice if it is sent again."
    )
    refused = cmr("orders", "reconcile", unknown, "--settle", "899")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.splitlines() == [
        warning,
        "cmr: nobody can be asked here whether that is meant: add --yes. Nothing was looked up.",
    ]
    meant = cmr("orders", "reconcile", unknown, "--settle", "899", "--yes")
    assert meant.stderr.splitlines()[0] == warning
    assert meant.stdout.startswith("undecided\tcreate\ta-one\t")
    assert "warning" not in cmr("orders", "reconcile", unknown, "--settle", "900").stderr


def test_somebody_at_a_terminal_is_asked_about_it(unknown: Path) -> None:
    with on_terminal("orders", "reconcile", unknown, "--settle", "0") as terminal:
        terminal.read_until("[y/N]")
        terminal.type("n\n")
        assert terminal.end() == 1
    assert "Nothing was looked up." in terminal.text


def test_events_of_webhooks_are_evidence(unknown: Path, tmp_path: Path, cmr: Cmr) -> None:
    events = tmp_path / "events.jsonl"
    data = {"userId": DEMO_USERS[0], "domainName": DOMAINS[0], "orderId": "ORDER-1"}
    events.write_text("\n" + json.dumps({"event": "domain.order.failed", "eventId": "E", "data": data}) + "\n")
    result = cmr("orders", "reconcile", unknown, "--events", events)
    assert result.exit_code == 0
    assert f"{Verdict.PLACED}\tcreate\ta-one\tthe webhook event domain.order.failed names it" in result.output


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b'{"event": "a"}\n[]\n', ", line 2: an event is a JSON object."),
        (b"\n{", ", line 2: is no JSON in UTF-8: "),
        (b"\xff", ", line 1: is no JSON in UTF-8: "),
        (b'{"a":' * 100_000, ", line 1: is no JSON in UTF-8: "),
        (b'{"a":"' + b"x" * (1 << 20), ", line 1: an event has at most 1,048,576 bytes."),
        (None, " cannot be read: No such file or directory."),
    ],
    ids=["a list", "a piece", "no text", "deep", "long", "no file"],
)
def test_events_that_cannot_be_read_are_refused(
    text: bytes | None, fault: str, unknown: Path, tmp_path: Path, cmr: Cmr
) -> None:
    events = tmp_path / "events.jsonl"
    if text is not None:
        events.write_bytes(text)
    result = cmr("orders", "reconcile", unknown, "--events", events)
    assert result.exit_code == 2
    assert f"cmr: {events}{fault}" in result.stderr


def test_a_device_without_an_end_is_no_file_of_events(unknown: Path, cmr: Cmr) -> None:
    result = cmr("orders", "reconcile", unknown, "--events", "/dev/zero")
    assert result.exit_code == 2
    assert result.stderr.startswith("cmr: /dev/zero, line 1: an event has at most 1,048,576 bytes.\n")


@pytest.mark.parametrize("command", [("journal", "show"), ("orders", "reconcile"), ("orders", "resubmit")])
def test_a_journal_that_is_not_there_is_not_made(
    command: tuple[str, str], tmp_path: Path, cmr: Cmr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMR_API_KEY", "key")
    extra = ["--reference", "x"] if command[1] == "resubmit" else []
    result = cmr(*command, tmp_path / "typo.db", *extra)
    assert result.exit_code == 2
    assert "There is no journal" in result.stderr
    assert list(tmp_path.iterdir()) == []


# Waiting until the time to settle is over


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], list[float]]:
    """Call a function instead of sleeping, which lasts an hour; return the seconds that were asked for."""

    def instead(function: Callable[[], Any]) -> list[float]:
        asked: list[float] = []

        async def sleep(seconds: float) -> None:
            asked.append(seconds)
            function()

        real = Journal.now

        async def now(journal: Journal) -> float:
            return await real(journal) + 3600 * len(asked)

        monkeypatch.setattr("cmr_async.cli.commands.reconcile.sleep", sleep)
        monkeypatch.setattr(Journal, "now", now)
        return asked

    return instead


def test_waiting_brings_the_verdict_when_the_time_to_settle_is_over(
    unknown: Path, cmr: Cmr, asleep: Callable[..., list[float]]
) -> None:
    asked = asleep(lambda: None)
    result = cmr("orders", "reconcile", unknown, "--wait", "--settle", "1800")
    assert result.exit_code == 0
    assert asked == [30.0]
    waiting, warning, last = result.stderr.splitlines()
    assert "still Pending there" in warning
    assert re.fullmatch(
        r"1 order settles until \d\d:\d\d:\d\d\. Ctrl-C loses nothing: run the same command again later\.", waiting
    )
    assert result.stdout.startswith("absent\tcreate\ta-one\t")
    assert (
        last == f"1 absent: `cmr orders resubmit {unknown} --all-absent` plans them again, --reference KEY one of them."
    )


def test_an_order_that_somebody_else_settles_meanwhile_is_named(
    unknown: Path, cmr: Cmr, asleep: Callable[..., list[float]]
) -> None:
    def accepted() -> None:
        with closing(sqlite3.connect(unknown)) as connection, connection:
            connection.execute("UPDATE cmr_steps SET state = 'accepted'")

    asleep(accepted)
    result = cmr("orders", "reconcile", unknown, "--wait")
    assert (result.exit_code, result.stdout) == (0, "changed\tcreate\ta-one\tchanged meanwhile: look again\n")
    assert result.stderr.splitlines()[-1] == "No order is in doubt."


def test_ctrl_c_ends_the_wait_and_loses_nothing(unknown: Path, cmr: Cmr, asleep: Callable[..., list[float]]) -> None:
    def ctrl_c() -> None:
        raise KeyboardInterrupt

    asleep(ctrl_c)
    result = cmr("orders", "reconcile", unknown, "--wait")
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr.endswith("cmr: interrupted.\n")
    assert cmr("orders", "reconcile", unknown, "--settle", "0", "--yes").stdout.startswith("absent\tcreate\ta-one\t")


@pytest.mark.slow
def test_ctrl_c_in_a_terminal_ends_the_wait(unknown: Path) -> None:
    with on_terminal("orders", "reconcile", unknown, "--wait") as terminal:
        terminal.read_until("1 order settles until")
        terminal.type(CTRL_C)
        assert terminal.end() == 130
    assert "cmr: interrupted." in terminal.text


def test_a_draft_in_doubt_can_only_be_made_once_more(
    orders: Path, tmp_path: Path, cmr: Cmr, start_simulator: Start
) -> None:
    journal = tmp_path / "run.db"
    simulator = start_simulator(rate_limit=None)
    simulator.faults.add(FaultRule(kind="close_unread", method="POST", path="/orders/json"))
    submit = ("orders", "submit", orders, "--journal", journal, "--concurrency", "1")
    assert cmr(*submit).exit_code == 3
    result = cmr("orders", "reconcile", journal, "--settle", "0", "--yes")
    assert result.exit_code == 3
    assert result.output.splitlines()[-1] == (
        "1 draft in doubt: no look-up shows drafts. A second draft costs nothing: "
        f"`cmr orders resubmit {journal} --all-drafts` plans them again."
    )
    assert cmr("orders", "resubmit", journal, "--all-drafts").exit_code == 0
    assert cmr(*submit).exit_code == 0
    assert (len(simulator.state.orders), simulator.state.ledger) == (4, [])
