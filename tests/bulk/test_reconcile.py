"""Reconciling: the look-ups one by one, and the whole against the simulator."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import orjson
import pytest

from cmr_async import AsyncClient, ClientStateError, ConfigurationError, JournalError, OrderRequest, OrderState
from cmr_async.bulk.evidence import Finding
from cmr_async.bulk.reconcile import Reconciler
from cmr_async.core.exchange import Exchange, Request
from cmr_async.journal.journal import Journal, JournalEntry, StepState, Verdict
from cmr_async.simulator import FaultRule, Simulator
from cmr_async.webhooks import Receiver, sign
from tests.fakes import USER, Clock, FakeTransport, Reply, answered, make_bulk, make_pipeline, make_request

SENT_AT = 1_800_000_000.0

# The look-ups

USER_OK, NO_DOMAINS = answered(200, {"userId": USER}), answered(200, [])
NO_SUBSCRIPTIONS = answered(200, {"subscriptions": []})


async def look_up(path: Path, *replies: Reply, order_id: str | None = None) -> tuple[Finding, list[str]]:
    """Reconcile one unknown order a quarter of an hour later; return the finding and what was asked."""
    clock, transport = Clock(SENT_AT), FakeTransport(replies)
    async with Journal(path, clock=clock) as journal:
        await journal.add([make_request()])
        claim = await journal.claim("a")
        assert claim is not None
        await journal.record(claim, StepState.UNKNOWN, order_id=order_id)
        clock.now += 900
        reconciler = Reconciler(pipeline=make_pipeline(transport))
        [finding] = [finding async for finding in reconciler.find(journal)]
        entry = await journal.get("a")
        assert entry is not None
        assert entry.verdict is finding.verdict
    return finding, [request.endpoint.name for request in transport.sent]


async def test_everything_that_is_documented_is_asked_once(tmp_path: Path) -> None:
    finding, asked = await look_up(tmp_path / "run.db", USER_OK, NO_DOMAINS, NO_SUBSCRIPTIONS)
    assert finding.verdict is Verdict.ABSENT
    assert asked == ["users.get", "domains.by_user", "subscriptions.list"]


async def test_an_order_that_an_answer_gave_an_id_is_never_absent(tmp_path: Path) -> None:
    replies = [answered(404), USER_OK, NO_DOMAINS, NO_SUBSCRIPTIONS]
    finding, asked = await look_up(tmp_path / "run.db", *replies, order_id="O1")
    assert finding.verdict is Verdict.CONFLICT
    assert finding.evidence.startswith("an answer gave it the id O1, and no look-up finds a trace of it")
    assert asked == ["orders.status", "users.get", "domains.by_user", "subscriptions.list"]


async def test_an_order_whose_status_is_known_was_placed(tmp_path: Path) -> None:
    replies = [answered(200, {"status": "PAID"}), USER_OK, NO_DOMAINS, NO_SUBSCRIPTIONS]
    finding, _ = await look_up(tmp_path / "run.db", *replies, order_id="O1")
    assert (finding.verdict, finding.order_id) == (Verdict.PLACED, "O1")
    assert finding.evidence == "GET /orders/status knows its id"


@pytest.mark.parametrize(
    ("failing", "words"),
    [
        (0, "GET /orders/status failed"),
        (1, "GET /users failed"),
        (2, "GET /domains/by-user failed"),
        (3, "GET /subscriptions for a.com failed"),
    ],
)
async def test_a_look_up_that_fails_proves_no_absence(tmp_path: Path, failing: int, words: str) -> None:
    replies = [answered(404), USER_OK, NO_DOMAINS, NO_SUBSCRIPTIONS]
    replies[failing] = answered(503)
    finding, _ = await look_up(tmp_path / "run.db", *replies, order_id="O1")
    assert finding.verdict is None
    assert finding.evidence.startswith(words)


@pytest.mark.parametrize("data", [None, {}, {"userId": "ANOTHER"}])
async def test_an_answer_without_the_user_proves_no_absence(tmp_path: Path, data: Any) -> None:
    finding, _ = await look_up(tmp_path / "run.db", answered(200, data), NO_DOMAINS, NO_SUBSCRIPTIONS)
    assert finding.verdict is None
    assert finding.evidence == "the user could not be looked up, so that an empty list of domains proves nothing"


async def test_a_status_without_data_proves_neither(tmp_path: Path) -> None:
    replies = [answered(200), USER_OK, NO_DOMAINS, NO_SUBSCRIPTIONS]
    finding, _ = await look_up(tmp_path / "run.db", *replies, order_id="O1")
    assert (finding.verdict, finding.evidence) == (None, "GET /orders/status answered without data")


@pytest.mark.parametrize("data", [None, {"totalPages": 2}, ["b.com"] * 20])
async def test_a_list_of_domains_that_cannot_be_read_to_its_end_proves_no_absence(tmp_path: Path, data: Any) -> None:
    finding, _ = await look_up(tmp_path / "run.db", USER_OK, answered(200, data), NO_SUBSCRIPTIONS)
    assert (finding.verdict, finding.evidence) == (None, "the user's list of domains could not be read to its end")


async def test_pages_that_are_told_of_beside_the_list_prove_no_absence(tmp_path: Path) -> None:
    some = {"status": 200, "message": "said", "data": ["b.com"], "domainCount": 2}
    replies = [USER_OK, answered(200, body=orjson.dumps(some)), NO_SUBSCRIPTIONS]
    finding, _ = await look_up(tmp_path / "run.db", *replies)
    assert (finding.verdict, finding.evidence) == (None, "the user's list of domains could not be read to its end")


async def test_subscriptions_that_cannot_be_read_prove_no_absence(tmp_path: Path) -> None:
    finding, _ = await look_up(tmp_path / "run.db", USER_OK, NO_DOMAINS, answered(200, {}))
    assert (finding.verdict, finding.evidence) == (None, "the subscriptions could not be read to their end")


def a_page(number: int, *, of: int, **row: Any) -> Reply:
    rows = [{"subscriptionId": f"S{number}"} | row]
    return answered(200, {"subscriptions": rows, "pagination": {"currentPage": number, "totalPages": of}})


async def test_every_page_of_the_subscriptions_is_read(tmp_path: Path) -> None:
    elsewhere = {"domain": "b.com"}  # as from a server that ignores the filter by domain
    pages = [a_page(1, of=3, **elsewhere), a_page(2, of=3, **elsewhere), a_page(3, of=3, domain="a.com")]
    finding, asked = await look_up(tmp_path / "run.db", USER_OK, NO_DOMAINS, *pages)
    assert (finding.verdict, finding.evidence) == (Verdict.PLACED, "a.com has the subscription S3")
    assert asked.count("subscriptions.list") == 3


async def test_a_page_of_the_subscriptions_that_fails_proves_no_absence(tmp_path: Path) -> None:
    replies = [a_page(1, of=2, domain="b.com"), answered(503)]
    finding, _ = await look_up(tmp_path / "run.db", USER_OK, NO_DOMAINS, *replies)
    assert finding.verdict is None
    assert "the subscriptions could not be read to their end" in finding.evidence


async def test_a_list_of_subscriptions_that_does_not_end_is_left_and_proves_no_absence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmr_async.bulk.reconcile._MOST_PAGES", 3)
    pages = [a_page(number, of=9, domain="b.com") for number in (1, 2, 3)]
    finding, _ = await look_up(tmp_path / "run.db", USER_OK, NO_DOMAINS, *pages)
    assert (finding.verdict, finding.evidence) == (None, "the subscriptions could not be read to their end")


async def test_look_ups_take_slots_of_the_pace_that_all_processes_on_the_journal_share(tmp_path: Path) -> None:
    transport = FakeTransport([USER_OK, NO_DOMAINS, NO_SUBSCRIPTIONS])
    async with Journal(tmp_path / "run.db", clock=Clock(SENT_AT)) as journal:
        await journal.add([make_request()])
        claim = await journal.claim("a")
        assert claim is not None
        await journal.record(claim, StepState.UNKNOWN)
        async for _ in make_bulk(transport, gap=0.001).reconcile(journal):
            pass
        slot = await journal.shared_pace("").reserve(0.001, reads=False)
    assert len(transport.sent) == 3
    assert slot.wait == pytest.approx(0.003, abs=1e-5)


async def test_a_client_that_cannot_be_used_ends_the_reconciliation(tmp_path: Path) -> None:
    with pytest.raises(ClientStateError, match="closed"):
        await look_up(tmp_path / "run.db", ClientStateError("This client is closed."))


async def unknowns(journal: Journal, *names: str, confirm: bool = True) -> None:
    """Write orders into a journal whose outcome is unknown."""
    await journal.add([make_request(name, confirm=confirm) for name in names])
    for name in names:
        claim = await journal.claim(name)
        assert claim is not None
        await journal.record(claim, StepState.UNKNOWN)


def answering(count: int) -> FakeTransport:
    """Answer the look-ups for so many orders: there is no trace of them."""
    return FakeTransport([USER_OK, NO_DOMAINS, NO_SUBSCRIPTIONS] * count)


async def test_only_the_orders_that_were_asked_for_are_looked_up(journal: Journal) -> None:
    await unknowns(journal, "a", "b", "c")
    await journal.add([make_request("planned")])
    found = make_bulk(answering(2)).reconcile(journal, references=["c", "a", "c", "planned", "none"], settle=0)
    assert [finding.entry.key async for finding in found] == ["c", "a"]


async def test_many_unknown_orders_are_looked_up_in_their_order(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cmr_async.bulk.reconcile._AT_ONCE", 2)
    await unknowns(journal, "a", "b", "c", "d", "e")
    found = make_bulk(answering(5)).reconcile(journal, settle=0)
    assert [(finding.entry.key, finding.verdict) async for finding in found] == [
        (name, Verdict.ABSENT) for name in "abcde"
    ]


async def test_an_order_that_is_settled_while_others_are_looked_up_is_left_alone(journal: Journal) -> None:
    await unknowns(journal, "a", "b")
    found = make_bulk(answering(1)).reconcile(journal, settle=0)
    assert (await anext(found)).verdict is Verdict.ABSENT
    entry = await journal.get("b")
    assert entry is not None
    await journal.verdict(entry, Verdict.ABSENT, "a colleague looked")
    await journal.resubmit("b")
    changed = await anext(found)
    assert (changed.entry.state, changed.verdict, changed.evidence) == (
        StepState.PLANNED,
        None,
        "changed meanwhile: look again",
    )
    assert [finding async for finding in found] == []


async def test_what_the_owner_of_a_claim_may_still_send_is_neither_absent_nor_planned_again(tmp_path: Path) -> None:
    clock = Clock(SENT_AT)
    async with Journal(tmp_path / "run.db", clock=clock) as owner:
        await owner.add([make_request("a"), make_request("b", confirm=False)])
        assert await owner.claim("a")
        assert await owner.claim("b")
        # As when the owner is on another machine: it was recovered after its lease, and then it wrote a heartbeat again
        with closing(sqlite3.connect(tmp_path / "run.db")) as connection, connection:
            connection.execute("UPDATE cmr_steps SET state = 'unknown', recovered = 1")
        clock.now += 900
        async with Journal(tmp_path / "run.db", clock=clock) as journal:
            bulk = make_bulk(answering(2))
            [finding] = [finding async for finding in bulk.reconcile(journal, references=["a"])]
            assert finding.verdict is None
            assert finding.evidence.startswith("a was claimed by a process that is still there")
            assert await bulk.resubmit_all(journal, "drafts") == []


@pytest.mark.parametrize("which", ["absent", "rejected", "drafts"])
async def test_all_orders_of_one_kind_are_planned_again(
    journal: Journal, which: Literal["absent", "rejected", "drafts"]
) -> None:
    bulk = make_bulk(FakeTransport())
    await unknowns(journal, "absent", "doubt", "placed")
    await unknowns(journal, "drafts", confirm=False)
    for name, verdict in (("absent", Verdict.ABSENT), ("placed", Verdict.PLACED)):
        entry = await journal.get(name)
        assert entry is not None
        await journal.verdict(entry, verdict, "looked at")
    await journal.add([make_request("rejected")])
    claim = await journal.claim("rejected")
    assert claim is not None
    await journal.record(claim, StepState.REJECTED)
    assert await bulk.resubmit_all(journal, which, reason="all of them") == [which]
    assert (await journal.history(which))[-1].reason == "all of them"
    assert (await journal.counts())[StepState.PLANNED] == 1
    assert await bulk.resubmit_all(journal, which) == []


async def test_a_kind_of_orders_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="'placed' is no kind of orders to plan again"):
        await make_bulk(FakeTransport()).resubmit_all(tmp_path / "run.db", "placed")  # type: ignore[arg-type]


async def test_an_order_that_changes_meanwhile_is_left_out(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    resubmit = Journal.resubmit
    await unknowns(journal, "a", "b", confirm=False)

    async def somebody_was_faster(self: Journal, key: str, **options: Any) -> JournalEntry:
        if key == "a":
            await resubmit(self, key, **options)
        return await resubmit(self, key, **options)

    monkeypatch.setattr(Journal, "resubmit", somebody_was_faster)
    assert await make_bulk(FakeTransport()).resubmit_all(journal, "drafts") == ["b"]


async def test_a_journal_that_cannot_be_written_ends_both(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object, **__: object) -> JournalEntry:
        raise JournalError("The disk is full.")

    await unknowns(journal, "a")
    await unknowns(journal, "b", confirm=False)
    monkeypatch.setattr(Journal, "verdict", full)
    monkeypatch.setattr(Journal, "resubmit", full)
    bulk = make_bulk(answering(1))
    with pytest.raises(JournalError, match="The disk is full"):
        await anext(bulk.reconcile(journal, settle=0))
    with pytest.raises(JournalError, match="The disk is full"):
        await bulk.resubmit_all(journal, "drafts")


async def test_two_reconciliations_that_come_to_the_same_verdict_agree(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport = FakeTransport()
    await unknowns(journal, "a")

    async def twice() -> AsyncIterator[Exchange]:
        yield USER_OK
        [other] = [finding async for finding in make_bulk(answering(1)).reconcile(journal, settle=0)]
        assert other.verdict is Verdict.ABSENT
        yield NO_DOMAINS
        yield NO_SUBSCRIPTIONS

    replies = twice()

    async def send(request: Request, **_: object) -> Exchange:
        return await anext(replies)

    monkeypatch.setattr(transport, "send", send)
    [finding] = [finding async for finding in make_bulk(transport).reconcile(journal, settle=0)]
    assert (finding.verdict, finding.entry.verdict) == (Verdict.ABSENT, Verdict.ABSENT)


# The whole, against the simulator


async def lose(
    sim: Simulator, cmr: AsyncClient, journal: Journal, *requests: OrderRequest, processed: bool = True
) -> None:
    """Send orders and lose every answer."""
    for request in requests:
        sim.faults.add(FaultRule(kind="reset", after_processing=processed))
        assert [outcome.state async for outcome in cmr.bulk.submit([request], journal=journal)] == [OrderState.UNKNOWN]


async def findings(cmr: AsyncClient, journal: Journal, **options: Any) -> list[Finding]:
    return [finding async for finding in cmr.bulk.reconcile(journal, **{"settle": 0} | options)]


async def test_an_order_whose_answer_was_lost_is_confirmed(sim: Simulator, cmr: AsyncClient, journal: Journal) -> None:
    await lose(sim, cmr, journal, make_request())
    [finding] = await findings(cmr, journal)
    assert finding.verdict is Verdict.PLACED
    assert finding.evidence.startswith("GET /domains/by-user lists a.com")
    assert finding.entry.verdict is Verdict.PLACED


async def test_an_order_that_never_arrived_is_absent_and_goes_out_once_when_it_is_resubmitted(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    await lose(sim, cmr, journal, make_request(), processed=False)
    [finding] = await findings(cmr, journal)
    assert finding.verdict is Verdict.ABSENT
    for expected in (OrderState.NOT_SENT, OrderState.ACCEPTED, OrderState.SKIPPED):
        if expected is OrderState.ACCEPTED:
            await journal.resubmit("a")
        states = [outcome.state async for outcome in cmr.bulk.submit([make_request()], journal=journal)]
        assert states == [expected]
    assert sim.state.purchases("a.com") == 1


async def test_nothing_is_said_before_the_default_time_to_settle(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    await lose(sim, cmr, journal, make_request(), processed=False)
    [finding] = await findings(cmr, journal, settle=900)
    assert (finding.verdict, finding.entry.verdict) == (None, None)


async def test_two_unknown_orders_of_one_domain_are_a_conflict(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    await lose(sim, cmr, journal, make_request("a"))
    await lose(sim, cmr, journal, make_request("a", reference="b"), processed=False)
    assert [finding.verdict for finding in await findings(cmr, journal)] == [Verdict.CONFLICT, Verdict.CONFLICT]


async def test_a_user_who_is_not_known_proves_nothing(sim: Simulator, cmr: AsyncClient, journal: Journal) -> None:
    await lose(sim, cmr, journal, make_request(user_id="NOBODY"), processed=False)
    [finding] = await findings(cmr, journal)
    assert finding.verdict is None
    assert "the user could not be looked up" in finding.evidence


@pytest.mark.parametrize("path", ["/domains/by-user", "/subscriptions"])
async def test_a_list_with_more_pages_proves_no_absence(
    sim: Simulator, cmr: AsyncClient, journal: Journal, path: str
) -> None:
    await lose(sim, cmr, journal, make_request(), processed=False)
    page = b'{"status":200,"message":"","data":{"subscriptions":[],"pagination":{"totalPages":2}}}'
    sim.faults.add(FaultRule(kind="status", status=200, body=page, path=path))
    [finding] = await findings(cmr, journal)
    assert finding.verdict is None
    assert "could not be read to" in finding.evidence


async def test_a_webhook_event_confirms_an_order_and_names_its_id(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    await lose(sim, cmr, journal, make_request(), processed=False)
    event = {
        "event": "domain.order.completed",
        "data": {"userId": USER, "domainName": "a.com", "orderId": "O1"},
    }
    [finding] = await findings(cmr, journal, events=[event])
    assert (finding.verdict, finding.order_id, finding.entry.order_id) == (Verdict.PLACED, "O1", "O1")


# What a receiver took into the journal

REGISTERED = {"orderId": "O1", "userId": USER, "domainName": "a.com"}


async def deliver(journal: Journal, name: str = "domain.order.success", **data: Any) -> None:
    """Let a receiver take a signed delivery."""
    receiver = Receiver(journal, keys="key", fallback=lambda event, transaction: None)
    body = orjson.dumps({"event": name, "eventId": f"{name}-{data}", "data": data})
    assert (await receiver.receive(body, sign(body, key="key"))).text == "taken"


async def test_a_delivery_that_a_receiver_took_confirms_an_order_and_names_its_id(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    await lose(sim, cmr, journal, make_request(), make_request("b"), processed=False)
    await deliver(journal, **REGISTERED)
    first, second = await findings(cmr, journal)
    assert (first.verdict, first.order_id, first.entry.order_id) == (Verdict.PLACED, "O1", "O1")
    assert first.evidence == "the webhook event domain.order.success names it"
    assert (second.verdict, second.order_id) == (Verdict.ABSENT, None)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("domain.expired", REGISTERED),
        ("domain.order.success", REGISTERED | {"domainName": "b.com"}),
        ("domain.order.success", REGISTERED | {"userId": "ANOTHER"}),
    ],
)
async def test_a_delivery_that_is_not_about_the_order_says_nothing(
    sim: Simulator, cmr: AsyncClient, journal: Journal, name: str, data: dict[str, Any]
) -> None:
    await lose(sim, cmr, journal, make_request(), processed=False)
    await deliver(journal, name, **data)
    [finding] = await findings(cmr, journal)
    assert (finding.verdict, finding.order_id) == (Verdict.ABSENT, None)


async def test_a_delivery_that_was_taken_before_the_send_is_of_an_earlier_order(tmp_path: Path) -> None:
    clock = Clock(SENT_AT)
    async with Journal(tmp_path / "run.db", clock=clock) as journal:
        await deliver(journal, **REGISTERED)
        clock.now += 1
        await unknowns(journal, "a")
        [finding] = [finding async for finding in make_bulk(answering(1)).reconcile(journal, settle=0)]
    assert (finding.verdict, finding.order_id) == (Verdict.ABSENT, None)


async def test_a_delivery_that_comes_during_the_look_ups_counts(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        await unknowns(journal, "a", "b")
        found = make_bulk(answering(2)).reconcile(journal, settle=0)
        assert (await anext(found)).verdict is Verdict.ABSENT
        await deliver(journal, **REGISTERED | {"domainName": "b.com"})
        second = await anext(found)
    assert (second.verdict, second.order_id) == (Verdict.PLACED, "O1")
