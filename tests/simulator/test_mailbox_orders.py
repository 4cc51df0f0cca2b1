"""Orders of mailboxes on domains that are there: who may place them, what they cost and what becomes of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cmr_async.simulator import DEMO_USERS, PriceList, body_hash
from tests.fakes import Clock

from .conftest import USER, Caller, Start, mailbox_order_body, order_body


async def with_domain(start: Start, clock: Clock, **settings: Any) -> tuple[Caller, dict[str, str]]:
    """A simulator with one ready domain of two mailboxes, and both ways to name it."""
    caller = await start(**settings)
    await caller.order(order_body(confirm=True, serviceProvider="GOOGLE", autoRenew=True))
    clock.now += 100
    (domain,) = (await caller.get("/domains/by-user", userId=USER)).json["data"]
    (subscription,) = (await caller.get("/subscriptions")).json["data"]["subscriptions"]
    return caller, {"domainId": domain["domainId"], "subscriptionId": subscription["subscriptionId"]}


def one_of(ids: dict[str, str], name: str) -> dict[str, str]:
    return {name: ids[name]}


async def subscriptions(caller: Caller) -> list[tuple[int, bool]]:
    rows = (await caller.get("/subscriptions")).json["data"]["subscriptions"]
    return [(row["totalMailboxQuantity"], row["autoRenew"]) for row in rows]


async def test_mailboxes_join_a_subscription_when_they_are_ready(start: Start, clock: Clock) -> None:
    caller, ids = await with_domain(start, clock)
    body = mailbox_order_body(**one_of(ids, "subscriptionId"))
    reply = await caller.add(body)
    order_id = reply.json["data"]["orderId"]
    assert reply.json == {
        "status": 200,
        "message": "Order created and queued for processing",
        "data": {"orderId": order_id, "unavailableDomains": []},
        "actionId": reply.json["actionId"],
    }
    row = caller.sim.state.ledger[-1]
    assert (row.kind, row.order_id, row.amount, row.domains) == ("confirmed", order_id, Decimal(6), ())
    assert row.body_hash == body_hash(body)
    assert await subscriptions(caller) == [(2, True)]
    clock.now += 100
    assert await subscriptions(caller) == [(4, True)]
    assert caller.sim.state.purchases("example.com") == 1


async def test_a_domain_gets_a_new_subscription(start: Start, clock: Clock) -> None:
    caller, ids = await with_domain(start, clock)
    await caller.add(mailbox_order_body(**one_of(ids, "domainId")))
    clock.now += 100
    assert sorted(await subscriptions(caller)) == [(2, False), (2, True)]
    (domain,) = (await caller.get("/domains/by-user", userId=USER)).json["data"]
    assert domain["domainId"] == ids["domainId"]


async def test_warmup_is_charged_with_the_mailboxes(start: Start, clock: Clock) -> None:
    caller, ids = await with_domain(start, clock, prices=PriceList(warmup=Decimal("2.50")))
    person = {"username": "a", "firstName": "A", "lastName": "B", "onWarmup": True}
    await caller.add(mailbox_order_body(mailboxes={"example.com": [person]}, **one_of(ids, "domainId")))
    assert caller.sim.state.ledger[-1].amount == Decimal("5.50")


async def test_a_draft_of_mailboxes_is_processed_once(start: Start, clock: Clock) -> None:
    caller, ids = await with_domain(start, clock)
    draft = await caller.add(mailbox_order_body(confirm=False, **one_of(ids, "subscriptionId")))
    order_id = draft.json["data"]["orderId"]
    assert len(caller.sim.state.ledger) == 1
    statuses = [(await caller.post("/orders/process", userId=USER, orderId=order_id)).status for _ in range(2)]
    assert statuses == [200, 409]
    assert [(row.kind, row.amount) for row in caller.sim.state.ledger[1:]] == [("processed", Decimal(6))]
    clock.now += 100
    assert await subscriptions(caller) == [(4, True)]
    data = (await caller.get("/orders/status", userId=USER, orderId=order_id)).json["data"]
    assert (data["status"], data["domains"][0]["status"]) == ("PAID", "ACTIVE")


async def test_a_wallet_that_is_too_low_creates_no_order_of_mailboxes(start: Start, clock: Clock) -> None:
    caller, ids = await with_domain(start, clock, wallet="27.87")
    reply = await caller.add(mailbox_order_body(**one_of(ids, "domainId")))
    assert reply.json == {"status": 402, "message": "Insufficient wallet balance to process the order", "data": None}
    assert (len(caller.sim.state.orders), caller.sim.state.wallet) == (1, Decimal("5.99"))


@pytest.mark.parametrize(("name", "kind"), [("domainId", "domain"), ("subscriptionId", "subscription")])
async def test_the_target_must_be_known_and_the_users_own(start: Start, clock: Clock, name: str, kind: str) -> None:
    caller, ids = await with_domain(start, clock)
    unknown = await caller.add(mailbox_order_body(**{name: "X"}))
    other = await caller.add(mailbox_order_body(**one_of(ids, name)), DEMO_USERS[1])
    elsewhere = await caller.add(mailbox_order_body("other.com", **one_of(ids, name)))
    assert [(reply.status, reply.json["message"]) for reply in (unknown, other, elsewhere)] == [
        (404, f"The requested {kind} does not exist."),
        (403, f"The {kind} does not belong to this user"),
        (422, "The mailboxes must be on example.com"),
    ]
    assert (len(caller.sim.state.orders), len(caller.sim.state.ledger)) == (1, 1)


@pytest.mark.parametrize("name", ["domainId", "subscriptionId"])
async def test_an_unknown_target_can_be_taken_for_the_users(start: Start, clock: Clock, name: str) -> None:
    caller = await start(takes_unknown_ids=True)
    body = mailbox_order_body(**{name: "X"})
    assert (await caller.add(mailbox_order_body(**{name: "X"}, mailboxes={}))).status == 404
    assert [(await caller.add(body)).status for _ in range(2)] == [200, 200]
    assert (await caller.add(body, DEMO_USERS[1])).status == 403  # from then on it is somebody's
    clock.now += 100
    rows = (await caller.get("/subscriptions")).json["data"]["subscriptions"]
    assert sum(row["totalMailboxQuantity"] for row in rows) == 4
    assert (caller.sim.state.purchases("example.com"), caller.sim.state.ledger[0].amount) == (0, Decimal(6))


async def test_a_user_must_be_named_and_known(caller: Caller) -> None:
    body = mailbox_order_body(domainId="X")
    missing = await caller.post("/orders/create-mailbox-order/json", body)
    assert (missing.status, missing.json["message"]) == (400, "Please provide a userId")
    assert (await caller.add(body, "NOBODY")).status == 404
    refused = await caller.add({**body, "subscriptionId": "Y"})
    assert (refused.status, refused.json["message"]) == (
        400,
        "exactly one of subscriptionId and domainId is required",
    )


async def test_a_domain_that_is_not_registered_yet_or_failed_takes_no_mailboxes(start: Start, clock: Clock) -> None:
    caller = await start(failing_domains=["example.com"])
    await caller.order(order_body(confirm=True))
    (domain,) = (await caller.get("/domains/by-user", userId=USER)).json["data"]
    body = mailbox_order_body(domainId=domain["domainId"])
    early = await caller.add(body)
    clock.now += 100
    late = await caller.add(body)
    assert [(reply.status, reply.json["message"]) for reply in (early, late)] == [
        (422, "The domain is not active"),
        (404, "The requested domain does not exist."),
    ]


async def test_mailboxes_of_a_plain_order_keep_the_id_of_a_domain_that_is_there(start: Start, clock: Clock) -> None:
    caller, ids = await with_domain(start, clock)
    await caller.order(order_body(confirm=True, domains=[]))
    order = list(caller.sim.state.orders.values())[-1]
    assert order.purchase is not None
    assert [provision.domain_id for provision in order.purchase.provisions] == [ids["domainId"]]
