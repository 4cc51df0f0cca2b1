"""Users: the request that leaves for each call, and what is made of the answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aioresponses import aioresponses
from yarl import URL

from cmr_async import AsyncClient, Envelope, NotFoundError

SAMPLES = Path(__file__).parent.parent / "samples"


async def test_a_user_is_looked_up_by_id(
    cmr: AsyncClient, mocked_api: aioresponses, only_request: Callable[[], Any]
) -> None:
    url = "https://api.example/v1/users?userId=u%261"
    mocked_api.get(url, payload={"status": 200, "message": "ok", "data": {"userId": "u&1", "plan": None}})
    assert await cmr.users.get("u&1") == Envelope(status=200, message="ok", data={"userId": "u&1", "plan": None})
    method, asked, sent = only_request()
    assert (method, asked, sent["data"]) == ("GET", URL(url), None)


async def test_a_user_who_does_not_exist_is_named(cmr: AsyncClient, mocked_api: aioresponses) -> None:
    url = "https://api.example/v1/users?userId=nobody"
    mocked_api.get(url, status=404, body=(SAMPLES / "unknown_user.json").read_bytes())
    with pytest.raises(NotFoundError, match="The request for user nobody was refused with 404") as caught:
        await cmr.users.get("nobody")
    assert (caught.value.status, caught.value.attempts) == (404, 1)
