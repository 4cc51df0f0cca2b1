"""How a step stands: its state, or the verdict on an unknown one."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from cmr_async import DomainRegistration, Order, OrderOutcome, OrderRequest, OrderState
from cmr_async.journal.records import JournalEntry
from cmr_async.journal.states import Step, StepState
from cmr_async.models.requests import Verdict
from cmr_async.report.page import entry_of
from cmr_async.report.standing import Kind, Standing


def entry(outcome: OrderState = OrderState.ACCEPTED, *, confirm: bool = False, **values: Any) -> JournalEntry:
    order = Order(domains=[DomainRegistration(domain="a.com")], confirm=confirm)
    ended = OrderOutcome(index=0, request=OrderRequest(user_id="U", order=order), state=outcome)
    return attrs.evolve(entry_of(ended, at=0.0), **values)


@pytest.mark.parametrize("state", StepState)
def test_a_step_stands_as_its_state_says(state: StepState) -> None:
    assert Standing.of(entry(state=state)).value == state.value


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_counts_for_an_unknown_step_only(verdict: Verdict) -> None:
    assert Standing.of(entry(OrderState.UNKNOWN, verdict=verdict)).value == verdict.value
    assert Standing.of(entry(OrderState.ACCEPTED, verdict=verdict)) is Standing.ACCEPTED


def test_an_accepted_order_that_lacks_a_domain_is_accepted_in_part() -> None:
    found = Standing.of(entry(OrderState.ACCEPTED, unavailable=("a.com",)))
    assert (found, found.words) == (Standing.PARTIAL, "accepted in part")


def test_what_is_in_doubt_comes_first_and_what_is_done_comes_last() -> None:
    ranked = sorted(Standing, key=lambda standing: standing.rank)
    assert ranked[:2] == [Standing.UNKNOWN, Standing.CONFLICT]
    assert ranked[-2:] == [Standing.PLACED, Standing.ACCEPTED]


def test_an_order_is_paid_or_a_draft_and_its_processing_is_neither() -> None:
    draft = entry()
    assert Kind.of(draft) is Kind.DRAFT
    assert Kind.of(entry(confirm=True)) is Kind.PAID
    assert Kind.of(attrs.evolve(draft, step=Step.PROCESS)) is Kind.PROCESSING
