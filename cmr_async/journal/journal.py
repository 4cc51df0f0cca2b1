"""The journal: what was planned, what was sent and how it ended, durable before anything else happens.

It exists so that no order is ever placed twice: whoever claims a step owns its only send, the claim is on disk
before the first byte can leave, and what nobody can account for is `unknown` and stays so until there is evidence.
The rules stand in `records`, the tables in `schema`, what is written in `statements`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

import attrs

from ..errors import JournalConflictError, JournalError, JournalVersionError
from ..models.requests import OrderRequest
from . import liveness
from .database import Database
from .group_commit import GroupCommit
from .pace import hold_slots, paused_for, take_slot
from .records import (
    JOURNAL_COLUMNS,
    OUTCOMES,
    Claim,
    Entry,
    Event,
    Step,
    StepState,
    Verdict,
    fingerprint,
    order_key,
    storable,
)
from .schema import events, runs, sa, steps
from .statements import CHUNK, Outcome, Transaction, at, conflict, entries, planned, read_entry

__all__ = [
    "JOURNAL_COLUMNS",
    "Claim",
    "Entry",
    "Event",
    "Journal",
    "JournalConflictError",
    "JournalError",
    "JournalVersionError",
    "Step",
    "StepState",
    "Verdict",
    "fingerprint",
    "order_key",
]


class Journal:
    """The journal of a bulk run, on SQLite (a path) or PostgreSQL (a URL). It belongs to one event loop.

    Every method that writes returns after the commit. A caller that is cancelled while it waits leaves nothing
    half done: an outcome is written all the same, a claim that nobody holds is given back as `not_sent`.
    """

    def __init__(
        self,
        location: str | os.PathLike[str],
        *,
        clock: Callable[[], float] | None = None,
        lease: float = liveness.LEASE,
        create: bool = True,
    ) -> None:
        """Prepare a journal; `async with`, or `start`, opens it.

        Args:
            location: A path, `run.db`, for SQLite; `postgresql://user:password@host/database` for PostgreSQL.
            clock: UTC epoch in seconds; `None`: the system's clock for what is written, the database's for leases.
            lease: Seconds without a sign of life after which another run's claims become `unknown`.
            create: Make the file when there is none; `False` only opens one that is there (SQLite).

        Raises:
            ConfigurationError: The location is neither a path nor a URL of SQLite or PostgreSQL.
        """
        self._now = clock or time.time
        self._own_clock = clock is not None
        self._lease = lease
        self._me = liveness.this_process(now=self._now())
        self._beaten_at = self._me.heartbeat
        self._epoch = 0
        self._closing = False
        self._heart: asyncio.Task[None] | None = None
        self._database = Database(location, run_id=self._me.id, clock=self._now, create=create)
        self._group = GroupCommit(self._database, epoch=lambda: self._epoch)

    @classmethod
    def open(
        cls,
        location: str | os.PathLike[str],
        *,
        clock: Callable[[], float] | None = None,
        lease: float = liveness.LEASE,
        create: bool = True,
    ) -> Self:
        """Return a journal to enter with `async with`; the arguments are those of the class."""
        return cls(location, clock=clock, lease=lease, create=create)

    @property
    def name(self) -> str:
        """The journal as messages call it: its path, or its URL without the password."""
        return self._database.name

    @property
    def run_id(self) -> str:
        """Id of this opening of the journal."""
        return self._me.id

    async def __aenter__(self) -> Self:
        """Open the journal."""
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the journal."""
        await self.close()

    async def start(self) -> None:
        """Open the journal, make its tables if it is new, and recover what dead runs left.

        Raises:
            ConfigurationError: A driver is not installed.
            JournalVersionError: The journal has another schema version.
            JournalError: It cannot be opened or made, or is no journal.
        """
        await self._database.start()
        self._beaten_at = self._now()
        try:
            await self._database.write(self._begin_run)
            await self.recover()
        except BaseException:
            await self._database.let_go()
            raise
        self._heart = asyncio.get_running_loop().create_task(self._keep_beating())

    async def close(self) -> None:
        """Finish what is being written, mark own claims without an outcome `unknown`, and close."""
        if self._database.is_open:
            await asyncio.shield(asyncio.get_running_loop().create_task(self._close()))

    async def _close(self) -> None:
        self._closing = True
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.wait([self._heart])
        await self._database.finish()
        try:
            await self._database.write(self._end_run)
        finally:
            await self._database.let_go()

    def _clock(self) -> sa.ColumnElement[float]:
        """The clock of the leases: the database's, since hosts may disagree, unless the caller gave one."""
        return sa.literal(self._now(), sa.Double) if self._own_clock else self._database.now

    def _begin_run(self, transaction: Transaction) -> None:
        values = attrs.asdict(self._me) | {"started": self._clock(), "heartbeat": self._clock()}
        transaction.connection.execute(sa.insert(runs).values(**values))

    def _end_run(self, transaction: Transaction) -> None:
        transaction.give_up([self._me.id])
        transaction.connection.execute(sa.update(runs).where(runs.c.id == self._me.id).values(ended=self._clock()))

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 6)
            with suppress(JournalError):  # the next beat may succeed; `holds` tells what is ours until then
                await self.beat()

    async def beat(self) -> None:
        """Give a sign of life; a task of the journal does so every sixth of the lease.

        Raises:
            JournalError: The database could not be written.
        """
        now = self._now()
        alive = sa.update(runs).where(runs.c.id == self._me.id).values(heartbeat=self._clock())
        await self._database.write(lambda transaction: transaction.connection.execute(alive))
        if now - self._beaten_at >= self._lease:
            self._epoch += 1
        self._beaten_at = now

    def holds(self, claim: Claim) -> bool:
        """Whether a claim of this journal is still its own; ask it right before the first byte leaves.

        It is not once the journal is being closed, nor after a silence longer than the lease (a suspended laptop, a
        blocked event loop): others may have taken this run for dead, and somebody may have sent the order again. Then
        do not send; record `not_sent`.
        """
        alive = not self._closing and self._now() - self._beaten_at < self._lease
        return alive and claim.epoch == self._epoch

    async def recover(self) -> int:
        """Turn the claims of dead runs into `unknown`, and return how many; `start` does it as well.

        A run is dead when it closed the journal, when it gave no sign of life for a lease, or when its process is
        gone from this machine.
        """

        def is_dead(run: liveness.Run, now: float) -> bool:
            return liveness.is_dead(run, machine=self._me.machine, now=now, lease=self._lease)

        return await self._database.write(lambda transaction: transaction.recover(self._clock(), is_dead))

    async def plan(self, requests: Iterable[OrderRequest], *, start: int = 0) -> list[Entry]:
        """Write orders down that are not in the journal yet, in one transaction, and say where each stands.

        Give validated orders (as the validation returns them), in batches of some hundred to some thousand.

        Args:
            requests: The orders. One that comes twice gets one row.
            start: Position of the first of them in the whole input, from 0.

        Returns:
            The `create` step of every order, in the order of `requests`.

        Raises:
            JournalConflictError: A key is in the journal, or comes twice, with another content. Nothing was
                planned. Give the changed order another reference, or use another journal.
            ValidationError: A reference cannot be a key. Nothing was planned.
            JournalError: The database could not be written.
        """
        now = self._now()
        given = [planned(request, position=position, now=now) for position, request in enumerate(requests, start)]
        fresh: dict[str, Entry] = {}
        for entry in given:
            if fresh.setdefault(entry.key, entry).fingerprint != entry.fingerprint:
                raise conflict([(fresh[entry.key], entry)], where="this input")
        known = await self._database.write(lambda transaction: transaction.plan(fresh)) if fresh else {}
        return [known[entry.key] for entry in given]

    async def plan_processing(self, keys: Iterable[str] | None = None) -> int:
        """Plan the `process` step of accepted drafts that have none yet; it is claimed and recorded like `create`.

        Args:
            keys: Only of these orders; `None`: of every accepted draft.

        Returns:
            How many were planned now.

        Raises:
            JournalError: The database could not be written.
        """
        chosen = None if keys is None else sorted(keys)
        return await self._database.write(lambda transaction: transaction.plan_processing(chosen))

    async def claim(self, key: str, *, step: Step = Step.CREATE) -> Claim | None:
        """Take the right to send one step, once. It is on disk when this returns; only then send.

        Claims that are asked for at the same time share one commit.

        Args:
            key: Key of the order.
            step: Which step of it.

        Returns:
            The claim, or `None` when the step is neither `planned` nor `not_sent`, or not in the journal: do not
            send it.

        Raises:
            JournalError: The journal is being closed, or could not be written: do not send.
        """
        self._must_be_open()
        if self._closing:
            raise JournalError(f"The journal {self.name} is being closed.")
        return await self._group.claim(key, Step(step))

    async def record(
        self,
        claim: Claim,
        state: StepState,
        *,
        order_id: str | None = None,
        action_id: str | None = None,
        status: int | None = None,
        message: str = "",
        body_excerpt: str = "",
        attempts: int = 0,
    ) -> bool:
        """Write down how a claimed step ended. Outcomes that come at the same time share one commit.

        Args:
            claim: The claim that was sent.
            state: `accepted`, `rejected`, `unknown` or `not_sent`.
            order_id: The order's id; `None` keeps the one that is known.
            action_id: Id of the asynchronous action.
            status: HTTP status of the answer.
            message: What the API or the SDK said.
            body_excerpt: First bytes of the answer, as text: the evidence of an `unknown`.
            attempts: HTTP requests that were started under this claim.

        Returns:
            `True`: the step is in this state now. `False`: it came too late to count (somebody claimed the step
            again meanwhile, or a verdict speaks against it); the history keeps it as `late:...`.

        Raises:
            JournalError: The database could not be written. The step stays `sent` and becomes `unknown` later.
            ValueError: `state` is no outcome.
        """
        if state not in OUTCOMES:
            raise ValueError(f"{state} is no outcome of a claim")
        self._must_be_open()
        return await self._group.record(
            Outcome(
                claim=claim,
                state=StepState(state),
                order_id=None if order_id is None else storable(order_id),
                action_id=None if action_id is None else storable(action_id),
                status=status,
                message=storable(message),
                body_excerpt=storable(body_excerpt),
                attempts=attempts,
            )
        )

    async def verdict(
        self, key: str, verdict: Verdict, evidence: str, *, step: Step = Step.CREATE, order_id: str | None = None
    ) -> Entry:
        """Write down what the evidence says about an `unknown` step. A later verdict replaces an earlier one.

        Args:
            key: Key of the order.
            verdict: `confirmed`, `absent` or `conflict`.
            evidence: Why, in words.
            step: Which step.
            order_id: The order's id, when the evidence gave one.

        Returns:
            The entry after it.

        Raises:
            JournalError: There is no such step, or it is not `unknown`.
        """
        given, words = Verdict(verdict), storable(evidence)
        known_as = None if order_id is None else storable(order_id)
        await self._database.write(lambda transaction: transaction.judge(key, step, given, words, known_as))
        return await self._must_have(key, step)

    async def resubmit(self, key: str, *, step: Step = Step.CREATE, reason: str = "asked for by name") -> Entry:
        """Plan a step again, explicitly and by its name; the history keeps what was before.

        Only of what certainly bought nothing: `unknown` with the verdict `absent`, or `rejected`.

        Args:
            key: Key of the order.
            step: Which step.
            reason: Why, in words, for the history.

        Returns:
            The entry after it, `planned`.

        Raises:
            JournalError: There is no such step, or it may have bought something.
        """
        await self._database.write(lambda transaction: transaction.plan_again(key, step, storable(reason)))
        return await self._must_have(key, step)

    async def get(self, key: str, *, step: Step = Step.CREATE) -> Entry | None:
        """Return one entry, or `None` when the journal has no such step."""
        rows = await self._database.read(entries().where(*at(key, step)))
        return read_entry(rows[0]) if rows else None

    async def _must_have(self, key: str, step: Step) -> Entry:
        entry = await self.get(key, step=step)
        if entry is None:
            raise JournalError(f"The journal {self._database.name} has no {step.value} step of {key}.")
        return entry

    async def entries(
        self, *, state: StepState | None = None, step: Step = Step.CREATE, verdict: Verdict | None = None
    ) -> AsyncGenerator[Entry, None]:
        """Give out entries by their position in the input, page by page; memory does not grow with their number.

        The caller may write to the journal meanwhile; each page shows what is there when it is read.

        Args:
            state: Only those in this state; `None`: all.
            step: Which step.
            verdict: Only those with this verdict; `None`: all.
        """
        query = entries().where(steps.c.step == step.value).order_by(steps.c.position, steps.c.key).limit(CHUNK)
        if state is not None:
            query = query.where(steps.c.state == state.value)
        if verdict is not None:
            query = query.where(steps.c.verdict == verdict.value)
        page = query
        while rows := await self._database.read(page):
            for row in rows:
                yield read_entry(row)
            last = sa.tuple_(sa.literal(rows[-1].position), sa.literal(rows[-1].key))
            page = query.where(sa.tuple_(steps.c.position, steps.c.key) > last)

    async def counts(self, *, step: Step = Step.CREATE) -> dict[StepState, int]:
        """Return how many steps are in each state; every state is in it."""
        query = sa.select(steps.c.state, sa.func.count()).where(steps.c.step == step.value).group_by(steps.c.state)
        found = {row[0]: int(row[1]) for row in await self._database.read(query)}
        return {state: found.get(state.value, 0) for state in StepState}

    async def history(self, key: str, *, step: Step | None = None) -> list[Event]:
        """Return every change of an order after its planning, oldest first."""
        query = sa.select(events).where(events.c.key == key).order_by(events.c.id)
        if step is not None:
            query = query.where(events.c.step == step.value)
        names = [field.name for field in attrs.fields(Event)]
        rows = await self._database.read(query)
        return [Event(**{name: getattr(row, name) for name in names} | {"step": Step(row.step)}) for row in rows]

    async def reserve_slot(self, name: str, gap: float) -> float:
        """Take the next free slot of a pace that every process on this journal shares.

        Args:
            name: Which pace: a fingerprint of the API key, never the key itself.
            gap: Seconds between two slots.

        Returns:
            Seconds to wait before sending, on the database's clock.
        """
        return await self._database.write(lambda transaction: take_slot(transaction.connection, name, gap))

    async def pause(self, name: str, seconds: float) -> None:
        """Hold the slots of a pace back for some seconds, after a 429; the gap is wider for a while after it."""
        await self._database.write(lambda transaction: hold_slots(transaction.connection, name, seconds))

    async def paused_for(self, name: str) -> float:
        """Seconds that the current pause of a pace still lasts; 0 without one.

        A slot that comes up during a pause is not to be used: reserve another one.
        """
        rows = await self._database.read(paused_for(self._database.dialect, name))
        return max(0.0, float(rows[0][0])) if rows else 0.0

    def _must_be_open(self) -> None:
        if not self._database.is_open:
            raise JournalError(f"The journal {self._database.name} is not open.")
