"""A sample of each event, with the fields that the sources show, or those that the event's class reads.

Source: reference, sections 9.5 to 9.7. The values are made up like those of the documentation.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from string import ascii_uppercase, digits
from typing import Any

import attrs
import orjson

from ...errors import ConfigurationError
from ...webhooks import EVENT_TYPES
from ...webhooks.events.fields import FIELDS

_COMMON_OF_SUBSCRIPTIONS = (
    "userId userEmail subscriptionId domainId domain workspaceType quantity periodStart periodEnd autoRenew "
    "description subscriptionStatus"
)
#: Events whose payload a source shows, with its fields.
_SHOWN: Mapping[str, str] = {
    "domain.order.success": "userId userEmail orderId domainId domainName creationTime expiryDate price",
    "mailbox.order.success": "domainId domainName userId userEmail subscriptionId orderId workspaceType creationTime "
    "expiryDate price quantity",
    "mailbox.created": "userId orderId mailboxId email",
    "mailbox.warmup.started": "userId userEmail mailboxId email domain workspaceType",
    "mailbox.warmup.removed": "mailboxId email domain workspaceType",
    "subscription.renewing": _COMMON_OF_SUBSCRIPTIONS,
    "subscription.renewal.success": _COMMON_OF_SUBSCRIPTIONS,
    "subscription.past_due": _COMMON_OF_SUBSCRIPTIONS,
    "prewarmup.order.success": "userId userEmail orderId serviceProvider mailboxDetails",
}
#: Events of which the sources show a part, with the fields to send.
_PARTLY_SHOWN: Mapping[str, str] = {
    "subscription.renewal.failed": f"{_COMMON_OF_SUBSCRIPTIONS} reason",
    "subscription.expired": _COMMON_OF_SUBSCRIPTIONS,
    "subscription.cancelled": _COMMON_OF_SUBSCRIPTIONS,
    "subscription.updated": _COMMON_OF_SUBSCRIPTIONS,
}
#: Events whose samples have their name in `eventType`, and no `eventId`.
_OF_OTHER_FORM = frozenset({"mailbox.warmup.started", "mailbox.warmup.removed"})
#: Attributes that are no fields of `data`, or that only one form of an event has.
_NOT_SENT = frozenset({"event_id", "action_id", "extra", "envelope_extra", "domains"})
_STATUSES: Mapping[str, str] = {
    "subscription.renewing": "RENEWING",
    "subscription.past_due": "PAST_DUE",
    "subscription.expired": "EXPIRED",
    "subscription.cancelled": "CANCELLED",
}
_DOMAIN = "company.com"
_LENGTH_OF_ID = 28


@attrs.frozen(kw_only=True)
class Sample:
    """An event to send."""

    #: The body of the delivery.
    body: bytes
    #: Whether a source shows the fields of this event; else they are those that its class reads.
    is_documented: bool


def sample(name: str, *, order_id: str | None = None, user_id: str | None = None, domain: str | None = None) -> Sample:
    """Make a sample of an event, with an id of its own where its form has one.

    Args:
        name: The event's name.
        order_id: The order that it is about; `None`: a made-up one.
        user_id: The user; `None`: a made-up one.
        domain: The domain, of the address too; `None`: a made-up one.

    Raises:
        ConfigurationError: There is no event of this name, or it has no field for what was given, or that is no text.
    """
    kind = EVENT_TYPES.get(name)
    if kind is None:
        names = "\n".join(sorted(EVENT_TYPES))
        raise ConfigurationError(f"There is no event {name!r}. The events are:\n{names}")
    told = _SHOWN.get(name) or _PARTLY_SHOWN.get(name)
    fields = _fields_of(kind) if told is None else told.split()
    values = _values(name, order_id=order_id, user_id=user_id, domain=domain or _DOMAIN)
    data = {field: values[field] for field in fields}
    about_domain = data.keys() & {"domain", "domainName", "email", "mailboxDetails"}
    for given, option, is_there in (
        (order_id, "--order-id", "orderId" in data),
        (user_id, "--user-id", "userId" in data),
        (domain, "--domain", about_domain),
    ):
        if given is not None and not is_there:
            raise ConfigurationError(f"{name} has no field for {option}.")
        if given is not None and not _is_text(given):
            raise ConfigurationError(f"{option} is no text in UTF-8.")
    event: dict[str, Any] = {"event": name, "eventId": _new_id(), "data": data}
    if name in _OF_OTHER_FORM:
        event = {"eventType": name, "data": data}
    return Sample(body=orjson.dumps(event), is_documented=name in _SHOWN)


def _is_text(given: str) -> bool:
    """Tell whether an argument of the command line has a form in UTF-8; bytes that had none are half characters."""
    return not any("\ud800" <= character <= "\udfff" for character in given)


def _fields_of(kind: type[Any]) -> list[str]:
    """Return the wire names of what a class of events reads."""
    return [FIELDS[field.name].wire_names[0] for field in attrs.fields(kind) if field.name not in _NOT_SENT]


def _values(name: str, *, order_id: str | None, user_id: str | None, domain: str) -> dict[str, Any]:
    """Return a value for each field, under its wire name."""
    mailbox = {
        "mailboxId": "4165WDY91BMKS6JD341FKQ5XVP19",
        "email": f"john.doe@{domain}",
        "firstName": "John",
        "lastName": "Doe",
        "profilePicture": "https://example.com/john.png",
        "password": "sample-password",
        "appPassword": "aaaa bbbb cccc dddd",
        "authenticatorSecret": "aaaa bbbb cccc dddd",
        "isAdmin": True,
    }
    warmed = {
        **mailbox,
        "warmingUpFrom": "2025-09-26T08:53:51.641Z",
        "expiryDate": "2025-11-27T19:59:17.294Z",
    }
    subscription_id = "YC2H6C87PPKPG5WXVNQ682GAVFTM"
    return {
        **mailbox,
        "userId": user_id or "PWM7Y25RYZ450YNM8K8FX9GK5AHX",
        "userEmail": "johndoe@example.com",
        "orderId": order_id or "NQ682GAVFTMYC2H6C87PPKPG5WXV",
        "domainId": "AH2BD0WYWSMQC9NQHTMES3TFK4TX",
        "domainName": domain,
        "domain": domain,
        "subscriptionId": subscription_id,
        "subscriptionStatus": _STATUSES.get(name, "ACTIVE"),
        "workspaceType": "GOOGLE",
        "serviceProvider": "GOOGLE",
        "creationTime": "2024-03-08T23:59:59Z",
        "expiryDate": "2025-03-08T23:59:59Z",
        "periodStart": "2024-03-08T23:59:59Z",
        "periodEnd": "2024-04-08T23:59:59Z",
        "price": 11 if name.startswith("mailbox.") else 15.88,
        "quantity": 3,
        "autoRenew": True,
        "description": "A sample",
        "reason": "Workspace validation failed",
        "updatedFields": {"firstName": "Jane"},
        "mailboxDetails": [
            {"domain": domain, "subscriptionId": subscription_id, "preWarmedUpMailboxes": [warmed]},
        ],
    }


def _new_id() -> str:
    """Return an id like those of events, so that no sample is taken for a duplicate of another."""
    return "".join(secrets.choice(ascii_uppercase + digits) for _ in range(_LENGTH_OF_ID))
