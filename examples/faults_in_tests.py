"""The simulator's faults in tests of one's own: how a program behaves when the API does not."""

import asyncio

from cmr_async import AsyncClient, CMRError, DomainRegistration, Order
from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator

FAULTS = {
    "refused once with 429": FaultRule(kind="status", status=429, headers={"Retry-After": "0"}),
    "a gateway's error page after the order was placed": FaultRule(
        kind="status", status=502, envelope=False, after_processing=True
    ),
    "connection reset before the order was processed": FaultRule(kind="reset"),
    "half an answer": FaultRule(kind="cut", after_processing=True),
}


async def buy(cmr: AsyncClient, domain: str) -> str:
    """Buy a domain and name the result: this stands in for the program under test."""
    try:
        await cmr.orders.create(Order(domains=[DomainRegistration(domain=domain)], confirm=True), user_id=DEMO_USERS[0])
    except CMRError as error:
        return type(error).__name__
    return "accepted"


async def main() -> None:
    """Meet each fault once. Whatever happens, nothing is bought twice."""
    for name, fault in FAULTS.items():
        # A fresh wallet and rate limit for each, as in a fixture
        async with Simulator() as sim, AsyncClient(sim.api_key, sim.base_url, gap=0) as cmr:
            sim.faults.add(fault)
            result = await buy(cmr, "example.com")
            sent, bought = sim.state.requests.total, sim.state.purchases("example.com")
            print(f"{name}: {result}, requests: {sent}, purchases: {bought}")


if __name__ == "__main__":
    asyncio.run(main())
