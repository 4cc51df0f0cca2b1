"""Reconciling: what the evidence proves, and the whole against the simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr_async import AsyncClient, ClientStateError, OrderRequest, OrderState
from cmr_async.bulk.reconcile import Evidence, Finding, Reconciler, weigh
from cmr_async.core.wire import dump_order
from cmr_async.journal.identity import fingerprint
from cmr_async.journal.journal import Journal, JournalEntry, Step, StepState, Verdict
from cmr_async.simulator import FaultRule, Simulator
from tests.fakes import USER, Clock, FakeTransport, Reply, answered, make_pipeline, make_request

SENT_AT = 1_800_000_000.0


def an_entry(**changes: Any) -> JournalEntry:
    request = make_request()
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


# The look-ups

USER_OK, NO_DOMAINS, NO_SUBSCRIPTIONS = answered(200, {}), answered(200, []), answered(200, {"subscriptions": []})


async def look_up(
    path: Path, *replies: Reply, events: tuple[Any, ...] = (), order_id: str | None = None, action_id: str | None = None
) -> tuple[Finding, list[str]]:
    """Reconcile one unknown order a quarter of an hour later; return the finding and what was asked."""
    clock, transport = Clock(SENT_AT), FakeTransport(replies)
    async with Journal(path, clock=clock) as journal:
        await journal.add([make_request()])
        claim = await journal.claim("a")
        assert claim is not None
        await journal.record(claim, StepState.UNKNOWN, order_id=order_id, action_id=action_id)
        reconciler = Reconciler(pipeline=make_pipeline(transport), events=events)
        [finding] = [finding async for finding in reconciler.find(journal, now=SENT_AT + 900)]
        entry = await journal.get("a")
        assert entry is not None
        assert entry.verdict is finding.verdict
    return finding, [request.endpoint.name for request in transport.sent]


async def test_everything_that_is_documented_is_asked_once(tmp_path: Path) -> None:
    replies = [answered(404), USER_OK, NO_DOMAINS, NO_SUBSCRIPTIONS]
    finding, asked = await look_up(tmp_path / "run.db", *replies, order_id="O1")
    assert finding.verdict is Verdict.ABSENT
    assert asked == ["orders.status", "users.get", "domains.by_user", "subscriptions.list"]


async def test_an_order_whose_status_is_known_was_placed(tmp_path: Path) -> None:
    replies = [answered(200, {}), USER_OK, NO_DOMAINS, NO_SUBSCRIPTIONS]
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


@pytest.mark.parametrize("data", [None, "text", 5, {"totalPages": 2}, {"page": {"totalPages": "many"}}])
async def test_a_list_of_domains_that_cannot_be_read_to_its_end_proves_no_absence(tmp_path: Path, data: Any) -> None:
    finding, _ = await look_up(tmp_path / "run.db", USER_OK, answered(200, data), NO_SUBSCRIPTIONS)
    assert (finding.verdict, finding.evidence) == (None, "the user's list of domains could not be read to its end")


@pytest.mark.parametrize("data", [["A.com"], {"a.com": 1}, [{"name": "a.com", "years": 1}], {"domains": [["a.com"]]}])
async def test_a_domain_is_found_in_a_list_of_any_shape(tmp_path: Path, data: Any) -> None:
    finding, _ = await look_up(tmp_path / "run.db", USER_OK, answered(200, data), NO_SUBSCRIPTIONS)
    assert (finding.verdict, finding.evidence) == (Verdict.PLACED, "GET /domains/by-user lists a.com")


@pytest.mark.parametrize("data", [None, [], {}, {"subscriptions": 5}, {"subscriptions": ["S1"]}])
async def test_subscriptions_that_cannot_be_read_prove_no_absence(tmp_path: Path, data: Any) -> None:
    finding, _ = await look_up(tmp_path / "run.db", USER_OK, NO_DOMAINS, answered(200, data))
    assert (finding.verdict, finding.evidence) == (None, "the subscriptions could not be read to their end")


@pytest.mark.parametrize("start", [None, "soon", 5, "2027-01-15T08:00:00Z"])
async def test_a_subscription_that_is_not_known_to_be_older_is_a_trace(tmp_path: Path, start: Any) -> None:
    rows = {"subscriptions": [{"subscriptionId": "S1", "periodStart": start}], "pagination": {"totalPages": 1}}
    finding, _ = await look_up(tmp_path / "run.db", USER_OK, NO_DOMAINS, answered(200, rows))
    assert (finding.verdict, finding.evidence) == (Verdict.PLACED, "a.com has the subscription S1")


async def test_a_client_that_cannot_be_used_ends_the_reconciliation(tmp_path: Path) -> None:
    with pytest.raises(ClientStateError, match="closed"):
        await look_up(tmp_path / "run.db", ClientStateError("This client is closed."))


ORDERED = "domain.order.completed"


@pytest.mark.parametrize(
    ("event", "placed"),
    [
        ({"event": ORDERED, "data": {"orderId": "O1"}}, True),
        ({"eventType": "mailbox.created", "data": {"actionId": "ACT_1"}}, True),
        ({"event": "domain.renewed", "data": {"orderId": "O1"}}, False),
        ({"event": ORDERED, "data": {"userId": USER, "domain": "a.com"}}, False),  # the id of this order is known
        ({"event": ORDERED, "data": {"orderId": "O2", "actionId": "ACT_2", "userId": "ANOTHER"}}, False),
        ({"event": ORDERED, "data": "O1"}, False),
        ({"data": {"orderId": "O1"}}, False),
    ],
)
async def test_an_event_confirms_the_order_whose_id_it_names(
    tmp_path: Path, event: dict[str, Any], *, placed: bool
) -> None:
    replies = [answered(404), USER_OK, NO_DOMAINS, NO_SUBSCRIPTIONS]
    finding, _ = await look_up(tmp_path / "run.db", *replies, events=(event,), order_id="O1", action_id="ACT_1")
    assert finding.verdict is (Verdict.PLACED if placed else Verdict.ABSENT)


@pytest.mark.parametrize(
    ("data", "placed"),
    [
        ({"userId": USER, "domainName": "a.com"}, True),
        ({"userId": USER, "domain": "a.com", "creationTime": "2027-01-15T08:00:00Z"}, True),
        ({"userId": USER, "domain": "a.com", "creationTime": "2027-01-15T07:00:00Z"}, False),
        ({"userId": USER, "domain": "b.com"}, False),
        ({"userId": "ANOTHER", "domain": "a.com"}, False),
    ],
)
async def test_an_event_without_an_id_confirms_by_user_domain_and_time(
    tmp_path: Path, data: dict[str, Any], *, placed: bool
) -> None:
    event = {"event": ORDERED, "data": data}
    finding, _ = await look_up(tmp_path / "run.db", USER_OK, NO_DOMAINS, NO_SUBSCRIPTIONS, events=(event,))
    assert finding.verdict is (Verdict.PLACED if placed else Verdict.ABSENT)


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
