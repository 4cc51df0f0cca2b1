"""Claims and outcomes that share a commit, and callers that leave before it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, NoReturn

import pytest

from cmr_async.errors import JournalError
from cmr_async.journal import group_commit
from cmr_async.journal.journal import Journal
from cmr_async.journal.records import Claim
from cmr_async.journal.statements import Transaction
from tests.journal.arrange import ACCEPTED, NOT_SENT, PLANNED, SENT, a_request, changes, claimed, some_requests, stored


async def test_of_many_that_want_a_step_at_once_one_gets_it(journal: Journal) -> None:
    await journal.add([a_request("A"), a_request("B", domain="b.com")])
    claims = await asyncio.gather(*(journal.claim(key) for key in "AABBAB"))
    assert sorted(claim.key for claim in claims if claim) == ["A", "B"]


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


async def test_what_comes_during_a_commit_shares_the_next_one(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.add(some_requests(5))
    first = await claimed(journal, "R0")
    groups: list[tuple[int, int]] = []
    write = journal._group._write

    async def counted(wanted: list[Any], reported: list[Any]) -> Any:
        groups.append((len(wanted), len(reported)))
        return await write(wanted, reported)

    monkeypatch.setattr(journal._group, "_write", counted)
    go = threading.Event()
    busy = asyncio.create_task(journal._database.write(lambda _: go.wait()))
    work = [asyncio.ensure_future(journal.claim(key)) for key in ("R1",)]
    for _ in range(3):  # the first group is under way by now
        await asyncio.sleep(0)
    work += [asyncio.ensure_future(journal.claim(key)) for key in ("R2", "R3", "R4")]
    record = asyncio.ensure_future(journal.record(first, ACCEPTED))
    await asyncio.sleep(0)
    go.set()
    await busy
    assert all(await asyncio.gather(*work, record))
    assert groups == [(1, 0), (3, 1)]


async def test_a_group_is_no_larger_than_its_limit(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "_GROUP", 2)
    await journal.add(some_requests(5))
    claims = await asyncio.gather(*(journal.claim(f"R{number}") for number in range(5)))
    tokens = [claim.token for claim in claims if claim]
    assert [tokens.count(token) for token in dict.fromkeys(tokens)] == [2, 2, 1]


async def test_when_a_commit_fails_everybody_in_it_is_told_and_the_next_one_goes_on(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.add(some_requests(3))
    claim = await claimed(journal, "R0")

    def fail(*_: object, **__: object) -> NoReturn:
        raise JournalError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(Transaction, "append_events", fail)
        results = await asyncio.gather(journal.claim("R1"), journal.record(claim, ACCEPTED), return_exceptions=True)
    assert [str(result) for result in results] == ["the disk is full", "the disk is full"]
    assert [(await stored(journal, key)).state for key in ("R0", "R1")] == [SENT, PLANNED]
    assert await journal.record(claim, ACCEPTED)
    assert await journal.claim("R1") is not None


async def test_a_group_whose_callers_all_left_writes_nothing(journal: Journal) -> None:
    await journal.add(some_requests(2))
    go = threading.Event()
    busy = asyncio.create_task(journal._database.write(lambda _: go.wait()))
    first = asyncio.ensure_future(journal.claim("R0"))
    for _ in range(3):  # the first group is under way by now
        await asyncio.sleep(0)
    left = asyncio.ensure_future(journal.claim("R1"))
    await asyncio.sleep(0)
    left.cancel()
    go.set()
    await busy
    assert await first is not None
    await journal._database.finish()
    assert left.cancelled()
    assert await changes(journal, "R1") == []


async def test_when_the_writing_task_is_cancelled_so_are_its_callers(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.add(some_requests(2))

    flushes: list[asyncio.Task[Any] | None] = []

    async def never(*_: object) -> None:
        flushes.append(asyncio.current_task())
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(journal._group, "_write", never)
        callers = [asyncio.ensure_future(journal.claim(key)) for key in ("R0", "R1")]
        for _ in range(3):
            await asyncio.sleep(0)
        callers[0].cancel()
        await asyncio.wait([callers[0]])
        (flush,) = flushes
        assert flush is not None
        flush.cancel()
        await asyncio.wait(callers)
    assert [caller.cancelled() for caller in callers] == [True, True]
    assert await journal.claim("R0") is not None
