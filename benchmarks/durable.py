"""Orders a second of a bulk run with a journal, the pace off: the client on one core, the server a process of its own.

    python benchmarks/durable.py [--orders 3000] [--rounds 3] [--journal LOCATION] [--profile]

Paying orders have a connection each (a handshake for every order); drafts share kept ones. Both are measured, each
without a journal and with one: a SQLite file in a temporary folder, or LOCATION (each round plans new references).
Client and server are each bound to a core of their own where the system allows it. The target, 150 orders a second at 8
at once, is 30 times what the API takes; each order is two transactions, each of which waits for the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import os
import pstats
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from cmr_async import AsyncClient, DomainRegistration, Mailbox, Order
from cmr_async.bulk import OrderRequest

TARGET = 150
USER = "BVZGM5TE9BMP3PP0VWGW943RGV1B"


def orders(count: int, *, confirm: bool) -> Iterator[OrderRequest]:
    """New orders with two mailboxes each."""
    run = uuid.uuid4().hex
    for number in range(count):
        domain = f"order-{number}.com"
        boxes = [Mailbox(username=name, first_name="Ada", last_name="Lovelace") for name in ("ada", "ada.lovelace")]
        order = Order(domains=[DomainRegistration(domain=domain)], mailboxes={domain: boxes}, confirm=confirm)
        yield OrderRequest(user_id=USER, reference=f"{run}-{number}", order=order)


async def run(
    base_url: str, count: int, *, confirm: bool, journal: str | None, concurrency: int
) -> tuple[float, float]:
    """Run once; return orders a second, and CPU microseconds for each."""
    async with AsyncClient("bench", base_url, gap=0) as cmr:
        gc.collect()
        started, cpu = perf_counter(), process_time()
        running = cmr.bulk.submit(orders(count, confirm=confirm), journal=journal, concurrency=concurrency)
        accepted = [outcome.state async for outcome in running].count("accepted")
        took, used = perf_counter() - started, process_time() - cpu
    if accepted != count:
        raise SystemExit(f"only {accepted} of {count} orders were accepted: {running.summary}")
    return count / took, used / count * 1e6


@contextmanager
def server() -> Iterator[str]:
    """Start the answering server and bind it and this process to a core each."""
    script = Path(__file__).with_name("answering_server.py")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
            if len(cores) > 1:
                os.sched_setaffinity(process.pid, cores[1:])
            if cores:
                os.sched_setaffinity(0, cores[:1])
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--journal", help="a path or a URL; default: a file in a temporary folder")
    parser.add_argument("--profile", action="store_true", help="show where the time of a paid, journaled run goes")
    options = parser.parse_args()
    with server() as base_url, tempfile.TemporaryDirectory() as folder:
        location = options.journal or str(Path(folder, "run.db"))
        for concurrency in options.concurrency:
            for confirm in (True, False):
                for journal in (None, location):
                    measured = [
                        asyncio.run(
                            run(base_url, options.orders, confirm=confirm, journal=journal, concurrency=concurrency)
                        )
                        for _ in range(options.rounds)
                    ]
                    rate, cpu = (median(values) for values in zip(*measured, strict=True))
                    missed = "" if journal is None or rate >= TARGET else f"  below {TARGET}"
                    print(
                        f"{concurrency:3} at once  {'paid ' if confirm else 'draft'}  "
                        f"{'journal' if journal else '-':8} {rate:8,.0f} orders/s  {cpu:7.1f} us CPU each{missed}",
                        flush=True,
                    )
        if options.profile:
            profile = cProfile.Profile()
            profile.runcall(asyncio.run, run(base_url, options.orders, confirm=True, journal=location, concurrency=8))
            pstats.Stats(profile).sort_stats("tottime").print_stats(45)


if __name__ == "__main__":
    main()
