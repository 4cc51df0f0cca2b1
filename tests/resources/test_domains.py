"""Domains: the request that leaves for each call, and what is made of the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aioresponses import aioresponses
from yarl import URL

from cmr_async import AsyncClient, BadRequestError, Envelope, ValidationError

URL_OF_U1 = "https://api.example/v1/domains/by-user?userId=u1"


async def test_the_domains_of_a_user_are_plain_data(
    cmr: AsyncClient, mocked_api: aioresponses, only_request: Callable[[], Any]
) -> None:
    mocked_api.get(URL_OF_U1, payload={"status": 200, "message": "ok", "data": [{"domain": "x.com"}], "total": 1})
    envelope = await cmr.domains.by_user("u1")
    assert envelope == Envelope(status=200, message="ok", data=[{"domain": "x.com"}], extra={"total": 1})
    method, asked, sent = only_request()
    assert (method, asked, sent["data"]) == ("GET", URL(URL_OF_U1), None)


async def test_a_refusal_names_the_domains_of_whom(cmr: AsyncClient, mocked_api: aioresponses) -> None:
    mocked_api.get(URL_OF_U1, status=400, payload={"status": 400, "message": "no", "data": None})
    with pytest.raises(BadRequestError, match="The list of domains of user u1 was refused with 400"):
        await cmr.domains.by_user("u1")


@pytest.mark.parametrize("wrong", ["", "no domain", 5, None, "a\ud800.com", "a" * 9_000 + ".com"])
async def test_a_workspace_is_asked_for_by_the_name_of_a_domain(wrong: Any, mocked_api: aioresponses) -> None:
    async with AsyncClient("a-key", "https://api.example/v1", gap=0) as cmr:
        with pytest.raises(ValidationError, match=r"^domain: is no domain name: ") as caught:
            await cmr.domains.has_workspace(wrong)
        assert len(caught.value.message) < 400
        misfit: Any = 5
        with pytest.raises(ValidationError, match=r"^service_provider: must be text"):
            await cmr.domains.has_workspace("example.com", service_provider=misfit)
    assert not mocked_api.requests
