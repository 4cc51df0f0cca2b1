"""The command, killed at its normal pace: each kill leaves at most the two orders in doubt that were on their way.

`CMR_KILLS` makes it more kills; see the session `killstorm` in `noxfile.py`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from random import Random

import orjson
import pytest

from cmr_async import AsyncClient
from cmr_async.journal.journal import Journal, StepState
from cmr_async.journal.states import OrderKind
from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator, body_hash
from tests.fakes import make_order

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("CMR_KILLS", "3"))
#: More orders than all runs together get to send.
ORDERS = 8 * KILLS + 8


async def start(file: Path, sim: Simulator) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cmr_async", "orders", "submit", str(file), "--confirm", "--yes", "--concurrency", "8"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=os.environ | {"CMR_API_KEY": sim.api_key, "CMR_BASE_URL": sim.base_url},
    )


async def test_a_kill_at_the_normal_pace_leaves_at_most_two_orders_in_doubt(tmp_path: Path) -> None:
    rng = Random(11)
    file = tmp_path / "orders.csv"
    rows = [f"R{number},{DEMO_USERS[0]},order-{number}.com,ada,Ada,Lovelace" for number in range(ORDERS)]
    file.write_text("\n".join(["reference,user_id,domain,username,first_name,last_name", *rows]))
    async with Simulator(wallet=10_000_000, provision_seconds=(0, 0)) as sim:
        for _ in range(KILLS):
            for after in (False, True):
                seconds = rng.uniform(0, 0.2)
                sim.faults.add(FaultRule(kind="delay", times=None, seconds=seconds, after_processing=after))
            process = await start(file, sim)
            wanted = sim.state.requests.total + rng.randint(1, 4)
            while sim.state.requests.total < wanted:  # noqa: ASYNC110 - the simulator has no event for it
                await asyncio.sleep(0.001)
            await asyncio.sleep(rng.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
            await process.wait()
            sim.faults.clear()
        bought = Counter(domain for line in sim.state.ledger for domain in line.domains)
        throttled = sim.state.requests.by_status.get(429, 0)
    async with Journal(f"{file}.journal.db", create=False) as journal:  # marks what the last one had claimed
        entries = [entry async for entry in journal.entries()]
    states = Counter(entry.state for entry in entries)
    print(f"{KILLS} kills, {sum(bought.values())} bought, {states[StepState.UNKNOWN]} unknown")  # noqa: T201 - -s shows it
    assert max(bought.values()) == 1
    assert throttled == 0
    accounted = {entry.domains[0] for entry in entries if entry.state in {StepState.ACCEPTED, StepState.UNKNOWN}}
    assert bought.keys() <= accounted, "bought, but lost from sight"
    assert states[StepState.UNKNOWN] <= 2 * KILLS


async def test_mailboxes_that_were_paid_when_the_command_was_killed_are_not_ordered_again(tmp_path: Path) -> None:
    file, count = tmp_path / "orders.csv", 4
    async with Simulator(provision_seconds=(0, 0)) as sim:
        async with AsyncClient(sim.api_key, sim.base_url) as cmr:
            await cmr.orders.create(make_order("a", confirm=True), user_id=DEMO_USERS[0])
            (subscription,) = (await cmr.subscriptions.list(domain="a.com")).data["subscriptions"]
        rows = [
            f"R{number},{DEMO_USERS[0]},a.com,ada{number},Ada,Lovelace,{subscription['subscriptionId']}"
            for number in range(count)
        ]
        file.write_text("\n".join(["reference,user_id,domain,username,first_name,last_name,subscription_id", *rows]))
        before = len(sim.state.ledger)

        # The second order is paid, and its answer does not come
        path = "/orders/create-mailbox-order/json"
        sim.faults.add(FaultRule(kind="delay", path=path, seconds=60, skip=1, after_processing=True))
        process = await start(file, sim)
        while len(sim.state.ledger) < before + 2:  # noqa: ASYNC110 - the simulator has no event for it
            await asyncio.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        sim.faults.clear()

        process = await start(file, sim)
        assert await process.wait() == 3
        bought = Counter(line.body_hash for line in sim.state.ledger[before:])
    async with Journal(f"{file}.journal.db", create=False) as journal:
        entries = [entry async for entry in journal.entries()]
    assert {entry.kind for entry in entries} == {OrderKind.MAILBOX_ORDER}
    assert max(bought.values()) == 1
    states = {body_hash(orjson.loads(entry.body)): entry.state for entry in entries}
    assert len(states) == count
    assert set(states.values()) == {StepState.ACCEPTED, StepState.UNKNOWN}
    accepted = {digest for digest, state in states.items() if state is StepState.ACCEPTED}
    assert accepted <= bought.keys() <= states.keys()
    assert bought.keys() - accepted, "what was in doubt had been paid"
