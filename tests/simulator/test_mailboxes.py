"""The lists of mailboxes: from which moment a mailbox is in them, page by page, and fast with many orders."""

from __future__ import annotations

from typing import Any

import pytest

from cmr_async.simulator import DEMO_USERS
from cmr_async.simulator.http.bodies import read_order
from cmr_async.simulator.shop.records import Provision
from tests.fakes import Clock

from .conftest import USER, Caller, Start, order_body
from .http.test_handlers import iso


async def emails(caller: Caller, path: str = "/mailboxes", **query: str | int) -> list[str]:
    data = (await caller.get(path, **query)).json["data"]
    return [item["email"] for item in data["mailboxes"]]


def only_provision(caller: Caller) -> Provision:
    (order,) = caller.sim.state.orders.values()
    assert order.purchase is not None
    (provision,) = order.purchase.provisions
    return provision


async def test_a_mailbox_is_listed_from_the_moment_the_provider_took_its_order(caller: Caller, clock: Clock) -> None:
    await caller.order(order_body(confirm=True))
    provision = only_provision(caller)
    clock.now = provision.registered_at
    assert await emails(caller) == []
    clock.now = provision.taken_at + 0.001
    first, second = (await caller.get("/mailboxes")).json["data"]["mailboxes"]
    assert (first["email"], first["status"], second["email"]) == ("john@example.com", "IN_PROGRESS", "jd@example.com")
    clock.now = provision.provisioned_at + 0.001
    reply = await caller.get("/mailboxes")
    (subscription,) = (await caller.get("/subscriptions")).json["data"]["subscriptions"]
    assert [item["status"] for item in reply.json["data"]["mailboxes"]] == ["ACTIVE", "ACTIVE"]
    assert reply.json["message"] == "Mailboxes fetched successfully"
    assert reply.json["data"]["pagination"] == {
        "totalSearchedCount": 2,
        "currentPage": 1,
        "nextPage": 2,
        "totalPages": 1,
    }
    assert reply.json["data"]["mailboxes"][0] == {
        "mailboxId": provision.mailboxes[0].mailbox_id,
        "email": "john@example.com",
        "firstName": "John",
        "lastName": "Doe",
        "status": "ACTIVE",
        "serviceProvider": "GOOGLE",
        "domain": "example.com",
        "domainId": provision.domain_id,
        "userId": USER,
        "orderId": next(iter(caller.sim.state.orders)),
        "subscriptionId": subscription["subscriptionId"],
        "createdAt": iso(provision.taken_at),
    }


async def test_the_mailboxes_of_a_user_are_listed_by_the_page(caller: Caller, clock: Clock) -> None:
    for number, user_id in enumerate((DEMO_USERS[0], DEMO_USERS[1], DEMO_USERS[0])):
        await caller.order(order_body(f"d{number}.com", confirm=True), user_id)
        clock.now += 100
    everything = ["john@d0.com", "jd@d0.com", "john@d1.com", "jd@d1.com", "john@d2.com", "jd@d2.com"]
    assert await emails(caller) == everything
    assert await emails(caller, page=2, limit=4) == everything[4:]
    single = "/mailboxes/single"
    assert await emails(caller, single, userId=DEMO_USERS[0]) == everything[:2] + everything[4:]
    assert await emails(caller, single, userId=DEMO_USERS[1], limit=1) == ["john@d1.com"]
    assert await emails(caller, single, userId=DEMO_USERS[2]) == []
    assert (await caller.get(single)).json["message"] == "Please provide a userId"
    assert (await caller.get(single, userId="NOBODY")).status == 404


@pytest.mark.parametrize("path", ["/mailboxes", "/mailboxes/single"])
async def test_a_page_has_twenty_mailboxes_and_at_most_a_hundred(caller: Caller, clock: Clock, path: str) -> None:
    people = [{"username": f"u{number}", "firstName": "A", "lastName": "B"} for number in range(101)]
    await caller.order(order_body(confirm=True, mailboxes={"example.com": people}))
    clock.now += 100
    user: dict[str, Any] = {"userId": USER} if path.endswith("single") else {}
    assert len(await emails(caller, path, **user)) == 20
    assert len(await emails(caller, path, limit=100, **user)) == 100
    assert (await caller.get(path, limit=101, **user)).status == 400


async def test_one_mailbox_is_shown_once_it_is_listed(caller: Caller, clock: Clock) -> None:
    await caller.order(order_body(confirm=True))
    provision = only_provision(caller)
    wanted = provision.mailboxes[1].mailbox_id
    assert (await caller.get("/mailboxes/mailbox", mailboxId=wanted)).status == 404
    clock.now += 100
    data = (await caller.get("/mailboxes/mailbox", mailboxId=wanted)).json["data"]
    assert data == (await caller.get("/mailboxes")).json["data"]["mailboxes"][1]
    unknown, missing = await caller.get("/mailboxes/mailbox", mailboxId="X"), await caller.get("/mailboxes/mailbox")
    assert (unknown.status, unknown.json["message"]) == (404, "The requested mailbox does not exist.")
    assert (missing.status, missing.json["message"]) == (400, "Please provide a mailboxId")


async def test_an_answer_is_made_of_the_items_of_its_page_only(
    start: Start, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = await start(wallet=10_000)
    for number in range(200):
        caller.sim.state.create_order(USER, read_order(order_body(f"d{number}.com", confirm=True)))
    clock.now += 100
    made: list[str] = []
    monkeypatch.setattr(
        "cmr_async.simulator.http.handlers.mailbox_item", lambda held, now: made.append(held.mailbox.email)
    )
    monkeypatch.setattr(
        "cmr_async.simulator.http.handlers.subscription_item", lambda held, *rest: made.append(held.provision.domain)
    )
    reply = await caller.get("/mailboxes", page=3, limit=100)
    assert reply.json["data"]["pagination"]["totalSearchedCount"] == 400
    assert len(made) == 100
    await caller.get("/subscriptions", page=2, limit=100)
    assert len(made) == 200
