"""How well the pace holds the limit: paying orders against the simulator, which enforces 5 in any rolling second.

    python benchmarks/pace.py [--orders 60]

The simulator is a process of its own and counts: answers with 429, and the most requests in any second. The share
of the limit is the rate after the first second over 5 a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from time import monotonic
from urllib.request import urlopen

from cmr_async import AsyncClient, DomainRegistration, Order, OrderRequest
from cmr_async.simulator import DEMO_USERS

LIMIT = 5
KEY = "pace-key"


async def submit(base_url: str, orders: int) -> list[float]:
    """Submit paying orders in bulk; return when each was accepted, in seconds since the first."""
    requests = (
        OrderRequest(
            user_id=DEMO_USERS[0],
            order=Order(domains=[DomainRegistration(domain=f"pace-{number}.com")], confirm=True),
        )
        for number in range(orders)
    )
    done = []
    async with AsyncClient(KEY, base_url) as cmr:
        async for outcome in cmr.bulk.submit(requests, concurrency=8):
            assert outcome.order_id, outcome
            done.append(monotonic())
    return [moment - done[0] for moment in done]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=60)
    options = parser.parse_args()
    command = [sys.executable, "-m", "cmr_async.simulator", "--port", "0", "--wallet", "100000", "--api-key", KEY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        assert simulator.stdout is not None
        base_url = simulator.stdout.readline().split()[-1]
        try:
            moments = asyncio.run(submit(base_url, options.orders))
            with urlopen(base_url.replace("/api/v1/integration", "/_simulator/requests")) as answer:
                counted = json.load(answer)
        finally:
            simulator.terminate()
    after = [moment for moment in moments if moment > 1]
    share = (len(after) - 1) / ((after[-1] - after[0]) * LIMIT)
    print(f"{len(moments)} orders in {moments[-1]:.2f} s; the simulator counted: {json.dumps(counted)}")
    print(f"share of the limit used after the first second: {share:.1%}")


if __name__ == "__main__":
    main()
