"""`cmr simulator`: it passes its options on, and commands start simulators of their own."""

from __future__ import annotations

from collections.abc import Callable

from typer.testing import Result

from cmr_async.cli.commands.simulator import embedded
from cmr_async.simulator import DEMO_USERS


def test_the_help_calls_the_command_by_its_name(cmr: Callable[..., Result]) -> None:
    result = cmr("simulator", "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith("usage: cmr simulator ")


def test_a_wrong_option_ends_with_code_2(cmr: Callable[..., Result]) -> None:
    result = cmr("simulator", "--wallet", "much")
    assert result.exit_code == 2
    assert "cmr simulator: error: wallet must be an amount of dollars: got 'much'." in result.stderr


def test_a_simulator_of_a_command_knows_the_users_of_the_file_too() -> None:
    assert embedded([DEMO_USERS[1], "U1"]).users == (*DEMO_USERS, "U1")
