"""Turn JSON into orders: one body as the API's page prints it, a list of bodies, or one document a line.

An order may come with its user and reference: `{"user_id": ..., "reference": ..., "order": {...}}`. Fields that no
page documents go into an object `extra` of the order, of a domain or of a mailbox, and are sent from there. The text
itself is read by `text`, order by order.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from ...core.wire import structure_order
from ...errors import Fault, ValidationError
from ...models import MailboxOrder, Order
from ...models.requests import OrderRequest
from ..bounded import BoundedReader
from ..encoding import TextEncoding
from ..limits import FileLimits
from ..located import InputFault, LocatedOrder, UnreadableOrder, suggestion
from ..names import is_address
from .text import JSONFaultError, documents, line_document

#: Unknown names of one object that are told one by one.
_NAMES_TOLD = 20
#: Characters of a value in a message.
_SHOWN = 100
_WRAPPER = ("user_id", "reference", "order")
_BODY = (
    "domains",
    "mailboxes",
    "billingCycle",
    "confirm",
    "serviceProvider",
    "microsoftOauthRoute",
    "google",
    "autoRenew",
    "extra",
)
#: Fields that only an order of mailboxes has: a body with one of them is such an order.
_TARGETS = ("subscriptionId", "domainId")
_MAILBOX_BODY = (*_TARGETS, "mailboxes", "billingCycle", "confirm", "autoRenew", "extra")


def orders_from_lines(
    lines: Iterable[str], *, source: str, user_id: str | None = None, confirm: bool = False
) -> Iterator[LocatedOrder | UnreadableOrder]:
    """Read one order a line (JSON lines); blank lines are skipped, a broken line is a fault of its own."""
    for row, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        try:
            document = line_document(text, row=row)
        except JSONFaultError as error:
            yield UnreadableOrder.of(InputFault(source=source, row=error.row, message=error.message))
        else:
            yield order_from_document(document, source=source, row=row, user_id=user_id, confirm=confirm)


def orders_from_json(
    file: BoundedReader,
    *,
    source: str,
    limits: FileLimits,
    encoding: TextEncoding | None = None,
    user_id: str | None = None,
    confirm: bool = False,
) -> Iterator[LocatedOrder | UnreadableOrder]:
    """Read the order of a JSON file, or the orders of its list; text that is not JSON ends the reading."""
    try:
        for row, document in documents(file, limits, encoding):
            yield order_from_document(document, source=source, row=row, user_id=user_id, confirm=confirm)
    except JSONFaultError as error:
        fault = InputFault(source=source, row=error.row, message=error.message)
        yield UnreadableOrder.of(fault, ends_reading=True)


def order_from_document(
    document: Any, *, source: str, row: int, user_id: str | None = None, confirm: bool = False
) -> LocatedOrder | UnreadableOrder:
    """Read one order from a parsed document.

    Args:
        document: The API's own body of either kind of order, or an object with `order` and, as you like, `user_id` and
            `reference`.
        source: Name of the file, for messages.
        row: Line where the document begins.
        user_id: The user of documents that name none.
        confirm: What the order's `confirm` becomes, whatever the document says.
    """
    wrapped = isinstance(document, dict) and "order" in document
    body = document["order"] if wrapped else document
    faults = _wrapper_faults(document) if wrapped else []
    order = None
    if not isinstance(body, dict):
        faults.append(Fault("order" if wrapped else "", "an order is an object, as on the API's page"))
    else:
        order, found = _structured(body)
        prefix = "order." if wrapped else ""
        faults += [Fault(prefix + fault.path, fault.message) for fault in found]
    owner: str | None = (document.get("user_id") if wrapped else None) or user_id
    if not owner:
        hint = 'no user: name one with --user-id, or write {"user_id": ..., "order": ...}'
        faults.append(Fault("user_id", hint))
    if order is not None and not faults:
        faults = _addresses(order, "order." if wrapped else "")
    if faults or order is None or owner is None:
        return UnreadableOrder.of(
            *(InputFault(source=source, row=row, column=fault.path, message=fault.message) for fault in faults)
        )
    reference = unicodedata.normalize("NFC", (document.get("reference") if wrapped else None) or "").strip()
    asks_confirm = order.confirm
    if order.confirm != confirm:
        order = attrs.evolve(order, confirm=confirm)
    return LocatedOrder(
        source=source,
        row=row,
        key=reference,
        request=OrderRequest(user_id=owner, order=order, reference=reference or None),
        asks_confirm=asks_confirm,
        assumed_years=sum("years" not in entry for entry in body.get("domains", ())),
    )


def _addresses(order: Order | MailboxOrder, prefix: str) -> list[Fault]:
    """Return a fault for each mailbox whose user name is a whole mail address, which is a rule of order files."""
    return [
        Fault(
            f'{prefix}mailboxes["{domain}"][{index}].username',
            f'"{box.username[:_SHOWN]}" is a whole address; write only what is before the @',
        )
        for domain, boxes in order.mailboxes.items()
        for index, box in enumerate(boxes)
        if is_address(box.username)
    ]


def _wrapper_faults(document: dict[str, Any]) -> list[Fault]:
    """Return the faults of the object around an order."""
    strange = [name for name in document if name not in _WRAPPER]
    faults = [Fault(name, f'"{name}" is not known{suggestion(name, _WRAPPER)}') for name in strange[:_NAMES_TOLD]]
    faults += _untold(strange)
    for name in ("user_id", "reference"):
        value = document.get(name)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            faults.append(Fault(name, "must be text and not empty, or absent"))
    return faults


def _structured(body: dict[str, Any]) -> tuple[Order | MailboxOrder | None, Sequence[Fault]]:
    """Return the order of a body, or its faults."""
    is_for_mailboxes = any(name in body for name in _TARGETS)
    known = _MAILBOX_BODY if is_for_mailboxes else _BODY
    strange = [name for name in body if name not in known]
    if strange:
        told = [
            Fault(name, f'the page documents no field "{name}"{_near(name, known)}') for name in strange[:_NAMES_TOLD]
        ]
        return None, told + _untold(strange)
    try:
        return (structure_order(body, MailboxOrder) if is_for_mailboxes else structure_order(body, Order)), ()
    except ValidationError as error:
        return None, error.faults


def _untold(strange: list[str]) -> list[Fault]:
    """Return a fault for all unknown names beyond those that are told one by one."""
    more = len(strange) - _NAMES_TOLD
    return [Fault("", f"{more:,} more names are not known")] if more > 0 else []


def _near(name: str, names: Sequence[str]) -> str:
    """Return a hint that also catches snake_case and other letter cases of the API's names."""
    plain = {known.lower(): known for known in (*names, *_TARGETS)}
    known = plain.get(name.replace("_", "").lower())
    near = f'; did you mean "{known}"?' if known else suggestion(name, names)
    return near or '; to send it all the same, put it into "extra"'
