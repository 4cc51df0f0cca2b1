"""The blocking client: it returns and raises what the async one does, for many threads, at one pace."""

from __future__ import annotations

import asyncio
import threading

import pytest

import cmr_async
from cmr_async import AsyncClient, Client, Order, OrderCreated, ValidationError
from cmr_async.core.pacing import Pacer

from .conftest import ORDER, Server


def test_the_package_exports_the_blocking_client() -> None:
    assert cmr_async.Client.__module__ == "cmr_async.sync.client"


def test_a_call_returns_what_the_async_one_returns(server: Server) -> None:
    async def awaited() -> OrderCreated:
        async with AsyncClient("key", server.url + "ok", gap=0) as cmr:
            return await cmr.orders.create(ORDER, user_id="a")

    with server.client() as cmr:
        assert cmr.orders.create(ORDER, user_id="a") == asyncio.run(awaited())


def test_every_group_of_calls_reaches_the_server(server: Server) -> None:
    with Client("key", server.url + "ok", gap=0, endpoints={"orders.process": "/orders/process"}) as cmr:
        answers = [
            cmr.orders.process("order-of-a", user_id="a"),
            cmr.orders.status("order-of-b", user_id="b"),
            cmr.users.get("c"),
            cmr.domains.by_user("d"),
        ]
        assert cmr.subscriptions.list(page=1).status == 200
    assert [answer.data for answer in answers] == [{"orderId": f"order-of-{user}"} for user in "abcd"]
    assert server.users == ["a", "b", "c", "d", ""]


def test_errors_come_as_they_are(server: Server) -> None:
    with server.client() as cmr, pytest.raises(ValidationError) as caught:
        cmr.orders.create(Order(), user_id="a")
    assert caught.value.faults
    assert caught.traceback[-1].name == "check_order"


def pacer_of(cmr: AsyncClient) -> Pacer:
    return cmr.orders._pipeline.slots.pacer


def test_both_kinds_of_client_with_one_key_share_one_pace(server: Server) -> None:
    blocking = Client("one-key", server.url + "ok", gap=0.001)
    other = Client("another-key", server.url + "ok", gap=0.001)

    async def awaited() -> None:
        async with AsyncClient("one-key", server.url + "ok", gap=0.001) as cmr:
            assert pacer_of(cmr) is pacer_of(blocking._async)
            await asyncio.gather(*(cmr.orders.create(ORDER, user_id="async") for _ in range(6)))

    def waiting() -> None:
        for _ in range(6):
            blocking.orders.create(ORDER, user_id="blocking")

    assert pacer_of(other._async) is not pacer_of(blocking._async)
    thread = threading.Thread(target=waiting)
    thread.start()
    asyncio.run(awaited())
    thread.join()
    assert sorted(server.users) == ["async"] * 6 + ["blocking"] * 6
