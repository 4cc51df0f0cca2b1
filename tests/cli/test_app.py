"""The command tree: what is listed, and what is imported for it."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command, get_group

from cmr_async import __version__
from cmr_async.cli.app import COMMANDS, app
from tests.cli.conftest import Cmr

EVERY = [(group, command) for group, commands in COMMANDS.items() for command in commands]


def test_the_version_is_shown(cmr: Cmr) -> None:
    assert cmr("--version").stdout == f"cmr-async {__version__}\n"


@pytest.mark.parametrize(("group", "command"), EVERY)
def test_a_group_lists_the_first_line_of_the_help_of_a_command(group: str, command: str) -> None:
    module, line = COMMANDS[group][command]
    whole = get_group(import_module(f"cmr_async.cli.commands.{module}").app).commands[command].help
    assert whole is not None
    assert whole.splitlines()[0] == line


@pytest.mark.parametrize("group", ["orders", "journal"])
def test_the_help_of_a_group_has_every_line_in_full_on_a_narrow_terminal(
    group: str, cmr: Cmr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = cmr(group, "--help").stdout
    for command, (_, line) in COMMANDS[group].items():
        assert f"  {command} " in shown
        assert line in shown


def test_a_typo_is_answered_with_a_command_that_is_like_it(cmr: Cmr) -> None:
    result = cmr("orders", "sumbit")
    assert result.exit_code == 2
    assert "No such command 'sumbit'. Did you mean 'submit'" in result.stderr


def test_a_completion_lists_commands_with_their_lines() -> None:
    root: Any = get_command(app)
    (item,) = root.shell_complete(typer.Context(root), "sim")
    assert (item.value, item.help) == ("simulator", "Run a local simulator of the API.")


def imported(*arguments: str) -> set[str]:
    """Modules that a process has imported after a command."""
    code = f"""
import sys
sys.argv = ["cmr", *{arguments!r}]
from cmr_async.cli.main import run
try:
    run()
except SystemExit:
    print(*sys.modules, file=sys.stderr)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stderr.split())


HEAVY = {"sqlalchemy", "openpyxl", "aiohttp.web", "rich"}


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("orders", "--help"), ("journal", "--help")])
def test_help_imports_no_command(arguments: tuple[str, ...]) -> None:
    modules = imported(*arguments)
    assert "cmr_async.cli.app" in modules
    assert [name for name in modules if name.startswith("cmr_async.cli.commands")] == []
    assert modules & HEAVY == set()


def test_orders_without_a_journal_need_no_extra(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("user_id,domain\nU,one.com\n")
    modules = imported("orders", "submit", str(path), "--confirm", "--dry-run", "--no-journal")
    assert "cmr_async.cli.commands.orders" in modules
    assert modules & HEAVY == set()


def test_a_command_that_lacks_its_extra_says_what_to_install(cmr: Cmr, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("cmr_async.journal", "cmr_async.cli.commands"):  # another import would stay in the parent package
        parent, _, name = package.rpartition(".")
        monkeypatch.setattr(import_module(parent), name, import_module(package))
    for name in [name for name in sys.modules if name.startswith(("cmr_async.journal", "cmr_async.cli.commands"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "cmr_async.cli.journal_reading", raising=False)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    result = cmr("journal", "show", "run.db")
    assert result.exit_code == 2
    assert result.stderr.startswith('cmr: A journal needs SQLAlchemy: pip install "cmr-async[journal]"\n')
