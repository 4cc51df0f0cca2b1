"""Reconciling: what the evidence proves, and the whole against the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr_async import AsyncClient, DomainRegistration, Mailbox, Order
from cmr_async.bulk import OrderRequest, OrderState
from cmr_async.bulk.reconcile import Evidence, Finding, weigh
from cmr_async.core.wire import dump_order
from cmr_async.journal.identity import fingerprint
from cmr_async.journal.journal import Journal, JournalEntry, Step, StepState, Verdict
from cmr_async.simulator import DEMO_USERS, FaultRule, Simulator

SENT_AT = 1_800_000_000.0
USER = DEMO_USERS[0]


def a_request(reference: str = "a", *, domain: str = "a.com", user_id: str = USER) -> OrderRequest:
    boxes = {domain: [Mailbox(username="ada", first_name="Ada", last_name="Lovelace")]}
    order = Order(domains=[DomainRegistration(domain=domain)], mailboxes=boxes, confirm=True)
    return OrderRequest(user_id=user_id, reference=reference, order=order)


def an_entry(**changes: Any) -> JournalEntry:
    request = a_request()
    values: dict[str, Any] = {
        "key": "a",
        "step": Step.CREATE,
        "position": 0,
        "user_id": USER,
        "reference": "a",
        "body": dump_order(request.order).decode(),
        "fingerprint": fingerprint(request),
        "confirm": True,
        "state": StepState.UNKNOWN,
        "planned_at": SENT_AT,
        "sent_at": SENT_AT,
    }
    return JournalEntry(**values | changes)


NOTHING: dict[str, Any] = {"user_exists": True, "listed": frozenset(), "subscriptions": {"a.com": ()}}
SUBSCRIPTION = {"subscriptionId": "S1", "userId": USER}


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        ({}, Verdict.ABSENT),
        ({"user_exists": False}, None),
        ({"listed": None}, None),
        ({"subscriptions": None}, None),
        ({"failures": ("GET /users failed",)}, None),
        ({"listed": frozenset({"a.com"})}, Verdict.PLACED),
        ({"listed": frozenset({"b.com"})}, Verdict.ABSENT),
        ({"subscriptions": {"a.com": (SUBSCRIPTION,)}}, Verdict.PLACED),
        ({"subscriptions": {"a.com": (SUBSCRIPTION | {"userId": "ANOTHER"},)}}, Verdict.CONFLICT),
        ({"subscriptions": {"a.com": (SUBSCRIPTION | {"periodStart": "2020-01-01T00:00:00Z"},)}}, Verdict.ABSENT),
        ({"status_known": True}, Verdict.PLACED),
        ({"events": ({"event": "domain.order.completed", "data": {}},)}, Verdict.PLACED),
    ],
)
def test_evidence_is_weighed(evidence: dict[str, Any], verdict: Verdict | None) -> None:
    finding = weigh(an_entry(), Evidence(**NOTHING | evidence), now=SENT_AT + 1000, settle=900)
    assert finding.verdict is verdict
    assert finding.evidence


def test_a_domain_that_another_order_names_too_is_a_conflict() -> None:
    evidence = Evidence(**NOTHING | {"listed": frozenset({"a.com"})})
    finding = weigh(an_entry(), evidence, now=SENT_AT + 1000, settle=900, shared=frozenset({"a.com"}))
    assert finding.verdict is Verdict.CONFLICT
    assert "another order of this journal names a.com too" in finding.evidence


def test_nothing_is_absent_before_the_time_to_settle() -> None:
    finding = weigh(an_entry(), Evidence(**NOTHING), now=SENT_AT + 899, settle=900)
    assert finding.verdict is None
    assert finding.evidence == "no trace 899 s after the send; absent only when there is none after 900 s"


_rows = st.lists(
    st.fixed_dictionaries({}, optional={"subscriptionId": st.just("S"), "userId": st.sampled_from([USER, "ANOTHER"])}),
    max_size=2,
).map(tuple)


@given(
    evidence=st.builds(
        Evidence,
        user_exists=st.booleans(),
        listed=st.none() | st.frozensets(st.sampled_from(["a.com", "b.com"])),
        subscriptions=st.none() | st.fixed_dictionaries({"a.com": _rows}),
        events=st.just(()) | st.just(({"event": "domain.order.completed", "data": {}},)),
        status_known=st.booleans(),
        failures=st.just(()) | st.just(("GET /users failed",)),
    ),
    waited=st.floats(0, 2000),
    shared=st.frozensets(st.just("a.com")),
)
def test_absent_takes_every_look_up_and_confirmed_takes_a_sign(
    evidence: Evidence, waited: float, shared: frozenset[str]
) -> None:
    finding = weigh(an_entry(), evidence, now=SENT_AT + waited, settle=900, shared=shared)
    listed = evidence.listed is not None and "a.com" in evidence.listed
    signs = listed or any((evidence.subscriptions or {}).values()) or evidence.events or evidence.status_known
    if finding.verdict is Verdict.ABSENT:
        assert evidence.user_exists
        assert evidence.listed is not None
        assert evidence.subscriptions is not None
        assert not evidence.failures
        assert not signs
        assert waited >= 900
    if finding.verdict in {Verdict.PLACED, Verdict.CONFLICT}:
        assert signs


# The whole, against the simulator


@pytest.fixture
async def sim() -> AsyncIterator[Simulator]:
    async with Simulator(rate_limit=None, provision_seconds=(0, 0)) as simulator:
        yield simulator


@pytest.fixture
async def cmr(sim: Simulator) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(sim.api_key, sim.base_url, gap=0) as client:
        yield client


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with Journal(tmp_path / "run.db") as opened:
        yield opened


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
    await lose(sim, cmr, journal, a_request())
    [finding] = await findings(cmr, journal)
    assert finding.verdict is Verdict.PLACED
    assert finding.evidence.startswith("GET /domains/by-user lists a.com")
    assert finding.entry.verdict is Verdict.PLACED


async def test_an_order_that_never_arrived_is_absent_and_goes_out_once_when_it_is_resubmitted(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    await lose(sim, cmr, journal, a_request(), processed=False)
    [finding] = await findings(cmr, journal)
    assert finding.verdict is Verdict.ABSENT
    for expected in (OrderState.UNKNOWN, OrderState.ACCEPTED, OrderState.SKIPPED):
        if expected is OrderState.ACCEPTED:
            await journal.resubmit("a")
        states = [outcome.state async for outcome in cmr.bulk.submit([a_request()], journal=journal)]
        assert states == [expected]
    assert sim.state.purchases("a.com") == 1


async def test_nothing_is_said_before_the_default_time_to_settle(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    await lose(sim, cmr, journal, a_request(), processed=False)
    [finding] = await findings(cmr, journal, settle=900)
    assert (finding.verdict, finding.entry.verdict) == (None, None)


async def test_two_unknown_orders_of_one_domain_are_a_conflict(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    await lose(sim, cmr, journal, a_request("a"))
    await lose(sim, cmr, journal, a_request("b"), processed=False)
    assert [finding.verdict for finding in await findings(cmr, journal)] == [Verdict.CONFLICT, Verdict.CONFLICT]


async def test_a_user_who_is_not_known_proves_nothing(sim: Simulator, cmr: AsyncClient, journal: Journal) -> None:
    await lose(sim, cmr, journal, a_request(user_id="NOBODY"), processed=False)
    [finding] = await findings(cmr, journal)
    assert finding.verdict is None
    assert "the user could not be looked up" in finding.evidence


@pytest.mark.parametrize("path", ["/domains/by-user", "/subscriptions"])
async def test_a_list_with_more_pages_proves_no_absence(
    sim: Simulator, cmr: AsyncClient, journal: Journal, path: str
) -> None:
    await lose(sim, cmr, journal, a_request(), processed=False)
    page = b'{"status":200,"message":"","data":{"subscriptions":[],"pagination":{"totalPages":2}}}'
    sim.faults.add(FaultRule(kind="status", status=200, body=page, path=path))
    [finding] = await findings(cmr, journal)
    assert finding.verdict is None
    assert "could not be read to" in finding.evidence


async def test_a_webhook_event_confirms_an_order_and_names_its_id(
    sim: Simulator, cmr: AsyncClient, journal: Journal
) -> None:
    await lose(sim, cmr, journal, a_request(), processed=False)
    event = {
        "event": "domain.order.completed",
        "data": {"userId": USER, "domainName": "a.com", "orderId": "O1"},
    }
    [finding] = await findings(cmr, journal, events=[event])
    assert (finding.verdict, finding.order_id, finding.entry.order_id) == (Verdict.PLACED, "O1", "O1")
