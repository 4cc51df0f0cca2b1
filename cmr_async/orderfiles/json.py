"""JSON into orders: one body as the API's page prints it, a list of bodies, or one document a line.

An order may come with its user and reference: `{"user_id": ..., "reference": ..., "order": {...}}`. Lists are
read element by element, so that the size of a file does not matter.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

import attrs

from ..core.wire import structure_order
from ..errors import Fault, ValidationError
from ..models import Order
from ..models.requests import OrderRequest
from .located import InputFault, ReadOrder
from .table import suggestion

__all__ = ["order_from_document", "orders_from_json", "orders_from_lines"]

_CHUNK = 1 << 20
_MARK = re.compile(r"[^ \t\r\n]")
#: No order has so many characters; without a bound one missing bracket would read a whole file at once.
_LARGEST = 1 << 26
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
)


class _DuplicateKeyError(ValueError):
    """An object names one key twice: JSON readers keep the last one and lose the mailboxes of the first."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _DuplicateKeyError(f'"{twice}" stands twice in one object; join the two')
    return result


_decoder = json.JSONDecoder(object_pairs_hook=_unique)


def order_from_document(
    document: Any, *, source: str, row: int, user_id: str | None = None, confirm: bool = False
) -> ReadOrder:
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
        places = [InputFault(source=source, row=row, column=fault.path, message=fault.message) for fault in faults]
        return ReadOrder.unreadable(*places)
    reference = document.get("reference") if wrapped else None
    asks_confirm = order.confirm
    if order.confirm != confirm:
        order = attrs.evolve(order, confirm=confirm)
    return ReadOrder(
        source=source,
        row=row,
        key=reference or _fingerprint(owner, body),
        request=OrderRequest(user_id=owner, order=order, reference=reference),
        faults=[],
        asks_confirm=asks_confirm,
    )


def _wrapper_faults(document: dict[str, Any]) -> list[Fault]:
    """What is wrong around an order."""
    faults = [
        Fault(name, f'"{name}" is not known{suggestion(name, _WRAPPER)}') for name in document if name not in _WRAPPER
    ]
    for name in ("user_id", "reference"):
        value = document.get(name)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            faults.append(Fault(name, "must be text and not empty, or absent"))
    return faults


def _structured(body: dict[str, Any]) -> tuple[Order | None, Sequence[Fault]]:
    """The order of a body, or its faults."""
    strange = [name for name in body if name not in _BODY]
    if strange:
        return None, [Fault(name, f'the API has no field "{name}"{_near(name)}') for name in strange]
    try:
        return structure_order(body), ()
    except ValidationError as error:
        return None, error.faults


def _fingerprint(user_id: str, body: dict[str, Any]) -> str:
    """A name for an order without reference: equal orders of one user have equal ones."""
    plain = {name: value for name, value in body.items() if name != "confirm"}
    text = json.dumps([user_id, plain], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _near(name: str) -> str:
    """A hint that also catches snake_case and other letter cases of the API's names."""
    plain = {known.lower(): known for known in _BODY}
    known = plain.get(name.replace("_", "").lower())
    return f'; did you mean "{known}"?' if known else suggestion(name, _BODY)


def orders_from_lines(
    lines: Iterable[str], *, source: str, user_id: str | None = None, confirm: bool = False
) -> Iterator[ReadOrder]:
    """Read one order a line (JSON lines); blank lines are skipped, a broken line is a fault of its own."""
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            document = _decoder.decode(line.strip())
        except ValueError as error:
            yield _unreadable(source, row, error)
            continue
        yield order_from_document(document, source=source, row=row, user_id=user_id, confirm=confirm)


def orders_from_json(
    file: TextIO, *, source: str, user_id: str | None = None, confirm: bool = False
) -> Iterator[ReadOrder]:
    """Read the order of a JSON file, or the orders of its list, one element at a time."""
    try:
        for row, document in _elements(file):
            yield order_from_document(document, source=source, row=row, user_id=user_id, confirm=confirm)
    except _ElementError as error:
        yield _unreadable(source, error.row, error.cause, ends_reading=True)


def _unreadable(source: str, row: int, error: ValueError, *, ends_reading: bool = False) -> ReadOrder:
    message = str(error)
    if isinstance(error, json.JSONDecodeError):
        message = f"is not JSON: {error.msg} at character {error.colno} of line {row + error.lineno - 1}"
    fault = InputFault(source=source, row=row, message=message)
    return ReadOrder.unreadable(fault, ends_reading=ends_reading)


class _ElementError(Exception):
    def __init__(self, row: int, cause: ValueError) -> None:
        super().__init__(str(cause))
        self.row = row
        self.cause = cause


class _Window:
    """The part of a JSON text that is being looked at."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.text = ""
        self.at = 0
        self.row = 1

    def more(self) -> bool:
        """Read on; what was taken is dropped. `False` at the end of the file."""
        rest = self.text[self.at :]
        chunk = self.file.read(max(_CHUNK, len(rest)))
        self.text, self.at = rest + chunk, 0
        return bool(chunk)

    def take(self, end: int) -> None:
        self.row += self.text.count("\n", self.at, end)
        self.at = end

    def next_mark(self) -> str:
        """The next character that is no white space, without taking it; empty at the end."""
        while True:
            found = _MARK.search(self.text, self.at)
            if found:
                self.take(found.start())
                return found[0]
            self.take(len(self.text))
            if not self.more():
                return ""

    def element(self) -> Any:
        """Take the next value."""
        while True:
            try:
                value, end = _decoder.raw_decode(self.text, self.at)
            except _DuplicateKeyError as error:
                raise _ElementError(self.row, error) from None
            except json.JSONDecodeError as error:
                # A value that is cut at the window's edge looks broken until the rest is there.
                if len(self.text) - self.at > _LARGEST or not self.more():
                    raise _ElementError(self.row, _placed(error, self.text, self.at)) from None
                continue
            except RecursionError:
                raise _ElementError(self.row, ValueError("is nested too deeply for an order")) from None
            self.take(end)
            return value


def _placed(error: json.JSONDecodeError, text: str, start: int) -> json.JSONDecodeError:
    """The same error, counted from where its element begins."""
    return json.JSONDecodeError(error.msg, text[start : error.pos + 1], max(0, error.pos - start))


def _elements(file: TextIO) -> Iterator[tuple[int, Any]]:
    window = _Window(file)
    mark = window.next_mark()
    if not mark:
        return
    if mark != "[":
        row = window.row
        yield row, window.element()
        if window.next_mark():
            hint = "more text after the first order; one order a line is JSON lines: --format jsonl"
            raise _ElementError(window.row, ValueError(hint))
        return
    window.take(window.at + 1)
    if window.next_mark() == "]":
        window.take(window.at + 1)
    else:
        while True:
            window.next_mark()
            row = window.row
            yield row, window.element()
            mark = window.next_mark()
            window.take(window.at + 1)
            if mark == "]":
                break
            if mark != ",":
                found = f'"{mark}"' if mark else "the end of the file"
                raise _ElementError(window.row, ValueError(f"is not JSON: a comma or ] is expected, not {found}"))
    if window.next_mark():
        raise _ElementError(window.row, ValueError("more text after the list of orders"))
