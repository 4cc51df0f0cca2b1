"""What all events have in common, and the event whose name this version does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ...models.common import NO_FIELDS, freeze


@attrs.frozen(kw_only=True)
class WebhookEvent:
    """What every event has. A field that did not come, or came in an unexpected shape, is `None`."""

    #: Identifies the event, and is the same whenever it is delivered again: what duplicates are recognised by. Two
    #: samples of the help centre have none.
    event_id: str | None = None
    #: `ACT_...` id of the call that led to this event, where the API gave one; several events can have the same.
    action_id: str | None = None
    #: The user whom it is about.
    user_id: str | None = None
    #: E-mail address of that user.
    user_email: str | None = None
    #: Every other field of the event's `data`, under its wire name, and those of an unexpected shape; in no repr.
    extra: Mapping[str, Any] = attrs.field(default=NO_FIELDS, converter=freeze, repr=False)
    #: The same for what stands beside `data`.
    envelope_extra: Mapping[str, Any] = attrs.field(default=NO_FIELDS, converter=freeze, repr=False)


@attrs.frozen(kw_only=True)
class UnknownEvent(WebhookEvent):
    """An event whose name this version does not know; everything that came is in it.

    Answer it with 2xx like the others: the API sends it again otherwise, and then gives up.
    """

    #: The event's name; `None` if the body has none that is text.
    name: str | None = None
