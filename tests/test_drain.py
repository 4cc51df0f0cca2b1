"""What is logged of a call whose caller had left."""

from __future__ import annotations

import asyncio

import pytest

from cmr_async import APIError, CMRError
from cmr_async.drain import Background, Guard
from cmr_async.models import Envelope


async def test_the_answer_to_a_caller_who_has_left_forges_no_line(caplog: pytest.LogCaptureFixture) -> None:
    answered = asyncio.Event()
    guard = Guard()

    async def refused() -> Envelope:
        guard.leaves()
        await answered.wait()
        raise APIError("No\nCRITICAL root: all keys were lost\x1b[2J")

    background = Background()
    call = asyncio.ensure_future(
        background.see_through(
            refused(), guard, subject="The order".__str__, order_id=lambda answer: answer.message, drain=60.0
        )
    )
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for _ in range(2):  # the second cancellation ends the wait
        call.cancel()
        await asyncio.sleep(0)
    with pytest.raises(CMRError):
        await call
    answered.set()
    await background.finish(within=60.0)
    assert [record.getMessage() for record in caplog.records] == [
        "A call whose caller had left has ended. No\\nCRITICAL root: all keys were lost\\x1b[2J"
    ]
