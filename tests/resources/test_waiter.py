"""What calls may ask of whoever waits is what the tracking does; mypy compares the types."""

from __future__ import annotations

import inspect

import pytest

from cmr_async import AsyncClient
from cmr_async.resources.waiter import Waiter
from cmr_async.tracking.waiting import Waiting


@pytest.mark.parametrize("name", ["one", "all", "journal"])
def test_the_tracking_takes_the_same_arguments(name: str) -> None:
    asked = inspect.signature(getattr(Waiter, name)).parameters
    given = inspect.signature(getattr(Waiting, name)).parameters
    assert [(one.name, one.kind, one.default) for one in asked.values()] == [
        (one.name, one.kind, one.default) for one in given.values()
    ]


async def test_orders_and_bulk_runs_of_a_client_wait_with_the_same_one() -> None:
    async with AsyncClient("key", "http://127.0.0.1:9/") as client:
        waiter: Waiter | None = client.orders._waiting
        assert isinstance(waiter, Waiting)
        assert client.bulk._waiting is waiter
