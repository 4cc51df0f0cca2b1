"""Every event that the sources list has a class, and every attribute of it says how it is read."""

from __future__ import annotations

import copy
import pickle
from datetime import datetime
from decimal import Decimal
from types import UnionType
from typing import Any, get_args, get_type_hints

import attrs
import pytest

from cmr_async import webhooks
from cmr_async.webhooks import EVENT_TYPES, Event, MailboxCreated, PrewarmedMailbox, UnknownEvent, WebhookEvent
from cmr_async.webhooks.events.fields import FIELDS

#: The reference, section 9.5.
NAMES = {
    "domain.order.success", "domain.order.failed", "domain.renewal.success", "domain.renewal.failed",
    "domain.grace_period", "domain.expired", "mailbox.order.success", "mailbox.order.failed", "mailbox.created",
    "mailbox.updated", "mailbox.exported", "mailbox.warmup.started", "mailbox.warmup.removed",
    "subscription.renewing", "subscription.renewal.success", "subscription.renewal.failed", "subscription.past_due",
    "subscription.expired", "subscription.cancelled", "subscription.updated", "prewarmup.order.success",
    "prewarmup.order.failed", "dns-record.updated",
}  # fmt: skip
PARTS = [webhooks.OrderedDomain, webhooks.PrewarmedDomain, webhooks.PrewarmedMailbox]
CLASSES: list[Any] = [*get_args(Event), *PARTS]
SECRETS = {"password", "app_password", "authenticator_secret", "extra", "envelope_extra", "updated_fields"}


def test_every_name_of_the_sources_has_a_class_and_no_other_name_has() -> None:
    assert set(EVENT_TYPES) == NAMES
    assert {*EVENT_TYPES.values(), UnknownEvent} == set(get_args(Event))


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_class_is_called_like_its_event(name: str) -> None:
    words = name.replace(".", " ").replace("_", " ").replace("-", " ").split()
    assert EVENT_TYPES[name].__name__ == "".join(word.capitalize() for word in words)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_class_is_frozen_and_all_that_it_holds_may_be_missing(kind: Any) -> None:
    made = kind()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.extra = {}
    assert copy.copy(made) == made
    assert pickle.loads(pickle.dumps(made)) == made
    assert hash(made) == hash(kind())


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_no_repr_shows_a_secret_or_what_is_not_known(kind: Any) -> None:
    assert {field.name for field in attrs.fields(kind) if field.repr is False} == SECRETS & {
        field.name for field in attrs.fields(kind)
    }


@pytest.mark.parametrize("kind", [MailboxCreated, PrewarmedMailbox])
def test_credentials_are_in_no_repr(kind: Any) -> None:
    made = kind(email="a@b.com", password="hunter2", app_password="hunter2", authenticator_secret="hunter2")
    assert "hunter2" not in repr(made)
    assert "a@b.com" in repr(made)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_attribute_has_a_row_that_gives_its_type(kind: Any) -> None:
    hints = get_type_hints(kind)
    samples: dict[Any, Any] = {
        str: "text", int: 3, bool: False, Decimal: 15.88, datetime: "2024-03-08T23:59:59Z", tuple: [{}],
    }  # fmt: skip
    for field in attrs.fields(kind):
        if field.name in {"event_id", "extra", "envelope_extra", "name"}:
            continue
        hint = hints[field.name]
        wanted = [
            getattr(one, "__origin__", one) for one in (get_args(hint) if isinstance(hint, UnionType) else [hint])
        ]
        sample = next((samples[one] for one in wanted if one in samples), {"a": 1})
        assert isinstance(FIELDS[field.name].read(sample), tuple(one for one in wanted if isinstance(one, type))), field


def test_every_row_is_for_some_attribute() -> None:
    attributes = {field.name for kind in CLASSES for field in attrs.fields(kind)}
    assert set(FIELDS) <= attributes


def test_what_an_event_keeps_cannot_be_changed() -> None:
    event = UnknownEvent(extra={"a": [1, {"b": 2}]})
    assert event.extra == {"a": (1, {"b": 2})}
    assert isinstance(hash(event), int)
    assert isinstance(event, WebhookEvent)
