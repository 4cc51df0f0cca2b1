"""Both clients can be faked by the tests of whoever uses them."""

from __future__ import annotations

from unittest.mock import create_autospec

import pytest

from cmr_async import AsyncClient, Client, Order, OrderCreated
from cmr_async.models.requests import BulkSummary

CREATED = OrderCreated(order_id="order-1")


async def test_an_async_client_is_faked_with_its_groups_and_signatures() -> None:
    cmr = create_autospec(AsyncClient, instance=True)
    cmr.orders.create.return_value = CREATED
    assert await cmr.orders.create(Order(), user_id="u") is CREATED
    cmr.orders.create.assert_awaited_once_with(Order(), user_id="u")
    with pytest.raises(TypeError, match="user_id"):
        await cmr.orders.create(Order())
    with pytest.raises(AttributeError):
        cmr.orders.cancel  # noqa: B018 - reading it is the test


def test_a_blocking_client_is_faked_with_its_groups_and_signatures() -> None:
    cmr = create_autospec(Client, instance=True)
    cmr.orders.create.return_value = CREATED
    assert cmr.orders.create(Order(), user_id="u") is CREATED
    with pytest.raises(TypeError, match="user_id"):
        cmr.orders.create(Order())
    cmr.bulk.submit.return_value.summary = BulkSummary(accepted=1)
    assert cmr.bulk.submit([]).summary.accepted == 1


async def test_a_method_of_an_async_client_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async def create(order: Order, *, user_id: str) -> OrderCreated:
        return CREATED

    async with AsyncClient("key") as cmr:
        monkeypatch.setattr(cmr.orders, "create", create)
        assert await cmr.orders.create(Order(), user_id="u") is CREATED


def test_a_method_of_a_blocking_client_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with Client("key") as cmr:
        monkeypatch.setattr(cmr.orders, "create", lambda order, *, user_id: CREATED)
        assert cmr.orders.create(Order(), user_id="u") is CREATED
