"""There is a sample of every event, which its class reads whole."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from cmr_async.cli.webhooks.samples import sample
from cmr_async.errors import ConfigurationError
from cmr_async.webhooks import EVENT_TYPES, PrewarmupOrderSuccess, Refusal, SubscriptionEvent, parse

SAMPLES = Path(__file__).parents[2] / "samples" / "webhooks"


def test_there_are_23_events() -> None:
    assert len(EVENT_TYPES) == 23


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_an_event_is_read_whole_by_its_class(name: str) -> None:
    event = parse(sample(name).body)
    assert not isinstance(event, Refusal)
    assert (type(event), event.name) == (EVENT_TYPES[name], name)
    assert (event.extra, event.envelope_extra) == ({}, {})
    assert event.user_id or name == "mailbox.warmup.removed"


@pytest.mark.parametrize(
    "stem",
    [
        "domain_order_success",
        "mailbox_created",
        "mailbox_order_success",
        "mailbox_warmup_started",
        "prewarmup_order_success",
    ],
)
def test_a_documented_sample_has_the_fields_of_the_documentation(stem: str) -> None:
    documented = orjson.loads((SAMPLES / f"{stem}.json").read_bytes())
    made = sample(documented.get("event") or documented["eventType"])
    content = orjson.loads(made.body)
    assert made.is_documented
    assert list(content) == list(documented)
    assert list(content["data"]) == list(documented["data"])


def test_events_of_subscriptions_have_all_common_fields_and_their_status() -> None:
    event = parse(sample("subscription.past_due").body)
    assert isinstance(event, SubscriptionEvent)
    assert (event.subscription_status, event.domain, event.quantity) == ("PAST_DUE", "company.com", 3)
    assert sample("subscription.past_due").is_documented
    assert not sample("subscription.updated").is_documented


def test_a_domain_is_that_of_the_addresses_too() -> None:
    event = parse(sample("prewarmup.order.success", domain="nine.com").body)
    assert isinstance(event, PrewarmupOrderSuccess)
    (warmed,) = event.mailbox_details
    assert (warmed.domain, [mailbox.email for mailbox in warmed.mailboxes]) == ("nine.com", ["john.doe@nine.com"])


def test_no_sample_is_a_duplicate_of_another() -> None:
    first, second = parse(sample("mailbox.created").body), parse(sample("mailbox.created").body)
    assert not isinstance(first, Refusal)
    assert not isinstance(second, Refusal)
    assert first.event_id != second.event_id


@pytest.mark.parametrize(
    ("name", "option", "said"),
    [("mailbox.warmup.started", "order_id", "--order-id"), ("mailbox.warmup.removed", "user_id", "--user-id")],
)
def test_what_an_event_has_no_field_for_is_refused(name: str, option: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} has no field for {said}"):
        sample(name, **{option: "X"})


@pytest.mark.parametrize("option", ["order_id", "user_id", "domain"])
def test_what_is_no_text_is_refused(option: str) -> None:
    with pytest.raises(ConfigurationError, match=f"--{option.replace('_', '-')} is no text in UTF-8"):
        sample("domain.order.success", **{option: "a\udcff.com"})
    assert orjson.loads(sample("domain.order.success", **{option: "\U0001f600é"}).body)
