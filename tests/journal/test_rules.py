"""Whatever happens to two processes on one journal, in whatever order: no order is sent twice without permission."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from cmr_async import DomainRegistration, Order
from cmr_async.errors import JournalError
from cmr_async.journal.journal import Claim, Journal, Step, StepState, Verdict
from cmr_async.journal.states import may_be_sent
from cmr_async.journal.storage.statements import Transaction
from cmr_async.models.requests import OrderRequest
from tests.journal.arrange import from_another_machine

pytestmark = pytest.mark.slow

_T = TypeVar("_T")

#: More of them in the session `killstorm`; see `noxfile.py`.
EXAMPLES = int(os.environ.get("CMR_JOURNAL_EXAMPLES", "40"))

NAMES = ["A", "B"]
KEYS = st.sampled_from(NAMES)
SIDES = st.sampled_from([0, 1])
#: Drafts are processed by the same rules, so they come up less often.
STEPS = st.sampled_from([Step.CREATE, Step.CREATE, Step.CREATE, Step.PROCESS])
OUTCOMES = st.sampled_from([StepState.ACCEPTED, StepState.REJECTED, StepState.UNKNOWN, StepState.NOT_SENT])
CLAIMABLE = {StepState.PLANNED, StepState.NOT_SENT}
FINAL = {StepState.ACCEPTED, StepState.REJECTED}
Place = tuple[str, Step]


class World:
    """One journal with two handles for all examples, each with keys of its own: opening takes most of the time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 1_800_000_000.0
        self.examples = 0
        self.runner = asyncio.Runner()
        self.handles = [self.runner.run(self.opened()), self.runner.run(self.opened())]

    async def opened(self) -> Journal:
        journal = from_another_machine(Journal(self.path, clock=lambda: self.now))
        await journal.start()
        assert journal._heart is not None
        journal._heart.cancel()  # only the rules beat: a heartbeat at a chance moment would give a run its life back
        connection = journal._database._connection
        assert connection is not None
        driver: Any = connection.connection.driver_connection
        # No example cuts the power, and waiting for the disk would take most of the time
        driver.execute("PRAGMA synchronous = OFF")
        return journal

    def close(self) -> None:
        for journal in self.handles:
            self.runner.run(journal.close())
        self.runner.close()


@pytest.fixture(scope="module", autouse=True)
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    JournalMachine.world = World(tmp_path_factory.mktemp("journal") / "run.db")
    yield
    JournalMachine.world.close()


class JournalMachine(RuleBasedStateMachine):
    """Two handles on one journal; the ledger notes every send and every permission to send again."""

    world: ClassVar[World]
    claims: Bundle[Claim] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.world.examples += 1
        self.handles = self.world.handles
        self.sends: dict[Place, int] = {}
        self.permissions: dict[Place, int] = {}
        self.bought: dict[Place, str] = {}

    def do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self.world.runner.run(work)

    def key(self, name: str) -> str:
        return f"{self.world.examples}-{name}"

    @initialize()
    def begin(self) -> None:
        for side in (0, 1):  # whether the runs of the example before are alive is chance
            self.end_and_come_back(side, politely=True)
        self.plan(0, NAMES)

    def state(self, place: Place, side: int = 0) -> StepState | None:
        entry = self.do(self.handles[side].get(place[0], step=place[1]))
        return entry.state if entry else None

    def sent(self, place: Place) -> None:
        self.sends[place] = self.sends.get(place, 0) + 1
        assert self.sends[place] <= 1 + self.permissions.get(place, 0), f"{place} was sent twice"
        assert place not in self.bought, f"{place} was bought already"

    @rule(side=SIDES, names=st.lists(KEYS, max_size=3))
    def plan(self, side: int, names: list[str]) -> None:
        keys = [self.key(name) for name in names]
        orders = {key: Order(domains=[DomainRegistration(domain=f"{key}.com")]) for key in keys}
        requests = [OrderRequest(user_id="U1", order=orders[key], reference=key) for key in keys]
        entries = self.do(self.handles[side].add(requests))
        assert [entry.key for entry in entries] == keys
        self.do(self.handles[side].add_processing())

    @rule(target=claims, side=SIDES, name=KEYS, step=STEPS)
    def claim(self, side: int, name: str, step: Step) -> Any:
        key = self.key(name)
        state = self.state((key, step))
        history = self.do(self.handles[side].history(key, step=step))
        is_contradicted = state in CLAIMABLE and not may_be_sent(event.change for event in history)
        claim = self.do(self.handles[side].claim(key, step=step))
        assert (claim is not None) is (state in CLAIMABLE and not is_contradicted)
        if is_contradicted:
            assert self.state((key, step)) is StepState.UNKNOWN
        if claim is None:
            return multiple()
        self.sent((key, step))
        return claim

    @rule(target=claims, side=SIDES, name=KEYS, step=STEPS, outcomes=st.lists(OUTCOMES, min_size=1, max_size=2))
    def claim_and_record(self, side: int, name: str, step: Step, outcomes: list[StepState]) -> Any:
        claim = self.claim(side, name, step)
        if isinstance(claim, Claim):
            for outcome in outcomes:  # a second one must not undo the first
                self.record(claim, side, outcome)
        return claim

    @rule(side=SIDES, name=KEYS, step=STEPS)
    def find_absent_and_resubmit(self, side: int, name: str, step: Step) -> None:
        self.give_a_verdict(side, name, step, Verdict.ABSENT)
        self.resubmit(side, name, step)

    @rule(target=claims, name=KEYS, step=STEPS)
    def race(self, name: str, step: Step) -> Any:
        key = self.key(name)

        async def both() -> list[Claim | None]:
            sides = [self.handles[0], self.handles[1], self.handles[0]]
            return await asyncio.gather(*(journal.claim(key, step=step) for journal in sides))

        won = [claim for claim in self.do(both()) if claim is not None]
        for _ in won:
            self.sent((key, step))
        return multiple(*won)

    @rule(side=SIDES, name=KEYS, step=STEPS, ticks=st.integers(0, 30))
    def claim_and_be_cancelled(self, side: int, name: str, step: Step, ticks: int) -> None:
        key = self.key(name)
        before = self.state((key, step))

        async def work() -> object:
            task = asyncio.create_task(self.handles[side].claim(key, step=step))
            for _ in range(ticks):
                await asyncio.sleep(0)
            task.cancel()
            result = (await asyncio.gather(task, return_exceptions=True))[0]
            if isinstance(result, Claim):
                assert await self.handles[side].record(result, StepState.NOT_SENT)
            await self.handles[side].get(key)  # its thread has done by then what came before
            return result

        self.do(work())
        after = self.state((key, step))
        assert after == before or {after, before} <= CLAIMABLE

    @rule(claim=claims, side=SIDES, outcome=OUTCOMES)
    def record(self, claim: Claim, side: int, outcome: StepState) -> None:
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
        assert before.state not in FINAL or before.state is outcome, f"{outcome} replaced {before.state}"
        if outcome is StepState.NOT_SENT and before.state is not StepState.NOT_SENT:
            # Only the owner of the attempt under way, or of one that nobody else can speak for, may free it
            assert before.state is StepState.SENT or before.recovered
            self.permissions[place] = self.permissions.get(place, 0) + 1
        if order_id:
            self.bought[place] = order_id

    @rule(side=SIDES, politely=st.booleans())
    def end_and_come_back(self, side: int, *, politely: bool) -> None:
        journal = self.handles[side]

        async def return_as_another_run() -> Journal:
            if politely:
                await journal._database.write(Transaction.end_run)
            # A new run on the old connections: making an engine anew takes most of the time of such a test
            successor = from_another_machine(Journal(journal.name, clock=lambda: self.world.now))
            successor._database._engine = journal._database._engine
            successor._database._connection = journal._database._connection
            successor._database._thread = journal._database._thread
            successor._database.file = journal._database.file
            await successor._database.write(Transaction.begin_run)
            return successor

        self.handles[side] = self.do(return_as_another_run())

    @rule(side=SIDES, beating=st.booleans())
    def time_passes(self, side: int, *, beating: bool) -> None:
        """Half a minute: with heartbeats the living keep their claims, without them nobody does."""
        self.world.now += 20
        if beating:
            for journal in self.handles:
                self.do(journal.beat())
        self.world.now += 20
        self.do(self.handles[side].recover())
        if not beating:
            for place in self.sends:
                entry = self.do(self.handles[side].get(place[0], step=place[1]))
                assert entry is not None
                assert entry.state is not StepState.SENT or entry.run_id == self.handles[side].run_id

    @rule(side=SIDES, name=KEYS, step=STEPS, verdict=st.sampled_from(list(Verdict)))
    def give_a_verdict(self, side: int, name: str, step: Step, verdict: Verdict) -> None:
        key = self.key(name)
        seen = self.do(self.handles[side].get(key, step=step))
        if seen is None:
            return
        try:
            self.do(self.handles[side].verdict(seen, verdict, "seen"))
        except JournalError:
            # An owner that is alive after all, and has not reported, may still send
            assert seen.state is not StepState.UNKNOWN or (verdict is Verdict.ABSENT and seen.recovered)
        else:
            assert seen.state is StepState.UNKNOWN

    @rule(side=SIDES, name=KEYS, step=STEPS)
    def resubmit(self, side: int, name: str, step: Step) -> None:
        key = self.key(name)
        before = self.do(self.handles[side].get(key, step=step))
        allowed = before is not None and (
            before.state is StepState.REJECTED
            or (before.state is StepState.UNKNOWN and before.verdict is Verdict.ABSENT)
        )
        try:
            self.do(self.handles[side].resubmit(key, step=step))
        except JournalError:
            assert not allowed or (before is not None and before.recovered)
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
    max_examples=EXAMPLES, stateful_step_count=30, deadline=None, derandomize=True, database=None, print_blob=False
)
