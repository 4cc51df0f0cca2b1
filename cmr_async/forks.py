"""What happens in a forked child, in one place: who must start anew, and what has to be left to the parent.

The child shares the parent's epoll instance; closing an inherited connection would take it out of there, and the
parent would never hear its answer. So not even destructors may run on what a child inherits.
"""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["in_forked_child", "leave_to_parent"]

_inherited: list[object] = []
_callbacks: list[Callable[[], None]] = []


def in_forked_child(callback: Callable[[], None]) -> Callable[[], None]:
    """Call a function in every child that this process forks, before the child runs anything else. A decorator."""
    _callbacks.append(callback)
    return callback


def leave_to_parent(*things: object) -> None:
    """Keep in this process for ever what belongs to the parent."""
    _inherited.extend(things)


def _after_fork() -> None:
    _never_destruct()
    for callback in _callbacks:
        callback()


def _never_destruct() -> None:
    """Take a reference that is never given back: module globals are destructed when the interpreter exits."""
    try:
        import ctypes  # noqa: PLC0415 - only after a fork

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(_inherited))
    except (ImportError, AttributeError):  # an interpreter without ctypes: they live until the exit
        pass


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
