"""The SQL of a journal: its queries, and every change, made inside one transaction that `database` begins and commits.

Each method of `Transaction` is one change of the tables; which change is allowed is decided by the rules in `records`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

import attrs
import orjson

from ...core.account import Account
from ...core.printable import printable
from ...errors import JournalError
from ...models.requests import Verdict
from ..liveness import Machine, RunRecord, is_dead
from ..records import LONGEST_SAID, Claim, JournalEntry, StillOwnedError, storable, verdict_of
from ..states import CLAIMABLE, OrderKind, Step, StepState, may_be_sent, may_follow
from .clock import JournalClock
from .schema import events, insert_missing, meta, orders, runs, sa, steps

#: Rows that one statement names, far below what the databases take.
CHUNK = 500
#: The keys that a statement is about, as its parameter `the_keys`.
THE_KEYS: sa.BindParameter[Any] = sa.bindparam("the_keys", expanding=True)
IS_CREATE = steps.c.step == Step.CREATE.value

_T = TypeVar("_T")

_DIED = "The process that sent it ended, or fell silent, before it wrote down the outcome."
_CONTRADICTED = "Its entry said that it was not sent, but the history says that it was."
#: Each step is named so that the index by step and state serves it.
_IS_SENT = steps.c.step.in_([step.value for step in Step]) & (steps.c.state == StepState.SENT.value)

#: Columns of what was said; a file that somebody made may have any length there.
_SAID = (steps.c.message, steps.c.evidence, steps.c.body_excerpt)


def entries() -> sa.Select[Any]:
    """Return the query for entries, without conditions."""
    facts = [column for column in (*steps.c, *orders.c) if column not in {*_SAID, orders.c.key}]
    said = [sa.func.substr(column, 1, LONGEST_SAID, type_=column.type).label(column.name) for column in _SAID]
    return sa.select(*facts, *said).join_from(steps, orders, orders.c.key == steps.c.key)


def at(key: str, step: Step) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """Return the condition for one step of one order."""
    return steps.c.key == key, steps.c.step == step.value


def read_entry(row: Any) -> JournalEntry:
    """Return a row of `entries` as an entry."""
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    return JournalEntry(**values | typed(row) | {"kind": OrderKind(row.kind)})


def typed(row: Any) -> dict[str, Any]:
    """Return the columns of a step that are more than text and numbers."""
    return {
        "step": Step(row.step),
        "state": StepState(row.state),
        "verdict": verdict_of(row.verdict),
        "unavailable": tuple(orjson.loads(row.unavailable)),
    }


def _run(row: Any) -> RunRecord:
    return RunRecord(**{field.name: getattr(row, field.name) for field in attrs.fields(RunRecord)})


def chunks(keys: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yield as many keys as one statement names at a time."""
    for start in range(0, len(keys), CHUNK):
        yield keys[start : start + CHUNK]


# Made once, because SQLAlchemy then compiles each once per database. Parameters must not have names of columns.

_this = (steps.c.key == sa.bindparam("the_key"), steps.c.step == sa.bindparam("the_step"))

#: A step with its row locked, so that nobody else changes it before the end of the transaction.
_ROW = (
    sa.select(steps.c.token, steps.c.state, steps.c.recovered, steps.c.verdict, steps.c.run_id)
    .where(*_this)
    .with_for_update()
)

_CLAIM = (
    sa.update(steps)
    .where(*_this)
    .values(
        state=StepState.SENT.value,
        run_id=sa.bindparam("the_run"),
        token=sa.bindparam("the_token"),
        sent_at=sa.bindparam("now"),
        ended_at=None,
        status=None,
        message="",
        body_excerpt="",
    )
)

_CHANGES = (
    sa.select(events.c.change)
    .where(events.c.key == sa.bindparam("the_key"), events.c.step == sa.bindparam("the_step"))
    .order_by(events.c.id)
)

_FINGERPRINT = sa.select(orders.c.fingerprint).where(orders.c.key == sa.bindparam("the_key"))

_BEAT = (
    sa.update(runs)
    .where(runs.c.id == sa.bindparam("the_run"))
    .values(heartbeat=sa.bindparam("now"), lease=sa.bindparam("the_lease"))
)

_APPEND = sa.insert(events)

_OUTCOME = (
    sa.update(steps)
    .where(*_this)
    .values(
        state=sa.bindparam("the_state"),
        recovered=False,
        verdict=None,
        evidence="",
        verdict_at=None,
        order_id=sa.func.coalesce(sa.bindparam("the_order_id", type_=sa.Text), steps.c.order_id),
        action_id=sa.bindparam("the_action_id"),
        unavailable=sa.bindparam("the_unavailable"),
        status=sa.bindparam("the_status"),
        message=sa.bindparam("the_message"),
        body_excerpt=sa.bindparam("the_body_excerpt"),
        attempts=steps.c.attempts + sa.bindparam("the_attempts"),
        ended_at=sa.bindparam("now"),
    )
)

#: What an outcome may bring besides its state.
_REPORTED: Mapping[str, Any] = {
    "order_id": None,
    "action_id": None,
    "unavailable": (),
    "status": None,
    "message": "",
    "body_excerpt": "",
    "attempts": 0,
}


@attrs.frozen(kw_only=True)
class Transaction:
    """The changes that one run makes on one connection, inside one transaction."""

    #: The connection, in a transaction.
    connection: sa.Connection
    #: The journal as messages call it.
    journal: str
    #: The run that writes.
    run: RunRecord
    #: Tells the journal's time.
    clock: JournalClock
    #: The machine that the run is on.
    machine: Machine = attrs.field(factory=Machine)

    @cached_property
    def now(self) -> float:
        """The journal's time, UTC epoch in seconds: read at its first use, when this transaction has its locks."""
        return self.clock.now(self.connection)

    def add_processing(self, keys: Sequence[str] | None) -> int:
        """Insert the `process` step of accepted drafts that have none; return how many."""
        done = steps.alias("done")
        values: dict[str, Any] = {
            "key": steps.c.key,
            "step": sa.literal(Step.PROCESS.value),
            "position": steps.c.position,
            "state": sa.literal(StepState.PLANNED.value),
            "order_id": steps.c.order_id,
            "planned_at": sa.literal(self.now, sa.Double),
            "recovered": sa.false(),
            "attempts": sa.literal(0),
            "unavailable": sa.literal("[]"),
            **{name: sa.literal("") for name in ("evidence", "message", "body_excerpt")},
        }
        drafts = (
            sa.select(*values.values())
            .join(orders, orders.c.key == steps.c.key)
            .where(
                IS_CREATE,
                steps.c.state == StepState.ACCEPTED.value,
                orders.c.confirm.is_(False),
                steps.c.order_id.is_not(None),
                ~sa.exists().where(done.c.key == steps.c.key, done.c.step == Step.PROCESS.value),
            )
        )
        insert = insert_missing(steps, self.connection.dialect.name)
        count = 0
        for chunk in [None] if keys is None else chunks(keys):
            chosen = drafts if chunk is None else drafts.where(steps.c.key.in_(chunk))
            made = self.connection.execute(
                insert.from_select(list(values), chosen, include_defaults=False),
                execution_options={"preserve_rowcount": True},
            )
            count += made.rowcount
        return count

    def claim(self, key: str, step: Step, *, fingerprint: str | None = None) -> Claim | None:
        """Claim a step, provided that its row, its order and its history allow it."""
        taken = self.clock.elapsed()  # before the heartbeat below, so that the claim ends first
        row = self._row(key, step)
        if row is None or row.state not in CLAIMABLE:
            return None
        if fingerprint is not None and self.connection.scalar(_FINGERPRINT, {"the_key": key}) != fingerprint:
            return None
        if not may_be_sent(self.connection.scalars(_CHANGES, {"the_key": key, "the_step": step.value})):
            self._mark_unknown(_CONTRADICTED, *at(key, step))
            return None
        claim = Claim(key=key, step=step, token=self.machine.new_token(), at=self.now, taken=taken)
        values = {"the_key": key, "the_step": step.value, "the_run": self.run.id, "the_token": claim.token}
        self.connection.execute(_CLAIM, values | {"now": claim.at})
        self.append_events([self.event(key, step, StepState.SENT, reason="claimed", token=claim.token)])
        self._stay_alive()  # a claim keeps its run alive for a lease, which is how long it holds
        return claim

    def record(self, claim: Claim, state: StepState, **reported: Any) -> bool:
        """Write an outcome with what it brings; return whether it counts, else only the history keeps it."""
        row = self._row(claim.key, claim.step)
        before = StepState(row.state) if row is not None and row.token == claim.token else None
        counts = before is not None and may_follow(
            state, state=before, recovered=row.recovered, verdict=verdict_of(row.verdict)
        )
        if before is state and not counts:  # it was reported before
            return True
        given = {name: storable(value) if isinstance(value, str) else value for name, value in reported.items()}
        if counts:
            values = {f"the_{name}": value for name, value in {**_REPORTED, **given}.items()}
            values["the_unavailable"] = orjson.dumps([storable(name) for name in values["the_unavailable"]]).decode()
            place = {"the_key": claim.key, "the_step": claim.step.value, "the_state": state.value}
            self.connection.execute(_OUTCOME, {**place, **values, "now": self.now})
        change = state.value if counts else f"late:{state.value}"
        event = self.event(claim.key, claim.step, change, reason=given.get("message", ""), token=claim.token)
        self.append_events([event | {"order_id": given.get("order_id")}])
        return counts

    def _row(self, key: str, step: Step) -> Any:
        return self.connection.execute(_ROW, {"the_key": key, "the_step": step.value}).one_or_none()

    def begin_run(self) -> None:
        """Write down that this run began, and recover what dead ones left."""
        values = attrs.asdict(self.run) | {"started": self.now, "heartbeat": self.now}
        self.connection.execute(sa.insert(runs).values(**values))
        self.machine.open_runs.add(self.run.id)
        self.recover()

    def beat(self) -> int:
        """Write a sign of life of this run, and recover what dead ones left."""
        self._stay_alive()
        return self.recover()

    def _stay_alive(self) -> None:
        self.connection.execute(_BEAT, {"the_run": self.run.id, "now": self.now, "the_lease": self.run.lease})

    def end_run(self) -> None:
        """Write down that this run ended; what it claimed, and wrote no outcome of, becomes `unknown`."""
        self._mark_unknown(_DIED, _IS_SENT, steps.c.run_id == self.run.id)
        self.connection.execute(sa.update(runs).where(runs.c.id == self.run.id).values(ended=self.now))

    def other_runs(self) -> list[tuple[RunRecord, bool]]:
        """Return the runs that never ended and were not recovered, each with whether it is dead."""
        query = sa.select(runs).where(runs.c.ended.is_(None), runs.c.lease > 0, runs.c.id != self.run.id)
        found = [_run(row) for row in self.connection.execute(query)]
        return [(run, self._is_dead(run)) for run in found]

    def _is_dead(self, run: RunRecord) -> bool:
        return is_dead(run, self.now, me=self.run, machine=self.machine)

    def recover(self) -> int:
        """Mark what dead runs had claimed as `unknown`; return how many steps."""
        dead = [run.id for run, dead in self.other_runs() if dead]
        if not dead:
            return 0
        self.connection.execute(sa.update(runs).where(runs.c.id.in_(dead)).values(lease=0.0))
        return self._mark_unknown(_DIED, _IS_SENT, steps.c.run_id.in_(dead))

    def _mark_unknown(self, why: str, *which: sa.ColumnElement[bool]) -> int:
        values = {"state": StepState.UNKNOWN.value, "recovered": True, "message": why, "ended_at": self.now}
        marked = self.connection.execute(
            sa.update(steps).where(*which).values(**values).returning(steps.c.key, steps.c.step, steps.c.token)
        )
        changes = [self.event(row.key, row.step, StepState.UNKNOWN, reason=why, token=row.token) for row in marked]
        self.append_events(changes)
        return len(changes)

    def write_verdict(self, seen: JournalEntry, verdict: Verdict, evidence: str, order_id: str | None) -> JournalEntry:
        """Write the verdict on the attempt that was looked at, provided that it is still the newest."""
        key, step = seen.key, seen.step
        row = self._expect(key, step, StepState.UNKNOWN)
        if row.token != seen.token:
            raise JournalError(
                f"{key} was sent again after it was looked at, so the verdict on the former attempt was not written. "
                "Look again."
            )
        if row.verdict != seen.verdict:
            raise JournalError(f"{key} got the verdict {row.verdict} after it was looked at: nothing was changed.")
        if verdict is Verdict.ABSENT:
            self._expect_no_owner(key, row)
        values: dict[str, Any] = {"verdict": verdict.value, "evidence": evidence, "verdict_at": self.now}
        if order_id is not None:
            values["order_id"] = order_id
        self.connection.execute(sa.update(steps).where(*at(key, step)).values(**values))
        self.append_events([self.event(key, step, f"verdict:{verdict.value}", reason=evidence, order_id=order_id)])
        return self.entry(key, step)

    def resubmit(self, key: str, step: Step, reason: str, *, second_draft: bool = False) -> JournalEntry:
        """Make a step `planned` again, provided that it certainly bought nothing; return its entry."""
        row = self._expect(key, step, StepState.UNKNOWN, StepState.REJECTED)
        is_open_draft = row.state == StepState.UNKNOWN and row.verdict is None and self._is_draft(key, step)
        if is_open_draft and not second_draft:
            raise JournalError(
                f"{key} is a draft that may exist, and there is no verdict yet: no look-up shows a draft. A second one "
                "costs nothing; `cmr orders resubmit --second-draft` plans it again, and `resubmit(second_draft=True)`."
            )
        if row.state == StepState.UNKNOWN and row.verdict != Verdict.ABSENT and not is_open_draft:
            found = f"the verdict is {row.verdict}" if row.verdict else "there is no verdict yet"
            raise JournalError(
                f"{key} may have been placed, and {found}. It can be planned again only after the verdict absent. Run "
                "`cmr orders reconcile` first."
            )
        self._expect_no_owner(key, row)
        return self.plan_again(key, step, reason)

    def plan_again(self, key: str, step: Step, reason: str) -> JournalEntry:
        """Make a step `planned`, without asking whether that is right; return its entry."""
        # The token stays, so that an order id which the former owner reports late still counts
        cleared = {"recovered": False, "verdict": None, "evidence": "", "verdict_at": None, "message": ""}
        self.connection.execute(sa.update(steps).where(*at(key, step)).values(state=StepState.PLANNED.value, **cleared))
        self.append_events([self.event(key, step, StepState.PLANNED, reason=reason)])
        return self.entry(key, step)

    def bind(self, account: Account) -> None:
        """Write which account the journal belongs to, or compare it; one that may have bought nothing is given over."""
        given = {"origin": account.origin, "account": account.fingerprint}
        insert = insert_missing(meta, self.connection.dialect.name)
        self.connection.execute(insert, [{"name": name, "value": value} for name, value in given.items()])
        strange = self.other_account(account)
        if strange and not self._may_have_bought():
            # The first key was wrong, or the first address: the same run goes on with the right one
            for name, value in given.items():
                self.connection.execute(sa.update(meta).where(meta.c.name == name).values(value=value))
        elif strange:
            raise JournalError(
                f"{strange} It says nothing about what this account bought: use another journal for it. If it is the "
                f"same account with a new key or address, say so: `cmr journal adopt {self.journal}`."
            )

    def other_account(self, account: Account | None) -> str:
        """Return which account the journal belongs to, in words, if it is another one; else nothing."""
        names = ("origin", "account")
        rows = self.connection.execute(sa.select(meta).where(meta.c.name.in_(names)))
        known = {row.name: row.value for row in rows}
        if account is None or not known or known == {"origin": account.origin, "account": account.fingerprint}:
            return ""
        origin = printable(known.get("origin", "an unknown API"))
        whose = f"another account of {origin}."
        if origin != account.origin:
            whose = f"{origin}, and this client works with {account.origin}."
        return f"The journal {self.journal} belongs to {whose}"

    def adopt(self, account: Account | None) -> None:
        """Write that the journal was taken over, and for which account, unless another run uses it."""
        alive = [run for run, dead in self.other_runs() if not dead]
        if alive:
            raise JournalError(
                f"The journal {self.journal} is in use by another process (id {alive[0].pid} on "
                f"{printable(alive[0].host)}). Nothing was changed. Let it end first; if this is a copy, use the "
                "original."
            )
        if account is not None:
            self.connection.execute(sa.delete(meta).where(meta.c.name.in_(("origin", "account"))))
            self.bind(account)
        whose = "" if account is None else f" for the account {account.fingerprint} of {account.origin}"
        self.append_events([self.event("", Step.CREATE, "adopted", reason=f"taken over{whose}")])

    def _is_draft(self, key: str, step: Step) -> bool:
        confirm = self.connection.execute(sa.select(orders.c.confirm).where(orders.c.key == key)).scalar_one()
        return step is Step.CREATE and not confirm

    def _may_have_bought(self) -> bool:
        """Tell whether any step may ever have done something at the API."""
        done = [StepState.SENT.value, StepState.ACCEPTED.value, StepState.UNKNOWN.value]
        standing = sa.exists().where(steps.c.step.in_([step.value for step in Step]), steps.c.state.in_(done))
        past = sa.exists().where(events.c.change.in_([*done[1:], *(f"late:{state}" for state in done[1:])]))
        return bool(self.connection.scalar(sa.select(standing | past)))

    def _expect(self, key: str, step: Step, *states: StepState) -> Any:
        row = self._row(key, step)
        if row is None:
            raise JournalError(f"The journal {self.journal} has no {step.value} step of {key}.")
        if row.state not in states:
            wanted = " or ".join(states)
            raise JournalError(f"{key} is {row.state}, not {wanted}: nothing was changed.")
        return row

    def _expect_no_owner(self, key: str, row: Any) -> None:
        """Refuse what could lead to a second send while the owner of an attempt may still make the first."""
        owner = self.connection.execute(sa.select(runs).where(runs.c.id == row.run_id)).one_or_none()
        if row.recovered and owner is not None and not self._is_dead(_run(owner)):
            raise StillOwnedError(
                f"{key} was claimed by a process that is still there (id {owner.pid} on {printable(owner.host)}) and "
                "has not reported: it could still send it. Nothing was changed. End that process, or let it go on."
            )

    def entry(self, key: str, step: Step) -> JournalEntry:
        """Return an entry that is there."""
        return read_entry(self.connection.execute(entries().where(*at(key, step))).one())

    def event(
        self, key: str, step: str, change: str, *, reason: str, token: str | None = None, order_id: str | None = None
    ) -> dict[str, Any]:
        """Return a row of the history."""
        return {
            "at": self.now,
            "key": key,
            "step": str(step),
            "change": str(change),
            "reason": reason,
            "run_id": self.run.id,
            "token": token,
            "order_id": order_id,
        }

    def append_events(self, changes: Sequence[dict[str, Any]]) -> None:
        """Append to the history."""
        if changes:
            self.connection.execute(_APPEND, changes)
