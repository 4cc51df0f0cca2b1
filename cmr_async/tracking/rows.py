"""Read what lists and single looks say about domains and mailboxes; only the shape of the subscriptions is documented.

An object counts when it names an address or a domain and has a word for its state. What says nothing that can be
understood is left alone: waiting goes on until another source says more, or the time is over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import attrs

from ..core.order.domain_names import normalise_domain
from ..models.tracking import ProvisionKind, ProvisionState
from .settings import TrackingSettings

#: Usual names of fields, in lower case and without `_` and `-`. Those of subscriptions and events are documented.
_ADDRESS = ("email", "emailaddress", "mailbox", "address")
_DOMAIN = ("domainname", "domain")
_STATUS = ("status", "mailboxstatus", "domainstatus", "state")
_MAILBOX_ID = ("mailboxid", "id")
_DOMAIN_ID = ("domainid", "id")
_REASON = ("reason", "failurereason", "error")
#: What only a mailbox has, besides its id.
_OF_A_MAILBOX = ("mailbox", "username")
#: Objects that are read at most in one answer, and how deep.
_MOST, _DEEPEST = 20_000, 12
#: Pages that a list is taken to have at most, with 10 million mailboxes; and digits of such a number, as a text.
_MOST_PAGES, _LONGEST_COUNT = 100_000, 12
#: Names of the lists and wrappers that are looked into. Anything else that lies in an object, such as its forwarding or
#: its exports, has a state of its own, which says nothing about a domain or a mailbox.
_HOLDERS = frozenset({
    "data", "domain", "domains", "items", "list", "mailbox", "mailboxes", "order", "orders", "records", "result",
    "results", "rows", "subscriptions",
})  # fmt: skip
#: Those of mailboxes: what lies in one is no domain, whatever it lacks.
_OF_MAILBOXES = frozenset({"mailbox", "mailboxes"})
#: Those that say nothing about what lies in them, beyond what those around them say.
_NEUTRAL = frozenset({"", "data", "items", "list", "records", "result", "results", "rows"})


class _Around(NamedTuple):
    """What an object takes over from those that it lies in: rows may be grouped by domain or by order."""

    #: Whether the nearest holder that says what it holds is one of mailboxes.
    mailboxes: bool = False
    domain: str | None = None
    order_id: str | None = None


@attrs.frozen(kw_only=True)
class Row:
    """What one object of an answer says about a domain or a mailbox."""

    kind: ProvisionKind
    #: Domain in lower case and punycode, or address in lower case.
    name: str
    state: ProvisionState
    status: str | None = None
    reason: str = ""
    user_id: str | None = None
    #: The order that it names; `None`: it names none.
    order_id: str | None = None
    object_id: str | None = None
    subscription_id: str | None = None


def read_rows(data: Any, settings: TrackingSettings, *, mailboxes: bool = False) -> list[Row]:
    """Return what the objects of an answer say about mailboxes and domains.

    Args:
        data: The payload of the answer.
        settings: Has the words of the API.
        mailboxes: It is the answer of a list of mailboxes, where an object without an address is no domain.

    A failure that names no order is left out where the same answer has the same name in another state: names are
    bought again, and lists may go on showing the failure of an earlier order.
    """
    found = []
    for count, (key, fields, around) in enumerate(_objects("", data, _Around(mailboxes), _DEEPEST)):
        if count == _MOST:
            break
        row = _row(key, fields, around, settings)
        if row is not None:
            found.append(row)
    going_on = {(row.kind, row.name) for row in found if row.state is not ProvisionState.FAILED}
    return [
        row
        for row in found
        if row.state is not ProvisionState.FAILED or row.order_id or (row.kind, row.name) not in going_on
    ]


def order_word(data: Any) -> str | None:
    """Return the word that `GET /orders/status` has for the order as a whole, if it has one."""
    fields = _plainly(data) if isinstance(data, dict) else {}
    word = fields.get("orderstatus", fields.get("status"))
    return word if isinstance(word, str) and word else None


def total_pages(*parts: Any, size: int) -> int | None:
    """Return how many pages a list has, where it says so as the documented lists do; `None`: it does not.

    Args:
        parts: The parts of an answer where that may stand: its payload, and what lies beside it.
        size: Rows of a full page, for lists that only say how many rows they have.
    """
    objects = [part for part in parts if isinstance(part, Mapping)]
    places = [*objects, *(part[name] for part in objects for name in ("pagination", "meta") if name in part)]
    for name, rows in (("totalPages", 1), ("totalSearchedCount", size)):
        for place in places:
            total = _count(place.get(name)) if isinstance(place, Mapping) else None
            if total is not None:
                return min(-(-total // rows), _MOST_PAGES)
    return None


def page_length(data: Any, *, deepest: int = _DEEPEST) -> int:
    """Return how many items a page has, whatever they say: the length of its longest list."""
    if isinstance(data, list):
        return len(data)
    items = _plainly(data).items() if isinstance(data, Mapping) and deepest else ()
    return max((page_length(item, deepest=deepest - 1) for name, item in items if name in _HOLDERS), default=0)


def _count(value: Any) -> int | None:
    """Read a number of pages or rows, which an answer may also give as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_COUNT:
        return int(value)
    is_number = type(value) is int or (type(value) is float and value.is_integer())
    return int(value) if is_number and value >= 0 else None


def _row(key: str, fields: Mapping[str, Any], around: _Around, settings: TrackingSettings) -> Row | None:
    status = _first(fields, _STATUS)
    named = _first(fields, _DOMAIN)
    address = _address(fields, named or around.domain)
    domain = normalise_domain(named or around.domain or "")
    if address is not None:
        kind, name, own_id = ProvisionKind.MAILBOX, address, _first(fields, _MAILBOX_ID)
    elif domain is None:
        return None
    elif named is None and key == "mailboxes":  # about the mailboxes of the domain around it, all together
        kind, name, own_id = ProvisionKind.MAILBOX, f"*@{domain}", None
    elif named is None or around.mailboxes or _first(fields, _OF_A_MAILBOX) or "mailboxid" in fields:
        return None  # a mailbox may have no address until it is made
    else:
        kind, name, own_id = ProvisionKind.DOMAIN, domain, _first(fields, _DOMAIN_ID)
        # A subscription says of its domain that the order of its mailboxes was taken
        subscribed = _first(fields, ("subscriptionstatus",))
        if status is None and subscribed is not None:
            status, own_id = subscribed, _first(fields, ("domainid",))
    state = _state(status, settings)
    order_id = _first(fields, ("orderid",))
    if state is ProvisionState.FAILED:  # of which order counts; anything else may be of a later one
        order_id = order_id or around.order_id
    return Row(
        kind=kind,
        name=name,
        state=state,
        status=status,
        reason=_first(fields, _REASON) or "",
        user_id=_first(fields, ("userid",)),
        order_id=order_id,
        object_id=own_id,
        subscription_id=_first(fields, ("subscriptionid",)),
    )


def _address(fields: Mapping[str, Any], domain: str | None) -> str | None:
    """Return the address that an object is about, as a token has it; `None`: it names none."""
    address, username = _first(fields, _ADDRESS), _first(fields, ("username",))
    if address is None and username is not None:
        address = username if "@" in username or not domain else f"{username}@{domain}"
    local, _, host = (address or "").strip().rpartition("@")
    name = normalise_domain(host)
    return f"{local.lower()}@{name}" if local.strip("*") and name else None


def _state(status: str | None, settings: TrackingSettings) -> ProvisionState:
    word = (status or "").upper()
    if word in settings.active:
        return ProvisionState.ACTIVE
    return ProvisionState.FAILED if word in settings.failed else ProvisionState.WAITING


def _objects(key: str, value: Any, around: _Around, depth: int) -> Iterator[tuple[str, Mapping[str, Any], _Around]]:
    """Yield every object with its own name and what it takes over from the objects around it."""
    if depth == 0:
        return
    if isinstance(value, list):
        for item in value:
            yield from _objects("", item, around, depth - 1)
    elif isinstance(value, dict):
        fields = _plainly(value)
        yield key, fields, around
        domain = _first(fields, _DOMAIN) or around.domain
        order_id = _first(fields, ("orderid",)) or around.order_id
        for name, item in fields.items():
            if name in _HOLDERS:
                mailboxes = around.mailboxes if name in _NEUTRAL else name in _OF_MAILBOXES
                yield from _objects(name, item, _Around(mailboxes, domain, order_id), depth - 1)


def _plainly(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "").replace("-", "").lower(): value for name, value in fields.items()}


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    values = (fields.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and value), None)
