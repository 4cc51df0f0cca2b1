"""Read a JSON object that a stranger sent, within bounds: answers of the API and bodies of webhooks."""

from __future__ import annotations

from typing import Any

import orjson

#: Values in one text: more of them take a hundred times the memory of their text.
MOST_VALUES = 500_000
#: Levels of lists and objects in each other: what is deeper ends whatever walks through it.
DEEPEST = 64


def read_json_object(text: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a text is; `None` if it is none, or one that was made to do harm."""
    if len(text) > MOST_VALUES and sum(map(text.count, (b",", b"[", b"{"))) > MOST_VALUES:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict) or (text.count(b"[") + text.count(b"{") > DEEPEST and _is_deep(value)):
        return None
    return value


def _is_deep(value: Any) -> bool:
    """Tell whether lists and objects are nested too deep, without recursion."""
    level = [value]
    for _ in range(DEEPEST):
        items = (inner for one in level for inner in (one.values() if isinstance(one, dict) else one))
        level = [inner for inner in items if isinstance(inner, dict | list)]
        if not level:
            return False
    return True
