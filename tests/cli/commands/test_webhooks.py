"""`cmr webhooks`: receiving on this machine until Ctrl-C, and sending to a receiver."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from cmr_async import Journal
from cmr_async.cli.webhooks.recording import read_recording
from cmr_async.cli.webhooks.sending import Sent, opened_sender
from cmr_async.core.account import Account
from cmr_async.webhooks import sign
from tests.cli.webhooks.deliveries import CREATED, KEY, SECRET

Cmr = Callable[..., Result]


@pytest.fixture
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMR_API_KEY", KEY)


def test_without_a_key_it_says_what_to_do(cmr: Cmr) -> None:
    result = cmr("webhooks", "listen")
    assert result.exit_code == 2
    assert "no API key: set CMR_API_KEY" in result.stderr


@pytest.mark.usefixtures("_key")
def test_the_journal_of_another_account_is_refused(cmr: Cmr, tmp_path: Path) -> None:
    async def make() -> None:
        async with Journal(tmp_path / "run.db") as journal:
            await journal.bind(Account.of("https://other.example", "another-key"))

    asyncio.run(make())
    result = cmr("webhooks", "listen", "--journal", tmp_path / "run.db", "--port", 0)
    assert result.exit_code == 2
    assert "another" in result.stderr
    assert KEY not in result.output


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo terminals here")
@pytest.mark.usefixtures("_key")
def test_it_shows_deliveries_until_ctrl_c_and_ends_well(tmp_path: Path) -> None:
    from tests.cli.terminal import CTRL_C, on_terminal

    async def deliver(url: str) -> Sent:
        async with opened_sender(url, option="--to") as sender:
            return await sender.send(CREATED, sign(CREATED, key=KEY))

    record, journal = tmp_path / "deliveries.jsonl", tmp_path / "run.db"
    with on_terminal("webhooks", "listen", "--port", "0", "--record", record, "--journal", journal) as terminal:
        terminal.read_until("stop with Ctrl-C.")
        found = re.search(r"Listening on (http://127\.0\.0\.1:\d+/)", terminal.text)
        assert found is not None, terminal.text
        assert asyncio.run(deliver(found[1])).status == 200
        terminal.read_until("ada@one.com")
        assert asyncio.run(deliver(found[1])).status == 200
        terminal.read_until("duplicate")
        terminal.type(CTRL_C)
        assert terminal.end() == 0
    assert "will hold secrets" in terminal.text
    assert SECRET not in terminal.text
    assert "Traceback" not in terminal.text
    assert read_recording(record) == [CREATED, CREATED]
