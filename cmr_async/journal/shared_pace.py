"""The pace of an API key over processes and hosts: slots reserved in the journal, waited for in the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import attrs

from .database import Database
from .pace import hold_slots, paused_for, take_slot

__all__ = ["JournalPace"]


@attrs.frozen(kw_only=True)
class JournalPace:
    """Waits for slots that all processes on one journal share."""

    #: The open database of the journal.
    database: Database
    #: Fingerprint of the API key.
    name: str
    #: Seconds between two slots.
    gap: float
    #: Waits for so many seconds.
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def wait(self) -> None:
        """Wait for a slot; one that comes up during a pause is not used, and another is reserved.

        Raises:
            JournalError: The journal could not be written; nothing was sent.
        """
        wait = await self._reserve()
        while wait > 0:
            await self.sleep(wait)
            if not await self._is_paused():
                return
            wait = await self._reserve()

    async def pause(self, seconds: float) -> None:
        """Delay the slots of every process by some seconds after a 429; the gap is wider for a while after that.

        Raises:
            JournalError: The journal could not be written.
        """
        await self.database.write(lambda transaction: hold_slots(transaction.connection, self.name, seconds))

    async def _reserve(self) -> float:
        return await self.database.write(lambda transaction: take_slot(transaction.connection, self.name, self.gap))

    async def _is_paused(self) -> bool:
        rows = await self.database.read(paused_for(self.database.dialect, self.name))
        return bool(rows) and rows[0][0] > 0
