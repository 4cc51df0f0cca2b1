"""A bulk run to be killed: forks a child for each run that `test_kill.py` asks for, so that imports are paid once.

It reads a job as one line of JSON, answers with the process id of the child, and, when the child has ended, with its
exit status: 0 when every order has an outcome, 1 when some have none yet, -9 when it was killed.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import sys
import tempfile
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from cmr_async import AsyncClient, DomainRegistration, Mailbox, Order, Timeouts
from cmr_async.bulk import OrderRequest, OrderState
from cmr_async.journal.journal import Journal
from cmr_async.simulator import DEMO_USERS, Simulator


def orders(count: int, *, confirm: bool) -> Iterator[OrderRequest]:
    for number in range(count):
        domain = f"order-{number}.com"
        yield OrderRequest(
            user_id=DEMO_USERS[number % 3],
            reference=f"R{number}",
            order=Order(
                domains=[DomainRegistration(domain=domain)],
                mailboxes={domain: [Mailbox(username="ada", first_name="Ada", last_name="Lovelace")]},
                confirm=confirm,
            ),
        )


async def run(job: dict[str, Any]) -> int:
    told = os.open(job["told"], os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    client = AsyncClient(
        job["key"],
        job["url"],
        gap=0,
        endpoints={"orders.process": "/orders/process"},
        timeouts=Timeouts(connect=job["lease"] / 2),
    )
    limits: dict[str, Any] = {"concurrency": job["concurrency"], "stop_after_unknown": 1_000_000}
    journal = Journal(job["journal"], lease=job["lease"])
    if job["far"]:  # from another machine, where only leases tell who is alive
        journal._me = journal._database._run = attrs.evolve(journal._me, machine=uuid.uuid4().hex)
    async with client as cmr, journal:
        if job["step"] == "process":
            running = cmr.bulk.process(journal, **limits)
        else:
            requests = orders(job["orders"], confirm=job["step"] == "confirm")
            running = cmr.bulk.submit(requests, journal=journal, **limits)
        async for outcome in running:
            if outcome.attempts:  # what this run itself learned, told before anything else happens
                row = [job["step"], outcome.request.reference, outcome.state.value, outcome.order_id]
                os.write(told, json.dumps(row).encode() + b"\n")
    return int(running.summary.stopped is not None or running.summary.not_sent > 0)


async def warm_up() -> None:
    """Import everything that a run imports late, in the parent."""
    with tempfile.TemporaryDirectory() as folder:
        async with Simulator() as sim, AsyncClient(sim.api_key, sim.base_url, gap=0) as cmr:
            running = cmr.bulk.submit(orders(1, confirm=True), journal=Path(folder, "warm.db"))
            assert [outcome.state async for outcome in running] == [OrderState.ACCEPTED]
    importlib.import_module("sqlalchemy.dialects.postgresql.psycopg")
    importlib.import_module("psycopg")


def main() -> None:
    asyncio.run(warm_up())
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            status = 70
            try:
                status = asyncio.run(run(json.loads(line)))
            except BaseException:  # noqa: BLE001 - a child never returns into the loop of its parent
                traceback.print_exc()
            finally:
                os._exit(status)
        print(pid, flush=True)  # noqa: T201 - read by the test
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    main()
