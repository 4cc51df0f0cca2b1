"""Ctrl-C and SIGTERM, on a real terminal: nothing new starts, what is on its way is waited for, all is written down."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import orjson
import pytest
from typer.testing import Result

from cmr_async.journal.journal import Journal
from tests.cli.terminal import CTRL_C, Terminal, on_terminal
from tests.loopback import Act, Connection, Loopback, answer_after

Interrupt = Callable[[Terminal], None]


def ctrl_c(terminal: Terminal) -> None:
    terminal.type(CTRL_C)
    terminal.read_until("^C")  # its echo: the signal has been sent


def sigterm(terminal: Terminal) -> None:
    terminal.process.send_signal(signal.SIGTERM)


by_both = pytest.mark.parametrize("interrupt", [ctrl_c, sigterm])

ORDERS = 4
#: Fewer than the orders, so that some are never started.
AT_ONCE = 2


class Server:
    """Holds the answer to every order until it is released, in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.released = asyncio.Event()
        self._server = Loopback(*[answer_after(self.released)] * ORDERS)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._server.__aenter__(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        asyncio.run_coroutine_threadsafe(self._server.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def base_url(self) -> str:
        return self._server.base_url

    @property
    def orders(self) -> list[str]:
        """Domains of the orders that came in."""
        return [received.json["domains"][0]["domain"] for received in self._server.received]

    def wait_for(self, orders: int) -> None:
        asyncio.run_coroutine_threadsafe(self._server.count(orders), self._loop).result(60)

    def release(self) -> None:
        self._loop.call_soon_threadsafe(self.released.set)

    def acts(self, act: Act) -> None:
        """Do something else with each order."""
        self._server.script[:] = [act] * ORDERS


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as server:
        monkeypatch.setenv("CMR_BASE_URL", server.base_url)
        monkeypatch.setenv("CMR_API_KEY", "key")
        yield server


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("user_id,domain\n" + "".join(f"U,domain-{n}.com\n" for n in range(ORDERS)))
    return path


@pytest.fixture
def submit(orders: Path) -> list[str | Path]:
    return ["orders", "submit", orders, "--concurrency", str(AT_ONCE)]


def states(journal: Path) -> Counter[str]:
    async def look() -> Counter[str]:
        async with Journal(journal, create=False) as opened:
            return Counter([entry.state.value async for entry in opened.entries()])

    return asyncio.run(look())


@by_both
def test_the_first_interrupt_waits_for_what_is_on_its_way_and_the_same_command_goes_on(
    interrupt: Interrupt, server: Server, submit: list[str | Path], tmp_path: Path, cmr: Callable[..., Result]
) -> None:
    journal = tmp_path / "run.db"
    submit += ["--confirm", "--yes", "--journal", journal]
    with on_terminal(*submit) as terminal:
        server.wait_for(AT_ONCE)
        interrupt(terminal)
        terminal.read_until("Stopping: waiting up to 15 s for the answers to 2 orders. Ctrl-C again leaves at once.")
        server.release()
        assert terminal.end() == 130
    assert len(server.orders) == AT_ONCE
    assert "2 paid orders accepted of 4 orders." in terminal.text
    assert "2 not started." in terminal.text
    assert "To go on, run the same command again" in terminal.text
    assert "Traceback" not in terminal.text
    assert states(journal) == {"accepted": 2, "planned": 2}

    assert cmr(*submit).exit_code == 0
    assert len(server.orders) == len(set(server.orders)) == ORDERS


def test_the_second_ctrl_c_leaves_at_once_and_what_was_on_its_way_is_unknown(
    server: Server, submit: list[str | Path], tmp_path: Path, cmr: Callable[..., Result]
) -> None:
    journal = tmp_path / "run.db"
    submit += ["--confirm", "--yes", "--journal", journal]
    with on_terminal(*submit, "--output", tmp_path / "results.jsonl") as terminal:
        server.wait_for(AT_ONCE)
        terminal.type(CTRL_C)
        terminal.read_until("leaves at once.")
        terminal.type(CTRL_C)
        assert terminal.end() == 130
    assert "2 UNKNOWN: may or may not have been placed." in terminal.text
    assert f"cmr orders reconcile {journal}" in "".join(terminal.text.split("\r\n"))
    assert "Traceback" not in terminal.text
    assert states(journal) == {"unknown": 2, "planned": 2}
    rows = map(orjson.loads, (tmp_path / "results.jsonl").read_bytes().splitlines())
    assert [row["state"] for row in rows] == ["unknown"] * AT_ONCE

    server.release()
    assert cmr(*submit).exit_code == 3
    assert len(server.orders) == len(set(server.orders)) == ORDERS
    assert states(journal) == {"unknown": 2, "accepted": 2}


def test_the_third_ctrl_c_leaves_when_the_journal_cannot_be_written(
    server: Server, submit: list[str | Path], tmp_path: Path
) -> None:
    journal = tmp_path / "run.db"
    with on_terminal(*submit, "--confirm", "--yes", "--journal", journal) as terminal:
        server.wait_for(AT_ONCE)
        with sqlite3.connect(journal) as locked:
            locked.execute("BEGIN IMMEDIATE")
            terminal.type(CTRL_C)
            terminal.read_until("leaves at once.")
            terminal.type(CTRL_C)
            terminal.read_until("Leaving:")
            terminal.type(CTRL_C)
            assert terminal.end() == 130
            locked.rollback()
        locked.close()
    assert "Left at once; 2 orders may or may not have been placed." in terminal.text
    assert states(journal) == {"unknown": 2, "planned": 2}


@by_both
def test_without_a_journal_the_words_say_what_to_take_out(
    interrupt: Interrupt, server: Server, submit: list[str | Path], tmp_path: Path
) -> None:
    with on_terminal(*submit, "--output", tmp_path / "results.jsonl") as terminal:
        server.wait_for(AT_ONCE)
        interrupt(terminal)
        terminal.read_until("leaves at once.")
        server.release()
        assert terminal.end() == 130
    assert len(server.orders) == AT_ONCE
    assert "2 drafts accepted of 4 orders." in terminal.text
    assert "take the accepted and unknown orders" in terminal.text
    assert "The first order that was not started begins at row 4." in terminal.text
    rows = map(orjson.loads, (tmp_path / "results.jsonl").read_bytes().splitlines())
    assert [row["state"] for row in rows] == ["accepted"] * AT_ONCE


def test_the_wait_for_answers_is_bounded(
    server: Server, submit: list[str | Path], cmr: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def interrupt(_: Connection) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await server.released.wait()

    monkeypatch.setattr("cmr_async.cli.run._DRAIN", 0)
    server.acts(interrupt)
    result = cmr(*submit[:-1], "1")
    assert result.exit_code == 130
    assert "1 UNKNOWN: may or may not have been placed." in result.stdout
    assert "3 not started." in result.stdout


@by_both
def test_an_interrupt_at_the_question_sends_nothing(
    interrupt: Interrupt, server: Server, submit: list[str | Path]
) -> None:
    with on_terminal(*submit, "--confirm") as terminal:
        terminal.read_until("[y/N]")
        interrupt(terminal)
        terminal.type("\n")  # Python sees a signal that came just before it began to wait when the wait is over
        assert terminal.end() == 130
    assert terminal.text.rstrip().endswith("cmr: interrupted.")
    assert "Traceback" not in terminal.text
    assert server.orders == []


@by_both
def test_an_interrupt_while_the_file_is_read_sends_nothing(interrupt: Interrupt, server: Server, orders: Path) -> None:
    orders.unlink()
    os.mkfifo(orders)
    with on_terminal("orders", "submit", orders, "--confirm", "--yes") as terminal:
        writing = os.open(orders, os.O_WRONLY)  # returns when the command has begun to read
        interrupt(terminal)
        os.close(writing)  # as above
        assert terminal.end() == 130
    assert terminal.text.rstrip().endswith("cmr: interrupted.")
    assert "Traceback" not in terminal.text
    assert server.orders == []
