"""An order whose answer is lost: it is unknown, never sent again, and evidence tells what became of it."""

import asyncio
from tempfile import TemporaryDirectory

from cmr_async import AsyncClient, DomainRegistration, Order, OrderRequest
from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator


async def main() -> None:
    """Lose the answer to an order, run again, and reconcile."""
    order = Order(domains=[DomainRegistration(domain="example.com")], confirm=True)
    requests = [OrderRequest(user_id=DEMO_USERS[0], order=order, reference="acme-1")]
    with TemporaryDirectory() as folder:
        journal = f"{folder}/run.db"
        async with Simulator() as sim, AsyncClient(sim.api_key, sim.base_url) as cmr:
            # The order is placed and charged, then the connection closes before the answer
            sim.faults.add(FaultRule(kind="close_before_answer", method="POST", after_processing=True))
            for _ in range(2):
                async for outcome in cmr.bulk.submit(requests, journal=journal):
                    print("submit:", outcome.request.reference, outcome.state, "after", outcome.attempts, "requests")
            async for finding in cmr.bulk.reconcile(journal):
                print("reconcile:", finding.entry.key, finding.verdict, "-", finding.evidence)
            print("purchases:", sim.state.purchases("example.com"))


if __name__ == "__main__":
    asyncio.run(main())
