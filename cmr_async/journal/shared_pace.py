"""The pace of a key over processes and hosts: slots that the journal hands out, waited for on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import attrs

from .journal import Journal

__all__ = ["JournalPace"]


@attrs.frozen(kw_only=True)
class JournalPace:
    """Waits for slots of a journal, which every process that works on it shares."""

    journal: Journal
    #: Fingerprint of the key.
    name: str
    #: Seconds between two slots.
    gap: float
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def wait(self) -> None:
        """Wait for a slot.

        Raises:
            JournalError: The journal could not be written; nothing was sent.
        """
        wait = await self.journal.reserve_slot(self.name, self.gap)
        while wait > 0:
            await self.sleep(wait)
            if not await self.journal.paused_for(self.name):
                return
            wait = await self.journal.reserve_slot(self.name, self.gap)

    async def pause(self, seconds: float) -> None:
        """Hold everybody back for some seconds, after a 429."""
        await self.journal.pause(self.name, seconds)
