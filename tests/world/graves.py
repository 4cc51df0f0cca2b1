"""What is left of processes that have died: kept while a world runs, and thrown away between two worlds.

A coroutine that is collected runs its `finally`, which must not happen in the middle of another world.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.world.process import Process

#: Processes that have died.
GRAVES: list[Process] = []


def bury() -> None:
    """Throw away what is left of dead processes, while nothing of it can reach a world any more."""
    for process in GRAVES:
        for task in asyncio.all_tasks(process.loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with suppress(BaseException):
                task.get_coro().close()
        process.loop.close()
    GRAVES.clear()
    gc.collect()


@contextmanager
def unheard() -> Iterator[None]:
    """Let nobody hear what the remains of dead processes complain about as they are collected."""
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
            bury()
            gc.collect()  # what the first collection has closed
    finally:
        sys.unraisablehook = hook
