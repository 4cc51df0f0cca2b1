"""An open journal on a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cmr_async.journal.journal import Journal
from tests.fakes import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def journal(location: str, clock: Clock) -> AsyncIterator[Journal]:
    async with Journal(location, clock=clock) as opened:
        assert opened._heart is not None
        opened._heart.cancel()  # a heartbeat on a slow machine would come between two moves of the clock
        yield opened
