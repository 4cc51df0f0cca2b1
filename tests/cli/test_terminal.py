"""The command in a process of its own: on a terminal, interrupted, in a broken pipe."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson
import pytest

from cmr_async.simulator import DEMO_USERS, Fault, Simulator

pty = pytest.importorskip("pty", reason="no pseudo terminals here")

COMMAND = [sys.executable, "-m", "cmr_async"]
Start = Callable[..., Simulator]


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("user_id,domain\n" + "".join(f"{DEMO_USERS[0]},domain-{n}.com\n" for n in range(30)))
    return path


class Terminal:
    """A command on a pseudo terminal."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self.text = ""

    def read_until(self, part: str, seconds: float = 20) -> None:
        """Read until a text was seen, or until the end for a part that never comes."""
        limit = time.monotonic() + seconds
        while part not in self.text and (left := limit - time.monotonic()) > 0:
            if not select.select([self._descriptor], [], [], left)[0]:
                return
            try:
                data = os.read(self._descriptor, 65536)
            except OSError:  # how Linux says that the other end is gone
                return
            if not data:
                return
            self.text += data.decode()

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def end(self) -> int:
        self.read_until("\0")
        return self.process.wait(10)


@contextmanager
def on_terminal(*arguments: str | Path) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "160"},
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait(10)
        os.close(ours)


def test_on_a_terminal_money_is_spent_only_after_a_yes(start_simulator: Start, tmp_path: Path) -> None:
    simulator = start_simulator()
    path = tmp_path / "one.csv"
    path.write_text(f"user_id,domain\n{DEMO_USERS[0]},one.com\n")
    with on_terminal("orders", "submit", path, "--confirm") as terminal:
        terminal.read_until("[y/N]")
        terminal.type("n\n")
        assert terminal.end() == 2
    assert "Spend money on 1 order, 1 domain, 0 mailboxes, about $15.88?" in terminal.text
    assert "Nothing was sent." in terminal.text
    assert not simulator.state.orders

    with on_terminal("orders", "submit", path, "--confirm") as terminal:
        terminal.read_until("[y/N]")
        terminal.type("y\n")
        assert terminal.end() == 0
    (order,) = simulator.state.orders.values()
    assert order.purchase is not None
    assert order.order_id in terminal.text  # the table
    assert "1/1" in terminal.text  # the bar
    assert "1 paid order accepted of 1 order." in terminal.text


def test_ctrl_c_waits_for_what_is_on_its_way_and_says_how_to_go_on(
    start_simulator: Start, orders: Path, tmp_path: Path
) -> None:
    simulator = start_simulator()
    output = tmp_path / "results.jsonl"
    with on_terminal("orders", "submit", orders, "--output", output) as terminal:
        terminal.read_until("accepted")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
    rows = [orjson.loads(line) for line in output.read_bytes().splitlines()]
    assert 0 < len(rows) < 30
    assert {row["state"] for row in rows} == {"accepted"}
    assert {row["order_id"] for row in rows} == set(simulator.state.orders)
    assert f"{30 - len(rows)} not started." in terminal.text
    assert f"The first order that was not started begins at row {len(rows) + 2}." in terminal.text


def test_a_second_ctrl_c_leaves_at_once_and_writes_down_what_is_in_doubt(
    start_simulator: Start, orders: Path, tmp_path: Path
) -> None:
    simulator = start_simulator()
    simulator.faults.add(Fault(kind="stall", times=None, skip=1))
    output = tmp_path / "results.jsonl"
    with on_terminal("orders", "submit", orders, "--output", output, "--concurrency", "2") as terminal:
        terminal.read_until("1 accepted")
        terminal.process.send_signal(signal.SIGINT)
        terminal.read_until("Ctrl-C again leaves at once")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130
    rows = [orjson.loads(line) for line in output.read_bytes().splitlines()]
    assert [row["state"] for row in rows] == ["accepted", "unknown", "unknown"]
    assert "2 orders may or may not have been placed" in terminal.text


def test_a_reader_that_goes_away_does_not_end_a_run(start_simulator: Start, tmp_path: Path) -> None:
    simulator = start_simulator()
    path = tmp_path / "orders.csv"
    path.write_text("user_id,domain\n" + "".join(f"{DEMO_USERS[0]},domain-{n}.com\n" for n in range(4)))
    process = subprocess.Popen(
        [*COMMAND, "orders", "submit", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr.read() == b""
    process.stderr.close()
    assert len(simulator.state.orders) == 4


def test_python_m_is_the_same_command() -> None:
    run = subprocess.run([*COMMAND, "orders", "template"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("user_id,reference,domain,years,forward_to,username,")


def test_without_the_extra_a_line_says_what_to_install() -> None:
    code = "import sys; sys.modules['typer'] = None; from cmr_async.cli.main import run; run()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr == 'cmr needs its extra: pip install "cmr-async[cli]"\n'
