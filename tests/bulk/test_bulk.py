"""`client.bulk`: what its methods refuse before anything is sent, and orders that are planned again by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from cmr_async import ConfigurationError, EndpointNotConfiguredError, OrderState
from cmr_async.bulk import Bulk
from cmr_async.core.endpoints import resolve
from cmr_async.errors import JournalError
from cmr_async.journal.journal import Journal, Step, StepState
from tests.fakes import (
    ACCEPTED,
    UNSENT,
    FakeTransport,
    answered,
    make_bulk,
    make_pipeline,
    make_request,
    make_requests,
    wait_for_slot,
)

PATHS = resolve({"orders.process": "/orders/process"})


@pytest.mark.parametrize(
    "limits", [{"concurrency": 0}, {"concurrency": -1}, {"stop_after_unknown": 0}, {"concurrency": "8"}]
)
def test_limits_that_let_nothing_through_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"^concurrency and stop_after_unknown must be 1 or more\.$"):
        make_bulk(FakeTransport()).submit([], **limits)


def test_drafts_are_not_processed_without_a_path() -> None:
    with pytest.raises(EndpointNotConfiguredError):
        make_bulk(FakeTransport()).process("run.db")


@pytest.mark.parametrize(
    "call",
    [
        lambda bulk: anext(bulk.process(None)),
        lambda bulk: anext(bulk.reconcile(None)),
        lambda bulk: bulk.resubmit(None, "a"),
        lambda bulk: bulk.resubmit_all(None, "absent"),
    ],
    ids=["process", "reconcile", "resubmit", "resubmit_all"],
)
async def test_what_needs_a_journal_says_so(call: Callable[[Bulk], Awaitable[object]]) -> None:
    transport = FakeTransport()
    with pytest.raises(ConfigurationError, match="journal"):
        await call(Bulk(attrs.evolve(make_pipeline(transport), endpoints=PATHS)))
    assert transport.sent == []


async def test_a_refused_order_that_is_resubmitted_is_sent_by_the_next_run(tmp_path: Path) -> None:
    path, transport = tmp_path / "run.db", FakeTransport([answered(422), ACCEPTED])
    bulk, order = make_bulk(transport), [make_request(0)]
    assert [outcome.state async for outcome in bulk.submit(order, journal=path)] == [OrderState.REJECTED]
    entry = await bulk.resubmit(path, "0", reason="the user exists now")
    assert (entry.key, entry.state) == ("0", StepState.PLANNED)
    assert [outcome.state async for outcome in bulk.submit(order, journal=path)] == [OrderState.ACCEPTED]
    async with Journal(path) as journal:
        assert "the user exists now" in [event.reason for event in await journal.history("0")]


async def test_an_accepted_order_is_not_resubmitted(tmp_path: Path) -> None:
    path, bulk = tmp_path / "run.db", make_bulk(FakeTransport())
    assert [outcome.state async for outcome in bulk.submit([make_request(0)], journal=path)] == [OrderState.ACCEPTED]
    with pytest.raises(JournalError):
        await bulk.resubmit(path, "0")
    with pytest.raises(JournalError):
        await bulk.resubmit(path, "no such order")


async def test_only_the_named_drafts_are_processed_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    replies = [answered(200, {"orderId": f"ord_{number}"}) for number in range(4)]
    transport = FakeTransport([*replies, *[answered(200, None)] * 3])
    bulk = Bulk(attrs.evolve(make_pipeline(transport), endpoints=PATHS))
    drafts = make_requests(4, confirm=False)
    assert [outcome.order_id async for outcome in bulk.submit(drafts, journal=path, concurrency=1)] == [
        f"ord_{number}" for number in range(4)
    ]
    run = bulk.process(path, references=["0", "2", "3"], concurrency=1)
    assert [(outcome.index, outcome.order_id, outcome.state) async for outcome in run] == [
        (index, order_id, OrderState.ACCEPTED) for index, order_id in enumerate(["ord_0", "ord_2", "ord_3"])
    ]
    assert [request.body for request in transport.sent[4:]] == [
        b'{"orderId":"ord_0"}',
        b'{"orderId":"ord_2"}',
        b'{"orderId":"ord_3"}',
    ]
    async with Journal(path) as journal:
        assert [entry.key async for entry in journal.entries(step=Step.PROCESS)] == ["0", "2", "3"]


async def next_wait(journal: Journal, gap: float) -> float:
    """Return the seconds that the next slot of the journal's pace has to be waited for."""
    _, waited = await wait_for_slot(journal.shared_pace(""), gap=gap)
    return waited


async def test_a_run_with_a_journal_takes_its_slots_from_the_pace_of_the_journal(journal: Journal) -> None:
    gap = 1000.0  # longer than this test can take, on the database's clock
    run = make_bulk(FakeTransport(), gap=gap).submit([make_request(0)], journal=journal)
    assert [outcome.state async for outcome in run] == [OrderState.ACCEPTED]
    assert round(await next_wait(journal, gap) / gap) == 1


async def test_a_run_without_a_pace_leaves_the_pace_of_the_journal_alone(journal: Journal) -> None:
    run = make_bulk(FakeTransport([UNSENT]), gap=0).submit([make_request(0)], journal=journal)
    assert [outcome.state async for outcome in run] == [OrderState.NOT_SENT]
    assert await next_wait(journal, 1000.0) == 0
