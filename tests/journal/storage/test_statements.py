"""The changes of a journal: claims, outcomes, verdicts, resubmission, the processing of drafts."""

from __future__ import annotations

import attrs
import pytest

from cmr_async.core.account import Account
from cmr_async.errors import JournalError
from cmr_async.journal.journal import Journal
from cmr_async.journal.states import Step, StepState
from cmr_async.models.requests import Verdict
from tests.fakes import Clock
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
    from_another_machine,
    stored,
)


async def test_a_step_is_claimed_once(journal: Journal, clock: Clock) -> None:
    await journal.add([a_request()])
    clock.now += 5
    claim = await claimed(journal)
    entry = await stored(journal)
    assert (entry.state, entry.token, entry.run_id, entry.sent_at) == (SENT, claim.token, journal.run_id, clock.now)
    assert await journal.claim("A") is None


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


async def test_a_verdict_stands_beside_the_unknown(journal: Journal, clock: Clock) -> None:
    await an_unknown(journal)
    entry = await journal.verdict(
        await stored(journal), Verdict.PLACED, "example.com is in the user's domains", order_id="O9"
    )
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
        await journal.verdict(await stored(journal), Verdict.ABSENT, "")
    with pytest.raises(JournalError, match="has no create step of B"):
        await journal.verdict(attrs.evolve(await stored(journal), key="B"), Verdict.ABSENT, "")


async def test_a_verdict_belongs_to_the_attempt_that_was_looked_at(journal: Journal, clock: Clock) -> None:
    await an_unknown(journal)
    seen = await stored(journal)
    await journal.verdict(seen, Verdict.ABSENT, "not there")
    await journal.resubmit("A")
    clock.now += 900
    await journal.record(await claimed(journal), UNKNOWN)
    before = await stored(journal)
    with pytest.raises(JournalError, match=r"A was sent again after it was looked at, .* Look again"):
        await journal.verdict(seen, Verdict.ABSENT, "not there, 900 s after the send", order_id="O1")
    assert await stored(journal) == before
    assert (await changes(journal))[-1] == "unknown"


async def test_a_verdict_that_came_meanwhile_is_not_replaced_unseen(journal: Journal) -> None:
    await an_unknown(journal)
    seen = await stored(journal)
    placed = await journal.verdict(seen, Verdict.PLACED, "a trace")
    with pytest.raises(JournalError, match="A got the verdict placed after it was looked at"):
        await journal.verdict(seen, Verdict.ABSENT, "not there")
    assert await stored(journal) == placed
    assert (await journal.verdict(placed, Verdict.CONFLICT, "somebody looked")).verdict is Verdict.CONFLICT


async def test_the_domains_that_the_api_named_as_unavailable_are_kept(journal: Journal) -> None:
    [entry] = await journal.add([a_request()])
    assert entry.unavailable == ()
    await journal.record(await claimed(journal), ACCEPTED, order_id="O1", unavailable=["example.com", "b\0.com"])
    entry = await stored(journal)
    assert entry.unavailable == ("example.com", "b\N{REPLACEMENT CHARACTER}.com")
    assert entry.plain()["unavailable"] == "example.com b\N{REPLACEMENT CHARACTER}.com"
    assert await journal.add_processing() == 1
    assert (await stored(journal, step=Step.PROCESS)).unavailable == ()


async def test_a_journal_belongs_to_the_account_that_first_used_it(location: str) -> None:
    account = Account.of("https://api.example.com/v1", "secret-key")
    async with Journal(location) as journal:
        await journal.bind(account)
        await an_unknown(journal)
    async with Journal(location) as journal:
        await journal.bind(account)
        with pytest.raises(JournalError, match=r"another account of https://api\.example\.com") as caught:
            await journal.bind(Account.of("https://api.example.com", "other-key"))
        assert f"`cmr journal adopt {journal.name}`" in caught.value.message
        with pytest.raises(
            JournalError, match=r"belongs to https://api\.example\.com, and .* with http://127\.0\.0\.1"
        ):
            await journal.bind(Account.of("http://127.0.0.1:8080", "secret-key"))
        await journal.bind(account)


@pytest.mark.parametrize("state", [None, REJECTED, NOT_SENT])
async def test_a_journal_that_bought_nothing_goes_over_to_the_right_key(
    journal: Journal, state: StepState | None
) -> None:
    """Its first run had a wrong key or a wrong address, and the same command goes on with the right one."""
    await journal.bind(Account.of("https://api.example.com", "wrong-key"))
    await journal.add([a_request("A")])
    if state is not None:
        await journal.record(await claimed(journal), state)
    right = Account.of("https://api.example.com", "right-key")
    await journal.bind(right)
    await journal.record(await claimed(journal, (await journal.add([a_request("B", domain="b.com")]))[0].key), ACCEPTED)
    await journal.bind(right)
    with pytest.raises(JournalError, match="another account"):
        await journal.bind(Account.of("https://api.example.com", "wrong-key"))


async def test_a_journal_that_was_ever_in_doubt_stays_with_its_account(journal: Journal) -> None:
    await journal.bind(Account.of("https://api.example.com", "one-key"))
    await an_unknown(journal)
    await journal.verdict(await stored(journal), Verdict.ABSENT, "not there")
    await journal.resubmit("A")
    with pytest.raises(JournalError, match="another account"):
        await journal.bind(Account.of("https://api.example.com", "another-key"))


async def test_only_an_absent_order_is_planned_again(journal: Journal) -> None:
    await an_unknown(journal)
    with pytest.raises(JournalError, match="no verdict yet"):
        await journal.resubmit("A")
    for verdict in (Verdict.PLACED, Verdict.CONFLICT):
        await journal.verdict(await stored(journal), verdict, "seen")
        with pytest.raises(JournalError, match=f"the verdict is {verdict.value}"):
            await journal.resubmit("A")
    await journal.verdict(await stored(journal), Verdict.ABSENT, "not there after a day")
    entry = await journal.resubmit("A", reason="asked for by Ada")
    assert (entry.state, entry.verdict, entry.evidence) == (PLANNED, None, "")
    last = (await journal.history("A"))[-1]
    assert (last.change, last.reason) == ("planned", "asked for by Ada")
    await claimed(journal)


async def test_a_draft_in_doubt_is_planned_again_when_a_second_draft_is_asked_for(journal: Journal) -> None:
    await an_unknown(journal)
    with pytest.raises(JournalError, match=r"A is a draft that may exist.*A second one costs nothing"):
        await journal.resubmit("A")
    assert (await journal.resubmit("A", second_draft=True)).state is PLANNED
    await journal.record(await claimed(journal), UNKNOWN)
    await journal.verdict(await stored(journal), Verdict.PLACED, "its id is known")
    with pytest.raises(JournalError, match="the verdict is placed"):
        await journal.resubmit("A", second_draft=True)


async def test_what_spends_money_is_never_planned_again_as_a_second_draft(journal: Journal) -> None:
    await journal.add([a_request(confirm=True), a_request("B", domain="b.com")])
    await journal.record(await claimed(journal), UNKNOWN)
    await journal.record(await claimed(journal, "B"), ACCEPTED, order_id="O1")
    await journal.add_processing()
    await journal.record(await claimed(journal, "B", Step.PROCESS), UNKNOWN)
    for key, step in (("A", Step.CREATE), ("B", Step.PROCESS)):
        with pytest.raises(JournalError, match="may have been placed, and there is no verdict yet"):
            await journal.resubmit(key, step=step, second_draft=True)


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
    await journal.verdict(await stored(journal), Verdict.ABSENT, "not there")
    await journal.resubmit("A")
    assert await journal.record(claim, ACCEPTED, order_id="O1")
    assert await journal.claim("A") is None


async def test_what_comes_after_the_second_claim_is_kept_in_the_history(journal: Journal) -> None:
    first = await an_unknown(journal)
    await journal.verdict(await stored(journal), Verdict.ABSENT, "not there")
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
    async with from_another_machine(Journal(location, clock=clock)) as other:
        await other.verdict(await stored(other), verdict, "seen")
    assert not await journal.record(claim, NOT_SENT)
    assert (await stored(journal)).state is UNKNOWN


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
