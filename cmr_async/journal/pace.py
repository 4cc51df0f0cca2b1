"""The pace that processes share: one row per API key, whose slots are reserved in the journal and waited for here.

The arithmetic is that of `core.pacing.Pacer`, but all processes use the same row, so together they keep to the limit
of the key; and the clock is the journal's, so that the clocks of the hosts do not matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import attrs

from .database import Database
from .schema import insert_missing, sa, slots
from .statements import Transaction

__all__ = ["JournalPace", "hold_slots", "paused_for", "take_slot"]

#: A 429 widens the gap by this factor ...
_WIDER = 1.25
#: ... for so many seconds after the pause: someone else spends from the same limit.
_WIDER_FOR = 30.0


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
        take = partial(take_slot, name=self.name, gap=self.gap)
        wait = await self.database.write(take)
        while wait > 0:
            await self.sleep(wait)
            if await self.database.read(partial(paused_for, name=self.name)) <= 0:
                return
            wait = await self.database.write(take)

    async def pause(self, seconds: float) -> None:
        """Delay the slots of every process by some seconds after a 429; the gap is wider for a while after that.

        Raises:
            JournalError: The journal could not be written.
        """
        await self.database.write(partial(hold_slots, name=self.name, seconds=seconds))


def take_slot(transaction: Transaction, name: str, gap: float) -> float:
    """Take the next free slot of a row; return the seconds to wait for it."""
    row = _locked(transaction, name)
    slot = max(row.next, row.paused_until, transaction.now)
    _change(transaction, name, next=slot + (gap * _WIDER if slot < row.wider_until else gap))
    return float(slot - transaction.now)


def hold_slots(transaction: Transaction, name: str, seconds: float) -> None:
    """Delay every slot of a row by some seconds."""
    row = _locked(transaction, name)
    until = max(row.paused_until, transaction.now + seconds)
    _change(transaction, name, paused_until=until, wider_until=max(row.wider_until, until + _WIDER_FOR))


def paused_for(transaction: Transaction, name: str) -> float:
    """Return the seconds that the pause of a row still lasts; 0 or less without one."""
    until = transaction.connection.scalar(sa.select(slots.c.paused_until).where(slots.c.name == name))
    return 0.0 if until is None else float(until - transaction.now)


def _locked(transaction: Transaction, name: str) -> Any:
    insert = insert_missing(slots, transaction.connection.dialect.name)
    transaction.connection.execute(insert.values(name=name, next=0.0, paused_until=0.0, wider_until=0.0))
    return transaction.connection.execute(sa.select(slots).where(slots.c.name == name).with_for_update()).one()


def _change(transaction: Transaction, name: str, **values: float) -> None:
    transaction.connection.execute(sa.update(slots).where(slots.c.name == name).values(**values))
