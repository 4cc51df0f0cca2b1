"""Orders from a table of one's own: rows become requests lazily, and every outcome is a value to sort by."""

import asyncio
import csv
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from cmr_async import AsyncClient, DomainRegistration, Mailbox, Order, OrderRequest, ServiceProvider
from cmr_async.simulator import Simulator

TABLE = Path(__file__).with_name("orders.csv")


def requests(table: Path) -> Iterator[OrderRequest]:
    """Yield one order for all rows that have one reference; each row is a mailbox."""
    with table.open(encoding="utf-8", newline="") as file:
        for reference, group in groupby(csv.DictReader(file), key=lambda row: row["reference"]):
            rows = list(group)
            first, domain = rows[0], rows[0]["domain"]
            order = Order(
                domains=[DomainRegistration(domain=domain, forward_to=first["forward_to"])],
                mailboxes={
                    domain: [
                        Mailbox(username=row["username"], first_name=row["first_name"], last_name=row["last_name"])
                        for row in rows
                    ]
                },
                service_provider=ServiceProvider.MICROSOFT,
                microsoft_oauth_route="https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
            )
            yield OrderRequest(user_id=first["user_id"], order=order, reference=reference)


async def main() -> None:
    """Make a draft of every order; `Order(confirm=True)` would spend money."""
    # Only a simulator without a rate limit takes orders without a pace
    async with Simulator(rate_limit=None) as sim, AsyncClient(sim.api_key, sim.base_url, gap=0) as cmr:
        run = cmr.bulk.submit(requests(TABLE))
        async for outcome in run:
            if outcome.error is not None:
                print(outcome.request.reference, outcome.state, outcome.error)
        print(run.summary.accepted, "of", run.summary.total, "orders accepted,", len(sim.state.orders), "drafts made")


if __name__ == "__main__":
    asyncio.run(main())
