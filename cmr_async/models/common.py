"""What several API groups share: the open enums and the envelope of every answer."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs
from immutabledict import immutabledict

#: No further fields: shared by all models without any, because a file of orders makes very many.
NO_FIELDS: Mapping[str, Any] = immutabledict()


def freeze(value: Any) -> Any:
    """Return JSON values with immutable objects and lists, so that a model that holds them can be hashed."""
    if value is NO_FIELDS:
        return value
    if isinstance(value, Mapping):
        return immutabledict({name: freeze(inner) for name, inner in value.items()})
    if isinstance(value, list | tuple):
        return tuple(freeze(inner) for inner in value)
    return value


class BillingCycle(StrEnum):
    """How often a subscription is billed. Open: any other string passes through unchanged in answers."""

    #: The only value that any CMR source shows (reference, section 13).
    MONTHLY = "MONTHLY"


class ServiceProvider(StrEnum):
    """Who hosts the mailboxes. Open: any other string passes through unchanged in answers."""

    #: Google Workspace; its mailboxes need `google`.
    GOOGLE = "GOOGLE"
    #: Microsoft 365; its mailboxes need `microsoft_oauth_route`.
    MICROSOFT = "MICROSOFT"


@attrs.frozen(kw_only=True)
class Envelope:
    """An answer in the API's own form: `{"status", "message", "data"}`, sometimes with `actionId` (reference, 4)."""

    #: HTTP status of the answer.
    status: int
    #: What the API said in words.
    message: str = ""
    #: The payload as plain JSON values; `None` when the answer has none. In no repr: mailboxes have passwords.
    data: Any = attrs.field(default=None, repr=False)
    #: `ACT_...` id of an asynchronous action, from the top level or from inside `data`.
    action_id: str | None = None
    #: Every other field of the top level, under its wire name; in no repr.
    extra: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    #: How many HTTP requests it took, refused ones included.
    attempts: int = 1
