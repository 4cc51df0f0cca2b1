"""`cmr simulator`, and the simulator that other commands start for themselves."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cmr_async.cli.commands import simulator
from cmr_async.simulator import DEMO_USERS
from tests.cli.conftest import Cmr


def test_its_options_are_those_of_the_simulator(cmr: Cmr, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []

    def main(arguments: list[str], **_: object) -> int:
        given.append(arguments)
        return 1

    monkeypatch.setattr(simulator, "main", main)
    assert cmr("simulator", "--port", "0", "--help").exit_code == 1
    assert given == [["--port", "0", "--help"]]


def test_the_help_calls_the_command_by_its_name(cmr: Cmr) -> None:
    result = cmr("simulator", "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith("usage: cmr simulator ")


def test_a_wrong_option_ends_with_code_2(cmr: Cmr) -> None:
    result = cmr("simulator", "--wallet", "much")
    assert result.exit_code == 2
    assert "cmr simulator: error: wallet must be an amount of dollars: got 'much'." in result.stderr


def test_one_for_a_command_knows_the_users_of_the_file_and_pays_for_everything() -> None:
    own = simulator.embedded([DEMO_USERS[0], "SOMEONE"])
    assert own.state.wallet == Decimal(1_000_000_000)
    assert set(own.state.users) == {*DEMO_USERS, "SOMEONE"}
