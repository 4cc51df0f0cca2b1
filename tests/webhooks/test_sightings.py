"""What events say about the domains and mailboxes of an order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from cmr_async.models.tracking import ProvisionKind, ProvisionState, Sighting
from cmr_async.webhooks import (
    DomainExpired,
    DomainOrderFailed,
    DomainOrderSuccess,
    Event,
    MailboxCreated,
    MailboxOrderFailed,
    MailboxOrderSuccess,
    OrderedDomain,
    Refusal,
    UnknownEvent,
    parse,
)
from cmr_async.webhooks.sightings import sightings_of

SAMPLES = Path(__file__).parents[1] / "samples" / "webhooks"
DOMAIN, MAILBOX = ProvisionKind.DOMAIN, ProvisionKind.MAILBOX
WAITING, FAILED, ACTIVE = ProvisionState.WAITING, ProvisionState.FAILED, ProvisionState.ACTIVE


def seen(kind: ProvisionKind, name: str, state: ProvisionState, **more: Any) -> Sighting:
    return Sighting(order_id="O", kind=kind, name=name, state=state, **more)


SAID: list[tuple[Event, list[Sighting]]] = [
    (
        DomainOrderSuccess(order_id="O", domain="Example.COM", domain_id="D", user_id="U"),
        [seen(DOMAIN, "example.com", ACTIVE, user_id="U", object_id="D")],
    ),
    (
        DomainOrderSuccess(
            order_id="O",
            domains=(
                OrderedDomain(domain="one.com", status="ACTIVE"),
                OrderedDomain(domain="bücher.de", status="PENDING"),
                OrderedDomain(domain="three.com"),
                OrderedDomain(domain="no domain"),
                OrderedDomain(),
            ),
        ),
        [
            seen(DOMAIN, "one.com", ACTIVE, status="ACTIVE"),
            seen(DOMAIN, "xn--bcher-kva.de", WAITING, status="PENDING"),
            seen(DOMAIN, "three.com", ACTIVE),
        ],
    ),
    (
        DomainOrderFailed(order_id="O", domain="one.com", reason="taken", domains=(OrderedDomain(domain="two.com"),)),
        [seen(DOMAIN, "one.com", FAILED, reason="taken"), seen(DOMAIN, "two.com", FAILED, reason="taken")],
    ),
    (
        MailboxOrderSuccess(order_id="O", domain="one.com", domain_id="D", subscription_id="S", quantity=3),
        [seen(DOMAIN, "one.com", ACTIVE, object_id="D", subscription_id="S")],
    ),
    (
        MailboxOrderFailed(order_id="O", domain="one.com", reason="Workspace validation failed"),
        [seen(MAILBOX, "*@one.com", FAILED, reason="Workspace validation failed")],
    ),
    (
        MailboxCreated(order_id="O", email=" Ada@One.com", mailbox_id="M", domain_id="D", subscription_id="S"),
        [
            seen(MAILBOX, "ada@one.com", ACTIVE, object_id="M", subscription_id="S"),
            seen(DOMAIN, "one.com", ACTIVE, object_id="D", subscription_id="S"),
        ],
    ),
]


@pytest.mark.parametrize(("event", "said"), SAID)
def test_an_event_says_where_its_domains_and_mailboxes_stand(event: Event, said: list[Sighting]) -> None:
    assert list(sightings_of(event)) == said


@pytest.mark.parametrize(
    "event",
    [
        DomainOrderSuccess(domain="one.com"),
        DomainOrderFailed(domain="one.com"),
        MailboxOrderSuccess(domain="one.com"),
        MailboxOrderFailed(domain="one.com"),
        MailboxCreated(email="ada@one.com"),
    ],
)
def test_an_event_without_an_order_id_says_nothing(event: Event) -> None:
    assert sightings_of(event) == ()


@pytest.mark.parametrize("email", [None, "", "ada", "@one.com", "ada@", "*@one.com", "a\x00b@one.com", "a b@one.com"])
def test_what_is_no_address_is_no_mailbox(email: str | None) -> None:
    assert sightings_of(MailboxCreated(order_id="O", email=email)) == ()


@pytest.mark.parametrize("event", [DomainExpired(domain="one.com"), UnknownEvent(name="order.new")])
def test_other_events_say_nothing(event: Event) -> None:
    assert sightings_of(event) == ()


def test_the_samples_of_the_reference_say_what_they_show() -> None:
    said = {}
    for path in SAMPLES.glob("*.json"):
        event = parse(orjson.dumps(orjson.loads(path.read_bytes())))
        assert not isinstance(event, Refusal)
        said[path.stem] = [(sighting.name, sighting.state) for sighting in sightings_of(event)]
    assert {name: names for name, names in said.items() if names} == {
        "domain_order_success": [("company.com", ACTIVE)],
        "mailbox_order_success": [("company.com", ACTIVE)],
        "mailbox_created": [("alice@alicesender.com", ACTIVE), ("alicesender.com", ACTIVE)],
    }
