"""How many orders a second a journal carries: add, then claim and record each order, at several concurrencies.

Run it with `python benchmarks/journal.py [URL]`; without a URL it makes a SQLite file in a folder of its own.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from cmr_async import DomainRegistration, Mailbox, Order
from cmr_async.journal.journal import Journal, StepState
from cmr_async.models.requests import OrderRequest

ORDERS = 2000


def _request(name: str) -> OrderRequest:
    domain = f"{name}.com"
    boxes = [Mailbox(username=f"user{n}", first_name="Ada", last_name="Lovelace") for n in range(15)]
    order = Order(domains=[DomainRegistration(domain=domain)], mailboxes={domain: boxes})
    return OrderRequest(user_id="U1", order=order, reference=name)


async def _measure(location: str, concurrency: int) -> None:
    stamp = time.time_ns()
    requests = [_request(f"r{stamp}-{n}") for n in range(ORDERS)]
    async with Journal(location) as journal:
        started = time.perf_counter()
        await journal.add(requests)
        added = time.perf_counter() - started
        keys = iter([str(request.reference) for request in requests])
        started, cpu = time.perf_counter(), time.process_time()

        async def work() -> None:
            for key in keys:
                claim = await journal.claim(key)
                if claim is None:
                    raise SystemExit("a claim was lost")
                await journal.record(claim, StepState.ACCEPTED, order_id=f"O-{key}", message="ok", attempts=1)

        await asyncio.gather(*(work() for _ in range(concurrency)))
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(
        f"concurrency {concurrency:3}: add {ORDERS / added:7.0f}/s, claim and record {ORDERS / wall:6.0f} orders/s, "
        f"{cpu / ORDERS * 1e6:5.0f} us of CPU an order"
    )


def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        location = sys.argv[1] if len(sys.argv) > 1 else str(Path(folder) / "run.db")
        for concurrency in (1, 8, 64):
            asyncio.run(_measure(location, concurrency))


if __name__ == "__main__":
    _main()
