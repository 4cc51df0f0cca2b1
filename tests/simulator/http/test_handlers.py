"""Every endpoint's answer, by plain HTTP."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from cmr_async.simulator import DEMO_USERS, body_hash
from tests.fakes import Clock

from ..conftest import USER, USER_FIELDS, Caller, Start, order_body

MISSING_USER = {"status": 400, "message": "Please provide a userId", "data": None}
UNKNOWN_USER = {"status": 404, "message": "The requested user does not exist.", "data": None}
PROFILE = {**USER_FIELDS, "company": "Jane &#39;n&#39; Co.", "firstName": "Jané"}


async def test_the_newer_order_answer(caller: Caller) -> None:
    reply = await caller.order(order_body())
    order = reply.json["data"]["orderId"]
    assert re.fullmatch("[A-Z0-9]{28}", order)
    assert re.fullmatch("ACT_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", reply.json["actionId"])
    assert reply.json == {
        "status": 200,
        "message": "Order created and queued for processing",
        "data": {"orderId": order, "unavailableDomains": []},
        "actionId": reply.json["actionId"],
    }


async def test_the_older_order_answer(start: Start) -> None:
    caller = await start(generation="2026-02")
    reply = await caller.order(order_body())
    assert reply.json == {
        "status": 200,
        "message": "Order created and queued for processing, make sure to have enough balance in your wallet!",
        "data": {"orderId": next(iter(caller.sim.state.orders))},
    }


async def test_an_unavailable_domain_is_named(start: Start) -> None:
    caller = await start(duplicate_domains="unavailable")
    await caller.order(order_body(confirm=True))
    reply = await caller.order(order_body(confirm=True))
    assert reply.json["data"]["unavailableDomains"] == ["example.com"]


async def test_an_invalid_order_is_refused_and_not_remembered(caller: Caller) -> None:
    reply = await caller.order(order_body(confirm="yes"))
    assert reply.json == {"status": 400, "message": "confirm must be a boolean", "data": None}
    assert caller.sim.state.orders == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/orders/json"), ("GET", "/users"), ("GET", "/orders/status"), ("POST", "/orders/process")],
)
async def test_a_user_must_be_named_and_known(caller: Caller, method: str, path: str) -> None:
    for query in ({}, {"userId": ""}):
        assert (await caller.send(method, path, query=query)).json == MISSING_USER
    reply = await caller.send(method, path, query={"userId": "NOBODY", "orderId": "X"}, body=order_body())
    assert (reply.status, reply.json) == (404, UNKNOWN_USER)


async def test_an_orders_status_follows_simulated_time(start: Start, clock: Clock) -> None:
    caller = await start(provision_seconds=(100, 100))
    order_id = (await caller.order(order_body())).json["data"]["orderId"]

    async def status() -> Any:
        return (await caller.get("/orders/status", userId=USER, orderId=order_id)).json["data"]

    assert await status() == {
        "orderId": order_id,
        "status": "PENDING",
        "processed": False,
        "unavailableDomains": [],
        "domains": [],
    }
    await caller.post("/orders/process", userId=USER, orderId=order_id)
    steps = []
    for seconds in (0, 71, 30):
        clock.now += seconds
        now = await status()
        mailboxes = now["domains"][0]["mailboxes"]
        assert [item["email"] for item in mailboxes["items"]] == ["john@example.com", "jd@example.com"]
        steps.append((now["status"], now["domains"][0]["status"], mailboxes["status"]))
    assert steps == [
        ("PENDING", "PENDING", "IN_PROGRESS"),
        ("PENDING", "ACTIVE", "IN_PROGRESS"),
        ("PAID", "ACTIVE", "ACTIVE"),
    ]


async def test_a_failed_domain_fails_the_order(start: Start, clock: Clock) -> None:
    caller = await start(failing_domains=["example.com"])
    order_id = (await caller.order(order_body(confirm=True))).json["data"]["orderId"]
    clock.now += 100
    data = (await caller.get("/orders/status", userId=USER, orderId=order_id)).json["data"]
    assert (data["status"], data["domains"][0]["status"]) == ("FAILED", "FAILED")


async def test_an_order_must_be_named_known_and_the_users_own(caller: Caller) -> None:
    order_id = (await caller.order(order_body())).json["data"]["orderId"]
    missing = await caller.get("/orders/status", userId=USER)
    unknown = await caller.get("/orders/status", userId=USER, orderId="X")
    other = await caller.get("/orders/status", userId=DEMO_USERS[1], orderId=order_id)
    assert (missing.status, missing.json["message"]) == (400, "Please provide an orderId")
    assert (unknown.status, unknown.json["message"]) == (404, "The requested order does not exist.")
    assert (other.status, other.json["message"]) == (403, "The order does not belong to this user")


async def test_processing_charges_once_under_the_configured_path(start: Start) -> None:
    caller = await start(endpoints={"orders.process": "/orders/run"})
    order_id = (await caller.order(order_body())).json["data"]["orderId"]
    first = await caller.post("/orders/run", {"userId": USER, "orderId": order_id})
    second = await caller.post("/orders/run", userId=USER, orderId=order_id)
    assert (first.status, first.json["data"]["orderId"]) == (200, order_id)
    assert (second.status, second.json["message"]) == (409, "The order has already been processed")
    assert len(caller.sim.state.ledger) == 1
    assert (await caller.post("/orders/process", userId=USER, orderId=order_id)).status == 404


async def test_users_are_listed_by_page(caller: Caller) -> None:
    data = (await caller.get("/users/list", page=2, limit=2)).json["data"]
    assert [user["userId"] for user in data["users"]] == [DEMO_USERS[2]]
    assert data["pagination"] == {"totalSearchedCount": 3, "currentPage": 2, "nextPage": 3, "totalPages": 2}


async def test_a_user_can_be_created_and_ordered_for(caller: Caller) -> None:
    created = await caller.post("/users", PROFILE)
    user_id = created.json["data"]["id"]
    assert created.json == {"status": 200, "message": "User created", "data": {"id": user_id}}
    details = (await caller.get("/users", userId=user_id)).json["data"]
    assert details == {**PROFILE, "company": "Jane 'n' Co.", "userId": user_id}
    assert (await caller.order(order_body(), user_id)).status == 200


async def test_what_no_source_names_passes_unless_it_is_strict(start: Start) -> None:
    lenient, strict = await start(), await start(strict=True)
    body = order_body(confirm=True, billingCycle="YEARLY", coupon="X")
    assert ((await lenient.order(body)).status, (await strict.order(body)).status) == (200, 400)
    profile = {**PROFILE, "nickname": "J"}
    assert [(await caller.post("/users", profile)).status for caller in (lenient, strict)] == [200, 400]


async def test_a_subscription_has_the_billing_cycle_that_was_ordered(caller: Caller, clock: Clock) -> None:
    await caller.order(order_body(confirm=True, billingCycle="YEARLY"))
    clock.now += 100
    (item,) = (await caller.get("/subscriptions")).json["data"]["subscriptions"]
    assert item["billingCycle"] == "YEARLY"


async def test_a_domain_of_very_many_years_expires_within_the_calendar(start: Start) -> None:
    caller = await start(wallet=1_000_000)
    await caller.order(order_body(domains=[{"domain": "example.com", "years": 9999}], confirm=True))
    (item,) = (await caller.get("/domains/by-user", userId=USER)).json["data"]
    assert item["expireOn"].startswith("3023-")


def iso(epoch_seconds: float) -> str:
    return datetime.fromtimestamp(epoch_seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


NO_WORKSPACE = {"status": 200, "message": "Workspace not exists", "data": None}


async def test_the_workspace_check_finds_what_was_set_and_what_was_ordered(start: Start, clock: Clock) -> None:
    caller = await start(workspaces=["Taken.com"])

    async def check(domain: str) -> tuple[int, object]:
        reply = await caller.post("/domains/has-workspace", {"domainName": domain, "serviceProvider": "GOOGLE"})
        return reply.status, reply.json

    assert await check("example.com") == (200, NO_WORKSPACE)
    assert (await check("taken.com"))[0] == 409
    await caller.order(order_body(confirm=True))
    assert await check("example.com") == (200, NO_WORKSPACE)
    clock.now += 100
    assert (await check("Example.com"))[0] == 409


async def test_the_workspace_check_takes_several_domains(start: Start) -> None:
    caller = await start(workspaces=["taken.com"])
    body = {"domains": [{"domainName": "taken.com"}, {"domainName": "free.com"}]}
    assert (await caller.post("/domains/has-workspace", body)).json["data"] == [
        {"domainName": "taken.com", "hasWorkspace": True},
        {"domainName": "free.com", "hasWorkspace": False},
    ]


@pytest.mark.parametrize("body", [[], {}, {"domainName": 5}, {"domains": [5]}])
async def test_the_workspace_check_needs_a_domain(caller: Caller, body: object) -> None:
    reply = await caller.post("/domains/has-workspace", body)
    assert (reply.status, reply.json["message"]) == (400, "Please provide a domainName")


@pytest.mark.parametrize(
    ("path", "asked", "query", "body"),
    [
        ("/orders/{orderId}/run", "/orders/{id}/run", {"userId": USER}, None),
        ("/users/{userId}/orders/{orderId}", f"/users/{USER}/orders/{{id}}", {}, None),
        ("/run", "/run", {"userId": USER, "orderId": "{id}"}, None),
        ("/run", "/run", {}, {"userId": USER, "orderId": "{id}"}),
    ],
)
async def test_the_ids_of_a_draft_to_process_may_be_anywhere(
    start: Start, path: str, asked: str, query: dict[str, str], body: dict[str, str] | None
) -> None:
    caller = await start(endpoints={"orders.process": path})
    order_id = (await caller.order(order_body())).json["data"]["orderId"]

    def named(fields: dict[str, str]) -> dict[str, str]:
        return {name: value.replace("{id}", order_id) for name, value in fields.items()}

    reply = await caller.send(
        "POST", asked.replace("{id}", order_id), query=named(query), body=None if body is None else named(body)
    )
    assert reply.status == 200
    assert caller.sim.state.purchases("example.com") == 1


async def test_a_users_domains_appear_with_the_charge(caller: Caller, clock: Clock) -> None:
    await caller.order(order_body("draft.com"))
    await caller.order(order_body("bought.com", confirm=True))
    (item,) = (await caller.get("/domains/by-user", userId=USER)).json["data"]
    assert (item["domainName"], item["status"], item["creationTime"]) == (
        "bought.com",
        "PENDING",
        "2023-11-14T22:13:20.000Z",
    )
    clock.now += 100
    (item,) = (await caller.get("/domains/by-user", userId=USER)).json["data"]
    assert (item["status"], item["expireOn"]) == ("ACTIVE", "2024-11-13T22:13:20.000Z")


async def test_a_wrong_user_has_an_empty_list_of_domains(caller: Caller) -> None:
    reply = await caller.get("/domains/by-user", userId="NOBODY")
    assert (reply.status, reply.json["data"]) == (200, [])


async def test_a_subscription_has_the_documented_shape(start: Start, clock: Clock) -> None:
    caller = await start(provision_seconds=(60, 60))
    await caller.order(order_body(confirm=True, autoRenew=True))
    clock.now += 61
    ((_, provision),) = caller.sim.state.subscriptions()
    reply = await caller.get("/subscriptions", domain="example.com")
    (item,) = reply.json["data"].pop("subscriptions")
    assert re.fullmatch("[A-Z0-9]{28}", item.pop("subscriptionId"))
    assert item == {
        "subscriptionStatus": "ACTIVE",
        "totalMailboxQuantity": 2,
        "billingCycle": "MONTHLY",
        "pricePerMailbox": 3.0,
        "periodStart": iso(provision.taken_at),
        "periodEnd": iso(provision.taken_at + 30 * 86_400),
        "serviceProvider": "GOOGLE",
        "autoRenew": True,
        "userId": USER,
        "domain": "example.com",
    }
    assert reply.json == {
        "status": 200,
        "message": "Subscriptions fetched successfully",
        "data": {"pagination": {"totalSearchedCount": 1, "currentPage": 1, "nextPage": 2, "totalPages": 1}},
    }


async def test_subscriptions_are_filtered_and_paged(caller: Caller, clock: Clock) -> None:
    for number in range(5):
        await caller.order(order_body(f"d{number}.com", confirm=True))
        clock.now += 100

    async def found(**query: str | int) -> list[str]:
        rows = (await caller.get("/subscriptions", **query)).json["data"]["subscriptions"]
        return [row["domain"] for row in rows]

    wanted = (await caller.get("/subscriptions", domain="d3.com")).json["data"]["subscriptions"][0]
    assert await found(domain="D3.com") == ["d3.com"]
    assert await found(domain="none.com") == []
    assert await found(status="CANCELLED") == []
    assert await found(componentSubscriptionId=wanted["subscriptionId"]) == ["d3.com"]
    assert await found(status="ACTIVE", page=2, limit=2) == ["d2.com", "d3.com"]
    assert await found(page=4, limit=2) == []


@pytest.mark.parametrize("query", [{"page": "0"}, {"page": "x"}, {"limit": "101"}, {"limit": "-1"}])
async def test_a_page_must_be_a_number_in_range(caller: Caller, query: dict[str, str]) -> None:
    assert (await caller.send("GET", "/subscriptions", query={**query})).status == 400


async def test_another_process_can_read_the_ledger(caller: Caller) -> None:
    body = order_body(confirm=True)
    order_id = (await caller.order(body)).json["data"]["orderId"]
    await caller.order(order_body("draft.com"))
    assert await caller.admin("ledger") == {
        "wallet": "978.12",
        "orders": 2,
        "entries": [
            {
                "time": "2023-11-14T22:13:20.000Z",
                "orderId": order_id,
                "userId": USER,
                "kind": "confirmed",
                "amount": "21.88",
                "domains": ["example.com"],
                "bodyHash": body_hash(body),
            }
        ],
    }
