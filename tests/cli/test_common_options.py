"""Options that may stand before or behind the name of a command."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from cmr_async.cli.app import COMMANDS, app
from cmr_async.simulator import DEMO_USERS, Simulator
from tests.cli.conftest import Cmr


@pytest.fixture(autouse=True)
def _levels() -> Iterator[None]:
    """Put the level of the log back."""
    logger = logging.getLogger("cmr_async")
    before = logger.level
    yield
    logger.setLevel(before)


@pytest.mark.parametrize("before", [True, False])
def test_a_base_url_comes_before_that_of_the_environment(
    before: bool, simulator: Simulator, cmr: Cmr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMR_BASE_URL", "http://127.0.0.1:9")
    option, command = ["--base-url", simulator.base_url], ["users", "get", DEMO_USERS[0]]
    assert cmr(*option, *command).exit_code == 0 if before else cmr(*command, *option).exit_code == 0
    assert os.environ["CMR_BASE_URL"] == "http://127.0.0.1:9"


@pytest.mark.parametrize("before", [True, False])
def test_a_profile_is_used_for_one_command(
    before: bool, simulator: Simulator, cmr: Cmr, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.touch(0o600)
    config.write_text(
        f'[profiles.test]\nkey_env = "MY_KEY"\nbase_url = "{simulator.base_url}"\nuser_id = "{DEMO_USERS[0]}"\n'
    )
    monkeypatch.setenv("CMR_CONFIG", str(config))
    monkeypatch.setenv("MY_KEY", simulator.api_key)
    monkeypatch.delenv("CMR_API_KEY")
    monkeypatch.delenv("CMR_BASE_URL")
    option, command = ["--profile", "test"], ["domains", "list"]
    result = cmr(*option, *command) if before else cmr(*command, *option)
    assert (result.exit_code, result.stdout) == (0, "[]\n")
    assert "CMR_API_KEY" not in os.environ
    assert "CMR_BASE_URL" not in os.environ
    refused = cmr(*command)
    assert refused.exit_code == 2
    assert "CMR_USER_ID" in refused.stderr


def test_what_the_environment_says_instead_of_the_profile_is_told(
    simulator: Simulator, cmr: Cmr, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.touch(0o600)
    config.write_text('[profiles.live]\nbase_url = "http://127.0.0.1:9"\n')
    monkeypatch.setenv("CMR_CONFIG", str(config))
    result = cmr("users", "get", DEMO_USERS[0], "--profile", "live")
    assert result.exit_code == 0
    assert result.stderr.splitlines()[0] == "CMR_BASE_URL of the environment: used before the profile live."


def test_a_profile_that_is_not_there_is_a_usage_error(
    cmr: Cmr, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CMR_CONFIG", str(tmp_path / "config.toml"))
    result = cmr("users", "get", "U", "--profile", "live")
    assert result.exit_code == 2
    assert "the profile 'live' cannot be used: " in result.stderr
    assert "config.toml" in result.stderr
    assert "cannot be read" in result.stderr


@pytest.mark.parametrize("arguments", [("-q", "users", "get"), ("users", "get", "-q")])
def test_a_quiet_command_says_nothing_but_the_result(
    arguments: tuple[str, ...], simulator: Simulator, cmr: Cmr
) -> None:
    result = cmr(*arguments, DEMO_USERS[0])
    assert (result.exit_code, result.stderr) == (0, "")
    assert orjson.loads(result.stdout)["userId"] == DEMO_USERS[0]
    assert cmr("users", "get", DEMO_USERS[0]).stderr != ""


@pytest.mark.parametrize("arguments", [("--json", "users", "get"), ("users", "get", "--json")])
def test_results_are_json_wherever_the_option_stands(
    arguments: tuple[str, ...], simulator: Simulator, cmr: Cmr
) -> None:
    result = cmr(*arguments, DEMO_USERS[0])
    assert result.exit_code == 0
    assert orjson.loads(result.stdout)["type"] == "answer"


@pytest.mark.parametrize("arguments", [("--json", "docs"), ("docs", "--json")])
def test_a_command_without_data_has_no_json(arguments: tuple[str, ...], cmr: Cmr) -> None:
    assert cmr(*arguments).exit_code == 2


def test_a_talkative_command_shows_each_request(
    simulator: Simulator, cmr: Cmr, caplog: pytest.LogCaptureFixture
) -> None:
    assert cmr("users", "get", DEMO_USERS[0], "-v").exit_code == 0
    assert "users.get attempt=1 phase=complete status=200 outcome=accepted failure=None" in caplog.text
    assert simulator.api_key not in caplog.text


def test_help_is_a_command_too(cmr: Cmr) -> None:
    assert cmr("help").stdout == cmr("--help").stdout
    assert cmr("help", "orders", "submit").stdout == cmr("orders", "submit", "--help").stdout


EVERY = [(group, command) for group, commands in COMMANDS.items() for command in commands if command != "simulator"]


@pytest.mark.parametrize(("group", "command"), EVERY)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_help_of_every_command_fits_and_has_an_example(
    group: str, command: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    words = [command] if group == "cmr" else [group, command]
    with pytest.raises(SystemExit) as ended:
        app([*words, "--help"], prog_name="cmr")
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert f"Usage: cmr {' '.join(words)}" in shown
    assert "Example" in shown
    assert "--profile" in shown
    written = ("cmr ", "0 ", "1 ", "2 ", "3 ", "130", "or you did not")  # as they are, at every width
    assert [line for line in shown.splitlines() if len(line) > width and not line.strip().startswith(written)] == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_its_completion(shell: str, cmr: Cmr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    monkeypatch.setenv("_CMR_COMPLETE", f"complete_{shell}")
    words = "cmr orders su"
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", words)
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    assert "submit" in cmr().stdout
