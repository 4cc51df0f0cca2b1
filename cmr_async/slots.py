"""How a call waits for its slot: in the lane of its kind, at the pace of this process, and at one that several share.

Only the first call of each lane asks for a slot. So a refusal is followed at once, and a call that is cancelled while
it waits in its lane costs no slot. What it sends is claimed before the next one's turn: if another process has claimed
it before, the slot is handed on, so that processes with the same orders are together as fast as one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol
from weakref import WeakSet

import attrs

from .core.pacing import Pace, Pacer, Slot, renew_locks
from .errors import CMRError
from .forks import in_forked_child

#: Seconds before its slot at which a call asks for the last time whether it may use it, and claims what it sends.
_ASK_BEFORE = 0.03
#: Seconds after its time for which a slot may be handed on: with more, requests would come closer together.
_HANDED_ON = 0.01

logger: logging.Logger = logging.getLogger("cmr_async")


class SharedPace(Protocol):
    """A pace that several processes share. Its slots are on a clock of its own."""

    async def reserve(self, gap: float, *, reads: bool) -> Slot:
        """Take the next free slot; see `core.pacing.Schedule.reserve`."""

    async def holds(self, slot: Slot) -> bool:
        """Tell whether a slot may be used."""

    async def refused(self, slot: Slot, asked: float | None) -> float:
        """Learn from a 429, and hold all processes back; return for how many seconds."""

    def pace(self, gap: float) -> Pace:
        """Return what was last heard of the pace."""


class _TooLateError(Exception):
    """A slot comes too late."""


class _Lane:
    """Calls of one kind, which wait in turn."""

    def __init__(self) -> None:
        self.clear()
        _lanes.add(self)

    def clear(self) -> None:
        self.turn = asyncio.Lock()
        self.waiting = 0


_lanes: WeakSet[_Lane] = WeakSet()


@in_forked_child
def _after_fork() -> None:
    """Let nobody wait for calls of the parent."""
    renew_locks()
    for lane in _lanes:
        lane.clear()


class Slots:
    """The slots of one client."""

    def __init__(
        self,
        pacer: Pacer,
        gap: float,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        shared: SharedPace | None = None,
    ) -> None:
        """Wait for slots of a pacer of this process, then for those of a shared pace, if there is one.

        Args:
            pacer: The pace of this process.
            gap: Seconds between two requests that the client is set to; 0 turns pacing off.
            clock: The clock of the pacer.
            sleep: Waits for so many seconds.
            shared: A pace that several processes share.
        """
        self.pacer: Pacer = pacer
        self.gap: float = gap
        self.shared: SharedPace | None = shared if gap else None
        self._clock = clock
        self._sleep = sleep
        self._sending, self._reading = _Lane(), _Lane()
        #: A slot that nobody used, and when it comes.
        self._unused: tuple[Slot, float] | None = None

    def shared_with(self, shared: SharedPace) -> Slots:
        """Return slots of the same client that are shared with other processes; the lanes are the same."""
        slots = Slots(self.pacer, self.gap, clock=self._clock, sleep=self._sleep, shared=shared)
        slots._sending, slots._reading = self._sending, self._reading
        return slots

    async def wait(self, *, reads: bool, claim: Callable[[], Awaitable[None]] | None = None) -> Slot:
        """Wait in turn for a slot, and claim what is to be sent in it.

        Args:
            reads: The call only reads, so it lets others go first.
            claim: Takes the right to send; if it raises an error of ours, the next call gets the slot.

        Raises:
            JournalError: The shared pace is that of a journal, which could not be written; nothing was sent.
        """
        if not self.gap:
            return await self._in_turn(claim, reads)
        lane = self._reading if reads else self._sending
        turn = lane.turn
        lane.waiting += 1
        try:
            async with turn:
                return await self._in_turn(claim, reads)
        finally:
            if lane.turn is turn:
                lane.waiting -= 1

    async def _in_turn(self, claim: Callable[[], Awaitable[None]] | None, reads: bool) -> Slot:
        slot, comes = await self._handed_on() or await self._next(reads, float("inf"))
        if claim is not None:
            try:
                await claim()
            except CMRError:
                self._unused = (slot, comes)
                raise
        await self._until(comes, float("inf"))
        return slot

    async def _handed_on(self) -> tuple[Slot, float] | None:
        """Return the slot that the call before did not use, and when it comes, if it may still be used."""
        unused, self._unused = self._unused, None
        if unused is None or self._clock() > unused[1] + _HANDED_ON:
            return None
        holds = self.pacer.holds(unused[0]) if self.shared is None else await self.shared.holds(unused[0])
        return unused if holds else None

    async def wait_again(self, *, reads: bool, latest: float) -> Slot | None:
        """Wait for another slot, before the calls that have had none; `None` if it comes after `latest`.

        Raises:
            JournalError: As for `wait`.
        """
        try:
            slot, comes = await self._next(reads, latest)
        except _TooLateError:
            return None
        await self._until(comes, latest)
        return slot

    async def _next(self, reads: bool, latest: float) -> tuple[Slot, float]:
        """Return the next slot, and when it comes: now, or in a moment."""
        while True:
            slot = self.pacer.reserve(self._clock(), self.gap, reads=reads)
            comes = self._clock() + slot.wait
            await self._until(comes, latest)
            if slot.at is not None and self.pacer.holds(slot):
                break
        while self.shared is not None:
            slot = await self.shared.reserve(self.gap, reads=reads)
            comes = self._clock() + slot.wait
            if slot.at is None or slot.wait <= 0:
                await self._until(comes, latest)
                if slot.at is not None:
                    break
            else:
                # A moment before, since a database may take its time, and requests would come closer together
                await self._until(comes, latest, before=_ASK_BEFORE)
                if await self.shared.holds(slot):
                    break
        return slot, comes

    async def _until(self, moment: float, latest: float, *, before: float = 0.0) -> None:
        if moment > latest:
            raise _TooLateError
        if (wait := moment - before - self._clock()) > 0:
            await self._sleep(wait)

    async def refused(self, slot: Slot, asked: float | None) -> float:
        """Learn from a 429, and hold everybody back who shares the pace; return for how many seconds.

        Args:
            slot: The slot of the request that was refused.
            asked: Seconds that the answer asked to wait; `None`: it did not say.
        """
        before = self.pace().limit
        if self.shared is None:
            pause = self.pacer.refused(self._clock(), slot, asked)
        else:
            pause = await self.shared.refused(slot, asked)
            self.pacer.pause(self._clock(), pause, self.gap)
        now = self.pace().limit
        if now is not None and now != before:
            logger.warning(
                "the API lets %g of %.1f requests a second through: other programs use this key, or its limit is lower",
                now,
                1 / self.gap,
            )
        return pause

    def pace(self) -> Pace:
        """Return how fast requests may leave now."""
        here = self.pacer.pace(self._clock(), self.gap)
        pace = here if self.shared is None else self.shared.pace(self.gap)
        return attrs.evolve(
            pace,
            paused_for=max(here.paused_for, pace.paused_for),
            orders_waiting=self._sending.waiting,
            reads_waiting=self._reading.waiting,
        )
