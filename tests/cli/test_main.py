"""The entry point: `cmr` and `python -m cmr_async`, on a terminal, in a broken pipe, without its extra."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import SimpleNamespace

import pytest

from cmr_async.cli import main, streams
from cmr_async.cli.exit_codes import ExitCode
from cmr_async.simulator import DEMO_USERS
from tests.cli.conftest import Start
from tests.cli.terminal import COMMAND, on_terminal


def test_on_a_terminal_money_is_spent_only_after_a_yes(start_simulator: Start, tmp_path: Path) -> None:
    simulator = start_simulator()
    path = tmp_path / "one.csv"
    path.write_text(f"user_id,domain\n{DEMO_USERS[0]},one.com\n")
    with on_terminal("orders", "submit", path, "--confirm") as terminal:
        terminal.read_until("[y/N]")
        terminal.type("n\n")
        assert terminal.end() == 1
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


def test_a_spreadsheet_is_no_text_for_a_terminal() -> None:
    with on_terminal("orders", "template", "--format", "xlsx") as terminal:
        assert terminal.end() == 2
    assert "a spreadsheet is no text" in terminal.text


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
    assert process.wait(60) == 0
    assert b"4 drafts accepted of 4 orders." in process.stderr.read()
    process.stderr.close()
    assert len(simulator.state.orders) == 4


@pytest.mark.parametrize("as_json", [False, True])
def test_a_letter_that_the_output_lacks_ends_no_run(start_simulator: Start, tmp_path: Path, *, as_json: bool) -> None:
    simulator = start_simulator()
    path = tmp_path / "orders.csv"
    names = ("caf\u00e9", "\u65e5\u672c", "\U0001f4e6")
    rows = "".join(f"{DEMO_USERS[0]},{name},domain-{n}.com\n" for n, name in enumerate(names))
    path.write_text(f"user_id,reference,domain\n{rows}", encoding="utf-8")
    options = ["--json"] if as_json else []
    ran = subprocess.run(
        [*COMMAND, *options, "orders", "submit", str(path), "--confirm", "--yes", "--no-journal"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0
    assert len(simulator.state.ledger) == len(names)
    lines = ran.stdout.decode("ascii").splitlines()
    if as_json:
        told = [json.loads(line) for line in lines]
        assert {line["reference"] for line in told if line["type"] == "order"} == set(names)
    else:
        told_ids = {line.split("\t")[1] for line in lines}
        assert told_ids == set(simulator.state.orders)
        assert "caf\\xe9" in ran.stdout.decode("ascii")


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be deleted there")
def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    shell = ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *COMMAND, "doctor"]
    env = os.environ | {"PYTHONPATH": str(Path(main.__file__).parents[2])}
    ran = subprocess.run(shell, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert ran.stderr == "cmr: the current folder cannot be used (No such file or directory): change to another one.\n"


def test_python_m_is_the_same_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["cmr", "orders", "template"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("cmr_async", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("user_id,reference,domain,years,forward_to,username,")


def test_importing_the_module_of_the_command_runs_nothing() -> None:
    assert runpy.run_module("cmr_async.__main__", run_name="cmr_async.__main__")["run"] is main.run


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_a_line_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_the_command_tree(monkeypatch, missing)
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == 2
    assert capsys.readouterr().err == 'cmr needs its extra: pip install "cmr-async[cli]"\n'


def test_a_module_that_is_missing_for_another_reason_is_not_blamed_on_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_the_command_tree(monkeypatch, "attrs")
    with pytest.raises(ModuleNotFoundError, match="attrs"):
        main.run()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("a\n\x1b[31mb"), r"ZeroDivisionError, a\n\x1b[31mb"),
        (MemoryError(), "MemoryError"),
        (ExceptionGroup("two", [ExceptionGroup("one", [KeyError("x")])]), "KeyError, 'x'"),
        (ValueError("key a-secret-key of postgresql://u:pw@h/db"), "ValueError, key *** of postgresql://***@h/db"),
        (ValueError("x" * 1000), f"ValueError, {'x' * 300}"),
    ],
)
def test_an_error_that_nobody_foresaw_is_one_printable_line_and_leaves_orders_in_doubt(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cmr", "orders", "plan", "a.csv"])
    monkeypatch.setenv("CMR_API_KEY", "a-secret-key")
    failing_with(error, monkeypatch)
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == ExitCode.UNKNOWN
    line = capsys.readouterr().err
    assert line.startswith(f"cmr: an error that nobody foresaw: {said} (test_main.py:")
    assert line.endswith(
        "). If this was a run, some orders may have been placed: see its journal. "
        "For a report of the error: -v shows where it comes from.\n"
    )
    assert line.count("\n") == 1


def test_in_development_mode_an_error_that_nobody_foresaw_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["cmr", "orders", "plan", "a.csv"])
    monkeypatch.setattr("cmr_async.cli.main.sys.flags", SimpleNamespace(dev_mode=True))
    failing_with(ZeroDivisionError("a"), monkeypatch)
    with pytest.raises(ZeroDivisionError):
        main.run()


def failing_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each plan fail."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("cmr_async.cli.commands.plan.open_order_input", fail)


def without_the_command_tree(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Make the next import of the command tree fail for the module that is missing."""

    class Finder(MetaPathFinder):
        def find_spec(self, fullname: str, *_: object, **__: object) -> None:
            if fullname == "cmr_async.cli.app":
                raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.delitem(sys.modules, "cmr_async.cli.app", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])


def test_verbosely_the_traceback_comes_first_and_has_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["cmr", "orders", "plan", "a.csv", "-v"])
    monkeypatch.setenv("CMR_API_KEY", "a-secret-key")
    failing_with(ValueError("key a-secret-key"), monkeypatch)
    monkeypatch.setattr(streams.voice, "verbose", True)
    with pytest.raises(SystemExit):
        main.run()
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback (most recent call last):\n")
    assert "ValueError: key ***\n" in shown
    assert "a-secret-key" not in shown
