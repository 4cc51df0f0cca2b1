"""Measure what a blocking call costs over a bare `await` of the same method, on the same loopback server.

    python benchmarks/blocking_overhead.py [--rounds 3] [--calls 2000] [--uvloop]

Each contender makes its calls one after the other, and its figure is the median latency of a call: the difference is
the way to the loop's thread and back. The server is a process of its own. Contenders take turns; the medians of the
rounds are compared. `8 threads`: the time divided by the calls when 8 threads share one client.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

from cmr_async import AsyncClient, Client, DomainRegistration, Mailbox, Order
from cmr_async.sync import use_uvloop

USER = "BVZGM5TE9BMP3PP0VWGW943RGV1B"
ORDER = Order(
    domains=[DomainRegistration(domain="acme-outreach.com")],
    mailboxes={"acme-outreach.com": [Mailbox(username="jane.doe", first_name="Jane", last_name="Doe")]},
    service_provider="MICROSOFT",
    microsoft_oauth_route="https://route.example/oauth",
)


def awaited(url: str, calls: int) -> float:
    """Return the microseconds of one `await cmr.orders.create(...)`."""

    async def run() -> float:
        async with AsyncClient("bench", url, gap=0) as cmr:
            for _ in range(200):
                await cmr.orders.create(ORDER, user_id=USER)
            times = []
            for _ in range(calls):
                started = perf_counter()
                await cmr.orders.create(ORDER, user_id=USER)
                times.append(perf_counter() - started)
            return median(times) * 1e6

    return asyncio.run(run())


def blocking(url: str, calls: int) -> float:
    """Return the microseconds of one `cmr.orders.create(...)`."""
    with Client("bench", url, gap=0) as cmr:
        for _ in range(200):
            cmr.orders.create(ORDER, user_id=USER)
        times = []
        for _ in range(calls):
            started = perf_counter()
            cmr.orders.create(ORDER, user_id=USER)
            times.append(perf_counter() - started)
        return median(times) * 1e6


def threads(url: str, calls: int) -> float:
    """Return the microseconds per call when 8 threads share one client."""
    with Client("bench", url, gap=0) as cmr:
        left = iter(range(calls))

        def work() -> None:
            for _ in left:
                cmr.orders.create(ORDER, user_id=USER)

        workers = [threading.Thread(target=work) for _ in range(8)]
        started = perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        return (perf_counter() - started) / calls * 1e6


@contextmanager
def _server() -> Iterator[str]:
    script = Path(__file__).with_name("answering_server.py")
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--uvloop", action="store_true", help="the blocking client on uvloop")
    options = parser.parse_args()
    if options.uvloop:
        use_uvloop()
    contenders = {"await": awaited, "blocking": blocking, "8 threads": threads}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    with _server() as url:
        for number in range(options.rounds):
            for name, contender in contenders.items():
                times[name].append(contender(url, options.calls))
                print(f"round {number + 1}  {name:9} {times[name][-1]:7.1f} us a call")
    over = median(times["blocking"]) - median(times["await"])
    print(f"medians: a blocking call costs {over:.0f} us more than an await (at most 200 are allowed)")


if __name__ == "__main__":
    main()
