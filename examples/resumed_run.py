"""A bulk run with a journal that stops half way and is resumed: no order is placed twice."""

import asyncio
from collections.abc import Iterator
from tempfile import TemporaryDirectory

from cmr_async import AsyncClient, DomainRegistration, Order, OrderRequest
from cmr_async.simulator import DEMO_USERS, Simulator


def requests() -> Iterator[OrderRequest]:
    """Yield ten orders. They are pulled as there is room, so there may be any number of them."""
    for number in range(10):
        order = Order(domains=[DomainRegistration(domain=f"acme-{number}.com")], confirm=True)  # spends money
        yield OrderRequest(user_id=DEMO_USERS[0], order=order, reference=f"acme-{number}")


async def main() -> None:
    """Start the same run twice on one journal. To resume a run is to start it again."""
    with TemporaryDirectory() as folder:
        journal = f"{folder}/run.db"  # or the URL of a PostgreSQL database
        # Only a simulator without a rate limit takes orders without a pace
        async with Simulator(rate_limit=None) as sim, AsyncClient(sim.api_key, sim.base_url, gap=0) as cmr:
            async with cmr.bulk.submit(requests(), journal=journal, concurrency=1) as first:
                async for outcome in first:
                    if outcome.request.reference == "acme-3":  # stands in for a crash, which may come at any moment
                        first.stop()
            print("first run:", first.summary.accepted, "accepted")

            second = cmr.bulk.submit(requests(), journal=journal)
            async for outcome in second:
                if outcome.error:
                    print(outcome.request.reference, outcome.state, outcome.error)
            print("second run:", second.summary.skipped, "skipped,", second.summary.accepted, "accepted")
            print("most purchases of one domain:", max(sim.state.purchases(f"acme-{n}.com") for n in range(10)))


if __name__ == "__main__":
    asyncio.run(main())
