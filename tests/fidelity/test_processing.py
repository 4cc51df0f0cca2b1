"""Where the ids of "Process the Order" go is a setting, because no source states it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cmr_async import AsyncClient, DomainRegistration, Order, ProcessEndpoint
from cmr_async.simulator import DEMO_USERS, Simulator
from tests.cli.conftest import Cmr, Start, cmr, start_simulator

__all__ = ["cmr", "start_simulator"]

USER = DEMO_USERS[0]


@pytest.mark.parametrize(
    "place",
    [
        "/run",
        "/orders/{orderId}/run",
        ProcessEndpoint(path="/run", order_id_in="query", user_id_in="body"),
        ProcessEndpoint(path="/users/{userId}/{orderId}", order_id_in="path", user_id_in="path"),
    ],
    ids=str,
)
async def test_a_draft_is_paid_once_wherever_its_ids_go(place: Any) -> None:
    path = place if isinstance(place, str) else place.path
    async with (
        Simulator(endpoints={"orders.process": path}) as sim,
        AsyncClient(sim.api_key, sim.base_url, endpoints={"orders.process": place}) as cmr,
    ):
        created = await cmr.orders.create(Order(domains=[DomainRegistration(domain="a.com")]), user_id=USER)
        envelope = await cmr.orders.process(created.order_id, user_id=USER)
    assert envelope.status == 200
    assert sim.state.purchases("a.com") == 1


def test_the_command_takes_a_path_with_the_id_in_it(cmr: Cmr, start_simulator: Start, tmp_path: Path) -> None:
    path = "/orders/{orderId}/run"
    simulator = start_simulator(endpoints={"orders.process": path})
    orders, journal = tmp_path / "a.csv", tmp_path / "run.db"
    orders.write_text(f"user_id,domain,years\n{USER},a.com,1\n")
    assert cmr("orders", "submit", orders, "--journal", journal).exit_code == 0
    assert cmr("orders", "process", journal, "--path", path, "--yes").exit_code == 0
    assert simulator.state.purchases("a.com") == 1
