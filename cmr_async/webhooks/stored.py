"""What is kept of a delivery: the documented fields of its event, and nothing that is or may be secret."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from ..models.tracking import StoredDelivery
from .events import Event
from .events.fields import FIELDS

#: Attributes that are never kept: the credentials of mailboxes, and whatever has no documented name.
_LEFT_OUT = frozenset(
    {"password", "app_password", "authenticator_secret", "extra", "envelope_extra", "event_id", "name"}
)
#: The fields of a mailbox that an update may name (reference, section 9.5).
_UPDATED = frozenset({"firstName", "lastName", "username", "profilePicture"})


def stored(event: Event, body: bytes) -> StoredDelivery:
    """Return what a journal keeps of a delivery, without the time, which is the journal's to give.

    Args:
        event: The event of the delivery.
        body: Its body, whose hash identifies an event without an `eventId`.

    Returns:
        The delivery. Its `content` has the form of the API's events, so that `parse` reads it, and its documented
        fields without passwords, app passwords, authenticator secrets and unknown fields.
    """
    content: dict[str, Any] = {"event": event.name}
    if event.event_id is not None:
        content["eventId"] = event.event_id
    content["data"] = _fields(event)
    identity = event.event_id or f"sha256:{hashlib.sha256(body).hexdigest()}"
    return StoredDelivery(id=identity, name=event.name or "", at=0.0, content=content)


def _fields(model: Any) -> dict[str, Any]:
    """Return the attributes of an event, or of a part of one, under their wire names."""
    values = {
        field.name: getattr(model, field.name) for field in attrs.fields(type(model)) if field.name not in _LEFT_OUT
    }
    return {FIELDS[name].wire_names[0]: _plain(value) for name, value in values.items() if value not in (None, (), {})}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Decimal():
            return str(value)
        case tuple():
            return [_fields(item) for item in value]
        case Mapping():
            return {name: item for name, item in value.items() if name in _UPDATED and isinstance(item, str)}
        case _:
            return value
