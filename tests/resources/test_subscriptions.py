"""Subscriptions: the request that leaves for each call, and what is made of the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from aioresponses import aioresponses
from yarl import URL

from cmr_async import AsyncClient, AuthenticationError, Envelope, ValidationError

LIST = "https://api.example/v1/subscriptions"


@pytest.mark.parametrize(
    ("filters", "query"),
    [  # a query is written in the order that aioresponses sorts it into
        ({}, ""),
        ({"domain": "x.com"}, "?domain=x.com"),
        ({"page": 2}, "?page=2"),
        (
            {"domain": "x.com", "status": "ACTIVE", "page": 2, "limit": 10},
            "?domain=x.com&limit=10&page=2&status=ACTIVE",
        ),
    ],
)
async def test_only_the_filters_that_were_given_are_sent(
    cmr: AsyncClient, mocked_api: aioresponses, only_request: Callable[[], Any], filters: dict[str, Any], query: str
) -> None:
    data = {"subscriptions": [], "pagination": {"currentPage": 1, "totalPages": 1}}
    mocked_api.get(LIST + query, payload={"status": 200, "message": "ok", "data": data})
    assert await cmr.subscriptions.list(**filters) == Envelope(status=200, message="ok", data=data)
    method, asked, sent = only_request()
    assert (method, asked, sent["data"]) == ("GET", URL(LIST + query), None)


async def test_a_refusal_names_the_list(cmr: AsyncClient, mocked_api: aioresponses) -> None:
    mocked_api.get(LIST, status=401, payload={"status": 401, "message": "Invalid API Key", "data": None})
    with pytest.raises(AuthenticationError, match="The list of subscriptions was refused with 401"):
        await cmr.subscriptions.list()


@pytest.mark.parametrize(
    "wrong",
    [{"domain": ""}, {"domain": 5}, {"status": "A\ud800"}, {"page": 0}, {"page": "1"}, {"limit": True}, {"limit": 2.0}],
    ids=str,
)
async def test_a_filter_that_cannot_be_sent_is_refused_and_not_left_out(wrong: Any, mocked_api: aioresponses) -> None:
    async with AsyncClient("a-key", "https://api.example/v1", gap=0) as cmr:
        with pytest.raises(ValidationError, match=rf"^{next(iter(wrong))}: must be"):
            await cmr.subscriptions.list(**wrong)
    assert not mocked_api.requests
