"""Wait for orders: those that the caller names, and those of a journal."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from time import time
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import attrs

from ..bulk.run import JournalLike, opened, with_shared_pace
from ..errors import ConfigurationError, StillWaitingError
from ..journal.states import Step
from ..pipeline import Pipeline, check_duration
from .settings import TrackingSettings

if TYPE_CHECKING:
    from ..journal.journal import Journal
    from ..models.progress import OrderProgress, OrderToken
    from .tracker import Tracker

#: Seconds by which an outcome may be written later than it says: one transaction of PostgreSQL overtakes another.
_LATE = 10.0
#: Lists and events are about domains and mailboxes, so an id alone is hardly ever seen as done.
_MISSING = (
    " No domain or mailbox of it was looked for, because what belongs to it is not known: pass `order=`, the order as "
    "it was sent."
)


class Waiting:
    """Everything that one client waits for; what it takes is loaded when somebody waits."""

    def __init__(
        self, pipeline: Pipeline, settings: TrackingSettings | None = None, *, wall_clock: Callable[[], float] = time
    ) -> None:
        """Wait with the calls of one client; see `Tracker` for the arguments."""
        self._pipeline = pipeline
        self._settings = settings
        self._wall_clock = wall_clock
        #: What reads for the callers without a journal, and for those of each open journal, whose pace it keeps.
        self._trackers: WeakKeyDictionary[Pipeline | Journal, Tracker] = WeakKeyDictionary()

    async def one(self, token: OrderToken, *, timeout: float | None, journal: JournalLike = None) -> OrderProgress:
        """Return how an order ended; see `Orders.wait`.

        Raises:
            StillWaitingError: The time is over.
        """
        async with aclosing(self.all([token], timeout=timeout, journal=journal)) as found:
            async for progress in found:
                if progress.is_settled:
                    return progress
                missing = "" if progress.provisions else _MISSING
                raise StillWaitingError(
                    f"Order {progress.order_id} is not done after {timeout:g} s ({progress}). It goes on: wait again, "
                    f"and do not send it again.{missing}",
                    progress=progress,
                )
        raise StillWaitingError(f"Nobody waits for order {token.order_id} any more: the client was closed.")

    async def all(
        self,
        tokens: Iterable[OrderToken],
        *,
        timeout: float | None,
        changes: bool = False,
        journal: JournalLike = None,
    ) -> AsyncGenerator[OrderProgress, None]:
        """Yield each order once it is settled; see `Orders.wait_all`."""
        check_duration("timeout", timeout)
        async with opened(journal, pipeline=self._pipeline) as ledger:
            records = None if ledger is None else ledger.tracking
            follow = self._begun(ledger).follow(tokens, timeout=timeout, changes=changes, records=records)
            async with aclosing(follow) as found:
                async for progress in found:
                    yield progress

    async def journal(
        self, journal: JournalLike, *, timeout: float | None, changes: bool = False
    ) -> AsyncGenerator[OrderProgress, None]:
        """Yield each accepted order of a journal once it is settled; see `Bulk.track`."""
        check_duration("timeout", timeout)
        async with opened(journal, pipeline=self._pipeline) as ledger:
            if ledger is None:
                raise ConfigurationError("Tracking needs the journal of the run.")
            records = ledger.tracking
            origin = "" if self._pipeline.account is None else self._pipeline.account.origin
            since, known = 0.0, set[str]()

            async def more() -> AsyncGenerator[OrderToken, None]:
                nonlocal since
                async for entry in records.accepted(since=since - _LATE):
                    since = max(since, entry.known_at or since)
                    if entry.order_id not in known:
                        known.add(str(entry.order_id))
                        token = entry.order_token(origin=origin)
                        if entry.step is Step.PROCESS and (draft := await ledger.get(entry.key)) is not None:
                            token = attrs.evolve(token, unavailable=draft.order_token().unavailable + token.unavailable)
                        yield token

            follow = self._begun(ledger).follow((), timeout=timeout, changes=changes, records=records, more=more)
            async with aclosing(follow) as found:
                async for progress in found:
                    yield progress

    async def close(self) -> None:
        """End what reads for those who wait."""
        for tracker in list(self._trackers.values()):
            await tracker.close()

    def _begun(self, journal: Journal | None) -> Tracker:
        """Return the tracker of everybody who waits with a journal, or without one."""
        key = self._pipeline if journal is None else journal
        if key not in self._trackers:
            from .tracker import Tracker  # noqa: PLC0415 - only who waits needs it

            pipeline = with_shared_pace(self._pipeline, journal)
            self._trackers[key] = Tracker(pipeline, self._settings, wall_clock=self._wall_clock)
        return self._trackers[key]
