"""Print the public API, one name a line: `python tools/public_api.py > tests/samples/public_api.txt`.

A test compares the output with that file, so that a change of the public API is always a change that somebody made
on purpose and can see in a diff.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

#: Everything else may change without notice.
PUBLIC_MODULES = (
    "cmr_async",
    "cmr_async.errors",
    "cmr_async.orderfiles",
    "cmr_async.preflight",
    "cmr_async.report",
    "cmr_async.simulator",
    "cmr_async.webhooks",
)

#: Nobody else makes these, so their constructors are not public: the runs and iterators, and the groups of calls.
_MADE_BY_CALLS = frozenset(
    {
        "BlockingBulkRun",
        "BlockingIterator",
        "BulkRun",
        "Bulk",
        "Domains",
        "FilePlan",
        "Orders",
        "OrdersToSend",
        "Subscriptions",
        "Users",
    }
)


def describe() -> Iterator[str]:
    """Yield a line for each public name, and for each public attribute and method of a public class."""
    for name in PUBLIC_MODULES:
        module = import_module(name)
        for exported in sorted(module.__all__):
            value = getattr(module, exported)
            if inspect.isclass(value) and value.__module__.startswith("cmr_async"):
                yield f"{name}.{exported}({', '.join(base.__name__ for base in value.__bases__)})"
                yield from (f"{name}.{exported}.{line}" for line in _members(value))
            elif inspect.isfunction(value):
                yield f"{name}.{exported}{_signature(value)}"
            else:
                yield f"{name}.{exported}"


def _members(kind: type) -> Iterator[str]:
    if issubclass(kind, Enum):
        yield from (f"{member.name} = {member.value!r}" for member in kind)
        return
    if "__init__" in vars(kind) and kind.__name__ not in _MADE_BY_CALLS:
        yield f"__init__{_signature(kind.__init__)}"
    # What a public base offers stands under its own name
    ours = [
        one for one in kind.__mro__ if one.__module__.startswith("cmr_async") and (one is kind or not _exported(one))
    ]
    for name in sorted({name for one in ours for name in vars(one) if not name.startswith("_")}):
        value = inspect.getattr_static(kind, name)
        function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
        if type(value).__module__.startswith("cmr_async") and not isinstance(value, Enum):
            yield from (f"{name}.{line}" for line in _members(type(value)))  # a group of calls
        else:
            yield f"{name}{_signature(function)}" if inspect.isfunction(function) else name


def _exported(kind: type) -> bool:
    return any(kind.__name__ in import_module(name).__all__ for name in PUBLIC_MODULES)


def _signature(function: object) -> str:
    if not callable(function):
        return ""
    signature = inspect.signature(function)
    public = [one for one in signature.parameters.values() if not one.name.startswith("_")]
    return str(signature.replace(parameters=public))


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in describe()))
