"""The help centre's "check the workspace, then order", with both clients; nothing is guessed about the answers."""

from __future__ import annotations

from cmr_async import AsyncClient, Client, DomainRegistration, Order, OrderPreflight, WorkspaceFinding
from cmr_async.simulator import DEMO_USERS, Simulator

USER = DEMO_USERS[0]
ORDER = Order(domains=[DomainRegistration(domain="free.com"), DomainRegistration(domain="taken.com")])


def findings(found: OrderPreflight) -> list[tuple[str, str, bool, bool]]:
    return [
        (check.domain, check.finding.value, check.answer is not None, check.error is not None)
        for check in found.workspaces
    ]


EXPECTED = [
    ("free.com", WorkspaceFinding.NONE.value, True, False),
    ("taken.com", WorkspaceFinding.CONFLICT.value, False, True),
]


async def test_a_preflight_reads_and_tells_what_the_api_said() -> None:
    async with Simulator(workspaces=["taken.com"]) as sim, AsyncClient(sim.api_key, sim.base_url) as cmr:
        found = await cmr.orders.preflight(ORDER, user_id=USER)
    assert findings(found) == EXPECTED
    assert dict(sim.state.requests.by_endpoint) == {"POST /domains/has-workspace": 2}
    assert "no source gives the path" in found.not_asked[0]


def test_a_preflight_of_the_blocking_client_is_the_same() -> None:
    with Simulator(workspaces=["taken.com"]) as sim, Client(sim.api_key, sim.base_url) as cmr:
        assert findings(cmr.orders.preflight(ORDER, user_id=USER)) == EXPECTED
