"""Fork hooks: what a forked child starts anew, and what it must leave to its parent.

The child shares the parent's epoll instance: closing an inherited connection would remove it from there, and the
parent would never receive its answer. So not even destructors may run on what a child inherits.
"""

from __future__ import annotations

import os
from collections.abc import Callable

_inherited: list[object] = []
_callbacks: list[Callable[[], None]] = []


def in_forked_child(callback: Callable[[], None]) -> Callable[[], None]:
    """Decorate a function to run in every child that this process forks, before the child runs anything else."""
    _callbacks.append(callback)
    return callback


def leave_to_parent(*things: object) -> None:
    """Keep the parent's objects alive in this process for ever, so that their destructors never run."""
    _inherited.extend(things)


def _after_fork() -> None:
    _never_destruct()
    for callback in _callbacks:
        callback()


def _never_destruct() -> None:
    """Take a reference that is never released: module globals are destroyed when the interpreter exits."""
    try:
        import ctypes  # noqa: PLC0415 - only after a fork

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(_inherited))
    except (ImportError, AttributeError):  # an interpreter without ctypes: the objects live until its exit
        pass


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
