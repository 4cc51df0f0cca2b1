"""The journal as its users see it: adding orders, reading them, runs that live and runs that died."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

import pytest

from cmr_async import work_thread
from cmr_async.core.order.checked import check_request
from cmr_async.errors import JournalConflictError, JournalError, ValidationError
from cmr_async.journal.identity import fingerprint_of, order_key
from cmr_async.journal.journal import Journal
from cmr_async.journal.records import Claim
from cmr_async.journal.states import Step, StepState
from cmr_async.journal.storage.statements import Transaction
from cmr_async.models.requests import OrderRequest
from tests.fakes import Clock
from tests.journal.arrange import (
    ACCEPTED,
    NOT_SENT,
    PLANNED,
    REJECTED,
    SENT,
    UNKNOWN,
    a_request,
    changes,
    claimed,
    from_another_machine,
    stored,
    vanish,
)


async def test_a_new_order_is_planned_with_everything_a_resume_needs(journal: Journal, clock: Clock) -> None:
    request = a_request()
    [entry] = await journal.add([request], start=7)
    assert entry == await stored(journal)
    assert (entry.key, entry.position, entry.state, entry.confirm) == ("A", 7, PLANNED, False)
    assert (entry.planned_at, entry.sent_at, entry.attempts) == (clock.now, None, 0)
    assert entry.request == request
    assert entry.domains == ("example.com",)


async def test_opening_an_open_journal_again_is_refused_and_leaves_it_open(journal: Journal) -> None:
    with pytest.raises(JournalError, match="was opened before"):
        await journal.start()
    await journal.add([a_request()])
    assert (await stored(journal)).state is PLANNED


async def test_a_closed_journal_is_not_opened_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run.db")
    async with journal:
        await journal.add([a_request()])
    with pytest.raises(JournalError, match="was opened before"):
        await journal.start()


async def test_a_journal_that_could_not_be_opened_may_be_opened_once_it_can(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "run.db", create=False)
    with pytest.raises(JournalError, match=r"run\.db"):
        await journal.start()
    async with Journal(tmp_path / "run.db"):
        pass
    async with journal:
        assert await journal.get("A") is None


async def test_an_order_is_checked_when_it_is_added(journal: Journal) -> None:
    wrong = [a_request("A"), a_request("B", domain="no domain"), OrderRequest(user_id=" ", order=a_request().order)]
    with pytest.raises(ValidationError) as caught:
        await journal.add(wrong)
    assert [fault.path for fault in caught.value.faults] == [
        "requests[1].domains[0].domain",  # of its mailboxes it is not said again
        "requests[2].user_id",
    ]
    assert await journal.get("A") is None


async def test_an_order_is_added_as_it_will_be_sent(journal: Journal) -> None:
    [entry] = await journal.add([a_request(None, domain="EXAMPLE.com")])
    assert (entry.domains, entry.key) == (("example.com",), order_key(a_request(None)))


async def test_an_order_that_was_checked_before_is_not_checked_or_serialised_again(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = check_request(a_request())
    body = checked.body

    def never(*_: object) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr("cmr_async.journal.journal.check_request", never)
    monkeypatch.setattr("cmr_async.core.order.checked.dump_order", never)
    [entry] = await journal.add([checked])
    assert (entry.body.encode(), entry.fingerprint) == (body, fingerprint_of("U1", body))


async def test_a_checked_order_with_faults_is_refused_too(journal: Journal) -> None:
    with pytest.raises(ValidationError, match=r"requests\[0\].domains\[0\].domain"):
        await journal.add([check_request(a_request(domain="no domain"))])
    assert (await journal.counts())[PLANNED] == 0


async def test_a_reference_that_cannot_be_a_key_is_refused(journal: Journal) -> None:
    with pytest.raises(ValidationError, match="reference: must not begin with sha256:"):
        await journal.add([a_request("A"), a_request("sha256:b", domain="b.com")])
    assert await journal.get("A") is None


async def test_nothing_to_add_is_no_mistake(journal: Journal) -> None:
    assert await journal.add([]) == []


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


async def test_one_batch_cannot_hold_two_orders_of_one_reference(journal: Journal) -> None:
    with pytest.raises(JournalConflictError, match="This input has A"):
        await journal.add([a_request("A"), a_request("A", domain="other.com")])
    assert await journal.get("A") is None


async def test_planned_and_sent_are_no_outcomes(journal: Journal) -> None:
    await journal.add([a_request()])
    claim = await claimed(journal)
    for state in (PLANNED, SENT):
        with pytest.raises(ValueError, match="no outcome"):
            await journal.record(claim, state)


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
    async with from_another_machine(Journal(location, clock=clock)) as other:
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
    async with from_another_machine(Journal(location, clock=clock)) as other:
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
    await asyncio.sleep(0)
    assert journal._closing
    assert not journal.holds(claim)
    with pytest.raises(JournalError, match="is being closed"):
        await journal.claim("B")
    await closing
    async with Journal(location, clock=clock) as later:
        assert {entry.key: entry.state async for entry in later.entries()} == {"A": UNKNOWN, "B": StepState.PLANNED}


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


async def test_an_open_journal_gives_signs_of_life_also_after_one_that_failed(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[str] = []
    third = asyncio.Event()
    beat = Journal.beat

    async def counted(journal: Journal) -> None:
        beats.append(journal.run_id)
        if len(beats) == 1:
            raise JournalError("the database is away")
        await beat(journal)
        if len(beats) == 3:
            third.set()

    monkeypatch.setattr(Journal, "beat", counted)
    async with Journal(location, lease=0.06) as journal:
        await third.wait()
        assert beats[:3] == [journal.run_id] * 3


async def test_a_journal_that_fails_while_it_opens_is_not_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> NoReturn:
        raise JournalError("the disk is full")

    journal = Journal(tmp_path / "run.db")
    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "recover", fail)
        with pytest.raises(JournalError, match="the disk is full"):
            await journal.start()
    assert not journal._database.is_open
    await journal.close()  # nothing to do
    async with Journal(tmp_path / "run.db") as later:
        assert (await later.counts())[PLANNED] == 0


async def test_the_history_may_be_that_of_one_step(journal: Journal) -> None:
    await journal.add([a_request()])
    await journal.record(await claimed(journal), ACCEPTED, order_id="O1")
    await journal.add_processing()
    await claimed(journal, "A", Step.PROCESS)
    assert [event.change for event in await journal.history("A", step=Step.PROCESS)] == ["sent"]
    assert [event.change for event in await journal.history("A")] == ["sent", "accepted", "sent"]


async def test_of_many_that_want_a_step_at_once_one_gets_it(journal: Journal) -> None:
    await journal.add([a_request("A"), a_request("B", domain="b.com")])
    claims = await asyncio.gather(*(journal.claim(key) for key in "AABBAB"))
    assert sorted(claim.key for claim in claims if claim) == ["A", "B"]


async def test_a_claim_whose_caller_is_cancelled_is_given_back(journal: Journal) -> None:
    keys = [f"R{n}" for n in range(8)]
    await journal.add([a_request(key, domain=f"{key}.com") for key in keys])
    for ticks, key in enumerate(keys):
        task = asyncio.create_task(journal.claim(key))
        for _ in range(ticks):
            await asyncio.sleep(0)
        task.cancel()
        result = (await asyncio.gather(task, return_exceptions=True))[0]
        entry = await stored(journal, key)
        if isinstance(result, Claim):
            assert entry.state is SENT
        else:
            assert entry.state in {PLANNED, NOT_SENT}


async def test_a_claim_is_given_back_when_its_caller_is_cancelled_as_it_arrives(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.add([a_request()])
    task = asyncio.create_task(journal.claim("A"))
    deliver = work_thread._deliver

    def deliver_and_cancel(*result: Any) -> None:
        deliver(*result)
        task.cancel()  # the caller has its claim by now, and will never see it

    with monkeypatch.context() as patched:
        patched.setattr(work_thread, "_deliver", deliver_and_cancel)
        await asyncio.wait([task])
    assert task.cancelled()
    assert await changes(journal) == ["sent", "not_sent"]
    assert await journal.claim("A") is not None


async def test_an_outcome_is_written_although_its_caller_is_cancelled(journal: Journal) -> None:
    await journal.add([a_request()])
    task = asyncio.create_task(journal.record(await claimed(journal), ACCEPTED, order_id="O1"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert (await stored(journal)).order_id == "O1"


async def test_when_a_commit_fails_its_caller_is_told_and_the_next_one_goes_on(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.add([a_request("A"), a_request("B", domain="b.com")])
    claim = await claimed(journal, "A")

    def fail(*_: object, **__: object) -> NoReturn:
        raise JournalError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "append_events", fail)
        results = await asyncio.gather(journal.claim("B"), journal.record(claim, ACCEPTED), return_exceptions=True)
    assert [str(result) for result in results] == ["the disk is full", "the disk is full"]
    assert [(await stored(journal, key)).state for key in "AB"] == [SENT, PLANNED]
    assert await journal.record(claim, ACCEPTED)
    assert await journal.claim("B") is not None


def test_a_journal_that_is_left_open_does_not_keep_asyncio_from_returning(tmp_path: Path) -> None:
    """`asyncio.run` cancels every task at its end; what was under way is written, and nothing waits for the loop."""
    location = tmp_path / "run.db"
    begun, go = threading.Event(), threading.Event()

    def block(_: Transaction) -> None:
        begun.set()
        go.wait()

    async def leave() -> tuple[Journal, threading.Thread]:
        journal = Journal(location)
        await journal.start()
        await journal.add([a_request(key, domain=f"{key}.com") for key in "ABC"])
        claim = await claimed(journal, "A")
        worker = journal._database._thread._thread
        assert worker is not None
        tasks: list[asyncio.Task[Any]] = [asyncio.create_task(journal._database.write(block))]
        await asyncio.to_thread(begun.wait)
        tasks += [
            asyncio.create_task(journal.claim("B")),
            asyncio.create_task(journal.record(claim, ACCEPTED, order_id="O1")),
            asyncio.create_task(journal.close()),
            asyncio.create_task(journal.get("C")),
        ]
        await asyncio.sleep(0)
        return journal, worker

    journal, worker = asyncio.run(leave())
    go.set()
    worker.join(60)  # it ends after the jobs that it has

    async def look() -> list[tuple[StepState, str | None]]:
        async with Journal(location) as later:
            return [(entry.state, entry.order_id) async for entry in later.entries()]

    assert asyncio.run(look()) == [(ACCEPTED, "O1"), (PLANNED, None), (PLANNED, None)]
    assert not journal._database.is_open


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


async def test_what_was_said_is_kept_up_to_a_length_that_nobody_reads(journal: Journal) -> None:
    await journal.add([a_request()])
    claim = await claimed(journal)
    assert await journal.record(claim, ACCEPTED, order_id="O1", message="x" * 200_000, body_excerpt="y" * 200_000)
    entry = await stored(journal)
    assert (entry.message, entry.body_excerpt) == ("x" * 100_000, "y" * 100_000)
