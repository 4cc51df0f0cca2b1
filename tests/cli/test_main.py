"""The command in a process of its own: on a terminal, in a broken pipe."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cmr_async.simulator import DEMO_USERS, Simulator
from tests.cli.terminal import COMMAND, on_terminal

Start = Callable[..., Simulator]


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
