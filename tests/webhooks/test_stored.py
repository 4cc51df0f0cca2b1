"""What is kept of a delivery can be read again and holds no secret."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest

from cmr_async.webhooks import EVENT_TYPES, Event, MailboxUpdated, PrewarmupOrderSuccess, Refusal, UnknownEvent, parse
from cmr_async.webhooks.events.fields import FIELDS
from cmr_async.webhooks.stored import stored

SAMPLES = sorted((Path(__file__).parents[1] / "samples" / "webhooks").glob("*.json"))
SECRET = "hunter2-hunter2"


def read(content: Any) -> Event:
    event = parse(orjson.dumps(content))
    assert not isinstance(event, Refusal)
    return event


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_kept_event_is_the_event_that_came_without_its_secrets(path: Path) -> None:
    event = read(orjson.loads(path.read_bytes()))
    again = read(stored(event, path.read_bytes()).content)
    if isinstance(event, PrewarmupOrderSuccess) and isinstance(again, PrewarmupOrderSuccess):
        (domain,) = event.mailbox_details
        bare: dict[str, Any] = dict.fromkeys(("password", "app_password", "authenticator_secret"))
        boxes = tuple(attrs.evolve(box, **bare) for box in domain.mailboxes)
        event = attrs.evolve(event, mailbox_details=(attrs.evolve(domain, mailboxes=boxes),))
    assert again == event


@pytest.mark.parametrize("name", sorted(EVENT_TYPES))
def test_no_secret_and_no_unknown_field_of_any_event_is_kept(name: str) -> None:
    credentials = {"password": SECRET, "appPassword": SECRET, "authenticatorSecret": SECRET}
    unknown = {"smtp": {"pass": SECRET}, "note": SECRET}
    data: dict[str, Any] = {
        "orderId": "O",
        **credentials,
        **unknown,
        "updatedFields": {**credentials, **unknown, "firstName": "Ada"},
        "domains": [{"domain": "one.com", **credentials, **unknown}],
        "mailboxDetails": [{"domain": "one.com", **unknown, "preWarmedUpMailboxes": [{**credentials, **unknown}]}],
        "quantity": {"a": SECRET},
    }
    kept = stored(read({"event": name, "eventId": "E1", "beside": SECRET, "data": data}), b"")
    assert (kept.id, kept.name) == ("E1", name)
    assert SECRET not in orjson.dumps(kept.content).decode()
    assert SECRET not in repr(kept)


def test_of_an_update_the_documented_fields_are_kept() -> None:
    event = MailboxUpdated(updated_fields={"firstName": "Ada", "password": SECRET, "lastName": {"a": SECRET}})
    assert stored(event, b"").content["data"] == {"updatedFields": {"firstName": "Ada"}}


def test_every_field_that_is_read_is_either_kept_or_a_credential() -> None:
    secret = {name for name in FIELDS if any(word in name for word in ("pass", "secret", "token", "key"))}
    assert secret == {"password", "app_password", "authenticator_secret"}
    kept = stored(UnknownEvent(name="order.new", user_id="U"), b"")
    assert kept.content == {"event": "order.new", "data": {"userId": "U"}}


def test_without_an_event_id_the_body_identifies_the_delivery() -> None:
    kept = stored(UnknownEvent(), b"{}")
    assert kept.id == "sha256:" + hashlib.sha256(b"{}").hexdigest()
    assert (kept.name, kept.at, kept.content) == ("", 0.0, {"event": None, "data": {}})
