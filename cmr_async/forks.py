"""What a forked child inherits from its parent and must leave alone: not even destructors may run on it.

The child shares the parent's epoll instance; closing an inherited connection would take it out of there, and the
parent would never hear its answer.
"""

from __future__ import annotations

import os

__all__ = ["leave_to_parent"]

_inherited: list[object] = []


def leave_to_parent(*things: object) -> None:
    """Keep in this process for ever what belongs to the parent."""
    _inherited.extend(things)


def _never_destruct() -> None:
    """Take a reference that is never given back: module globals are destructed when the interpreter exits."""
    try:
        import ctypes  # noqa: PLC0415 - only after a fork

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(_inherited))
    except (ImportError, AttributeError):  # an interpreter without ctypes: they live until the exit
        pass


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_never_destruct)
