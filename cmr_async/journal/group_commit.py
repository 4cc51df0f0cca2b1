"""Group commit: claims and outcomes that come at the same time share one commit, the expensive part of a write.

Callers get their claim, or the answer about their outcome, only after that commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import attrs

from .database import Database
from .records import Claim, Step, StepState
from .statements import StepOutcome, Transaction

__all__ = ["GroupCommit"]

#: Claims, and outcomes, that share one commit at most.
_GROUP = 256
_GIVEN_BACK = "The run was left before this order was sent. Sending it again is safe."

_T = TypeVar("_T")


@attrs.frozen(eq=False)
class _Wanted:
    """A claim that waits for the next commit."""

    key: str
    step: Step
    future: asyncio.Future[Claim | None]


@attrs.frozen(eq=False)
class _Reported:
    """An outcome that waits for the next commit."""

    outcome: StepOutcome
    future: asyncio.Future[bool]


class GroupCommit:
    """Collects claims and outcomes while a commit is under way, and writes them in the next one."""

    def __init__(self, database: Database, *, epoch: Callable[[], int]) -> None:
        """Take the database to write to, and a function that returns the current epoch of `Claim.epoch`."""
        self._database = database
        self._epoch = epoch
        self._wanted: list[_Wanted] = []
        self._reported: list[_Reported] = []
        self._flushing = False

    async def claim(self, key: str, step: Step) -> Claim | None:
        """Claim a step; see `Journal.claim`."""
        wanted = _Wanted(key, step, asyncio.get_running_loop().create_future())
        self._wanted.append(wanted)
        self._flush_soon()
        try:
            return await wanted.future
        except asyncio.CancelledError:
            # The commit may have come a moment before the cancellation
            if wanted.future.done() and not wanted.future.cancelled() and wanted.future.exception() is None:
                self._give_back(wanted.future.result())
            raise

    def record(self, outcome: StepOutcome) -> asyncio.Future[bool]:
        """Write an outcome, whether or not the caller waits for it; see `Journal.record`."""
        reported = _Reported(outcome, asyncio.get_running_loop().create_future())
        self._reported.append(reported)
        self._flush_soon()
        return reported.future

    def _give_back(self, claim: Claim | None) -> None:
        """Release a claim whose caller was cancelled before it could send."""
        if claim is not None:
            future = self.record(StepOutcome(claim=claim, state=StepState.NOT_SENT, message=_GIVEN_BACK))
            # Nobody waits for it. If it fails, the step stays `sent` and becomes `unknown` later, which is safe.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._database.start_task(self._flush())

    async def _flush(self) -> None:
        try:
            while self._wanted or self._reported:
                # A claim whose caller was cancelled is not needed any more
                wanted = [each for each in self._wanted if not each.future.done()]
                wanted, self._wanted = wanted[:_GROUP], wanted[_GROUP:]
                reported, self._reported = self._reported[:_GROUP], self._reported[_GROUP:]
                try:
                    claims, counted = await self._write(wanted, reported)
                except BaseException as error:
                    _fail([*(each.future for each in wanted), *(each.future for each in reported)], error)
                    if not isinstance(error, Exception):
                        raise
                    continue
                for each, claim in zip(wanted, claims, strict=True):
                    if not _resolve(each.future, claim):  # cancelled during the commit
                        self._give_back(claim)
                for report, counts in zip(reported, counted, strict=True):
                    _resolve(report.future, counts)
        finally:
            self._flushing = False

    async def _write(self, wanted: list[_Wanted], reported: list[_Reported]) -> tuple[list[Claim | None], list[bool]]:
        epoch = self._epoch()

        def work(transaction: Transaction) -> tuple[list[Claim | None], list[bool]]:
            # Outcomes first: what one of them frees, a claim of the same group may take
            counted = transaction.record([each.outcome for each in reported]) if reported else []
            owned: dict[_Wanted, Claim] = {}
            for step in Step:
                # Of two that want the same step, the first gets it
                first = {each.key: each for each in reversed(wanted) if each.step is step}
                if first:
                    claims = transaction.claim(first, step, epoch=epoch)
                    owned |= {first[key]: claim for key, claim in claims.items()}
            return [owned.get(each) for each in wanted], counted

        if not wanted and not reported:
            return [], []
        return await self._database.write(work)


def _resolve(future: asyncio.Future[_T], value: _T) -> bool:
    if future.done():
        return False
    future.set_result(value)
    return True


def _fail(futures: list[asyncio.Future[Claim | None] | asyncio.Future[bool]], error: BaseException) -> None:
    for future in futures:
        if future.done():
            continue
        if isinstance(error, asyncio.CancelledError):
            future.cancel()
        else:
            future.set_exception(error)
