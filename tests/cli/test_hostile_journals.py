"""Journals that somebody else changed: every command that opens one ends in a line that says so, and shows no more."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from cmr_async import AsyncClient
from cmr_async.journal.journal import Journal
from cmr_async.journal.states import StepState
from cmr_async.models.requests import OrderRequest
from cmr_async.orderfiles import LocatedOrder, OrderFile
from cmr_async.simulator import DEMO_USERS, Simulator
from tests.cli.conftest import Cmr

REFERENCES = ("accepted", "draft", "unknown", "rejected", "planned", "sent")
#: What a terminal must not get: it clears the screen, renames the window and writes from right to left.
NASTY = "\x1b[2J\x1b]0;owned\x07\r\ncmr: all is well\u202e\x9b31m"

COMMANDS = {
    "show": "journal show {journal}",
    "export": "journal export {journal} --output {folder}/out.jsonl",
    "report": "journal report {journal} --output {folder}/out.html",
    "adopt": "journal adopt {journal} --yes",
    "plan": "orders plan {file} --journal {journal}",
    "submit": "orders submit {file} --simulator --confirm --yes --process-path /process --journal {journal}",
    "process": "orders process {journal} --path /process --yes",
    "reconcile": "orders reconcile {journal} --settle 0 --yes",
    "resubmit": "orders resubmit {journal} --all-rejected",
}


async def _make(path: Path, file: Path) -> None:
    requests: list[OrderRequest] = []
    with OrderFile(str(file)) as source:
        for located in source.orders(user_id=DEMO_USERS[0], confirm=False):
            assert isinstance(located, LocatedOrder)
            requests.append(located.request)
    async with Journal(path) as journal:
        await journal.add(requests)
        for key, state in zip(REFERENCES[:4], ("accepted", "accepted", "unknown", "rejected"), strict=True):
            claim = await journal.claim(key)
            assert claim is not None
            await journal.record(claim, StepState(state), order_id=f"ORD-{key}", message="said", attempts=1)
        await journal.add_processing(["draft"])
        assert await journal.claim("sent") is not None


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("orders") / "orders.csv"
    lines = (f"{DEMO_USERS[0]},{reference},{reference}.com\n" for reference in REFERENCES)
    path.write_text("user_id,reference,domain\n" + "".join(lines))
    return path


@pytest.fixture(scope="module")
def template(file: Path) -> bytes:
    """A journal with a step in every state, which does not know its file: a copy of it is taken for a new one."""
    path = file.with_name("template.db")
    asyncio.run(_make(path, file))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM cmr_meta WHERE name = 'file'")
    return path.read_bytes()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(rate_limit=None) as simulator:
        yield simulator


def sql(*statements: str, **values: Any) -> Callable[[Path], None]:
    """Return what runs statements on a journal whose tables have lost every constraint."""

    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            for table in ("orders", "steps", "events", "runs", "slots", "meta"):
                connection.execute(f"CREATE TABLE bare AS SELECT * FROM cmr_{table}")
                connection.execute(f"DROP TABLE cmr_{table}")
                connection.execute(f"ALTER TABLE bare RENAME TO cmr_{table}")
            for statement in statements:
                connection.execute(statement, values if ":" in statement else {})

    return change


def put(column: str, value: Any, *, table: str = "steps") -> Callable[[Path], None]:
    return sql(f"UPDATE cmr_{table} SET {column} = :value", value=value)


def say(name: str, value: Any) -> Callable[[Path], None]:
    return sql(f"DELETE FROM cmr_meta WHERE name LIKE '{name}%'", "INSERT INTO cmr_meta VALUES (:name, :value)",
               name=name, value=value)  # fmt: skip


def say_of_clock(value: Any) -> Callable[[Path], None]:
    return sql("UPDATE cmr_meta SET value = :value WHERE name LIKE 'clock:%'", value=value)


def keep_half(path: Path) -> None:
    with path.open("r+b") as opened:
        opened.truncate(path.stat().st_size // 2)


def other_program(path: Path) -> None:
    path.write_bytes(b"")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f'CREATE TABLE "{NASTY}" (a)')


#: What is refused by every command.
REFUSED: dict[str, Callable[[Path], object]] = {
    "a text file": lambda path: path.write_text(f"user_id,domain\n{NASTY}\n" * 99),
    "zeros": lambda path: path.write_bytes(bytes(8192)),
    "an empty file": lambda path: path.write_bytes(b""),
    "half of it": keep_half,
    "a database of another program": other_program,
    "a newer version": say("schema_version", f"5{NASTY}"),
    "a version that is no text": say("schema_version", b"\xff"),
    "no version": sql("DELETE FROM cmr_meta"),
    "no table of orders": sql("DROP TABLE cmr_orders"),
    "no table of events": sql("DROP TABLE cmr_events"),
    "a trigger": sql(f'CREATE TRIGGER "{NASTY}" AFTER UPDATE ON cmr_steps BEGIN SELECT 1; END'),
    "a view": sql(f'CREATE VIEW "{NASTY}" AS SELECT 1'),
    "a virtual table": sql(f'CREATE VIRTUAL TABLE "{NASTY}" USING fts5(a)'),
    "a file that is no object": say("file", "[]"),
    "a file that says nothing": say("file", "{}"),
    "a file in broken words": say("file", f"{{{NASTY}"),
    "a file in deep words": say("file", "[" * 100_000),
    "a file in words of other types": say("file", '{"device": 1, "inode": [], "born": "x", "marked": 2}'),
}  # fmt: skip

#: What is a text of the right place, and must not reach a terminal or a page as it is.
SHOWN: dict[str, Callable[[Path], object]] = {
    "messages": put("message", NASTY),
    "keys": sql("UPDATE cmr_steps SET key = key || :x", "UPDATE cmr_orders SET key = key || :x", x=NASTY),
    "references": put("reference", NASTY, table="orders"),
    "users": put("user_id", NASTY, table="orders"),
    "order ids": put("order_id", NASTY),
    "domains": put("body", '{"domains": [{"domain": "\\u001b[2J\\n"}], "mailboxes": {}}', table="orders"),
    "unavailable domains": put("unavailable", '["\\u001b[2J\\r\\n"]'),
    "evidence": sql("UPDATE cmr_steps SET verdict = 'absent', evidence = :x", x=NASTY),
    "the host of a run": sql("UPDATE cmr_runs SET ended = NULL, host = :x, heartbeat = 2e9", x=NASTY),
    "the origin": sql("INSERT INTO cmr_meta VALUES ('origin', :x), ('account', 'x')", x=NASTY),
    "long messages": sql("UPDATE cmr_steps SET message = printf('%.*c', 1000000, char(27))"),
}

#: What no version wrote; those that read it refuse it.
STRANGE: dict[str, Callable[[Path], object]] = {
    "no column of messages": sql("ALTER TABLE cmr_steps DROP COLUMN message"),
    "bytes for a key": sql("UPDATE cmr_steps SET key = x'ff'", "UPDATE cmr_orders SET key = x'ff'"),
    "a key that is none": put("key", None, table="orders"),
    "an unknown state": put("state", NASTY),
    "no state": put("state", None),
    "an unknown step": put("step", NASTY),
    "an unknown verdict": put("verdict", NASTY),
    "a message of 20 MB": sql("UPDATE cmr_steps SET message = printf('%.*c', 20000000, 'x')"),
    "a body of 20 MB": sql("UPDATE cmr_orders SET body = printf('%.*c', 20000000, '[')"),
    "text that is not UTF-8": sql("UPDATE cmr_steps SET message = CAST(x'1bff1b5b324a' AS TEXT)"),
    "bytes in place of text": put("message", b"\x1b\xff"),
    "a number in place of text": put("message", 7),
    "text in place of a number": put("position", NASTY),
    "a negative position": put("position", -1),
    "a position that is none": put("position", None),
    "huge attempts": put("attempts", 2**62),
    "a status that is text": put("status", NASTY),
    "a time far ahead": put("planned_at", 1e300),
    "an infinite time": put("ended_at", float("inf")),
    "a time far back": put("sent_at", -1e300),
    "a time that is text": put("ended_at", NASTY),
    "a body that is no JSON": put("body", f"{{{NASTY}", table="orders"),
    "a body that is no object": put("body", "[1]", table="orders"),
    "a body that is none": put("body", None, table="orders"),
    "a body of other types": put("body", '{"domains": {"a": 1}, "mailboxes": [5]}', table="orders"),
    "domains of other types": put("body", '{"domains": [5, null, {"domain": 7}]}', table="orders"),
    "mailboxes of other types": put("body", '{"domains": [], "mailboxes": {"a.com": 5}}', table="orders"),
    "a deep body": put("body", '{"extra":' * 900 + "1" + "}" * 900, table="orders"),
    "a very deep body": put("body", "[" * 100_000 + "]" * 100_000, table="orders"),
    "an order that is none": put("body", '{"domains": [{"domain": "draft.com", "years": "\\u001b"}]}', table="orders"),
    "unavailable domains that are no JSON": put("unavailable", f"[{NASTY}"),
    "unavailable domains that are no text": put("unavailable", "[1, null]"),
    "bytes for a fingerprint": put("fingerprint", b"\xff", table="orders"),
    "a choice that is none": put("confirm", NASTY, table="orders"),
    "every row twice": sql(
        "INSERT INTO cmr_steps SELECT * FROM cmr_steps", "INSERT INTO cmr_orders SELECT * FROM cmr_orders"
    ),
    "a history of other types": put("change", b"\xff", table="events"),
    "a history in a strange order": put("id", NASTY, table="events"),
    "runs of no process": sql("UPDATE cmr_runs SET ended = NULL, pid = :pid", pid=-(2**62)),
    "runs of other types": sql("UPDATE cmr_runs SET ended = NULL, machine = x'ff', heartbeat = :x", x=NASTY),
    "a clock that is none": say_of_clock(NASTY),
    "a clock that never moves": say_of_clock("nan"),
    "an infinite clock": say_of_clock("-inf"),
    "an account of no origin": sql("INSERT INTO cmr_meta VALUES ('account', 'x')"),
    "slots of other types": sql("INSERT INTO cmr_slots VALUES ('x', x'ff')"),
}


def run(cmr: Cmr, command: str, tmp_path: Path, *, file: Path, journal: Path) -> Result:
    """Run a command and check what holds for all of them."""
    words = COMMANDS[command].split()
    result = cmr(*(word.format(journal=journal, folder=tmp_path, file=file) for word in words))
    assert result.exception is None or isinstance(result.exception, SystemExit), (command, result.exception)
    assert result.exit_code in {0, 1, 2, 3}, command
    shown = result.output.replace("\n", "").replace("\t", "")
    assert shown.isprintable(), (command, result.output)
    assert "Traceback" not in result.output
    assert len(result.output) < 1_000_000
    lines = [line for line in result.output.splitlines() if line.startswith("cmr: ")]
    assert len(lines) == (result.exit_code == 2), (command, result.output)
    for written in tmp_path.glob("out.*"):
        if written.suffix == ".html":
            assert "\x1b" not in written.read_text("utf-8"), command
        written.unlink()
    return result


@pytest.fixture
def hostile(template: bytes, tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CMR_API_KEY", simulator.api_key)
    monkeypatch.setenv("CMR_BASE_URL", simulator.base_url)
    monkeypatch.setattr("cmr_async.cli.commands.reconcile.AsyncClient", partial(AsyncClient, gap=0.001))
    path = tmp_path / "run.db"
    path.write_bytes(template)
    path.chmod(0o600)
    return path


def codes(cmr: Cmr, *commands: str, file: Path, journal: Path) -> dict[str, int]:
    """Run commands, each on the same journal, and return their exit codes."""
    content = journal.read_bytes()
    found = {}
    for command in commands:
        journal.write_bytes(content)
        found[command] = run(cmr, command, journal.parent, file=file, journal=journal).exit_code
    return found


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_journal_of_ours_is_refused_by_every_command(what: str, hostile: Path, file: Path, cmr: Cmr) -> None:
    REFUSED[what](hostile)
    assert codes(cmr, *COMMANDS, file=file, journal=hostile) == dict.fromkeys(COMMANDS, 2)


@pytest.mark.parametrize("where", SHOWN)
def test_no_text_of_a_journal_controls_a_terminal_or_a_page(where: str, hostile: Path, file: Path, cmr: Cmr) -> None:
    SHOWN[where](hostile)
    assert set(codes(cmr, *COMMANDS, file=file, journal=hostile).values()) <= {0, 1, 2, 3}


def test_the_name_of_a_journal_controls_no_terminal_and_no_page(hostile: Path, file: Path, cmr: Cmr) -> None:
    renamed = hostile.rename(hostile.with_name("run\x1b[2J\r\ncmr: all is well\u202e.db"))
    codes(cmr, *COMMANDS, file=file, journal=renamed)


@pytest.mark.parametrize("what", STRANGE)
def test_what_no_version_wrote_ends_in_one_line(what: str, hostile: Path, file: Path, cmr: Cmr) -> None:
    STRANGE[what](hostile)
    assert set(codes(cmr, "export", "plan", "resubmit", file=file, journal=hostile).values()) <= {0, 2}


def test_the_journal_that_they_are_made_from_is_a_good_one(hostile: Path, file: Path, cmr: Cmr) -> None:
    expected = dict.fromkeys(COMMANDS, 0) | {"submit": 3, "process": 1, "reconcile": 3}
    assert codes(cmr, *COMMANDS, file=file, journal=hostile) == expected
