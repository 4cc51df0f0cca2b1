"""Adding orders: which one the journal has already, and what becomes of one that changed."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from cmr_async.errors import JournalConflictError
from cmr_async.journal.journal import Journal, StepState, Verdict
from cmr_async.journal.states import may_be_replaced
from cmr_async.models.requests import OrderRequest
from tests.journal.arrange import (
    ACCEPTED,
    NOT_SENT,
    PLANNED,
    REJECTED,
    SENT,
    UNKNOWN,
    a_request,
    an_unknown,
    changes,
    claimed,
    some_requests,
    stored,
)

FORMS = ["A-1", " A-1 ", "A-1\n"]


async def in_state(journal: Journal, state: StepState, request: OrderRequest | None = None) -> None:
    """Have the journal hold an order in a state that its owner reported."""
    (entry,) = await journal.add([request or a_request("A")])
    if state is not PLANNED:
        claim = await claimed(journal, entry.key)
        if state is not SENT:
            await journal.record(claim, state)


async def keys(journal: Journal) -> list[str]:
    return [entry.key async for entry in journal.entries()]


@pytest.mark.parametrize("reference", FORMS)
async def test_white_space_around_a_reference_makes_no_other_order(journal: Journal, reference: str) -> None:
    await in_state(journal, ACCEPTED, a_request("A-1"))
    (entry,) = await journal.add([a_request(reference)])
    assert (entry.key, entry.reference, entry.state) == ("A-1", "A-1", ACCEPTED)
    assert await keys(journal) == ["A-1"]


async def test_two_forms_of_the_same_letters_are_one_reference(journal: Journal) -> None:
    await in_state(journal, ACCEPTED, a_request("M\u00fcller"))
    (entry,) = await journal.add([a_request("Mu\u0308ller")])
    assert (entry.key, entry.state) == ("M\u00fcller", ACCEPTED)


async def test_white_space_around_the_id_of_a_user_makes_no_other_order(journal: Journal) -> None:
    await in_state(journal, ACCEPTED, a_request(None))
    (entry,) = await journal.add([attrs.evolve(a_request(None), user_id=" U1 ")])
    assert (entry.user_id, entry.state) == ("U1", ACCEPTED)
    assert len(await keys(journal)) == 1


@pytest.mark.parametrize(("first", "second"), [(None, "A"), ("A", None), ("U1:example.com", "A")])
async def test_an_order_is_known_by_what_it_buys_where_one_of_the_two_has_no_name_of_its_own(
    journal: Journal, first: str | None, second: str | None
) -> None:
    await in_state(journal, ACCEPTED, a_request(first))
    (known,) = await keys(journal)
    (entry,) = await journal.add([a_request(second)])
    assert (entry.key, entry.reference, entry.state) == (known, first, ACCEPTED)
    assert await keys(journal) == [known]
    assert await journal.claim(entry.key) is None


async def test_two_names_are_two_orders_of_the_same_things(journal: Journal) -> None:
    await in_state(journal, ACCEPTED, a_request("A"))
    (entry,) = await journal.add([a_request("B")])
    assert (entry.key, entry.state) == ("B", PLANNED)


async def test_of_several_orders_of_the_same_things_the_one_that_was_sent_is_the_known_one(journal: Journal) -> None:
    await journal.add([a_request("A"), a_request("B"), a_request("C")])
    await journal.record(await claimed(journal, "B"), ACCEPTED)
    (entry,) = await journal.add([a_request(None)])
    assert (entry.key, entry.state) == ("B", ACCEPTED)


async def test_one_batch_that_has_an_order_with_and_without_a_name_has_it_once(journal: Journal) -> None:
    named, unnamed, other = await journal.add([a_request("A"), a_request(None), a_request("B", domain="b.com")])
    assert (named.key, unnamed.key, other.key) == ("A", "A", "B")
    assert sorted(await keys(journal)) == ["A", "B"]


async def test_one_batch_cannot_have_an_order_as_a_draft_and_paid(journal: Journal) -> None:
    with pytest.raises(JournalConflictError, match="This input has A"):
        await journal.add([a_request("A"), a_request(None, confirm=True)])
    assert await keys(journal) == []


async def test_two_processes_that_add_one_order_under_two_keys_at_once_have_it_once(location: str) -> None:
    async with Journal(location) as one, Journal(location) as other:
        both = [journal.add([request]) for journal, request in ((one, a_request("A")), (other, a_request(None)))]
        (first,), (second,) = await asyncio.gather(*both)
        assert first.key == second.key
        assert len(await keys(one)) == 1


@pytest.mark.parametrize("state", [PLANNED, NOT_SENT])
async def test_a_draft_that_was_never_sent_becomes_the_paid_order(journal: Journal, state: StepState) -> None:
    await in_state(journal, state)
    paid = a_request("A", confirm=True)
    (entry,) = await journal.add([paid])
    assert (entry.state, entry.confirm, entry.order) == (state, True, paid.order)
    assert (await stored(journal)).confirm
    (again,) = await journal.add([a_request("A")])
    assert (again.state, again.confirm) == (state, False)


@pytest.mark.parametrize("state", [ACCEPTED, UNKNOWN, SENT])
@pytest.mark.parametrize("confirm", [False, True])
async def test_a_draft_that_may_exist_stays_a_draft_and_a_paid_order_stays_paid(
    journal: Journal, state: StepState, confirm: bool
) -> None:
    await in_state(journal, state, a_request("A", confirm=confirm))
    (entry,) = await journal.add([a_request("A", confirm=not confirm)])
    assert (entry.key, entry.state, entry.confirm) == ("A", state, confirm)
    assert (await stored(journal)).confirm is confirm


async def test_a_refused_draft_stays_refused_when_it_is_to_be_paid_and_is_paid_when_it_is_planned_again(
    journal: Journal,
) -> None:
    await in_state(journal, REJECTED)
    (entry,) = await journal.add([a_request("A", confirm=True)])
    assert (entry.state, entry.confirm) == (REJECTED, True)
    planned = await journal.resubmit("A")
    assert (planned.state, planned.confirm) == (PLANNED, True)


@pytest.mark.parametrize("state", [PLANNED, NOT_SENT, REJECTED])
async def test_a_corrected_order_takes_the_place_of_one_that_bought_nothing(journal: Journal, state: StepState) -> None:
    await in_state(journal, state)
    corrected = attrs.evolve(a_request("A", domain="corrected.com", confirm=True), user_id="U2")
    (entry,) = await journal.add([corrected])
    assert (entry.key, entry.state, entry.user_id, entry.confirm) == ("A", PLANNED, "U2", True)
    assert entry.order == corrected.order
    assert await stored(journal) == entry
    assert (await changes(journal))[-1] == "planned"
    assert (await journal.history("A"))[-1].reason.startswith("corrected: ")
    assert (await journal.add([corrected])) == [entry]
    assert await journal.claim("A") is not None


async def test_an_order_that_was_replaced_meanwhile_is_not_claimed_in_its_old_form(journal: Journal) -> None:
    """Two runs with two versions of one file: only what the journal has is sent."""
    (old,) = await journal.add([a_request("A")])
    (new,) = await journal.add([a_request("A", confirm=True)])
    assert await journal.claim("A", fingerprint=old.fingerprint) is None
    assert (await stored(journal)).state is PLANNED
    assert await journal.claim("A", fingerprint=new.fingerprint) is not None


async def test_an_order_of_which_something_came_late_is_not_replaced(journal: Journal) -> None:
    claim = await an_unknown(journal)
    await journal.verdict(await stored(journal), Verdict.ABSENT, "not there")
    await journal.resubmit("A")
    await journal.record(await claimed(journal), REJECTED)
    assert not await journal.record(claim, ACCEPTED, order_id="O1")
    with pytest.raises(JournalConflictError, match=r"A \(rejected\)"):
        await journal.add([a_request("A", confirm=True)])


@pytest.mark.parametrize("state", [ACCEPTED, UNKNOWN, SENT])
async def test_an_order_that_may_have_bought_something_is_not_replaced(journal: Journal, state: StepState) -> None:
    await in_state(journal, state)
    before = await stored(journal)
    with pytest.raises(JournalConflictError) as caught:
        await journal.add([a_request("B", domain="b.com"), a_request("A", domain="changed.com", confirm=True)])
    assert caught.value.message.splitlines()[0].endswith(
        f" has A ({state}) with another content. What came now was not added:"
    )
    assert caught.value.message.splitlines()[-1] == ("Give a changed order another reference, or use another journal.")
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
    assert await stored(journal) == before
    assert await journal.get("B") is None


@pytest.mark.parametrize(
    "changed", [a_request("A", domain="changed.com"), a_request("A", confirm=True)], ids=["content", "confirm"]
)
async def test_an_order_that_was_ever_unknown_keeps_its_form(journal: Journal, changed: OrderRequest) -> None:
    """Its former owner may still report an order id, which must meet the order that was sent."""
    await an_unknown(journal)
    await journal.verdict(await stored(journal), Verdict.ABSENT, "not there")
    await journal.resubmit("A")
    with pytest.raises(JournalConflictError, match=r"A \(planned\)"):
        await journal.add([changed])
    assert [entry.state for entry in await journal.add([a_request("A")])] == [PLANNED]


def test_only_what_bought_nothing_may_be_replaced() -> None:
    assert [state for state in StepState if may_be_replaced(state, was_unknown=False)] == [PLANNED, REJECTED, NOT_SENT]
    assert not [state for state in StepState if may_be_replaced(state, was_unknown=True)]


async def test_a_long_list_of_differences_is_cut(journal: Journal) -> None:
    for request in some_requests(9):
        await in_state(journal, ACCEPTED, request)
    changed = [attrs.evolve(request, user_id="U2", order=a_request().order) for request in some_requests(9)]
    with pytest.raises(JournalConflictError) as caught:
        await journal.add(changed)
    assert " has 9 of these orders with another content. What came now was not added:" in caught.value.message
    assert len(caught.value.faults) == 36
    assert caught.value.message.count("\n  R") == 20
    assert "and 16 more differences" in caught.value.message


async def test_a_batch_of_more_orders_than_one_statement_names_is_known_by_content(journal: Journal) -> None:
    many = some_requests(1200)
    await journal.add(many)
    unnamed = [attrs.evolve(request, reference=None) for request in many]
    assert [entry.key for entry in await journal.add(unnamed)] == [request.reference for request in many]
