"""Of an answer, nothing is enforced or said as a fact of the API that no source states."""

from __future__ import annotations

from random import Random

import pytest

from cmr_async import AsyncClient, AuthenticationError, OutcomeUnknownError, RetryPolicy
from tests.fakes import USER, Highest, make_order
from tests.loopback import Loopback, answer, envelope

#: Error bodies are not documented.
WITHOUT_STATUS = b'{"error": "Unauthorized", "message": "Invalid API Key"}'


async def test_a_wrong_key_is_no_lost_purchase_when_the_answer_has_no_status() -> None:
    async with Loopback(answer(401, WITHOUT_STATUS)) as server, AsyncClient("key", server.base_url, gap=0) as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.orders.create(make_order(), user_id=USER)
        assert caught.value.api_message == "Invalid API Key"
        assert "CMR_API_KEY" in str(caught.value)
        assert "CMR_KEY_HEADER" in str(caught.value)


@pytest.mark.parametrize("status", [400, 402, 403, 404, 409, 422, 429])
async def test_the_other_refusals_count_in_the_whole_envelope_only(status: int) -> None:
    async with Loopback(answer(status, WITHOUT_STATUS)) as server, AsyncClient("key", server.base_url, gap=0) as client:
        with pytest.raises(OutcomeUnknownError):
            await client.orders.create(make_order(), user_id=USER)
        assert len(server.received) == 1


async def test_a_wrong_base_path_is_named_as_a_setting() -> None:
    said = envelope(404, "The requested resource does not exist.")
    for act in (answer(404, said), answer(404, b"<html>")):
        async with Loopback(act) as server, AsyncClient("key", server.base_url, gap=0) as client:
            with pytest.raises(Exception, match="check CMR_BASE_URL"):
                await client.orders.create(make_order(), user_id=USER)


def test_the_first_wait_can_be_the_one_of_the_help_centre() -> None:
    waits = RetryPolicy(initial=5.0).waits(Highest())
    assert [next(waits) for _ in range(4)] == [5.0, 10.0, 20.0, 30.0]
    assert 0 <= next(RetryPolicy(initial=5.0).waits(Random(1))) <= 5.0
