"""What the SDK costs over bare aiohttp with orjson: the draft of the API's page, the same loopback server, in turn.

    python benchmarks/overhead.py [--rounds 3] [--requests 8000] [--profile]

Bare: `session.post(url, data=orjson.dumps(body))` and `orjson.loads(await response.read())`.
SDK: `cmr.orders.create(order)` with the pace off. Both keep 64 requests under way on one event loop; the server is
a process of its own. The figures that count are the ratios; absolute ones are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import aiohttp
import orjson

from cmr_async import AsyncClient, BillingCycle, DomainRegistration, GoogleOAuth, Mailbox, Order, ServiceProvider
from cmr_async.core.wire import unstructure_order

if TYPE_CHECKING:
    from collections.abc import Iterator

CONCURRENCY = 64
USER = "BVZGM5TE9BMP3PP0VWGW943RGV1B"
#: The order of the API's page, with two user names instead of one twice.
ORDER = Order(
    domains=[DomainRegistration(domain="domain.com", forward_to="coldmailreseller.com")],
    mailboxes={
        "domain.com": [
            Mailbox(
                username=username,
                first_name="john",
                last_name="doe",
                profile_picture="https://unsplash.com/photos/a-white-sculpture-is-shown-against-a-white-background-As9ruviI79Q",
            )
            for username in ("email1", "email2")
        ]
    },
    billing_cycle=BillingCycle.MONTHLY,
    service_provider=ServiceProvider.GOOGLE,
    microsoft_oauth_route="",
    google=GoogleOAuth(
        google_oauth_route="https://accounts.google.com/o/oauth2/v2/auth/oauthchooseaccount?access_type=offline...",
        client_id="549360251880-maeh4okn7btu9cjtf0l2bt1t5b22sbf8.apps.googleusercontent.com",
        app_name="Outreach App",
    ),
    auto_renew=False,
)


async def _keep_busy(one: Callable[[], Awaitable[object]], requests: int) -> tuple[float, float]:
    """Run `one` so many times, 64 at once; return requests a second and CPU microseconds for each."""
    left = iter(range(requests))

    async def worker() -> None:
        for _ in left:
            await one()

    started, cpu = perf_counter(), process_time()
    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    return requests / (perf_counter() - started), (process_time() - cpu) / requests * 1e6


async def bare(base_url: str, requests: int) -> tuple[float, float]:
    """Measure aiohttp and orjson alone."""
    body = unstructure_order(ORDER)
    url = f"{base_url}/orders/json"
    headers = {"cmr-x-api-key": "bench", "Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def one() -> object:
            async with session.post(url, params={"userId": USER}, data=orjson.dumps(body)) as response:
                return orjson.loads(await response.read())

        await _keep_busy(one, CONCURRENCY * 2)
        return await _keep_busy(one, requests)


async def sdk(base_url: str, requests: int) -> tuple[float, float]:
    """Measure `orders.create`."""
    async with AsyncClient("bench", base_url, gap=0) as cmr:

        async def one() -> object:
            return await cmr.orders.create(ORDER, user_id=USER)

        await _keep_busy(one, CONCURRENCY * 2)
        return await _keep_busy(one, requests)


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
    parser.add_argument("--requests", type=int, default=8000)
    parser.add_argument("--profile", action="store_true", help="show where the SDK's time goes")
    options = parser.parse_args()
    with _server() as base_url:
        print(f"body: {len(orjson.dumps(unstructure_order(ORDER)))} bytes, {CONCURRENCY} at once")
        rates: dict[str, list[float]] = {"bare": [], "sdk": []}
        for number in range(options.rounds):
            for name, contender in (("bare", bare), ("sdk", sdk)):
                rate, cpu = asyncio.run(contender(base_url, options.requests))
                rates[name].append(rate)
                print(f"round {number + 1}  {name:5} {rate:8,.0f} requests/s  {cpu:6.1f} us CPU each")
        ratio = median(rates["sdk"]) / median(rates["bare"])
        print(f"medians: {ratio:.2f} of the bare throughput")
        if options.profile:
            profile = cProfile.Profile()
            profile.runcall(asyncio.run, sdk(base_url, options.requests))
            pstats.Stats(profile).sort_stats("tottime").print_stats(40)


if __name__ == "__main__":
    main()
