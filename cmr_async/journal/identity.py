"""Which order is which: the key of an order, the fingerprint of its content, the differences between two orders.

Keys and fingerprints are stored in journals, so their values must never change.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection, Iterator
from typing import Any

import orjson

from ..core.order.checked import CheckedOrder
from ..core.order.domain_names import normalise_domain
from ..core.wire import dump_order, unstructure_order
from ..errors import Fault, ValidationError
from ..models import MailboxOrder, Order
from ..models.requests import OrderRequest
from .records import storable
from .states import OrderKind

_HASHED = "sha256:"
_MISSING = object()


def key_of(checked: CheckedOrder) -> str:
    """Return the key of an order in a journal: its reference, or a hash of user and order if it has none.

    References that look the same are the same: white space around them and the form of their Unicode do not count.
    The hash leaves `confirm` out: a draft and its payment are one order, whatever kind of file each comes from.

    Raises:
        ValidationError: The reference cannot be a key.
    """
    reference = normal_reference(checked.request.reference)
    if reference is None:
        return _HASHED + content_of(checked)
    if reference.startswith(_HASHED):
        fault = Fault("reference", f"must not begin with {_HASHED}, which marks keys without a reference")
        raise ValidationError(faults=(fault,))
    if storable(reference) != reference:
        raise ValidationError(faults=(Fault("reference", "holds characters that no database can keep"),))
    return reference


def normal_reference(reference: str | None) -> str | None:
    """Return a reference without white space around it, in NFC; `None` for one that is empty, which names nothing."""
    plain = (reference or "").strip()
    return (plain if plain.isascii() else unicodedata.normalize("NFC", plain)) or None


def is_made_up(reference: str, *, user_id: str, domains: Collection[str]) -> bool:
    """Tell whether a reference is one that older versions made up for the rows of a table: `user:domain`."""
    start = f"{user_id}:"
    return reference.startswith(start) and normalise_domain(reference.removeprefix(start)) in domains


def content_of(checked: CheckedOrder) -> str:
    """Return the hash of user and order without `confirm`, hexadecimal: what is bought, however it is called."""
    return _content(checked.request.user_id, unstructure_order(checked.order), kind_of(checked.order))


def content_of_body(user_id: str, body: str) -> str:
    """Return what `content_of` returns, from a user id and an order's body as the journal keeps them."""
    return _content(user_id, orjson.loads(body))


def _content(user_id: str, plain: dict[str, Any], kind: OrderKind = OrderKind.ORDER) -> str:
    plain.pop("confirm", None)
    return fingerprint_of(user_id.strip(), orjson.dumps(plain, option=orjson.OPT_SORT_KEYS), kind)


def kind_of(order: Order | MailboxOrder) -> OrderKind:
    """Return which endpoint an order is for."""
    return OrderKind.MAILBOX_ORDER if isinstance(order, MailboxOrder) else OrderKind.ORDER


def order_key(request: OrderRequest) -> str:
    """Return the key of a request that is known to be valid and normalised; see `key_of`."""
    return key_of(CheckedOrder(request=request, order=request.order))


def fingerprint_of(user_id: str, body: bytes, kind: OrderKind = OrderKind.ORDER) -> str:
    """Return the SHA-256 of a user id and an order's body, hexadecimal; equal only if the same would be sent."""
    digest = hashlib.sha256(orjson.dumps(user_id))
    if kind is not OrderKind.ORDER:  # `extra` can give an order the very body of an order of mailboxes
        digest.update(b"\n" + kind.encode())
    digest.update(b"\n")
    digest.update(body)
    return digest.hexdigest()


def fingerprint(request: OrderRequest) -> str:
    """Return the fingerprint of a request that is known to be valid and normalised; see `fingerprint_of`."""
    return fingerprint_of(request.user_id, dump_order(request.order), kind_of(request.order))


def differences(*, stored: tuple[str, str | bytes], given: tuple[str, str | bytes]) -> tuple[Fault, ...]:
    """Return the differences between two orders, each with its place in the body.

    Args:
        stored: User id and body of the order in the journal.
        given: User id and body of the order that came now.
    """
    before, now = ({"user_id": user_id, "order": orjson.loads(body)} for user_id, body in (stored, given))
    return tuple(Fault(path.removeprefix("order."), message) for path, message in _differences(before, now, ""))


def _differences(stored: Any, given: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(stored, dict) and isinstance(given, dict):
        for name in dict.fromkeys([*stored, *given]):
            inner = f"{path}.{name}".lstrip(".") if name.isidentifier() else f'{path}["{name}"]'
            yield from _differences(stored.get(name, _MISSING), given.get(name, _MISSING), inner)
    elif isinstance(stored, list) and isinstance(given, list):
        for index in range(max(len(stored), len(given))):
            before, now = (side[index] if index < len(side) else _MISSING for side in (stored, given))
            yield from _differences(before, now, f"{path}[{index}]")
    elif type(stored) is not type(given) or stored != given:
        yield path, f"the journal has {_shown(stored)}, now it is {_shown(given)}"


def _shown(value: Any) -> str:
    return "nothing" if value is _MISSING else orjson.dumps(value).decode()
