"""A client whose network is aioresponses, and what it asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from aioresponses import aioresponses
from yarl import URL

from cmr_async import AsyncClient


@pytest_asyncio.fixture
async def cmr(mocked_api: aioresponses) -> AsyncIterator[AsyncClient]:
    paths = {"orders.process": "/orders/process"}
    async with AsyncClient("a-key", "https://api.example/v1", gap=0, endpoints=paths) as client:
        yield client


@pytest.fixture
def only_request(mocked_api: aioresponses) -> Callable[[], tuple[str, URL, dict[str, Any]]]:
    """Return a function that gives method, URL and arguments of the only request that was made."""

    def find() -> tuple[str, URL, dict[str, Any]]:
        (((method, url), calls),) = mocked_api.requests.items()
        (call,) = calls
        return method, url, call.kwargs

    return find
