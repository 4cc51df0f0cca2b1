"""The journal: what was planned, what was sent and how it ended, on disk before anything else happens.

It exists so that no order is ever placed twice. Whoever claims a step is the only one to send it, the claim is on
disk before the first byte can leave, and a step that nobody can account for is `unknown` until there is evidence.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Self

import attrs

from ..core.account import Account
from ..core.order.checked import CheckedOrder, check_request
from ..errors import Fault, JournalError, ValidationError
from ..models.requests import OrderRequest, Verdict
from . import liveness
from .adding import add_orders, conflict, planned
from .pace import JournalPace
from .records import Claim, JournalEntry, JournalEvent, excerpt, storable
from .states import OUTCOMES, Step, StepState
from .storage.clock import JournalClock
from .storage.database import Database, Outside
from .storage.schema import events, sa, steps
from .storage.statements import CHUNK, Transaction, at, entries, read_entry
from .tracking import TrackingRecords

__all__ = ["Claim", "Journal", "JournalEntry", "JournalEvent", "Step", "StepState", "Verdict"]

_GIVEN_BACK = "The run was left before this order was sent. Sending it again is safe."


class Journal:
    """The journal of a bulk run, in a SQLite file or a PostgreSQL database.

    Open it with `async with`, once, and use it in one event loop only.

    It has one entry for each step of an order. Methods that write return after the commit. Cancelling a call leaves
    nothing half done: an outcome is written all the same, and a claim that its caller never saw becomes `not_sent`.
    """

    def __init__(
        self,
        location: str | os.PathLike[str],
        *,
        clock: Callable[[], float] | None = None,
        lease: float = liveness.LEASE,
        create: bool = True,
        look: bool = False,
        _outside: Outside | None = None,
    ) -> None:
        """Prepare a journal; `async with` opens it.

        Args:
            location: A path, such as `run.db`, for SQLite; `postgresql://user:password@host/database` for PostgreSQL.
            clock: Returns the UTC epoch in seconds, for tests. `None`: the journal's own clock, which all its processes
                agree on, and which no step of a wall clock moves.
            lease: Seconds that a claim holds, and after which a run without a heartbeat counts as dead on other
                machines. It must be longer than the longest way to the wire.
            create: Make a SQLite file that does not exist. `False`: entering raises `JournalError` instead.
            look: Open also a file that is a copy or a backup, to read it: nothing can be added, claimed or resubmitted
                then. `doubts` says what is wrong, `adopt` takes it over.

        Raises:
            ConfigurationError: The location is neither a path nor a URL of SQLite or PostgreSQL.
        """
        outside = _outside or Outside()
        self._clock = JournalClock(clock, clocks=outside.clocks)
        self._me = outside.machine.this_process(lease=lease)
        self._closing = False
        self._heart: asyncio.Task[None] | None = None
        self._database = Database(location, run=self._me, clock=self._clock, create=create, look=look, outside=outside)

    @property
    def name(self) -> str:
        """The journal's name in messages: its path, or its URL without the password."""
        return self._database.name

    @property
    def run_id(self) -> str:
        """Id of this run: each opening of a journal is a run of its own."""
        return self._me.id

    @property
    def tracking(self) -> TrackingRecords:
        """What became of domains and mailboxes, and which webhooks came."""
        return TrackingRecords(self._database)

    @property
    def lease(self) -> float:
        """Seconds that a claim holds, and after which this run counts as dead elsewhere without a heartbeat."""
        return self._me.lease

    async def __aenter__(self) -> Self:
        """Open the journal; see `start`."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Open the journal, as `async with` does: make or migrate its tables, then recover the claims of dead runs.

        Raises:
            ConfigurationError: The database's driver is not installed; the message names the extra to install.
            JournalVersionError: A newer version of this package wrote the journal. Use that version.
            JournalError: The journal cannot be opened or made, is damaged, is a copy of the file that it was written
                to, or was opened before; the message says what to do.
        """
        await self._database.start(Transaction.begin_run)
        self._heart = asyncio.get_running_loop().create_task(self._keep_beating())

    async def close(self) -> None:
        """Finish what is being written, mark this run's claims without an outcome as `unknown`, and close.

        Closing a journal that is not open does nothing.

        Raises:
            JournalError: The database could not be written. The journal is closed; the next run recovers the claims.
        """
        if self._database.is_open:
            self._closing = True
            if self._heart is not None:
                self._heart.cancel()
            await self._database.end(Transaction.end_run)

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(self._me.lease / 6)
            with suppress(JournalError):  # the next one may succeed; until then, `holds` tells what is still ours
                await self.beat()

    async def beat(self) -> None:
        """Write a heartbeat, and recover the claims of dead runs; an open journal does so every sixth of the lease.

        Raises:
            JournalError: The database could not be written.
        """
        await self._database.write(Transaction.beat)

    async def now(self) -> float:
        """Return the journal's time, UTC epoch in seconds: all its times were read on this clock."""
        return await self._database.read(lambda transaction: transaction.now)

    def holds(self, claim: Claim) -> bool:
        """Tell whether a claim of this journal is still its own; ask right before the first byte leaves.

        Returns:
            `False` once the journal is being closed, and when the claim is older than the lease (a suspended laptop, a
            blocked event loop): another run may have sent the order since. Do not send it then; record `not_sent`.
        """
        return not self._closing and self._clock.elapsed() - claim.taken < self._me.lease

    async def recover(self) -> int:
        """Mark what dead runs had claimed as `unknown`, and return how many steps; each heartbeat does it as well.

        A run is dead if its process is gone; one on another machine, if it wrote no heartbeat for its own lease.

        Raises:
            JournalError: The database could not be written.
        """
        return await self._database.write(Transaction.recover)

    async def add(self, requests: Iterable[OrderRequest | CheckedOrder], *, start: int = 0) -> list[JournalEntry]:
        """Add the orders that the journal does not have yet, in one transaction, and return where each one stands.

        An order is known by its key, or by what it buys where one of the two has no reference of its own; a draft and
        its payment are one order. A corrected order takes the place of one that bought nothing.

        Add orders in batches of some hundred to some thousand.

        Args:
            requests: The orders. Each `OrderRequest` is checked here; a `CheckedOrder` was checked before. One that
                comes twice gets one entry.
            start: Position of the first of them in the whole input, from 0.

        Returns:
            The entry of the `create` step of every order, in the order of `requests`; a new one is `planned`.

        Raises:
            JournalConflictError: The journal has one of the orders with another content and may have bought it, or the
                batch has it twice. Nothing was added. Give the changed order another reference, or use another journal.
            ValidationError: An order is not valid, or its reference cannot be a key. Nothing was added.
            JournalError: The database could not be written. It is safe to add the orders again.
        """
        now = await self.now()
        checks = [each if isinstance(each, CheckedOrder) else check_request(each) for each in requests]
        faults = [
            Fault(f"requests[{index}].{fault.path}", fault.message)
            for index, checked in enumerate(checks)
            for fault in checked.faults
        ]
        if faults:
            raise ValidationError(faults=tuple(faults))
        given = [planned(checked, position=position, now=now) for position, checked in enumerate(checks, start)]
        fresh: dict[str, JournalEntry] = {}
        for entry in given:
            if fresh.setdefault(entry.key, entry).fingerprint != entry.fingerprint:
                raise conflict([(fresh[entry.key], entry)], where="This input")
        known = await self._database.write(partial(add_orders, fresh=fresh)) if fresh else {}
        return [known[entry.key] for entry in given]

    async def add_processing(self, keys: Iterable[str] | None = None) -> int:
        """Add the `process` step of accepted drafts that have none, and return how many; it is sent like `create`.

        Args:
            keys: Keys of the drafts; `None`: every accepted draft.

        Raises:
            JournalError: The database could not be written. It is safe to try again.
        """
        chosen = None if keys is None else sorted(keys)
        return await self._database.write(lambda transaction: transaction.add_processing(chosen))

    async def claim(self, key: str, *, step: Step = Step.CREATE, fingerprint: str | None = None) -> Claim | None:
        """Claim the right to send one step, once. The claim is on disk when this returns; send only then.

        If the caller is cancelled before it has the claim, the step becomes `not_sent`.

        Args:
            key: Key of the order.
            step: Which step of it.
            fingerprint: That of the order as it was added. When another run has put a corrected order in its place
                since, there is no claim for it. `None`: whichever order is there.

        Returns:
            The claim. `None` if the step is neither `planned` nor `not_sent`, or not in the journal: do not send it.

        Raises:
            JournalError: The journal is being closed, or could not be written. Do not send.
        """
        if self._closing and self._database.is_open:
            raise JournalError(f"The journal {self.name} is being closed.")
        made: list[Claim | None] = []
        is_left = False

        def take(transaction: Transaction) -> Claim | None:
            made[:] = [None if is_left else transaction.claim(key, Step(step), fingerprint=fingerprint)]
            return made[0]

        def give_back(transaction: Transaction) -> None:
            for claim in filter(None, made):
                transaction.record(claim, StepState.NOT_SENT, message=_GIVEN_BACK)

        try:
            return await self._database.write(take)
        except asyncio.CancelledError:
            is_left = True
            # The thread comes to it after the claim, whether or not there is an event loop by then
            self._database.write_unheard(give_back)
            raise

    async def record(
        self,
        claim: Claim,
        state: StepState,
        *,
        order_id: str | None = None,
        action_id: str | None = None,
        unavailable: Iterable[str] = (),
        status: int | None = None,
        message: str = "",
        body_excerpt: str = "",
        attempts: int = 0,
    ) -> bool:
        """Write how a claimed step ended; also if the caller is cancelled.

        Args:
            claim: The claim that was sent.
            state: `accepted`, `rejected`, `unknown` or `not_sent`.
            order_id: The order's id; `None` keeps the one that is known.
            action_id: Id of the asynchronous action.
            unavailable: Domains that the API named as unavailable.
            status: HTTP status of the answer.
            message: What the API or the SDK said.
            body_excerpt: First bytes of the answer, as text: the evidence of an `unknown`.
            attempts: HTTP requests that were started under this claim.

        Returns:
            `True`: the step is in this state now. `False`: the outcome came too late to count, because somebody
            claimed the step again meanwhile or a verdict contradicts it; the history keeps it as `late:...`.

        Raises:
            JournalError: The database could not be written. The step stays `sent` and becomes `unknown` later.
            ValueError: `state` is no outcome.
        """
        if state not in OUTCOMES:
            raise ValueError(f"{state} is no outcome of a claim")
        record = partial(
            Transaction.record,
            claim=claim,
            state=StepState(state),
            order_id=order_id,
            action_id=action_id,
            unavailable=tuple(unavailable),
            status=status,
            message=excerpt(message),
            body_excerpt=excerpt(body_excerpt),
            attempts=attempts,
        )
        return await self._database.write(record)

    async def verdict(
        self, entry: JournalEntry, verdict: Verdict, evidence: str, *, order_id: str | None = None
    ) -> JournalEntry:
        """Write what the evidence says about an `unknown` step. A later verdict replaces an earlier one.

        Args:
            entry: The entry that was looked at. The verdict belongs to its attempt, never to a later one.
            verdict: `placed`, `absent` or `conflict`.
            evidence: Why, in words.
            order_id: The order's id, if the evidence gave one.

        Returns:
            The entry with the verdict.

        Raises:
            JournalError: There is no such step, it is not `unknown`, or it was sent again after it was looked at.
                Nothing was changed.
        """
        given, words = Verdict(verdict), excerpt(evidence)
        known_as = None if order_id is None else storable(order_id)
        return await self._database.write(lambda transaction: transaction.write_verdict(entry, given, words, known_as))

    async def bind(self, account: Account) -> None:
        """Let the journal belong to the account of a client; call this before anything is sent or looked up.

        Raises:
            JournalError: It belongs to another account or API already, whose purchases say nothing about this one.
        """
        await self._database.write(lambda transaction: transaction.bind(account))

    async def doubts(self, account: Account | None = None) -> list[str]:
        """Return in words why the journal would be refused with an account; nothing if it would not be."""
        belongs = await self._database.read(lambda transaction: transaction.other_account(account))
        found = [f"The journal {self.name} {self._database.doubt}." if self._database.doubt else "", belongs]
        return [doubt for doubt in found if doubt]

    async def adopt(self, account: Account | None = None) -> None:
        """Take over a journal that would be refused, as it is now; no order in it becomes one that may be sent.

        What was bought since a copy or a backup was made is not in it: look before.

        Args:
            account: The account that it belongs to from now on; `None`: that stays as it is.

        Raises:
            JournalError: Another run uses the journal, or the database could not be written. Nothing was changed.
        """
        await self._database.adopt(lambda transaction: transaction.adopt(account))

    async def resubmit(
        self, key: str, *, step: Step = Step.CREATE, second_draft: bool = False, reason: str = "asked for by name"
    ) -> JournalEntry:
        """Make a step `planned` again, so that the next run sends it; the history keeps what was before.

        This is possible only for a step that certainly bought nothing: one that is `rejected`, or `unknown` with the
        verdict `absent`.

        Args:
            key: Key of the order.
            step: Which step of it.
            second_draft: Take a draft that is `unknown` without a verdict as well: a second draft costs nothing.
            reason: Why, in words, for the history.

        Returns:
            The entry, which is `planned` now.

        Raises:
            JournalError: There is no such step, or it may have bought something. Nothing was changed.
        """
        return await self._database.write(
            lambda transaction: transaction.resubmit(key, step, storable(reason), second_draft=second_draft)
        )

    async def get(self, key: str, *, step: Step = Step.CREATE) -> JournalEntry | None:
        """Return one entry, or `None` if the journal has no such step.

        Args:
            key: Key of the order.
            step: Which step of it.

        Raises:
            JournalError: The database could not be read.
        """
        rows = await self._database.rows(entries().where(*at(key, step)))
        return read_entry(rows[0]) if rows else None

    async def entries(
        self, *, state: StepState | None = None, step: Step = Step.CREATE, verdict: Verdict | None = None
    ) -> AsyncGenerator[JournalEntry, None]:
        """Yield the entries of one step by position, page by page; each page shows what is there when it is read.

        Args:
            state: Only entries in this state; `None`: all.
            step: Which step.
            verdict: Only entries with this verdict; `None`: all.

        Raises:
            JournalError: The database could not be read.
        """
        query = entries().where(steps.c.step == step.value).order_by(steps.c.position, steps.c.key).limit(CHUNK)
        if state is not None:
            query = query.where(steps.c.state == state.value)
        if verdict is not None:
            query = query.where(steps.c.verdict == verdict.value)
        page = query
        while rows := await self._database.rows(page):
            for row in rows:
                yield read_entry(row)
            last = sa.tuple_(sa.literal(rows[-1].position), sa.literal(rows[-1].key))
            page = query.where(sa.tuple_(steps.c.position, steps.c.key) > last)

    async def counts(self, *, step: Step = Step.CREATE) -> dict[StepState, int]:
        """Return the number of entries of one step in each state, 0 included.

        Raises:
            JournalError: The database could not be read.
        """
        query = sa.select(steps.c.state, sa.func.count()).where(steps.c.step == step.value).group_by(steps.c.state)
        found = {row[0]: int(row[1]) for row in await self._database.rows(query)}
        return {state: found.get(state.value, 0) for state in StepState}

    async def history(self, key: str, *, step: Step | None = None) -> list[JournalEvent]:
        """Return every change of an order since it was added, oldest first.

        Args:
            key: Key of the order; without such an order the list is empty.
            step: Only changes of this step; `None`: of every step.

        Raises:
            JournalError: The database could not be read.
        """
        query = sa.select(events).where(events.c.key == key).order_by(events.c.id)
        if step is not None:
            query = query.where(events.c.step == step.value)
        names = [field.name for field in attrs.fields(JournalEvent)]
        rows = await self._database.rows(query)
        return [JournalEvent(**{name: getattr(row, name) for name in names} | {"step": Step(row.step)}) for row in rows]

    def shared_pace(self, name: str) -> JournalPace:
        """Return the pace of all processes on this journal; `name`: a fingerprint of the key, not the key."""
        return JournalPace(self._database, name)
