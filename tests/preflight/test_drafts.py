"""The accepted drafts of a journal: which of them a run may process, and what that would buy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
import pytest

from cmr_async.errors import ConfigurationError
from cmr_async.journal.records import JournalEntry
from cmr_async.journal.states import Step, StepState
from cmr_async.models import DomainRegistration, Mailbox, Order
from cmr_async.models.requests import OrderOutcome, OrderRequest, OrderState, Verdict
from cmr_async.orderfiles.located import InputFault
from cmr_async.preflight.drafts import Drafts, plan_drafts
from cmr_async.preflight.prices import Budget
from cmr_async.report.page import entry_of


def draft(
    key: str, *, domain: str | None = None, confirm: bool = False, order_id: str | None = "ORDER"
) -> JournalEntry:
    name = domain or f"{key}-domain.com"
    boxes = {name: [Mailbox(username="ann", first_name="Ann", last_name="Lee")]}
    order = Order(domains=[DomainRegistration(domain=name)], mailboxes=boxes, confirm=confirm)
    request = OrderRequest(user_id="U", order=order, reference=key)
    return entry_of(OrderOutcome(index=0, request=request, state=OrderState.ACCEPTED, order_id=order_id), at=1e9)


def processed(key: str, state: StepState) -> JournalEntry:
    return attrs.evolve(draft(key), step=Step.PROCESS, state=state)


def plan(
    accepted: Iterable[JournalEntry],
    steps: Iterable[JournalEntry] = (),
    *,
    references: Iterable[str] = (),
    most: int | None = None,
    others: Iterable[JournalEntry] = (),
) -> tuple[Drafts, list[InputFault]]:
    faults: list[InputFault] = []
    drafts = plan_drafts(
        accepted,
        steps,
        journal="run.db",
        references=frozenset(references),
        budget=Budget(max_orders=most),
        on_fault=faults.append,
        others=others,
    )
    return drafts, faults


def test_only_drafts_with_an_order_id_are_processed_and_each_has_its_number() -> None:
    drafts, faults = plan([draft("a"), draft("paid", confirm=True), draft("b"), draft("lost", order_id=None)])
    assert drafts.to_give == {"a": 1, "b": 2}
    assert (drafts.plan.orders, drafts.plan.domains, drafts.plan.mailboxes) == (2, 2, 2)
    assert faults == []


def test_drafts_that_are_named_keep_their_numbers() -> None:
    drafts, _ = plan(map(draft, "abc"), references=["c"])
    assert drafts.to_give == {"c": 3}
    assert drafts.plan.orders == 1


def test_a_name_that_is_no_accepted_draft_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^run\.db holds no accepted draft x, y\. Nothing was sent\.$"):
        plan([draft("a"), draft("x", confirm=True)], references=["y", "a", "x"])


def test_what_was_processed_is_not_given_again_and_what_is_in_doubt_is_given_to_be_reported() -> None:
    steps = [
        processed("a", StepState.ACCEPTED),
        processed("b", StepState.UNKNOWN),
        processed("c", StepState.REJECTED),
        processed("d", StepState.NOT_SENT),
        processed("e", StepState.PLANNED),
    ]
    drafts, _ = plan(map(draft, "abcdef"), steps)
    assert drafts.processed == 1
    assert drafts.settled == {"a": "accepted", "b": "unknown", "c": "rejected"}
    assert drafts.to_give == {"b": 2, "c": 3, "d": 4, "e": 5, "f": 6}
    assert drafts.plan.to_send == 3


def test_drafts_beyond_a_limit_are_held_back() -> None:
    drafts, _ = plan(map(draft, "abcd"), [processed("a", StepState.UNKNOWN)], most=2)
    assert drafts.to_give == {"a": 1, "b": 2, "c": 3}
    assert (drafts.plan.to_send, drafts.plan.affordable) == (3, 2)


def test_a_domain_in_two_drafts_is_a_fault() -> None:
    drafts, faults = plan([draft("a"), draft("b", domain="a-domain.com")])
    assert drafts.plan.faults == len(faults) == 1
    assert str(faults[0]) == (
        "run.db, row 2, domains[0].domain: a-domain.com is registered by the order at row 1 already; "
        "paying for both may buy it twice"
    )


@pytest.mark.parametrize(
    ("changes", "is_fault"),
    [
        ({}, True),
        ({"state": StepState.SENT}, True),
        ({"state": StepState.UNKNOWN}, True),
        ({"state": StepState.UNKNOWN, "verdict": Verdict.ABSENT}, False),
        ({"state": StepState.REJECTED}, False),
        ({"state": StepState.PLANNED}, False),
        ({"confirm": False}, False),
        ({"confirm": False, "step": Step.PROCESS}, True),
    ],
    ids=repr,
)
def test_what_another_order_has_paid_for_is_not_paid_for_by_a_draft(changes: dict[str, Any], is_fault: bool) -> None:
    other = attrs.evolve(draft("paid", domain="a-domain.com", confirm=True), **changes)
    drafts, faults = plan([draft("a"), draft("b")], others=[other])
    assert drafts.plan.faults == len(faults) == is_fault
    message = (
        "run.db, row 1, domains[0].domain: a-domain.com is paid for by another order of this journal already; "
        "paying for both may buy it twice"
    )
    assert [str(fault) for fault in faults] == [message] * is_fault


def test_a_draft_that_was_processed_is_no_second_order_of_its_own_domain() -> None:
    steps = [processed("a", StepState.ACCEPTED)]
    _, faults = plan([draft("a")], steps, others=[draft("a"), *steps])
    assert faults == []
