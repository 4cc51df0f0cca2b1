"""A simulator in a thread of its own, so that a command can run its own event loop beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cmr_async.simulator import Simulator

#: Runs a command.
Cmr = Callable[..., Result]
#: Starts a simulator with settings.
Start = Callable[..., Simulator]


@pytest.fixture(autouse=True)
def _quick_pace(quick_pace: None) -> None:
    """Let no command wait for 5 requests a second."""


@pytest.fixture
def start_simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a simulator and point the environment at it."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Simulator:
            simulator = stack.enter_context(Simulator(**{"strict": True, **settings}))
            monkeypatch.setenv("CMR_API_KEY", simulator.api_key)
            monkeypatch.setenv("CMR_BASE_URL", simulator.base_url)
            return simulator

        yield start


@pytest.fixture
def simulator(start_simulator: Start) -> Simulator:
    """A simulator that throttles nobody, with the environment pointing at it."""
    return start_simulator(rate_limit=None)


@pytest.fixture
def cmr(monkeypatch: pytest.MonkeyPatch) -> Cmr:
    """Run a command in this process."""
    from cmr_async.cli.app import app

    monkeypatch.setenv("COLUMNS", "200")
    runner = CliRunner()

    def run(*arguments: str | Path, text: str | None = None) -> Result:
        return runner.invoke(app, [str(argument) for argument in arguments], input=text)

    return run
