"""The one converter between the models (snake_case) and the wire (the API's own names).

Strict scalars (cattrs would turn `None` into `'None'` and `"1"` into 1), open enums (an unknown member stays a
string), `None` left out, and errors that name their place in the wire form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

import attrs
import orjson
from cattrs import Converter, transform_error
from cattrs.errors import ForbiddenExtraKeysError, StructureHandlerNotFoundError
from cattrs.fns import identity
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from ..errors import Fault, ValidationError
from ..models import (
    BillingCycle,
    DomainRegistration,
    Envelope,
    GoogleOAuth,
    Mailbox,
    MailboxOrder,
    Order,
    OrderCreated,
    ServiceProvider,
)

#: Groups of an order: left out when empty, but by us, because cattrs would make the default anew for each order.
_GROUPS = ("domains", "mailboxes")
#: Domains and mailboxes of an order up to which each of its faults is told with its path, which costs memory and time.
#: Of a larger order one fault is told.
_MOST_EXPLAINED = 5_000
_ALWAYS_THERE = frozenset({"confirm", "years", *_GROUPS})


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


#: The names on the wire that the SDK knows; any other goes through `extra`.
FIELDS: Mapping[type, frozenset[str]] = {
    model: frozenset(_camel(field.name) for field in attrs.fields(model)) - {"extra"}
    for model in (Order, MailboxOrder, DomainRegistration, Mailbox)
}


_Hook = Callable[[Any, Any], Any]
_Kind = TypeVar("_Kind", Order, MailboxOrder)

_OPEN_ENUMS: tuple[tuple[type[BillingCycle | ServiceProvider], object], ...] = (
    (BillingCycle, BillingCycle | str | None),
    (ServiceProvider, ServiceProvider | str | None),
)


def _strict(kind: type) -> _Hook:
    names = {str: "text", int: "a whole number", bool: "true or false", float: "a number"}

    def structure(value: Any, _: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"must be {names[kind]}, not {value!r}")
        return value

    return structure


def _open_enum(enum: type[BillingCycle | ServiceProvider]) -> _Hook:
    members = {member.value: member for member in enum}

    def structure(value: Any, _: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, str):
            raise TypeError(f"must be text, not {value!r}")
        return members.get(value, value)

    return structure


def _object(value: Any, _: Any) -> Any:
    if not isinstance(value, dict):
        raise TypeError("must be an object")  # without its value, which may hold secrets
    return value


def _is(union: object) -> Callable[[object], bool]:
    return lambda kind: kind == union


@cache
def _reader(*, every_fault: bool) -> Converter:
    """Return what reads orders; only files and journals need it, and making it costs import time."""
    converter = Converter(forbid_extra_keys=True, detailed_validation=every_fault)
    for kind in (str, int, bool, float):
        converter.register_structure_hook(kind, _strict(kind))
    for enum, union in _OPEN_ENUMS:
        converter.register_structure_hook_func(_is(union), _open_enum(enum))
    converter.register_structure_hook_func(_is(Mapping[str, Any]), _object)
    for model in (GoogleOAuth, Mailbox, DomainRegistration, Order, MailboxOrder):
        converter.register_structure_hook(model, make_dict_structure_fn(model, converter, **_names(model)))
    return converter


@cache
def _writer() -> Callable[[Order | MailboxOrder], dict[str, Any]]:
    """Return what turns an order of either kind into plain values; made for the first order, like the reader."""
    converter = Converter()
    for _, union in _OPEN_ENUMS:
        converter.register_unstructure_hook_func(_is(union), identity)
    for optional in (str | None, bool | None):  # cattrs would call a function for each of these fields
        converter.register_unstructure_hook_func(_is(optional), identity)
    _register(converter, GoogleOAuth, Mailbox, DomainRegistration)
    domain, mailbox = (_with_extra(converter.get_unstructure_hook(model)) for model in (DomainRegistration, Mailbox))
    # Half the cost of the hooks that cattrs makes for any tuple and any mapping
    converter.register_unstructure_hook_func(
        _is(tuple[DomainRegistration, ...]), lambda entries: [domain(entry) for entry in entries]
    )
    converter.register_unstructure_hook_func(
        _is(Mapping[str, tuple[Mailbox, ...]]),
        lambda groups: {name: [mailbox(box) for box in boxes] for name, boxes in groups.items()},
    )
    _register(converter, Order, MailboxOrder)
    hooks = {model: converter.get_unstructure_hook(model) for model in (Order, MailboxOrder)}
    return lambda order: hooks[type(order)](order)


def _register(converter: Converter, *models: type[attrs.AttrsInstance]) -> None:
    for model in models:
        names = _names(model)
        if "extra" in names:
            names["extra"] = override(omit=True)
        converter.register_unstructure_hook(model, make_dict_unstructure_fn(model, converter, **names))


def _names(model: type[attrs.AttrsInstance]) -> dict[str, Any]:
    return {
        field.name: override(rename=_camel(field.name), omit_if_default=field.name not in _ALWAYS_THERE)
        for field in attrs.fields(model)
    }


def _with_extra(unstructure: Callable[[Any], Any]) -> Callable[[Any], dict[str, Any]]:
    """Return a hook that adds the fields of `extra`, which go beside the others."""

    def whole(value: Any) -> dict[str, Any]:
        plain: dict[str, Any] = unstructure(value)
        if value.extra:
            plain |= _thaw(value.extra)
        return plain

    return whole


def _thaw(value: Any) -> Any:
    """Return frozen JSON values as the plain ones that JSON writers take."""
    if isinstance(value, Mapping):
        return {name: _thaw(inner) for name, inner in value.items()}
    return [_thaw(inner) for inner in value] if isinstance(value, tuple) else value


def unstructure_order(order: Order | MailboxOrder) -> dict[str, Any]:
    """Return an order as the plain values of the request body; `None` and empty groups are left out."""
    plain = _writer()(order)
    for group in _GROUPS:
        if not plain.get(group, True):
            del plain[group]
    if order.extra:
        plain |= _thaw(order.extra)
    return plain


def dump_order(order: Order | MailboxOrder) -> bytes:
    """Return an order as the bytes of the request body, with sorted names, so that equal orders have equal bytes."""
    return orjson.dumps(unstructure_order(order), option=orjson.OPT_SORT_KEYS)


def structure_order(body: Mapping[str, Any], model: type[_Kind]) -> _Kind:
    """Read an order from the API's own body, as the page prints it.

    Args:
        body: The body. An object `extra` in it, in a domain or in a mailbox, holds the fields that no page documents.
        model: Which kind of order it is: `Order` or `MailboxOrder`.

    Raises:
        ValidationError: With every fault and its path in the body; undocumented fields outside `extra` are faults.
    """
    every_fault = _entries(body) <= _MOST_EXPLAINED
    try:
        return _reader(every_fault=every_fault).structure(body, model)
    except Exception as error:  # noqa: BLE001 - cattrs raises groups of anything; all become faults
        raise ValidationError(faults=_faults(error)) from None


def _entries(body: Mapping[str, Any]) -> int:
    """Return how many domains and mailboxes a body has."""
    domains, groups = (body.get(name) for name in _GROUPS) if isinstance(body, dict) else (None, None)
    boxes = groups.values() if isinstance(groups, dict) else ()
    counted = [each for each in (domains, groups, *boxes) if isinstance(each, list | dict)]
    return sum(map(len, counted))


def restore_order(body: Mapping[str, Any]) -> Order:
    """Read an order from a body that `dump_order` wrote: what was in `extra` goes back there.

    Raises:
        ValidationError: The body is no order.
    """
    if not isinstance(body, dict):
        return structure_order(body, Order)
    whole = _gather(body, Order, empty_groups=True)
    if isinstance(domains := whole.get("domains"), list):
        whole["domains"] = [_gather(entry, DomainRegistration) for entry in domains]
    return structure_order(_gather_boxes(whole), Order)


def restore_mailbox_order(body: Mapping[str, Any]) -> MailboxOrder:
    """Read an order of mailboxes from a body that `dump_order` wrote: what was in `extra` goes back there.

    Raises:
        ValidationError: The body is no order of mailboxes.
    """
    if not isinstance(body, dict):
        return structure_order(body, MailboxOrder)
    return structure_order(_gather_boxes(_gather(body, MailboxOrder)), MailboxOrder)


def _gather_boxes(whole: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(groups := whole.get("mailboxes"), dict):
        return whole
    boxes_of = {
        name: [_gather(box, Mailbox) for box in boxes] if isinstance(boxes, list) else boxes
        for name, boxes in groups.items()
    }
    return {**whole, "mailboxes": boxes_of}


def _gather(fields: Any, model: type, *, empty_groups: bool = False) -> Any:
    """Move what stands beside the known fields of an object into its `extra`."""
    if not isinstance(fields, dict):
        return fields
    extra = {
        name: value
        for name, value in fields.items()
        if name not in FIELDS[model] or (empty_groups and name in _GROUPS and not value)
    }
    known = {name: value for name, value in fields.items() if name not in extra}
    return {**known, "extra": extra} if extra else known


def _faults(error: Exception) -> tuple[Fault, ...]:
    lines = transform_error(error, path="order", format_exception=_describe)
    faults = []
    for line in lines:
        message, _, path = line.rpartition(" @ ")
        faults.append(Fault(_wire_path(path), message))
    return tuple(faults)


def _wire_path(path: str) -> str:
    """Turn cattrs' `order.mailboxes['x.com'][0].first_name` into `mailboxes["x.com"][0].firstName`."""
    parts = re.split(r"(\['.*?'\])", path.removeprefix("order.") or "order")
    return "".join(f'["{part[2:-2]}"]' if part.startswith("['") else _camel(part) for part in parts)


def _describe(error: BaseException, _: type | None) -> str:
    match error:
        case KeyError():
            return f"required field {error.args[0]!r} is missing"
        case ForbiddenExtraKeysError():
            names = ", ".join(sorted(error.extra_fields))
            hint = "" if error.cl is GoogleOAuth else '; to send it all the same, put it into "extra"'
            return f"the page documents no field {names} here{hint}"
        case StructureHandlerNotFoundError():
            return "cannot be read"
        case TypeError() | ValueError() if str(error).startswith("must be "):
            return str(error)
        case _:
            return "must be an object or a list, as on the API's page"


def read_order_created(envelope: Envelope) -> OrderCreated:
    """Read the answer to an order, in either documented form (reference, section 2.5); unknown fields go to `extra`.

    Args:
        envelope: An answer that the judge accepted, so its `data.orderId` is text.
    """
    data = dict(envelope.data)
    order_id = data.pop("orderId")
    data.pop("actionId", None)  # the envelope has it
    unavailable = data.pop("unavailableDomains") if isinstance(data.get("unavailableDomains"), list) else ()
    return OrderCreated(
        order_id=order_id,
        message=envelope.message,
        action_id=envelope.action_id,
        unavailable_domains=tuple(unavailable),
        extra=data if not envelope.extra else {**envelope.extra, **data},
        envelope=envelope,
    )
