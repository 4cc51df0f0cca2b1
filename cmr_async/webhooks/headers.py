"""Find headers in whatever a framework has them in: mappings or pairs, text or bytes, names in any case."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

#: Headers of a request: a mapping, or pairs of a name and a value.
Headers: TypeAlias = (
    Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[str, str]] | Iterable[tuple[bytes, bytes]]
)


def find_headers(headers: Any, names: tuple[str, ...]) -> list[str] | None:
    """Return the values of some headers, without white space around them.

    Of a header that is there several times the first one counts: a value proves itself, or it does not.

    Args:
        headers: What a framework has as headers.
        names: The headers to look for, in lower case.

    Returns:
        A value for each name, empty for what is missing; `None` if what was given is neither a mapping nor pairs.
    """
    try:
        if hasattr(headers, "get"):  # the headers of frameworks do not mind the case
            found = [headers.get(name) for name in names]
            if None not in found:
                return [_text(value).strip() for value in found]
        return _look_through(headers, names)
    except Exception:  # noqa: BLE001 - whatever an object of a framework raises, these are no headers
        return None


def _look_through(headers: Any, names: tuple[str, ...]) -> list[str]:
    """Compare the name of each header, as a plain mapping, bytes and pairs need it."""
    # Not every framework's headers are a `Mapping`, but those that are not pairs have `items`
    pairs = headers.items() if hasattr(headers, "items") else headers
    found: dict[str, str] = {}
    for name, value in pairs:
        lower = _text(name).lower()
        if lower in names:
            found.setdefault(lower, _text(value).strip())
    return [found.get(name, "") for name in names]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise TypeError
