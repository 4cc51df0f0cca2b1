"""How the fields of events are read: their names on the wire, and what their values have to be.

An attribute means the same in every event, so each has one row here. A value of another shape than the row says fails
nothing: it stays in `extra`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import attrs

from ...core.exchange import LONGEST_ID
from ...models.common import NO_FIELDS, ServiceProvider
from .domains import OrderedDomain
from .prewarmup import PrewarmedDomain, PrewarmedMailbox

#: An amount of money as text, and the bound of one that is a number; what is larger is not money.
_AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,17})?", re.ASCII)
_LARGEST = 10**15
_LONGEST_TIME = 40
_PROVIDERS: Mapping[str, ServiceProvider] = {provider.value: provider for provider in ServiceProvider}

#: Returns what a value means; `None` if it has another shape.
_Reader = Callable[[Any], Any]


def read_id(value: Any) -> str | None:
    """Return an id or a name: printable text of 1 to 256 characters, which may be kept and shown."""
    if isinstance(value, str) and len(value) <= LONGEST_ID and value.isprintable() and value.strip():
        return value
    return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _amount(value: Any) -> Decimal | None:
    """Read money, which the API writes as a number or as text (reference, section 4)."""
    kind = type(value)
    if kind is str:
        return Decimal(value) if _AMOUNT.fullmatch(value) else None
    if (kind is int or kind is float) and -_LARGEST < value < _LARGEST:
        return Decimal(str(value))
    return None


def _time(value: Any) -> datetime | None:
    """Read a time in ISO 8601; without a time zone it is UTC, like all times of the API."""
    if not isinstance(value, str) or len(value) > _LONGEST_TIME:
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _provider(value: Any) -> ServiceProvider | str | None:
    return _PROVIDERS.get(value, value) if isinstance(value, str) else None


def _object(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def _each(model: type) -> _Reader:
    """Return what reads a list of objects."""

    def read(value: Any) -> tuple[Any, ...] | None:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            return None
        return tuple(_structure(model, item) for item in value)

    return read


def _structure(model: type, item: Mapping[str, Any]) -> Any:
    known, extra = read_fields(model, item)
    return model(**known, extra=extra or NO_FIELDS)


@attrs.frozen
class Field:
    """How one attribute is read."""

    #: Its names on the wire. Should an event have several of them, the first that comes is read.
    wire_names: tuple[str, ...]
    #: What its value has to be.
    read: _Reader


#: Attribute of an event, or of a part of one, to how it is read.
FIELDS: Mapping[str, Field] = {
    "action_id": Field(("actionId",), read_id),
    "app_password": Field(("appPassword",), _text),
    "authenticator_secret": Field(("authenticatorSecret",), _text),
    "auto_renew": Field(("autoRenew",), _flag),
    "creation_time": Field(("creationTime",), _time),
    "description": Field(("description",), _text),
    "domain": Field(("domainName", "domain"), _text),
    "domain_id": Field(("domainId",), read_id),
    "domains": Field(("domains",), _each(OrderedDomain)),
    "email": Field(("email",), _text),
    "expiry_date": Field(("expiryDate",), _time),
    "first_name": Field(("firstName",), _text),
    "is_admin": Field(("isAdmin",), _flag),
    "last_name": Field(("lastName",), _text),
    "mailbox_details": Field(("mailboxDetails",), _each(PrewarmedDomain)),
    "mailbox_id": Field(("mailboxId",), read_id),
    "mailboxes": Field(("preWarmedUpMailboxes",), _each(PrewarmedMailbox)),
    "order_id": Field(("orderId",), read_id),
    "password": Field(("password",), _text),
    "period_end": Field(("periodEnd",), _time),
    "period_start": Field(("periodStart",), _time),
    "price": Field(("price",), _amount),
    "profile_picture": Field(("profilePicture",), _text),
    "quantity": Field(("quantity",), _count),
    "reason": Field(("reason",), _text),
    "service_provider": Field(("workspaceType", "serviceProvider"), _provider),
    "status": Field(("status",), _text),
    "subscription_id": Field(("subscriptionId",), read_id),
    "subscription_status": Field(("subscriptionStatus",), _text),
    "updated_fields": Field(("updatedFields",), _object),
    "user_email": Field(("userEmail",), _text),
    "user_id": Field(("userId",), read_id),
    "warming_up_from": Field(("warmingUpFrom",), _time),
}
#: Attributes that are not read from `data`.
_ELSEWHERE = frozenset({"event_id", "extra", "envelope_extra", "name"})


def read_fields(model: type, data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the fields of an event, or of a part of one.

    Args:
        model: The class of it.
        data: Its fields, under their wire names.

    Returns:
        The attributes that could be read, and everything else as it came. `null` in a known field is neither.
    """
    readers = _readers(model)
    known: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for wire_name, value in data.items():
        reader = readers.get(wire_name)
        if reader is None:
            extra[wire_name] = value
        elif value is not None:
            attribute, read = reader
            meant = read(value)
            if meant is None or attribute in known:
                extra[wire_name] = value
            else:
                known[attribute] = meant
    return known, extra


@cache
def _readers(model: type) -> Mapping[str, tuple[str, _Reader]]:
    """Return the names on the wire of a class, each with its attribute and how that is read."""
    attributes = [field.name for field in attrs.fields(model) if field.name not in _ELSEWHERE]
    return {wire_name: (name, FIELDS[name].read) for name in attributes for wire_name in FIELDS[name].wire_names}
