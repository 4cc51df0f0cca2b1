"""What the SDK costs over bare aiohttp with orjson: the draft of the API's page, the same loopback server, in turn.

    python benchmarks/overhead.py [--rounds 3] [--requests 8000] [--profile]

Bare: `session.post(url, data=orjson.dumps(body))` and `orjson.loads(await response.read())`.
SDK: `cmr.orders.create(order)` with the pace off. Both keep 64 requests under way on one event loop; the server is
a process of its own. The figures that count are the ratios; absolute ones are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson

from cmr_async import (
    AsyncClient,
    BillingCycle,
    DomainRegistration,
    GoogleOAuth,
    Mailbox,
    Order,
    OrderRequest,
    ServiceProvider,
)
from cmr_async.core.checked import CheckedOrder
from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import Request
from cmr_async.core.judge import judge
from cmr_async.core.wire import dump_order, unstructure_order
from cmr_async.resources.orders import send_order

if TYPE_CHECKING:
    from collections.abc import Iterator

CONCURRENCY = 64
#: Parts of a round.
SLICES = 16
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
    """Run `one` so many times, 64 at once; return the seconds and the CPU seconds that it took."""
    left = iter(range(requests))

    async def worker() -> None:
        for _ in left:
            await one()

    started, cpu = perf_counter(), process_time()
    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))
    return perf_counter() - started, process_time() - cpu


def _contenders(session: aiohttp.ClientSession, cmr: AsyncClient, base_url: str) -> dict[str, Callable[[], Any]]:
    """Bare aiohttp, the whole SDK, and between them the SDK's layers: what each adds to the one before."""
    body = unstructure_order(ORDER)
    raw = dump_order(ORDER)
    url = f"{base_url}/orders/json"
    pipeline = cmr.orders._pipeline  # noqa: SLF001 - the layers below the public calls
    request = Request(endpoint=ENDPOINTS["orders.create"], subject=str, query={"userId": USER}, body=raw)

    async def bare() -> object:
        async with session.post(url, params={"userId": USER}, data=orjson.dumps(body)) as response:
            return orjson.loads(await response.read())

    async def transport() -> object:
        return await pipeline.transport.send(request)

    async def judged() -> object:
        return judge(request, await pipeline.transport.send(request))

    async def whole_pipeline() -> object:
        return await pipeline.call("orders.create", subject=str, user_id=USER, body=raw)

    async def models() -> object:
        checked = CheckedOrder(request=OrderRequest(user_id=USER, order=ORDER), order=ORDER)
        return await send_order(pipeline, checked)

    async def sdk() -> object:
        return await cmr.orders.create(ORDER, user_id=USER)

    return {
        "bare": bare,
        "transport": transport,
        "and judge": judged,
        "and pipeline": whole_pipeline,
        "and models": models,
        "sdk": sdk,
    }


async def measure(base_url: str, rounds: int, requests: int, *, layers: bool) -> None:
    """Print each round and the ratio of the medians."""
    headers = {"cmr-x-api-key": "bench", "Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session,
        AsyncClient("bench", base_url, gap=0) as cmr,
    ):
        contenders = _contenders(session, cmr, base_url)
        if not layers:
            contenders = {name: contenders[name] for name in ("bare", "sdk")}
        rates: dict[str, list[float]] = {name: [] for name in contenders}
        costs: dict[str, list[float]] = {name: [] for name in contenders}
        for one in contenders.values():
            await _keep_busy(one, CONCURRENCY * 4)
        for number in range(rounds):
            spent = {name: [0.0, 0.0] for name in contenders}
            for _ in range(SLICES):  # in turn and in short slices: a noisy neighbour meets all of them
                for name, one in contenders.items():
                    for index, seconds in enumerate(await _keep_busy(one, requests // SLICES)):
                        spent[name][index] += seconds
            for name, (seconds, cpu) in spent.items():
                rates[name].append(requests / seconds)
                costs[name].append(cpu / requests * 1e6)
                print(
                    f"round {number + 1}  {name:20} {rates[name][-1]:8,.0f} requests/s  {costs[name][-1]:6.1f} us CPU"
                )
    ratio = median(rates["sdk"]) / median(rates["bare"])
    print(f"medians: {ratio:.2f} of the bare throughput")
    if layers:
        print("what each layer adds, CPU microseconds, medians:")
        before = 0.0
        for name, cost in costs.items():
            print(f"  {name if name != 'sdk' else 'and checks of the order':24} {median(cost) - before:+7.1f}")
            before = median(cost)


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
    parser.add_argument("--profile", action="store_true", help="show what each layer of the SDK costs")
    options = parser.parse_args()
    with _server() as base_url:
        print(f"body: {len(dump_order(ORDER))} bytes, {CONCURRENCY} at once")
        asyncio.run(measure(base_url, options.rounds, options.requests, layers=options.profile))


if __name__ == "__main__":
    main()
