"""The payloads, compared whole with the fields of the documentation, and read by `cmr_async.webhooks`."""

from __future__ import annotations

from typing import Any

import orjson

from cmr_async.simulator import PriceList
from cmr_async.simulator.http.bodies import read_order
from cmr_async.simulator.shop.webhook_events import event_body, events_of
from cmr_async.webhooks import MailboxCreated, MailboxWarmupStarted, UnknownEvent, parse
from tests.fakes import Clock

from ..conftest import USER, order_body
from ..http.test_handlers import iso
from .test_state import bought_by, state_with


def bodies(clock: Clock, *, envelopes: Any = "documentation", warm: bool = False, **settings: Any) -> list[Any]:
    state = state_with(clock, **settings)
    person = {"username": "john", "firstName": "John", "lastName": "Doe", "onWarmup": warm}
    body = order_body(confirm=True, mailboxes={"example.com": [person]})
    order = state.create_order(USER, read_order(body))
    (provision,) = bought_by(order)
    found = events_of(state.users[USER], order, provision)
    return [orjson.loads(event_body(event, "E", prices=PriceList(), envelopes=envelopes)) for event in found]


def test_the_events_of_an_order_have_the_documented_fields(clock: Clock) -> None:
    state = state_with(clock)
    order = state.create_order(USER, read_order(order_body(confirm=True)))
    (provision,) = bought_by(order)
    found = [
        orjson.loads(event_body(event, "E", prices=PriceList(), envelopes="documentation"))
        for event in events_of(state.users[USER], order, provision)
    ]
    user = {"userId": USER, "userEmail": "user1@example.com"}
    domain = {"domainId": provision.domain_id, "domainName": "example.com"}
    assert [(one["event"], one["eventId"]) for one in found] == [
        ("domain.order.success", "E"),
        ("mailbox.order.success", "E"),
        ("mailbox.created", "E"),
        ("mailbox.created", "E"),
    ]
    assert found[0]["data"] == {
        **user,
        **domain,
        "orderId": order.order_id,
        "creationTime": "2023-11-14T22:13:20Z",
        "expiryDate": "2024-11-13T22:13:20Z",
        "price": 15.88,
    }
    assert found[1]["data"] == {
        **user,
        **domain,
        "orderId": order.order_id,
        "subscriptionId": provision.subscription_id,
        "workspaceType": "GOOGLE",
        "creationTime": "2023-11-14T22:13:20Z",
        "expiryDate": iso(provision.taken_at + 30 * 86_400)[:-5] + "Z",
        "price": 6.0,
        "quantity": 2,
    }
    first = provision.mailboxes[0]
    assert found[2]["data"] == {
        "userId": USER,
        "orderId": order.order_id,
        "mailboxId": first.mailbox_id,
        "email": "john@example.com",
        "firstName": "John",
        "lastName": "Doe",
        "password": f"not-a-real-password-{first.mailbox_id[:4]}",
        "appPassword": "fake fake fake fake",
        "authenticatorSecret": "made up made up",
    }


def test_a_domain_that_fails_has_one_event_with_the_reason(clock: Clock) -> None:
    (failed,) = bodies(clock, failing_domains=["example.com"])
    assert (failed["event"], failed["data"]["reason"]) == ("domain.order.failed", "The domain is not available")
    assert set(failed["data"]) == {"userId", "userEmail", "orderId", "domainName", "reason"}


def test_mailboxes_that_fail_have_the_documented_reason(clock: Clock) -> None:
    success, failed = bodies(clock, failing_mailboxes=["example.com"])
    assert (success["event"], failed["event"]) == ("domain.order.success", "mailbox.order.failed")
    assert failed["data"]["reason"] == "Workspace validation failed"


def test_the_variants_of_the_help_centre_come_on_request(clock: Clock) -> None:
    domain, _, created, warmup = bodies(clock, envelopes="help-centre", warm=True)
    assert (set(domain), set(domain["data"])) == ({"event", "data"}, {"actionId", "domains"})
    assert domain["data"]["domains"] == [{"domain": "example.com", "status": "ACTIVE"}]
    assert created["eventId"] == "E"
    assert set(warmup) == {"eventType", "data"}
    assert set(warmup["data"]) == {"userId", "userEmail", "mailboxId", "email", "domain", "workspaceType"}


def test_every_event_is_known_to_the_receiving_side_with_nothing_left_over(clock: Clock) -> None:
    for envelopes in ("documentation", "help-centre"):
        events = [parse(orjson.dumps(one)) for one in bodies(clock, envelopes=envelopes, warm=True)]
        assert [type(event) for event in events[2:]] == [MailboxCreated, MailboxWarmupStarted]
        assert not [event for event in events if isinstance(event, UnknownEvent)]
        assert all("extra" not in repr(event) for event in events)
