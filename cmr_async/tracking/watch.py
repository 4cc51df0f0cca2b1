"""One caller who waits: what is news to them, and what a journal has to be told first."""

from __future__ import annotations

import asyncio

import attrs

from ..models.progress import OrderProgress
from ..models.tracking import Sighting


@attrs.define(eq=False)
class Watch:
    """One caller who waits for some orders."""

    #: Whether a journal is told what the sweep sees.
    keeps: bool
    #: Orders of which more is known, by id, in the order in which that became known.
    changed: dict[str, OrderProgress] = attrs.field(factory=dict, init=False)
    #: What the sweep saw and a journal was not told.
    unwritten: list[Sighting] = attrs.field(factory=list, init=False)
    #: Ids of the orders that are waited for and not settled.
    open: set[str] = attrs.field(factory=set, init=False)
    #: Those of them of which a journal may know more than was heard: they were not waited for when it was read.
    unheard: set[str] = attrs.field(factory=set, init=False)
    #: What ended the sweep that read for this caller; `None`: it goes on.
    failure: Exception | None = attrs.field(default=None, init=False)
    _wake: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def tell(self, progress: OrderProgress) -> None:
        """Tell that more is known of an order."""
        self.changed[progress.order_id] = progress
        self._wake.set()

    def take(self) -> list[OrderProgress]:
        """Return what changed since the last time."""
        taken, self.changed = list(self.changed.values()), {}
        self._wake.clear()
        return taken

    def wake(self, failure: Exception | None = None) -> None:
        """Let the caller look after the sweep, or hear what ended it."""
        self.failure = failure
        self._wake.set()

    async def wait(self) -> None:
        """Wait until something changed."""
        await self._wake.wait()
