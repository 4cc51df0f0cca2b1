"""Turn the body of a delivery into a typed event, whatever shape it has (reference, section 9.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.json_object import read_json_object
from ..models.common import NO_FIELDS
from .events import EVENT_TYPES, Event, UnknownEvent
from .events.fields import read_fields, read_id
from .refusal import Refusal, RefusalReason
from .verify import LONGEST_BODY, VerifiedDelivery


def parse(delivery: VerifiedDelivery | bytes) -> Event | Refusal:
    """Read the event of a delivery.

    A JSON object always becomes an event: what is missing is `None`, what has an unexpected shape or an unknown name
    is kept as it came, and an event of an unknown name is an `UnknownEvent`.

    Args:
        delivery: A verified delivery; or a body of up to 1 MiB that you trust for another reason, such as a recording.

    Returns:
        The event, or why there is none: the body is not a JSON object, it is nested more than 64 levels deep, or it
        holds more than 500,000 values.
    """
    body = delivery.body if isinstance(delivery, VerifiedDelivery) else delivery
    if not isinstance(body, bytes):
        said = f"The body is {type(body).__name__}, not bytes."
        return Refusal(reason=RefusalReason.BODY_NOT_BYTES, message=said)
    if body is delivery and len(body) > LONGEST_BODY:  # of a verified one the caller said how long it may be
        said = f"The body has {len(body):,} bytes, more than the {LONGEST_BODY:,} that are taken."
        return Refusal(reason=RefusalReason.BODY_TOO_LONG, message=said)
    content = read_json_object(body)
    if content is None:
        said = "The body is not a JSON object, or it is nested too deep or holds too many values."
        return Refusal(reason=RefusalReason.NOT_AN_OBJECT, message=said)
    return _event(content)


def _event(content: Mapping[str, Any]) -> Event:
    name_field, name = "event", read_id(content.get("event"))
    if name is None:  # as in two samples of the help centre
        name_field, name = "eventType", read_id(content.get("eventType"))
    kind = UnknownEvent if name is None else EVENT_TYPES.get(name, UnknownEvent)
    data = content.get("data")
    fields, extra = read_fields(kind, data) if isinstance(data, dict) else ({}, NO_FIELDS)
    beside: dict[str, Any] = {}
    for field, value in content.items():
        attribute = _BESIDE_DATA.get(field)
        if attribute is not None:
            meant = read_id(value)
            if meant is None or fields.setdefault(attribute, meant) != meant:
                beside[field] = value
        elif field == "data":
            if not isinstance(value, dict) and value is not None:
                beside[field] = value
        elif field != name_field or name is None:
            beside[field] = value
    if kind is UnknownEvent:
        fields["name"] = name
    return kind(**fields, extra=extra or NO_FIELDS, envelope_extra=beside or NO_FIELDS)


#: Fields beside `data`. `actionId` stands here or in `data`, in one sample in both.
_BESIDE_DATA = {"eventId": "event_id", "actionId": "action_id"}
