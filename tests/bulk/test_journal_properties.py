"""Whatever happens to two processes on one journal, in whatever order: no order is sent twice without permission."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from cmr_async import DomainRegistration, Order
from cmr_async.bulk.items import OrderRequest
from cmr_async.bulk.journal import Claim, Journal, JournalError, Step, StepState, Verdict

_T = TypeVar("_T")

KEYS = st.sampled_from(["A", "B", "C"])
SIDES = st.sampled_from([0, 1])
STEPS = st.sampled_from(list(Step))
OUTCOMES = st.sampled_from([StepState.ACCEPTED, StepState.REJECTED, StepState.UNKNOWN, StepState.NOT_SENT])
CLAIMABLE = {StepState.PLANNED, StepState.NOT_SENT}
Place = tuple[str, Step]


class JournalMachine(RuleBasedStateMachine):
    """Two handles on one journal; the ledger notes every send and every permission to send again."""

    claims: Bundle[Claim] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_800_000_000.0
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.handles: list[Journal] = []
        self.sends: dict[Place, int] = {}
        self.permissions: dict[Place, int] = {}
        self.bought: dict[Place, str] = {}

    def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self.runner.run(work)

    async def opened(self) -> Journal:
        journal = Journal.open(Path(self.folder.name) / "run.db", clock=lambda: self.now)
        await journal.start()
        return journal

    @initialize()
    def begin(self) -> None:
        self.handles = [self.do(self.opened()), self.do(self.opened())]

    def teardown(self) -> None:
        for journal in self.handles:
            self.do(journal.close())
        self.runner.close()
        self.folder.cleanup()

    def state(self, place: Place, side: int = 0) -> StepState | None:
        entry = self.do(self.handles[side].get(place[0], step=place[1]))
        return entry.state if entry else None

    def sent(self, place: Place) -> None:
        self.sends[place] = self.sends.get(place, 0) + 1
        assert self.sends[place] <= 1 + self.permissions.get(place, 0), f"{place} was sent twice"
        assert place not in self.bought, f"{place} was bought already"

    @rule(side=SIDES, keys=st.lists(KEYS, max_size=3))
    def plan(self, side: int, keys: list[str]) -> None:
        orders = {key: Order(domains=[DomainRegistration(domain=f"{key}.com")]) for key in keys}
        requests = [OrderRequest(user_id="U1", order=orders[key], reference=key) for key in keys]
        entries = self.do(self.handles[side].plan(requests))
        assert [entry.key for entry in entries] == keys

    @rule(side=SIDES)
    def plan_processing(self, side: int) -> None:
        self.do(self.handles[side].plan_processing())

    @rule(target=claims, side=SIDES, key=KEYS, step=STEPS)
    def claim(self, side: int, key: str, step: Step) -> Any:
        may_be_claimed = self.state((key, step)) in CLAIMABLE
        claim = self.do(self.handles[side].claim(key, step=step))
        assert (claim is not None) is may_be_claimed
        if claim is None:
            return multiple()
        self.sent((key, step))
        return claim

    @rule(target=claims, key=KEYS, step=STEPS)
    def race(self, key: str, step: Step) -> Any:
        async def both() -> list[Claim | None]:
            sides = [self.handles[0], self.handles[1], self.handles[0]]
            return await asyncio.gather(*(journal.claim(key, step=step) for journal in sides))

        won = [claim for claim in self.do(both()) if claim is not None]
        for _ in won:
            self.sent((key, step))
        return multiple(*won)

    @rule(side=SIDES, key=KEYS, step=STEPS, ticks=st.integers(0, 30))
    def claim_and_be_cancelled(self, side: int, key: str, step: Step, ticks: int) -> None:
        before = self.state((key, step))

        async def work() -> object:
            task = asyncio.create_task(self.handles[side].claim(key, step=step))
            for _ in range(ticks):
                await asyncio.sleep(0)
            task.cancel()
            result = (await asyncio.gather(task, return_exceptions=True))[0]
            if isinstance(result, Claim):
                assert await self.handles[side].record(result, StepState.NOT_SENT)
            await self.handles[side]._database.finish()
            return result

        self.do(work())
        after = self.state((key, step))
        assert after == before or {after, before} <= CLAIMABLE

    @rule(claim=consumes(claims), side=SIDES, outcome=OUTCOMES)
    def record(self, claim: Claim, side: int, outcome: StepState) -> None:
        self.write_outcome(claim, side, outcome)

    @rule(claim=claims, side=SIDES, outcome=OUTCOMES)
    def record_and_perhaps_again(self, claim: Claim, side: int, outcome: StepState) -> None:
        self.write_outcome(claim, side, outcome)

    def write_outcome(self, claim: Claim, side: int, outcome: StepState) -> None:
        place = (claim.key, claim.step)
        before = self.do(self.handles[side].get(*place[:1], step=claim.step))
        order_id = f"O-{claim.token}" if outcome is StepState.ACCEPTED else None
        counts = self.do(self.handles[side].record(claim, outcome, order_id=order_id))
        assert before is not None
        if not counts:
            assert self.state(place) is before.state
            return
        assert before.token == claim.token
        assert self.state(place) is outcome
        if outcome is StepState.NOT_SENT and before.state is not StepState.NOT_SENT:
            # Only the owner of the attempt under way, or of one that nobody else can speak for, may free it
            assert before.state is StepState.SENT or before.recovered
            self.permissions[place] = self.permissions.get(place, 0) + 1
        if order_id:
            self.bought[place] = order_id

    @rule(side=SIDES)
    def crash(self, side: int) -> None:
        journal = self.handles[side]

        async def vanish_and_return() -> Journal:
            assert journal._heart is not None
            journal._heart.cancel()
            await asyncio.wait([journal._heart])
            await journal._database.finish()
            await journal._database.let_go()
            return await self.opened()

        self.handles[side] = self.do(vanish_and_return())

    @rule(side=SIDES)
    def reopen(self, side: int) -> None:
        self.do(self.handles[side].close())
        self.handles[side] = self.do(self.opened())

    @rule(beating=st.booleans())
    def time_passes(self, *, beating: bool) -> None:
        """Half a minute: with heartbeats the living keep their claims, without them nobody does."""
        self.now += 20
        if beating:
            for journal in self.handles:
                self.do(journal.beat())
        self.now += 20

    @rule(side=SIDES)
    def recover(self, side: int) -> None:
        self.do(self.handles[side].recover())

    @rule(side=SIDES, key=KEYS, step=STEPS, verdict=st.sampled_from(list(Verdict)))
    def give_a_verdict(self, side: int, key: str, step: Step, verdict: Verdict) -> None:
        before = self.state((key, step))
        try:
            self.do(self.handles[side].verdict(key, verdict, "seen", step=step))
        except JournalError:
            assert before is not StepState.UNKNOWN
        else:
            assert before is StepState.UNKNOWN

    @precondition(lambda self: self.sends)
    @rule(side=SIDES, key=KEYS, step=STEPS)
    def resubmit(self, side: int, key: str, step: Step) -> None:
        before = self.do(self.handles[side].get(key, step=step))
        allowed = before is not None and (
            before.state is StepState.REJECTED
            or (before.state is StepState.UNKNOWN and before.verdict is Verdict.ABSENT)
        )
        try:
            self.do(self.handles[side].resubmit(key, step=step))
        except JournalError:
            assert not allowed
        else:
            assert allowed
            self.permissions[key, step] = self.permissions.get((key, step), 0) + 1

    @invariant()
    def what_was_bought_stays_bought(self) -> None:
        for (key, step), order_id in self.bought.items():
            entry = self.do(self.handles[1].get(key, step=step))
            assert entry is not None
            assert (entry.state, entry.order_id) == (StepState.ACCEPTED, order_id)


TestJournal = JournalMachine.TestCase
# The same examples in every run; `database=None` leaves no folder behind
TestJournal.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, derandomize=True, database=None, print_blob=False
)
