"""An event loop in virtual time: asyncio's own order of callbacks, but no file, no thread and no waiting.

Only the times at which things complete are drawn. Time begins near 1,000: at the epoch of today the smallest step of a
float is too coarse for timers, and the loop would spin for ever.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import base_events, events
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heappop
from typing import Any

#: Where virtual time begins, in seconds.
START = 1000.0


class _NoSelector:
    """Nothing comes from outside by itself: the world calls the loop when something has come."""

    def select(self, _: float | None) -> tuple[()]:
        return ()

    def close(self) -> None:
        pass


class WorldLoop(base_events.BaseEventLoop):
    """The loop of one process; the world runs its turns, and a process that has died is never given another one."""

    # What CPython's loop keeps in these names since 3.4; the world has to see whether there is work
    _ready: Any
    _scheduled: Any
    _timer_cancelled_count: int
    _run_once: Callable[[], None]

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__()
        self._clock = clock
        self._selector = _NoSelector()
        self._clock_resolution = 1e-6
        #: Errors that nobody caught.
        self.uncaught: list[str] = []

    def time(self) -> float:
        return self._clock()

    def _process_events(self, _: object) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        return self.call_soon(callback, *args, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.uncaught.append(f"{context.get('message')}: {context.get('exception')!r}")

    @property
    def has_work(self) -> bool:
        """Whether something can be done without time passing."""
        return bool(self._ready)

    @property
    def next_timer(self) -> float | None:
        """When the next timer is due by this loop's clock."""
        scheduled = self._scheduled
        while scheduled and scheduled[0]._cancelled:
            # As the loop itself leaves cancelled timers out
            handle = heappop(scheduled)
            handle._scheduled = False
            self._timer_cancelled_count -= 1
        return scheduled[0]._when if scheduled else None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let this loop be the running one."""
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(
            firstiter=self._asyncgen_firstiter_hook,  # type: ignore[attr-defined]
            finalizer=self._asyncgen_finalizer_hook,  # type: ignore[attr-defined]
        )
        events._set_running_loop(self)
        try:
            yield
        finally:
            events._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)

    def turn(self) -> int:
        """Run what is ready, as the loop does between two looks at its files; return how many callbacks that were."""
        waiting = len(self._ready) or 1
        with self.running():
            self._run_once()
        return waiting
