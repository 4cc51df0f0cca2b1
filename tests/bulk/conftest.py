"""A simulator without delays, a client of it, and an open journal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cmr_async import AsyncClient
from cmr_async.journal.journal import Journal
from cmr_async.simulator import Simulator


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(rate_limit=None, provision_seconds=(0, 0)) as simulator:
        yield simulator


@pytest.fixture
async def cmr(sim: Simulator) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(sim.api_key, sim.base_url, gap=0) as client:
        yield client


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with Journal(tmp_path / "run.db") as opened:
        yield opened
