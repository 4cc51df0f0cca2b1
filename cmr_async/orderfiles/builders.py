"""Makers of frozen models for the hot loop of a big file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs

__all__ = ["builder"]

_M = TypeVar("_M", bound=attrs.AttrsInstance)


def builder(model: type[_M]) -> Callable[..., _M]:
    """Return a function that makes a model in half the time, from exactly the values that it is to hold.

    It takes every field by position and neither converts nor fills in anything. A frozen class of attrs sets each
    field by its name; this sets the slots themselves, as code written out for the model would.

    Args:
        model: A frozen attrs class with slots.
    """
    names = [field.name for field in attrs.fields(model)]
    lines = [f"def build({', '.join(names)}):", "    made = new(model)"]
    lines += [f"    set_{name}(made, {name})" for name in names]
    lines += ["    return made"]
    scope: dict[str, Any] = {f"set_{name}": getattr(model, name).__set__ for name in names}
    scope |= {"new": object.__new__, "model": model}
    exec("\n".join(lines), scope)  # noqa: S102 - of the names of fields, as attrs does it
    build: Callable[..., _M] = scope["build"]
    return build
