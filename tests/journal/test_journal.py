"""The journal over SQLite and PostgreSQL: claims, outcomes, recovery, verdicts, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cmr_async import DomainRegistration, Mailbox, Order
from cmr_async.errors import (
    CMRError,
    ConfigurationError,
    JournalConflictError,
    JournalError,
    JournalVersionError,
    ValidationError,
)
from cmr_async.journal import group_commit, liveness
from cmr_async.journal.identity import fingerprint, order_key
from cmr_async.journal.journal import Claim, Entry, Journal, Step, StepState, Verdict
from cmr_async.journal.records import JOURNAL_COLUMNS
from cmr_async.models.requests import OrderRequest

PLANNED, SENT, ACCEPTED = StepState.PLANNED, StepState.SENT, StepState.ACCEPTED
REJECTED, UNKNOWN, NOT_SENT = StepState.REJECTED, StepState.UNKNOWN, StepState.NOT_SENT


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def a_request(reference: str | None = "A", *, domain: str = "example.com", **order: Any) -> OrderRequest:
    registration = [DomainRegistration(domain=domain)]
    boxes = {domain: [Mailbox(username="ada", first_name="Ada", last_name="Lovelace")]}
    return OrderRequest(user_id="U1", reference=reference, order=Order(domains=registration, mailboxes=boxes, **order))


async def vanish(journal: Journal) -> None:
    """End a journal the way a killed process does: nothing more is written."""
    assert journal._heart is not None
    journal._heart.cancel()
    await asyncio.wait([journal._heart])
    await journal._database.finish()
    await journal._database.let_go()


async def claimed(journal: Journal, key: str = "A", step: Step = Step.CREATE) -> Claim:
    claim = await journal.claim(key, step=step)
    assert claim is not None
    return claim


async def stored(journal: Journal, key: str = "A", step: Step = Step.CREATE) -> Entry:
    entry = await journal.get(key, step=step)
    assert entry is not None
    return entry


async def changes(journal: Journal, key: str = "A") -> list[str]:
    return [event.change for event in await journal.history(key)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def journal(location: str, clock: Clock) -> AsyncIterator[Journal]:
    async with Journal(location, clock=clock) as opened:
        yield opened


# Keys and fingerprints


def test_the_key_is_the_reference() -> None:
    assert order_key(a_request("A-1")) == "A-1"


def test_without_a_reference_the_key_is_a_hash_of_user_and_order() -> None:
    request = a_request(None)
    key = order_key(request)
    assert key.startswith("sha256:")
    assert len(key) == 7 + 64
    assert order_key(a_request(" ")) == key
    assert order_key(a_request(None, domain="other.com")) != key
    assert order_key(OrderRequest(user_id="U2", order=request.order)) != key


def test_a_draft_and_its_confirmed_twin_are_one_purchase() -> None:
    draft, paid = a_request(None), a_request(None, confirm=True)
    assert order_key(draft) == order_key(paid)
    assert fingerprint(draft) != fingerprint(paid)


@pytest.mark.parametrize("reference", ["sha256:abc", "nul\0", "\ud800"])
def test_a_reference_that_cannot_be_a_key_is_refused(reference: str) -> None:
    with pytest.raises(ValidationError) as caught:
        order_key(a_request(reference))
    assert caught.value.faults[0].path == "reference"


# Planning


async def test_a_new_order_is_planned_with_everything_a_resume_needs(journal: Journal, clock: Clock) -> None:
    request = a_request()
    [entry] = await journal.add([request], start=7)
    assert entry == await stored(journal)
    assert (entry.key, entry.position, entry.state, entry.confirm) == ("A", 7, PLANNED, False)
    assert (entry.planned_at, entry.sent_at, entry.attempts) == (clock.now, None, 0)
    assert entry.request == request
    assert entry.domains == ("example.com",)


async def test_planning_again_tells_where_each_order_stands(journal: Journal) -> None:
    await journal.add([a_request("A"), a_request("B", domain="b.com")])
    await journal.record(await claimed(journal), ACCEPTED, order_id="O1")
    again = await journal.add([a_request("B", domain="b.com"), a_request("A"), a_request("C", domain="c.com")])
    assert [(entry.key, entry.state, entry.order_id) for entry in again] == [
        ("B", PLANNED, None),
        ("A", ACCEPTED, "O1"),
        ("C", PLANNED, None),
    ]
    assert again[1] == await stored(journal)


async def test_an_order_that_comes_twice_has_one_row(journal: Journal) -> None:
    entries = await journal.add([a_request(None), a_request(None)])
    assert entries[0] == entries[1]
    assert (await journal.counts())[PLANNED] == 1


async def test_a_batch_of_thousands_is_planned_in_one_go(journal: Journal) -> None:
    requests = [a_request(f"R{n}", domain=f"d{n}.com") for n in range(1200)]
    await journal.add(requests)
    assert [entry.position for entry in await journal.add(requests)] == list(range(1200))
    assert [entry.position async for entry in journal.entries()] == list(range(1200))


async def test_changed_input_under_a_known_reference_is_refused_with_the_difference(journal: Journal) -> None:
    await journal.add([a_request("A")])
    with pytest.raises(JournalConflictError, match="another reference") as caught:
        await journal.add([a_request("B", domain="b.com"), a_request("A", domain="changed.com", confirm=True)])
    assert [(fault.path, fault.message) for fault in caught.value.faults] == [
        ("A: confirm", "the journal has false, now it is true"),
        ("A: domains[0].domain", 'the journal has "example.com", now it is "changed.com"'),
        (
            'A: mailboxes["example.com"]',
            'the journal has [{"firstName":"Ada","lastName":"Lovelace","username":"ada"}], now it is nothing',
        ),
        (
            'A: mailboxes["changed.com"]',
            'the journal has nothing, now it is [{"firstName":"Ada","lastName":"Lovelace","username":"ada"}]',
        ),
    ]
    assert await journal.get("B") is None


async def test_one_batch_cannot_hold_two_orders_of_one_reference(journal: Journal) -> None:
    with pytest.raises(JournalConflictError, match="this input"):
        await journal.add([a_request("A"), a_request("A", domain="other.com")])
    assert await journal.get("A") is None


# Claims and outcomes


async def test_a_step_is_claimed_once(journal: Journal, clock: Clock) -> None:
    await journal.add([a_request()])
    clock.now += 5
    claim = await claimed(journal)
    entry = await stored(journal)
    assert (entry.state, entry.token, entry.run_id, entry.sent_at) == (SENT, claim.token, journal.run_id, clock.now)
    assert await journal.claim("A") is None


async def test_of_many_that_want_a_step_at_once_one_gets_it(journal: Journal) -> None:
    await journal.add([a_request("A"), a_request("B", domain="b.com")])
    claims = await asyncio.gather(*(journal.claim(key) for key in "AABBAB"))
    assert sorted(claim.key for claim in claims if claim) == ["A", "B"]


async def test_what_is_not_planned_cannot_be_claimed(journal: Journal) -> None:
    assert await journal.claim("nobody") is None
    await journal.add([a_request()])
    assert await journal.claim("A", step=Step.PROCESS) is None


async def test_an_outcome_is_written_down_whole(journal: Journal, clock: Clock) -> None:
    await journal.add([a_request()])
    claim = await claimed(journal)
    clock.now += 2
    assert await journal.record(
        claim,
        UNKNOWN,
        order_id="O1",
        action_id="ACT_1",
        status=502,
        message="bad\0gateway",
        body_excerpt="<html>",
        attempts=2,
    )
    entry = await stored(journal)
    assert (entry.state, entry.recovered, entry.order_id, entry.action_id) == (UNKNOWN, False, "O1", "ACT_1")
    assert (entry.status, entry.message, entry.body_excerpt) == (502, "bad\N{REPLACEMENT CHARACTER}gateway", "<html>")
    assert (entry.attempts, entry.ended_at) == (2, clock.now)
    history = await journal.history("A")
    assert [(event.change, event.token, event.order_id) for event in history] == [
        ("sent", claim.token, None),
        ("unknown", claim.token, "O1"),
    ]


@pytest.mark.parametrize("state", [ACCEPTED, REJECTED, UNKNOWN])
async def test_what_was_sent_cannot_be_claimed_again(journal: Journal, state: StepState) -> None:
    await journal.add([a_request()])
    assert await journal.record(await claimed(journal), state)
    assert await journal.claim("A") is None


async def test_what_was_not_sent_may_be_claimed_again(journal: Journal) -> None:
    await journal.add([a_request()])
    first = await claimed(journal)
    await journal.record(first, NOT_SENT, attempts=3)
    second = await claimed(journal)
    assert second.token != first.token
    await journal.record(second, ACCEPTED, attempts=1)
    assert (await stored(journal)).attempts == 4
    assert not await journal.record(first, REJECTED, message="slow")
    assert await changes(journal) == ["sent", "not_sent", "sent", "accepted", "late:rejected"]


async def test_a_repeated_outcome_changes_nothing(journal: Journal) -> None:
    await journal.add([a_request()])
    claim = await claimed(journal)
    assert await journal.record(claim, ACCEPTED, order_id="O1", attempts=1)
    assert await journal.record(claim, ACCEPTED, order_id="O1", attempts=1)
    assert (await stored(journal)).attempts == 1
    assert await changes(journal) == ["sent", "accepted"]


async def test_the_owner_may_learn_more_about_its_own_unknown(journal: Journal) -> None:
    await journal.add([a_request()])
    claim = await claimed(journal)
    await journal.record(claim, UNKNOWN)
    assert not await journal.record(claim, NOT_SENT)
    assert await journal.record(claim, ACCEPTED, order_id="O1")
    assert (await stored(journal)).state is ACCEPTED


async def test_planned_and_sent_are_no_outcomes(journal: Journal) -> None:
    await journal.add([a_request()])
    claim = await claimed(journal)
    for state in (PLANNED, SENT):
        with pytest.raises(ValueError, match="no outcome"):
            await journal.record(claim, state)


async def test_a_claim_whose_caller_is_cancelled_is_given_back(journal: Journal) -> None:
    keys = [f"R{n}" for n in range(8)]
    await journal.add([a_request(key, domain=f"{key}.com") for key in keys])
    for ticks, key in enumerate(keys):
        task = asyncio.create_task(journal.claim(key))
        for _ in range(ticks * 4):
            await asyncio.sleep(0)
        task.cancel()
        result = (await asyncio.gather(task, return_exceptions=True))[0]
        await journal._database.finish()
        entry = await stored(journal, key)
        if isinstance(result, Claim):
            assert entry.state is SENT
        else:
            assert entry.state in {PLANNED, NOT_SENT}


async def test_a_claim_is_given_back_when_the_cancellation_meets_the_commit(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.add([a_request()])
    task = asyncio.create_task(journal.claim("A"))
    resolve = group_commit._resolve

    def resolve_and_cancel(future: asyncio.Future[Any], value: Any) -> bool:
        resolved = resolve(future, value)
        task.cancel()  # the caller has its claim by now, and will never see it
        return resolved

    monkeypatch.setattr(group_commit, "_resolve", resolve_and_cancel)
    await asyncio.wait([task])
    monkeypatch.undo()
    await journal._database.finish()
    assert task.cancelled()
    assert await changes(journal) == ["sent", "not_sent"]


async def test_an_outcome_is_written_although_its_caller_is_cancelled(journal: Journal) -> None:
    await journal.add([a_request()])
    task = asyncio.create_task(journal.record(await claimed(journal), ACCEPTED, order_id="O1"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await journal._database.finish()
    assert (await stored(journal)).order_id == "O1"


# Runs that live and runs that died


async def test_closing_turns_what_is_in_flight_into_unknown(location: str, clock: Clock) -> None:
    async with Journal(location, clock=clock) as journal:
        await journal.add([a_request()])
        await claimed(journal)
    async with Journal(location, clock=clock) as journal:
        entry = await stored(journal)
        assert (entry.state, entry.recovered) == (UNKNOWN, True)
        assert "before it wrote down the outcome" in entry.message
        assert await journal.claim("A") is None


async def test_a_run_that_lives_keeps_its_claims(journal: Journal, location: str, clock: Clock) -> None:
    await journal.add([a_request()])
    await claimed(journal)
    async with Journal(location, clock=clock) as other:
        clock.now += 29
        assert await other.recover() == 0
        await journal.beat()
        clock.now += 29
        assert await other.recover() == 0
        assert (await stored(other)).state is SENT


async def test_a_run_without_a_heartbeat_loses_its_claims(journal: Journal, location: str, clock: Clock) -> None:
    await journal.add([a_request()])
    await claimed(journal)
    await vanish(journal)
    async with Journal(location, clock=clock) as other:
        assert (await stored(other)).state is SENT
        clock.now += 31
        assert await other.recover() == 1
        assert (await stored(other)).state is UNKNOWN


@pytest.mark.parametrize("outcome", [ACCEPTED, REJECTED, UNKNOWN, NOT_SENT])
async def test_the_outcome_of_an_owner_that_was_taken_for_dead_counts(
    journal: Journal, location: str, clock: Clock, outcome: StepState
) -> None:
    await journal.add([a_request()])
    claim = await claimed(journal)
    clock.now += 31
    async with Journal(location, clock=clock) as other:
        assert (await stored(other)).state is UNKNOWN
    assert await journal.record(claim, outcome, message="late")
    entry = await stored(journal)
    assert (entry.state, entry.recovered, entry.message) == (outcome, False, "late")


async def test_after_a_silence_a_claim_is_not_held_any_more(journal: Journal, clock: Clock) -> None:
    await journal.add([a_request("A"), a_request("B", domain="b.com")])
    claim = await claimed(journal)
    assert journal.holds(claim)
    clock.now += 31
    assert not journal.holds(claim)
    await journal.beat()
    assert not journal.holds(claim)
    assert journal.holds(await claimed(journal, "B"))


async def test_a_journal_that_is_being_closed_gives_no_claim_and_holds_none(location: str, clock: Clock) -> None:
    journal = Journal(location, clock=clock)
    await journal.start()
    await journal.add([a_request("A"), a_request("B", domain="b.com")])
    claim = await claimed(journal, "A")
    closing = asyncio.ensure_future(journal.close())
    for _ in range(2):  # its task begins
        await asyncio.sleep(0)
    assert journal._closing
    assert not journal.holds(claim)
    with pytest.raises(JournalError, match="is being closed"):
        await journal.claim("B")
    await closing
    async with Journal(location, clock=clock) as later:
        assert {entry.key: entry.state async for entry in later.entries()} == {"A": UNKNOWN, "B": StepState.PLANNED}


def a_run(**changed: Any) -> liveness.RunRecord:
    me = liveness.this_process(now=1000.0)
    values = {name: getattr(me, name) for name in ("id", "host", "machine", "pid", "born", "heartbeat")}
    return liveness.RunRecord(**values | changed)


def test_this_process_is_alive() -> None:
    run = a_run()
    assert not liveness.is_dead(run, machine=run.machine, now=1001.0, lease=30.0)


def test_a_process_that_is_gone_is_dead_at_once() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    run = a_run(pid=child.pid)
    assert liveness.is_dead(run, machine=run.machine, now=1001.0, lease=30.0)
    assert not liveness.is_dead(run, machine="another machine", now=1001.0, lease=30.0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when a process was born")
def test_a_process_id_that_was_given_out_again_is_not_the_same_process() -> None:
    run = a_run(born="1")
    assert liveness.is_dead(run, machine=run.machine, now=1001.0, lease=30.0)


# Verdicts and resubmission


async def an_unknown(journal: Journal, key: str = "A") -> Claim:
    await journal.add([a_request(key)])
    claim = await claimed(journal, key)
    await journal.record(claim, UNKNOWN)
    return claim


async def test_a_verdict_stands_beside_the_unknown(journal: Journal, clock: Clock) -> None:
    await an_unknown(journal)
    entry = await journal.verdict("A", Verdict.PLACED, "example.com is in the user's domains", order_id="O9")
    assert (entry.state, entry.verdict, entry.evidence) == (
        UNKNOWN,
        Verdict.PLACED,
        "example.com is in the user's domains",
    )
    assert (entry.order_id, entry.verdict_at) == ("O9", clock.now)
    assert [entry.key async for entry in journal.entries(verdict=Verdict.PLACED)] == ["A"]
    assert (await changes(journal))[-1] == "verdict:placed"


async def test_only_an_unknown_gets_a_verdict(journal: Journal) -> None:
    await journal.add([a_request()])
    with pytest.raises(JournalError, match="A is planned, not unknown"):
        await journal.verdict("A", Verdict.ABSENT, "")
    with pytest.raises(JournalError, match="has no create step of B"):
        await journal.verdict("B", Verdict.ABSENT, "")


async def test_only_an_absent_order_is_planned_again(journal: Journal) -> None:
    await an_unknown(journal)
    with pytest.raises(JournalError, match="no verdict yet"):
        await journal.resubmit("A")
    for verdict in (Verdict.PLACED, Verdict.CONFLICT):
        await journal.verdict("A", verdict, "seen")
        with pytest.raises(JournalError, match=f"the verdict is {verdict.value}"):
            await journal.resubmit("A")
    await journal.verdict("A", Verdict.ABSENT, "not there after a day")
    entry = await journal.resubmit("A", reason="asked for by Ada")
    assert (entry.state, entry.verdict, entry.evidence) == (PLANNED, None, "")
    last = (await journal.history("A"))[-1]
    assert (last.change, last.reason) == ("planned", "asked for by Ada")
    await claimed(journal)


async def test_a_rejected_order_may_be_planned_again_by_name(journal: Journal) -> None:
    await journal.add([a_request()])
    await journal.record(await claimed(journal), REJECTED, status=402)
    assert (await journal.resubmit("A")).state is PLANNED


@pytest.mark.parametrize("state", [PLANNED, SENT, ACCEPTED, NOT_SENT])
async def test_nothing_else_is_planned_again(journal: Journal, state: StepState) -> None:
    await journal.add([a_request()])
    if state is not PLANNED:
        claim = await claimed(journal)
        if state is not SENT:
            await journal.record(claim, state)
    with pytest.raises(JournalError, match=f"A is {state.value}, not unknown or rejected"):
        await journal.resubmit("A")


async def test_an_order_id_that_comes_after_the_resubmission_stops_the_second_send(journal: Journal) -> None:
    claim = await an_unknown(journal)
    await journal.verdict("A", Verdict.ABSENT, "not there")
    await journal.resubmit("A")
    assert await journal.record(claim, ACCEPTED, order_id="O1")
    assert await journal.claim("A") is None


async def test_what_comes_after_the_second_claim_is_kept_in_the_history(journal: Journal) -> None:
    first = await an_unknown(journal)
    await journal.verdict("A", Verdict.ABSENT, "not there")
    await journal.resubmit("A")
    await claimed(journal)
    assert not await journal.record(first, ACCEPTED, order_id="O1")
    last = (await journal.history("A"))[-1]
    assert (last.change, last.order_id, last.token) == ("late:accepted", "O1", first.token)
    assert (await stored(journal)).state is SENT


@pytest.mark.parametrize("verdict", [Verdict.PLACED, Verdict.CONFLICT])
async def test_not_sent_does_not_count_against_the_evidence(
    journal: Journal, location: str, clock: Clock, verdict: Verdict
) -> None:
    await journal.add([a_request()])
    claim = await claimed(journal)
    clock.now += 31
    async with Journal(location, clock=clock) as other:
        await other.verdict("A", verdict, "seen")
    assert not await journal.record(claim, NOT_SENT)
    assert (await stored(journal)).state is UNKNOWN


# Drafts, then money


async def test_accepted_drafts_are_processed_by_the_same_rules(journal: Journal) -> None:
    await journal.add(
        [a_request("draft"), a_request("paid", domain="b.com", confirm=True), a_request("no", domain="c.com")]
    )
    for key in ("draft", "paid"):
        await journal.record(await claimed(journal, key), ACCEPTED, order_id=f"O-{key}")
    assert await journal.add_processing() == 1
    assert await journal.add_processing() == 0
    [entry] = [entry async for entry in journal.entries(step=Step.PROCESS)]
    assert (entry.key, entry.state, entry.order_id, entry.position) == ("draft", PLANNED, "O-draft", 0)
    claim = await claimed(journal, "draft", Step.PROCESS)
    assert await journal.claim("draft", step=Step.PROCESS) is None
    await journal.record(claim, UNKNOWN)
    assert (await stored(journal, "draft")).state is ACCEPTED
    assert (await stored(journal, "draft", Step.PROCESS)).order_id == "O-draft"
    assert (await journal.counts(step=Step.PROCESS))[UNKNOWN] == 1


async def test_drafts_may_be_chosen_by_key(journal: Journal) -> None:
    for key in ("A", "B"):
        await journal.add([a_request(key, domain=f"{key}.com")])
        await journal.record(await claimed(journal, key), ACCEPTED, order_id=key)
    assert await journal.add_processing(["B", "nobody"]) == 1
    assert [entry.key async for entry in journal.entries(step=Step.PROCESS)] == ["B"]


# Reading


async def test_entries_are_given_out_by_position_and_state(journal: Journal) -> None:
    await journal.add([a_request(key, domain=f"{key}.com") for key in "CBA"])
    await journal.record(await claimed(journal, "B"), REJECTED)
    assert [entry.key async for entry in journal.entries()] == ["C", "B", "A"]
    assert [entry.key async for entry in journal.entries(state=PLANNED)] == ["C", "A"]
    counts = await journal.counts()
    assert counts == {state: {PLANNED: 2, REJECTED: 1}.get(state, 0) for state in StepState}


async def test_the_journal_may_be_written_while_it_is_read(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cmr_async.journal.journal.CHUNK", 20)
    await journal.add([a_request(f"R{n}", domain=f"d{n}.com") for n in range(52)])
    async for entry in journal.entries(state=PLANNED):
        await claimed(journal, entry.key)
    assert (await journal.counts())[SENT] == 52


async def test_an_entry_is_exported_as_one_flat_row(journal: Journal) -> None:
    await journal.add([a_request()])
    await journal.record(await claimed(journal), ACCEPTED, order_id="O1", status=201, message="ok", attempts=1)
    row = (await stored(journal)).plain()
    assert tuple(row) == JOURNAL_COLUMNS
    assert row == {
        "key": "A",
        "step": "create",
        "state": "accepted",
        "verdict": None,
        "reference": "A",
        "position": 0,
        "user_id": "U1",
        "domains": "example.com",
        "mailboxes": 1,
        "confirm": False,
        "order_id": "O1",
        "action_id": None,
        "status": 201,
        "attempts": 1,
        "message": "ok",
        "evidence": "",
        "body_excerpt": "",
        "recovered": False,
        "planned_at": "2027-01-15T08:00:00.000+00:00",
        "sent_at": "2027-01-15T08:00:00.000+00:00",
        "ended_at": "2027-01-15T08:00:00.000+00:00",
        "verdict_at": None,
        "fingerprint": fingerprint(a_request()),
    }
    assert {type(value) for value in row.values()} <= {str, int, bool, type(None)}


# What is refused


def modes_of(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_a_journal_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        await journal.add([a_request()])
        modes = modes_of(tmp_path)
    assert modes == {"run.db": 0o600, "run.db-wal": 0o600, "run.db-shm": 0o600}


async def test_every_commit_of_a_sqlite_journal_is_on_disk(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        writer = journal._database._writer
        assert writer is not None
        values = [writer.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
        writer.rollback()
    assert values == ["wal", 2]


async def test_another_schema_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    async with Journal(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE cmr_meta SET value = '99'")
    connection.close()
    with pytest.raises(JournalVersionError, match="has schema version 99") as caught:
        await Journal(path).start()
    assert (caught.value.found, caught.value.expected) == ("99", "2")


async def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("user_id,domain\n" * 100)
    with pytest.raises(JournalError, match="holds something else"):
        await Journal(path).start()
    assert path.read_text() == "user_id,domain\n" * 100


async def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(JournalError, match="another program"):
        await Journal(path).start()


async def test_a_folder_is_no_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="it is a folder"):
        await Journal(tmp_path).start()
    with pytest.raises(JournalError, match="cannot be made: No such file or directory"):
        await Journal(tmp_path / "no" / "run.db").start()


async def test_a_journal_is_not_made_when_it_should_be_there(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="There is no journal"):
        await Journal(tmp_path / "typo.db", create=False).start()
    assert modes_of(tmp_path) == {}


async def test_a_full_disk_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        await journal.add([a_request("A")])
        writer = journal._database._writer
        assert writer is not None
        pages = writer.exec_driver_sql("PRAGMA page_count").scalar()
        writer.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        writer.rollback()
        many = [a_request(f"R{n}", domain=f"d{n}.com") for n in range(500)]
        with pytest.raises(JournalError, match="the disk is full"):
            await journal.add(many)
        await claimed(journal)
        assert (await journal.counts())[PLANNED] == 0


async def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        pass
    await journal.close()
    with pytest.raises(JournalError, match="is not open"):
        await journal.claim("A")
    with pytest.raises(JournalError, match="is not open"):
        await journal.counts()


@pytest.mark.parametrize("location", ["", ":memory:", "sqlite://", "mysql://host/db", "://", "postgresql://h:port/x"])
def test_what_is_no_place_for_a_journal_is_refused(location: str) -> None:
    with pytest.raises(ConfigurationError):
        Journal(location)


def test_a_password_is_in_no_message() -> None:
    assert Journal("postgresql://ada:secret@host/db").name == "postgresql+psycopg://ada:***@host/db"


@pytest.mark.parametrize(
    "error",
    [JournalError("m"), JournalConflictError("m"), JournalVersionError("m", found="2", expected="1")],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickling(error: CMRError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.message, vars(copy)) == (type(error), "m", vars(error))


# Imports


def run_python(code: str) -> str:
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=env).stdout


def test_importing_the_package_does_not_import_sqlalchemy() -> None:
    assert run_python("import sys, cmr_async, cmr_async.bulk; print('sqlalchemy' in sys.modules)") == "False\n"


def test_a_missing_sqlalchemy_is_named_with_what_to_install(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
sys.modules["sqlalchemy"] = None
from cmr_async.errors import ConfigurationError
try:
    from cmr_async.journal.journal import Journal
    asyncio.run(Journal({str(tmp_path / "run.db")!r}).start())
except ConfigurationError as error:
    print(error)
"""
    assert 'pip install "cmr-async[journal]"' in run_python(code)


# Several processes

_WORKER = """
import asyncio, json, random, sys
sys.path[:0] = json.loads(sys.argv[3])
from cmr_async import DomainRegistration, Order
from cmr_async.models.requests import OrderRequest
from cmr_async.journal.journal import Journal, StepState

KEYS = [f"R{n}" for n in range(120)]

async def race(location, seed):
    mine = []
    keys = random.Random(seed).sample(KEYS, len(KEYS))
    async with Journal(location) as journal:
        await journal.add(
            OrderRequest(user_id="U1", reference=key, order=Order(domains=[DomainRegistration(domain=key + ".com")]))
            for key in keys
        )
        async def work():
            while keys:
                key = keys.pop()
                claim = await journal.claim(key)
                if claim:
                    mine.append(key)
                    assert await journal.record(claim, StepState.ACCEPTED, order_id=f"{seed}-{key}")
        await asyncio.gather(*(work() for _ in range(4)))
    return mine

async def hang(location):
    async with Journal(location) as journal:
        [entry] = await journal.add(
            [OrderRequest(user_id="U1", reference="A", order=Order(domains=[DomainRegistration(domain="a.com")]))]
        )
        assert await journal.claim("A")
        print("claimed", flush=True)
        await asyncio.Event().wait()

print("ready", flush=True)
sys.stdin.readline()
if sys.argv[2] == "hang":
    asyncio.run(hang(sys.argv[1]))
else:
    print(json.dumps(asyncio.run(race(sys.argv[1], int(sys.argv[2])))), flush=True)
"""


def start_worker(location: str, what: str) -> subprocess.Popen[str]:
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, location, what, json.dumps(sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def go(worker: subprocess.Popen[str]) -> None:
    assert worker.stdin is not None
    worker.stdin.write("\n")
    worker.stdin.flush()


@pytest.mark.slow
async def test_processes_that_race_on_one_new_journal_claim_every_row_once(location: str) -> None:
    workers = [start_worker(location, seed) for seed in ("1", "2")]
    for worker in workers:
        go(worker)
    claims = [json.loads(worker.communicate(timeout=60)[0]) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert sorted(key for keys in claims for key in keys) == sorted(f"R{n}" for n in range(120))
    async with Journal(location) as journal:
        entries = [entry async for entry in journal.entries()]
    owner = {key: f"{seed}-{key}" for seed, keys in enumerate(claims, 1) for key in keys}
    assert {entry.key: (entry.state, entry.order_id) for entry in entries} == {
        key: (ACCEPTED, order_id) for key, order_id in owner.items()
    }


@pytest.mark.slow
async def test_what_a_killed_process_had_claimed_is_unknown(location: str) -> None:
    worker = start_worker(location, "hang")
    go(worker)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "claimed\n"
    async with Journal(location) as journal:
        assert (await stored(journal)).state is SENT  # its owner lives
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
        assert await journal.recover() == 1
        entry = await stored(journal)
        assert (entry.state, entry.recovered) == (UNKNOWN, True)
        assert await journal.claim("A") is None
