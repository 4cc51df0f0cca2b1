"""Standard output that cannot be written: no run ends early, no order id is lost, and the exit code says so."""

from __future__ import annotations

import subprocess
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from cmr_async.simulator import DEMO_USERS
from tests.cli.conftest import Start
from tests.cli.terminal import COMMAND

FULL = Path("/dev/full")
ORDERS = 4

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("user_id,domain\n" + "".join(f"{DEMO_USERS[0]},domain-{n}.com\n" for n in range(ORDERS)))
    return path


def to_full_disk(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command whose standard output is a full disk."""
    with FULL.open("w") as full:
        return subprocess.run(
            [*COMMAND, *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )


def to_nobody(*arguments: str | Path) -> tuple[int, str]:
    """Run a command whose reader has gone away; return exit code and standard error."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    return process.wait(60), said


def not_printed(said: str) -> list[str]:
    return [line.partition("\t")[2] for line in said.splitlines() if line.startswith("not printed\t")]


def test_without_a_journal_every_order_id_is_on_standard_error(start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator()
    ran = to_full_disk("orders", "submit", orders, "--confirm", "--yes", "--no-journal")
    assert ran.returncode == 3
    assert {line.split("\t")[1] for line in not_printed(ran.stderr)} == set(simulator.state.orders)
    assert "4 paid orders accepted of 4 orders." in ran.stderr
    assert "do not send these orders again" in ran.stderr


def test_so_it_is_as_json_and_for_a_reader_that_goes_away(start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator()
    code, said = to_nobody("orders", "submit", orders, "--confirm", "--yes", "--no-journal", "--json")
    assert code == 3
    kept = [orjson.loads(line) for line in not_printed(said)]
    assert {line["order_id"] for line in kept if line["type"] == "order"} == set(simulator.state.orders)
    assert "standard output cannot be written" not in said


def test_orders_that_bought_nothing_need_not_be_kept(start_simulator: Start, orders: Path) -> None:
    start_simulator(wallet=Decimal(0))
    ran = to_full_disk("orders", "submit", orders, "--confirm", "--yes", "--no-journal")
    assert ran.returncode == 1
    assert not not_printed(ran.stderr)
    assert "do not send these orders again" not in ran.stderr


@pytest.mark.parametrize("kept", ["--journal", "--output"])
def test_what_is_written_down_is_not_repeated(kept: str, start_simulator: Start, orders: Path, tmp_path: Path) -> None:
    start_simulator()
    place = tmp_path / ("run.db" if kept == "--journal" else "run.csv")
    more = [] if kept == "--journal" else ["--no-journal"]
    ran = to_full_disk("orders", "submit", orders, "--confirm", "--yes", kept, place, *more)
    assert ran.returncode == 1
    assert not not_printed(ran.stderr)
    assert "standard output cannot be written any more" in ran.stderr
    assert "4 paid orders accepted of 4 orders." in ran.stderr


def test_a_look_at_a_journal_that_cannot_be_printed_did_not_go_well(start_simulator: Start, orders: Path) -> None:
    start_simulator()
    assert to_nobody("orders", "submit", orders)[0] == 0
    assert to_full_disk("journal", "show", f"{orders}.journal.db").returncode == 1


@pytest.mark.parametrize("arguments", [["--help"], ["orders", "submit", "--help"], ["orders", "template"]])
def test_help_that_cannot_be_printed_is_one_plain_line(arguments: list[str]) -> None:
    ran = to_full_disk(*arguments)
    assert ran.returncode == 1
    assert ran.stderr == "cmr: standard output cannot be written any more: No space left on device.\n"


def with_closed(streams: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command that a shell starts without some of its standard streams."""
    shell = ["sh", "-c", f'exec "$@" {streams}', "sh", *COMMAND, *map(str, arguments)]
    return subprocess.run(shell, capture_output=True, text=True, timeout=60, check=False)


def test_a_closed_standard_output_is_like_one_that_cannot_be_written(start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator()
    ran = with_closed(">&-", "orders", "submit", orders, "--confirm", "--yes", "--no-journal")
    assert ran.returncode == 3
    assert {line.split("\t")[1] for line in not_printed(ran.stderr)} == set(simulator.state.orders)


def test_whoever_closes_all_streams_has_the_journal(start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator()
    ran = with_closed("<&- >&- 2>&-", "orders", "submit", orders, "--confirm", "--yes")
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", "")
    assert len(simulator.state.ledger) == ORDERS
    shown = with_closed("2>&-", "journal", "show", f"{orders}.journal.db")
    assert shown.stdout.count("accepted\t") == ORDERS


def test_nobody_can_be_asked_on_a_closed_standard_input(start_simulator: Start, orders: Path) -> None:
    simulator = start_simulator()
    ran = with_closed("<&-", "orders", "submit", orders, "--confirm")
    assert ran.returncode == 2
    assert "nobody can be asked here: add --yes. Nothing was sent." in ran.stderr
    assert simulator.state.ledger == []
