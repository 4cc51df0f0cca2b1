"""What the SDK costs over bare aiohttp with orjson, like with like, on the same loopback server, in turn.

    python benchmarks/overhead.py [--rounds 5] [--requests 4000] [--profile]

Orders: `cmr.orders.create(order)` with the draft of the API's page, against `session.post(url, data=...)` on a session
that opens a connection for each request, as the SDK does for whatever must not be repeated.
Reads: `cmr.domains.by_user(user)` against `session.get(url)`, both on kept connections.
The pace is off, 64 requests are under way on one event loop, and the server is a process of its own. The figures that
count are the ratios of CPU time, best of the rounds; absolute ones are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path
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
from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.exchange import Request
from cmr_async.core.judge import judge
from cmr_async.core.order.checked import CheckedOrder
from cmr_async.core.wire import dump_order, unstructure_order
from cmr_async.resources.orders import send_order

if TYPE_CHECKING:
    from collections.abc import Iterator

Contenders = dict[str, Callable[[], Any]]

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


def _orders(session: aiohttp.ClientSession, cmr: AsyncClient, base_url: str) -> Contenders:
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


def _reads(session: aiohttp.ClientSession, cmr: AsyncClient, base_url: str) -> Contenders:
    """The same for a call that only reads."""
    url = f"{base_url}/domains/by-user"
    pipeline = cmr.domains._pipeline  # noqa: SLF001 - the layers below the public calls
    request = Request(endpoint=ENDPOINTS["domains.by_user"], subject=str, query={"userId": USER})

    async def bare() -> object:
        async with session.get(url, params={"userId": USER}) as response:
            return orjson.loads(await response.read())

    async def transport() -> object:
        return await pipeline.transport.send(request)

    async def judged() -> object:
        return judge(request, await pipeline.transport.send(request))

    async def sdk() -> object:
        return await cmr.domains.by_user(USER)

    return {"bare": bare, "transport": transport, "and judge": judged, "sdk": sdk}


async def measure(name: str, contenders: Contenders, rounds: int, requests: int) -> None:
    """Print the ratio of the best rounds, and what each contender adds to the one before."""
    rates: dict[str, list[float]] = {one: [] for one in contenders}
    costs: dict[str, list[float]] = {one: [] for one in contenders}
    for one in contenders.values():
        await _keep_busy(one, CONCURRENCY * 4)
    for _ in range(rounds):
        spent = {one: [0.0, 0.0] for one in contenders}
        for _ in range(SLICES):  # in turn and in short slices: a noisy neighbour meets all of them
            for one, call in contenders.items():
                for index, seconds in enumerate(await _keep_busy(call, requests // SLICES)):
                    spent[one][index] += seconds
        for one, (seconds, cpu) in spent.items():
            rates[one].append(requests / seconds)
            costs[one].append(cpu / requests * 1e6)
    before = 0.0
    for one in contenders:
        cost = min(costs[one])
        print(f"{name:7} {one:14} {max(rates[one]):8,.0f} requests/s {cost:7.1f} us CPU {cost - before:+7.1f}")
        before = cost
    ratio = min(costs["bare"]) / min(costs["sdk"])
    print(
        f"{name:7} {ratio:.2f} of bare aiohttp by CPU time, {max(rates['sdk']) / max(rates['bare']):.2f} by throughput"
    )


async def compare(base_url: str, rounds: int, requests: int, *, layers: bool) -> None:
    """Measure orders and reads."""
    headers = {"cmr-x-api-key": "bench", "Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True), headers=headers) as fresh,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as kept,
        AsyncClient("bench", base_url, gap=0) as cmr,
    ):
        for name, contenders in {"orders": _orders(fresh, cmr, base_url), "reads": _reads(kept, cmr, base_url)}.items():
            chosen = contenders if layers else {one: contenders[one] for one in ("bare", "sdk")}
            await measure(name, chosen, rounds, requests)


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
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--profile", action="store_true", help="show what each layer of the SDK costs")
    options = parser.parse_args()
    with _server() as base_url:
        print(f"body: {len(dump_order(ORDER))} bytes, {CONCURRENCY} at once")
        asyncio.run(compare(base_url, options.rounds, options.requests, layers=options.profile))


if __name__ == "__main__":
    main()
