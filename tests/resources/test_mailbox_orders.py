"""Orders of mailboxes against the simulator: sent to their own endpoint, paid at most once, kept by a journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest

from cmr_async import (
    AsyncClient,
    Mailbox,
    MailboxOrder,
    OrderOutcome,
    OrderRequest,
    OrderState,
    OutcomeUnknownError,
    ValidationError,
)
from cmr_async.journal.journal import Journal
from cmr_async.journal.states import OrderKind, StepState
from cmr_async.simulator import FaultRule, Simulator
from tests.fakes import USER, make_order

PATH = "/orders/create-mailbox-order/json"


@attrs.frozen
class World:
    """A simulator with the domain a.com, a client, and the id of the domain's subscription."""

    sim: Simulator
    cmr: AsyncClient
    subscription_id: str

    def order(self, username: str = "ada", **fields: Any) -> MailboxOrder:
        box = Mailbox(username=username, first_name="Ada", last_name="Lovelace")
        return MailboxOrder(**{"subscription_id": self.subscription_id, "mailboxes": {"a.com": [box]}, **fields})

    def paid(self) -> list[tuple[str, Decimal]]:
        """What was charged after the order of the domain."""
        return [(row.kind, row.amount) for row in self.sim.state.ledger[1:]]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with Simulator(rate_limit=None, provision_seconds=(0, 0)) as sim:
        paths = {"orders.process": "/orders/process"}
        async with AsyncClient(sim.api_key, sim.base_url, gap=0, endpoints=paths) as cmr:
            await cmr.orders.create(make_order("a", confirm=True), user_id=USER)
            answer = await cmr.subscriptions.list(domain="a.com")
            yield World(sim, cmr, answer.data["subscriptions"][0]["subscriptionId"])


async def run(world: World, orders: list[MailboxOrder], journal: Path, **settings: Any) -> list[OrderOutcome]:
    requests = [OrderRequest(user_id=USER, order=order, reference=f"r{at}") for at, order in enumerate(orders)]
    return sorted(
        [outcome async for outcome in world.cmr.bulk.submit(requests, journal=journal, **settings)],
        key=lambda outcome: outcome.index,
    )


async def test_a_confirmed_order_is_paid_and_a_draft_is_not(world: World) -> None:
    draft = await world.cmr.orders.create_mailboxes(world.order(), user_id=USER)
    paid = await world.cmr.orders.create_mailboxes(world.order("bob", confirm=True), user_id=USER)
    assert draft.order_id != paid.order_id
    assert world.paid() == [("confirmed", Decimal(3))]


async def test_each_kind_of_order_has_its_own_call(world: World) -> None:
    other: Any = make_order("b", confirm=True)
    with pytest.raises(ValidationError, match="must be of the class MailboxOrder, not Order"):
        await world.cmr.orders.create_mailboxes(other, user_id=USER)
    same: Any = world.order(confirm=True)
    with pytest.raises(ValidationError, match="must be of the class Order, not MailboxOrder"):
        await world.cmr.orders.create(same, user_id=USER)
    with pytest.raises(ValidationError, match="must be an Order"):
        await world.cmr.orders.preflight(same, user_id=USER)
    assert world.paid() == []


async def test_a_lost_answer_is_unknown_and_never_sent_again(world: World) -> None:
    world.sim.faults.add(FaultRule(kind="reset", path=PATH, after_processing=True))
    with pytest.raises(OutcomeUnknownError):
        await world.cmr.orders.create_mailboxes(world.order(confirm=True), user_id=USER)
    assert world.paid() == [("confirmed", Decimal(3))]


async def test_a_refusal_with_429_is_repeated(world: World) -> None:
    world.sim.faults.add(FaultRule(kind="status", status=429, headers={"Retry-After": "0"}, path=PATH))
    created = await world.cmr.orders.create_mailboxes(world.order(confirm=True), user_id=USER)
    assert created.envelope is not None
    assert created.envelope.attempts == 2
    assert world.paid() == [("confirmed", Decimal(3))]


async def test_an_order_asked_for_many_times_with_a_journal_is_sent_once(world: World, tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        order = world.order(confirm=True)
        calls = [world.cmr.orders.create_mailboxes(order, user_id=USER, journal=journal) for _ in range(5)]
        assert len({created.order_id for created in await asyncio.gather(*calls)}) == 1
        [entry] = [entry async for entry in journal.entries()]
    assert (entry.kind, entry.order, entry.domains) == (OrderKind.MAILBOX_ORDER, order, ("a.com",))
    assert world.paid() == [("confirmed", Decimal(3))]


async def test_a_run_of_both_kinds_resumes_and_leaves_the_unknown_alone(world: World, tmp_path: Path) -> None:
    world.sim.faults.add(FaultRule(kind="reset", path=PATH, after_processing=True))
    path = tmp_path / "run.db"
    requests = [
        OrderRequest(user_id=USER, order=world.order(confirm=True), reference="boxes"),
        OrderRequest(user_id=USER, order=make_order("c", confirm=True), reference="domain"),
        OrderRequest(user_id=USER, order=world.order("bob", confirm=True), reference="more boxes"),
    ]
    for expected in (
        [OrderState.UNKNOWN, OrderState.ACCEPTED, OrderState.ACCEPTED],
        [OrderState.UNKNOWN, OrderState.SKIPPED, OrderState.SKIPPED],
    ):
        found = {
            outcome.index: outcome.state
            async for outcome in world.cmr.bulk.submit(requests, journal=path, concurrency=1)
        }
        assert [found[index] for index in range(3)] == expected
    assert len(world.sim.state.ledger) == 4
    assert world.sim.state.purchases("c.com") == 1


async def test_the_drafts_of_a_journal_are_processed_once(world: World, tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    await run(world, [world.order(), world.order("bob")], path)
    assert world.paid() == []
    for _ in range(2):
        _ = [outcome async for outcome in world.cmr.bulk.process(path)]
    assert world.paid() == [("processed", Decimal(3)), ("processed", Decimal(3))]


async def test_a_draft_that_is_confirmed_later_is_processed(world: World, tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    await run(world, [world.order()], path)
    (outcome,) = await run(world, [world.order(confirm=True)], path)
    assert outcome.state is OrderState.ACCEPTED
    assert world.paid() == [("processed", Decimal(3))]


async def test_reconciliation_never_calls_it_absent(world: World, tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    world.sim.faults.add(FaultRule(kind="reset", path=PATH))
    (outcome,) = await run(world, [world.order(confirm=True)], path)
    assert outcome.state is OrderState.UNKNOWN
    (finding,) = [finding async for finding in world.cmr.bulk.reconcile(path, settle=0)]
    assert finding.entry.state is StepState.UNKNOWN
    assert str(finding.verdict) != "absent"
