"""The sums of a report: each order in one of them, and what has no price is counted beside it."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from cmr_async import DomainRegistration, Mailbox, Order, OrderOutcome, OrderRequest, OrderState
from cmr_async.core.order.prices import PriceList
from cmr_async.journal.records import JournalEntry
from cmr_async.journal.states import Step, StepState
from cmr_async.models.requests import Verdict
from cmr_async.report.money import Estimate, Fate, Money, estimate
from cmr_async.report.page import entry_of
from cmr_async.report.standing import Standing

PRICES = PriceList(mailbox=Decimal(3), domain=Decimal(10))
COST = Estimate(orders=1, dollars=Decimal(13))


def entry(state: StepState, *, confirm: bool = True, verdict: Verdict | None = None) -> JournalEntry:
    box = Mailbox(username="a", first_name="A", last_name="B", on_warmup=True)
    order = Order(domains=[DomainRegistration(domain="a.com", years=2)], mailboxes={"a.com": [box]}, confirm=confirm)
    request = OrderRequest(user_id="U", order=order)
    ended = entry_of(OrderOutcome(index=0, request=request, state=OrderState.ACCEPTED), at=0.0)
    return attrs.evolve(ended, state=state, verdict=verdict)


def fates(*steps: JournalEntry) -> dict[Fate, int]:
    money = Money()
    for step in steps:
        money.add(step, COST)
    sums = money.sums()
    assert all(found.dollars == 13 * found.orders for found in sums.values())
    return {fate: found.orders for fate, found in sums.items()}


@pytest.mark.parametrize("state", StepState)
def test_every_state_of_a_paid_order_is_in_one_sum(state: StepState) -> None:
    expected = {
        StepState.ACCEPTED: Fate.ORDERED,
        StepState.UNKNOWN: Fate.IN_DOUBT,
        StepState.SENT: Fate.IN_DOUBT,
        StepState.REJECTED: Fate.REFUSED,
        StepState.NOT_SENT: Fate.NOT_ORDERED,
        StepState.PLANNED: Fate.NOT_ORDERED,
    }
    assert fates(entry(state)) == {expected[state]: 1}


@pytest.mark.parametrize(
    ("verdict", "fate"),
    [(Verdict.PLACED, Fate.ORDERED), (Verdict.ABSENT, Fate.NOT_ORDERED), (Verdict.CONFLICT, Fate.IN_DOUBT)],
)
def test_a_verdict_moves_an_unknown_order_into_another_sum(verdict: Verdict, fate: Fate) -> None:
    assert fates(entry(StepState.UNKNOWN, verdict=verdict)) == {fate: 1}


def test_a_draft_that_is_being_paid_is_no_unpaid_draft_any_more() -> None:
    draft = entry(StepState.ACCEPTED, confirm=False)
    assert fates(draft) == {Fate.DRAFT: 1}
    assert fates(draft, draft, attrs.evolve(draft, step=Step.PROCESS, state=StepState.UNKNOWN)) == {
        Fate.IN_DOUBT: 1,
        Fate.DRAFT: 1,
    }
    assert fates(attrs.evolve(draft, step=Step.PROCESS), draft) == {Fate.ORDERED: 1}


@pytest.mark.parametrize("state", sorted(set(StepState) - {StepState.ACCEPTED}))
def test_a_draft_that_is_not_accepted_is_no_money(state: StepState) -> None:
    assert fates(entry(state, confirm=False)) == {}


def test_an_estimate_counts_the_warmup_that_has_no_price() -> None:
    step = entry(StepState.ACCEPTED)
    assert estimate(step, PRICES) == Estimate(orders=1, dollars=Decimal(23), unpriced_warmups=1)
    priced = attrs.evolve(PRICES, warmup=Decimal(2))
    assert estimate(step, priced) == Estimate(orders=1, dollars=Decimal(25))


def test_an_order_that_is_none_is_counted_without_dollars() -> None:
    broken = attrs.evolve(entry(StepState.ACCEPTED), body='{"domains": 7}')
    assert estimate(broken, PRICES) == Estimate(orders=1, unreadable=1)


def test_every_standing_has_a_place_in_the_sums() -> None:
    partial = attrs.evolve(entry(StepState.ACCEPTED), unavailable=("a.com",))
    assert Standing.of(partial) is Standing.PARTIAL
    assert fates(partial) == {Fate.ORDERED: 1}
