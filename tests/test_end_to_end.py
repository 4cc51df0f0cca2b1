"""From a spreadsheet to active mailboxes: paid once, heard of by webhooks that fail, repeat and overtake each other."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cmr_async import Journal
from cmr_async.simulator import DEMO_USERS, Simulator
from cmr_async.webhooks import Event, MailboxCreated, Receiver, SignatureScheme

KEY = "key-of-the-whole-way"
NAMES = ("north", "south", "east", "west")
USERNAMES = ("ada", "grace")
ROWS = "user_id,reference,domain,username,first_name,last_name\n" + "".join(
    f"{DEMO_USERS[0]},{name},{name}-outreach.com,{username},Ada,Lovelace\n" for name in NAMES for username in USERNAMES
)


@pytest.mark.slow
async def test_a_spreadsheet_becomes_active_mailboxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders, location = tmp_path / "orders.csv", tmp_path / "orders.csv.journal.db"
    orders.write_text(ROWS)
    created: Counter[str | None] = Counter()
    others: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    failed: list[str] = []

    async with Journal(location) as journal:
        receiver = Receiver(
            journal,
            keys=[KEY],
            scheme=SignatureScheme(tolerance=None),  # minutes of the simulator pass while this machine is busy
            fallback=lambda event, _: others.update([event.name or ""]),
            on_reply=lambda reply: statuses.update([reply.status]),
        )

        @receiver.on(MailboxCreated)
        def count(event: Event, _: Any) -> None:
            if not failed:
                failed.append("the first one")
                raise LookupError("the first one fails")
            created[getattr(event, "email", None)] += 1

        served = web.Application()
        served.add_routes(receiver.routes("/hooks"))
        async with TestServer(served) as server:
            simulator = Simulator(
                wallet=1000,
                api_key=KEY,
                time_scale=100,
                webhook_url=str(server.make_url("/hooks")),
                webhook_duplicates=0.5,
                webhook_shuffle=20,
            )
            async with simulator:
                monkeypatch.setenv("CMR_API_KEY", KEY)
                monkeypatch.setenv("CMR_BASE_URL", simulator.base_url)
                paid, _ = await _typed("orders", "submit", orders, "--confirm", "--yes")
                watched, seen = await _typed("orders", "watch", location, "--timeout", 60)

    ready = {f"{username}@{name}-outreach.com" for name in NAMES for username in USERNAMES}
    assert (paid, watched) == (0, 0)
    assert created == Counter(ready)  # each effect once, whatever came twice
    assert seen.count("active") == len(NAMES)
    assert statuses[500] == 1
    ledger = simulator.state.ledger
    assert Counter(domain for entry in ledger for domain in entry.domains) == Counter(
        f"{name}-outreach.com" for name in NAMES
    )
    assert simulator.state.wallet == Decimal(1000) - sum(entry.amount for entry in ledger)


async def _typed(*words: object) -> tuple[int | None, str]:
    """Run a command in a process of its own; return its exit code and its standard output."""
    command = [sys.executable, "-m", "cmr_async", *map(str, words)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output, _ = await process.communicate()
    return process.returncode, output.decode()
