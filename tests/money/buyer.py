"""A process that buys with a journal, and waits when some orders have an outcome.

CMR_API_KEY=KEY buyer.py JOURNAL URL ORDERS STOP_AFTER CONCURRENCY
"""

from __future__ import annotations

import asyncio
import sys

from cmr_async import AsyncClient, DomainRegistration, Order, OrderRequest
from cmr_async.errors import JournalError
from cmr_async.simulator import DEMO_USERS


def requests(count: int) -> list[OrderRequest]:
    """Paid orders of one domain each, which stay the same from run to run."""
    return [
        OrderRequest(
            user_id=DEMO_USERS[0],
            reference=f"R-{number}",
            order=Order(domains=[DomainRegistration(domain=f"d{number}.com")], confirm=True),
        )
        for number in range(count)
    ]


async def buy(journal: str, url: str, count: int, stop_after: int, concurrency: int) -> None:
    """Buy; after some outcomes say so and do nothing more until a line comes, or the end."""
    async with AsyncClient(base_url=url, gap=0) as cmr:
        number = 0
        async for _ in cmr.bulk.submit(requests(count), journal=journal, concurrency=concurrency):
            number += 1
            if number == stop_after:
                print("waiting", flush=True)  # noqa: T201 - read by the test
                sys.stdin.readline()


def main() -> None:
    journal, url, *numbers = sys.argv[1:]
    try:
        asyncio.run(buy(journal, url, *map(int, numbers)))
    except JournalError as error:
        print(error.message, flush=True)  # noqa: T201 - the same
        sys.stdin.readline()


if __name__ == "__main__":
    main()
