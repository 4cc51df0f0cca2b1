"""Turn JSON into orders: one body as the API's page prints it, a list of bodies, or one document a line.

An order may come with its user and reference: `{"user_id": ..., "reference": ..., "order": {...}}`. Fields that no
page documents go into an object `extra` of the order, of a domain or of a mailbox, and are sent from there. A JSON
file is read whole, so its size has a bound; a file of JSON lines may be of any size.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

import attrs

from ..core.wire import structure_order
from ..errors import Fault, ValidationError
from ..models import Order
from ..models.requests import OrderRequest
from .located import InputFault, LocatedOrder, UnreadableOrder, suggestion

__all__ = ["order_from_document", "orders_from_json", "orders_from_lines"]

#: Characters of a JSON file that is read whole; some hundred thousand orders.
_MOST_CHARACTERS = 1 << 26
_SPACE = re.compile(r"[ \t\r\n]*")
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


def orders_from_lines(
    lines: Iterable[str], *, source: str, user_id: str | None = None, confirm: bool = False
) -> Iterator[LocatedOrder | UnreadableOrder]:
    """Read one order a line (JSON lines); blank lines are skipped, a broken line is a fault of its own."""
    for row, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        try:
            document, end = _decode(text, 0, row=row, first_line=row)
            _expect_end(text, end, row, "more text after the order of this line")
        except _JSONFaultError as error:
            yield error.stand_in(source)
        else:
            yield order_from_document(document, source=source, row=row, user_id=user_id, confirm=confirm)


def orders_from_json(
    file: TextIO, *, source: str, user_id: str | None = None, confirm: bool = False
) -> Iterator[LocatedOrder | UnreadableOrder]:
    """Read the order of a JSON file, or the orders of its list; text that is not JSON ends the reading."""
    text = file.read(_MOST_CHARACTERS + 1)
    if len(text) > _MOST_CHARACTERS:
        message = (
            f"holds more than {_MOST_CHARACTERS:,} characters; write one order a line, which may be any number of "
            "lines, and read it as JSON lines: --format jsonl"
        )
        yield UnreadableOrder.of(InputFault(source=source, message=message), ends_reading=True)
        return
    try:
        for row, document in _documents(text):
            yield order_from_document(document, source=source, row=row, user_id=user_id, confirm=confirm)
    except _JSONFaultError as error:
        yield error.stand_in(source, ends_reading=True)


def order_from_document(
    document: Any, *, source: str, row: int, user_id: str | None = None, confirm: bool = False
) -> LocatedOrder | UnreadableOrder:
    """Read one order from a parsed document.

    Args:
        document: The API's own body, or an object with `order` and, as you like, `user_id` and `reference`.
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


def _wrapper_faults(document: dict[str, Any]) -> list[Fault]:
    """Return the faults of the object around an order."""
    faults = [
        Fault(name, f'"{name}" is not known{suggestion(name, _WRAPPER)}') for name in document if name not in _WRAPPER
    ]
    for name in ("user_id", "reference"):
        value = document.get(name)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            faults.append(Fault(name, "must be text and not empty, or absent"))
    return faults


def _structured(body: dict[str, Any]) -> tuple[Order | None, Sequence[Fault]]:
    """Return the order of a body, or its faults."""
    strange = [name for name in body if name not in _BODY]
    if strange:
        return None, [Fault(name, f'the page documents no field "{name}"{_near(name)}') for name in strange]
    try:
        return structure_order(body), ()
    except ValidationError as error:
        return None, error.faults


def _near(name: str) -> str:
    """Return a hint that also catches snake_case and other letter cases of the API's names."""
    plain = {known.lower(): known for known in _BODY}
    known = plain.get(name.replace("_", "").lower())
    near = f'; did you mean "{known}"?' if known else suggestion(name, _BODY)
    return near or '; to send it all the same, put it into "extra"'


class _JSONFaultError(Exception):
    """Text that is not the JSON of an order, with the line where the broken part begins."""

    def __init__(self, row: int, message: str) -> None:
        super().__init__(message)
        self.row = row
        self.message = message

    def stand_in(self, source: str, *, ends_reading: bool = False) -> UnreadableOrder:
        fault = InputFault(source=source, row=self.row, message=self.message)
        return UnreadableOrder.of(fault, ends_reading=ends_reading)


class _DuplicateKeyError(ValueError):
    """An object names one key twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names a key twice: JSON readers keep the last one and lose the mailboxes of the first."""
    result: dict[str, Any] = {}
    for name, value in pairs:
        if name in result:
            raise _DuplicateKeyError(f'"{name}" occurs twice in one object; merge the two')
        result[name] = value
    return result


_decoder = json.JSONDecoder(object_pairs_hook=_unique)


def _decode(text: str, start: int, *, row: int, first_line: int = 1) -> tuple[Any, int]:
    """Return the value that begins at a position of the text, and the position behind it.

    Args:
        text: The text.
        start: Where the value begins.
        row: Line of the file where the value begins.
        first_line: Line of the file where the text begins.

    Raises:
        _JSONFaultError: There is no value, or none that an order may hold.
    """
    try:
        return _decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        where = f"character {error.colno} of line {first_line + error.lineno - 1}"
        raise _JSONFaultError(row, f"is not JSON: {error.msg.removesuffix(' at')} at {where}") from None
    except RecursionError:
        raise _JSONFaultError(row, "is nested too deeply for an order") from None
    except _DuplicateKeyError as error:
        raise _JSONFaultError(row, str(error)) from None
    except ValueError:  # Python's limit for the digits of a number
        raise _JSONFaultError(row, "holds a number of too many digits") from None


def _expect_end(text: str, at: int, row: int, message: str) -> None:
    """Make sure that only white space follows."""
    if _skip_space(text, at) < len(text):
        raise _JSONFaultError(row, message)


def _skip_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _documents(text: str) -> Iterator[tuple[int, Any]]:
    """Yield the only value of a text, or each element of its list, with the line where it begins.

    Raises:
        _JSONFaultError: The text is not JSON from here on.
    """
    row, counted = 1, 0

    def advance(to: int) -> int:
        """Skip the white space at a position and note the line of what follows."""
        nonlocal row, counted
        at = _skip_space(text, to)
        row += text.count("\n", counted, at)
        counted = at
        return at

    at = advance(0)
    if at == len(text):
        return
    if text[at] != "[":
        document, end = _decode(text, at, row=row)
        yield row, document
        at = advance(end)
        _expect_end(text, at, row, "more text after the first order; one order a line is JSON lines: --format jsonl")
        return
    at = advance(at + 1)
    mark = text[at : at + 1]
    while mark != "]":
        document, end = _decode(text, at, row=row)
        yield row, document
        at = advance(end)
        mark = text[at : at + 1]
        if mark == ",":
            at = advance(at + 1)
        elif mark != "]":
            found = f'"{mark}"' if mark else "the end of the file"
            raise _JSONFaultError(row, f"is not JSON: a comma or ] is expected, not {found}")
    at = advance(at + 1)
    _expect_end(text, at, row, "more text after the list of orders")
