"""What evidence proves about an unknown order."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr_async import DomainRegistration, Order, OrderRequest
from cmr_async.bulk.answers import DomainList, Mention
from cmr_async.bulk.evidence import Evidence, Finding, Rivals, relevant, weigh
from cmr_async.core.wire import dump_order
from cmr_async.journal.identity import fingerprint
from cmr_async.journal.records import JournalEntry
from cmr_async.journal.states import Step, StepState
from cmr_async.models.requests import Verdict
from tests.fakes import ADA, USER, make_request

SENT_AT = 1_800_000_000.0  # 2027-01-15T08:00:00Z
EARLIER = SENT_AT - 540  # nine minutes before
ORDERED = "domain.order.completed"
SUBSCRIPTION = {"subscriptionId": "S1", "userId": USER}
NOT_REGISTERED = Order(mailboxes={"a.com": [ADA]}, confirm=True)
MIXED = Order(domains=[DomainRegistration(domain="b.com")], mailboxes={"a.com": [ADA]}, confirm=True)


def an_entry(order: Order | None = None, **changes: Any) -> JournalEntry:
    request = make_request() if order is None else OrderRequest(user_id=USER, order=order)
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


def listing(**mentions: Mention) -> DomainList:
    """A whole list that names `{name}.com`."""
    return DomainList(mentions={f"{name}.com": (mention,) for name, mention in mentions.items()})


NOTHING = Evidence(user_exists=True, listed=DomainList(), subscriptions={"a.com": ()}, all_subscriptions=True)


def judged(entry: JournalEntry, *, after: float = 1000, rivals: Rivals | None = None, **evidence: Any) -> Finding:
    return weigh(entry, attrs.evolve(NOTHING, **evidence), now=SENT_AT + after, settle=900, rivals=rivals)


def with_row(**fields: Any) -> dict[str, Any]:
    return {"subscriptions": {"a.com": (SUBSCRIPTION | fields,)}}


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        ({}, Verdict.ABSENT),
        ({"user_exists": False}, None),
        ({"listed": None}, None),
        ({"listed": DomainList(is_whole=False)}, None),
        ({"all_subscriptions": False}, None),
        ({"failures": ("GET /users failed",)}, None),
        ({"listed": listing(a=Mention())}, Verdict.PLACED),
        ({"listed": attrs.evolve(listing(a=Mention()), is_whole=False)}, Verdict.PLACED),
        ({"listed": listing(b=Mention())}, Verdict.ABSENT),
        ({"listed": listing(a=Mention(created=SENT_AT - 299))}, Verdict.PLACED),
        ({"listed": listing(a=Mention(created=EARLIER))}, Verdict.CONFLICT),
        ({"listed": DomainList(mentions={"a.com": (Mention(), Mention(created=EARLIER))})}, Verdict.CONFLICT),
        ({"listed": listing(a=Mention(user_id=USER))}, Verdict.PLACED),
        ({"listed": listing(a=Mention(user_id="ANOTHER"))}, Verdict.CONFLICT),
        ({"listed": listing(a=Mention(user_id="ANOTHER")), **with_row()}, Verdict.CONFLICT),
        (with_row(), Verdict.PLACED),
        (with_row(domain="A.com"), Verdict.PLACED),
        (with_row(domain="b.com"), Verdict.ABSENT),
        (with_row(userId="ANOTHER"), Verdict.CONFLICT),
        (with_row(userId="ANOTHER") | {"listed": listing(a=Mention())}, Verdict.CONFLICT),
        (with_row(periodStart="2020-01-01T00:00:00Z"), Verdict.ABSENT),
        (with_row(periodStart="soon"), Verdict.PLACED),
        ({"status_known": True}, Verdict.PLACED),
        ({"events": ({"event": ORDERED, "data": {"userId": USER, "domain": "a.com"}},)}, Verdict.PLACED),
    ],
)
def test_evidence_is_weighed(evidence: dict[str, Any], verdict: Verdict | None) -> None:
    finding = judged(an_entry(), **evidence)
    assert finding.verdict is verdict
    assert finding.evidence
    assert finding.settles_at is None


def test_a_domain_that_was_there_before_is_no_trace_and_hides_one() -> None:
    finding = judged(an_entry(), listed=listing(a=Mention(created=EARLIER)))
    assert finding.evidence == (
        "GET /domains/by-user lists a.com, which was there before this order was sent: it is no trace of it, and "
        "would hide one"
    )


def test_a_domain_that_another_order_names_too_is_a_conflict() -> None:
    rivals = Rivals(domains=frozenset({"a.com"}), order_ids=frozenset({"O2"}))
    finding = judged(an_entry(), listed=listing(a=Mention()), rivals=rivals)
    assert finding.verdict is Verdict.CONFLICT
    assert "another order of this journal names a.com too" in finding.evidence
    finding = judged(an_entry(), listed=listing(a=Mention(order_id="O2")), rivals=rivals)
    assert finding.evidence.startswith("GET /domains/by-user lists a.com, from order O2")


def test_the_id_beside_a_proof_is_kept() -> None:
    assert judged(an_entry(), listed=listing(a=Mention(order_id="O1"))).order_id == "O1"
    assert judged(an_entry(), listed=listing(a=Mention(order_id="O1", created=EARLIER))).order_id is None
    assert judged(an_entry(order_id="O3"), listed=listing(a=Mention())).order_id == "O3"


def test_nothing_is_absent_before_the_time_to_settle() -> None:
    finding = judged(an_entry(), after=899)
    assert (finding.verdict, finding.settles_at) == (None, SENT_AT + 900)
    assert finding.evidence == "no trace 899 s after the send; absent only when there is none after 900 s"
    assert judged(an_entry(), after=-3600).verdict is None


def test_an_order_whose_send_has_no_time_is_never_absent() -> None:
    finding = judged(an_entry(sent_at=None))
    assert (finding.verdict, finding.settles_at) == (None, None)


def test_what_has_vanished_is_not_absent() -> None:
    finding = judged(an_entry(verdict=Verdict.CONFLICT, evidence="a.com has the subscription S1"))
    assert finding.verdict is None
    assert finding.evidence.startswith("an earlier look found a trace (a.com has the subscription S1)")
    assert judged(an_entry(verdict=Verdict.ABSENT)).verdict is Verdict.ABSENT


# Orders whose absence no look-up shows


@pytest.mark.parametrize("order", [NOT_REGISTERED, MIXED], ids=["mailboxes only", "mailboxes on another domain too"])
def test_mailboxes_on_a_domain_that_is_not_registered_are_never_absent(order: Order) -> None:
    finding = judged(an_entry(order), after=1e9, subscriptions={"a.com": (), "b.com": ()})
    assert (finding.verdict, finding.settles_at) == (None, None)
    assert finding.evidence == (
        "it adds mailboxes to a.com without registering it, and no look-up shows that it did not: look for it in the "
        "Partner Dashboard, where orders can be searched by domain, and write down what you find with `Journal.verdict`"
    )


def test_the_domain_that_gets_only_mailboxes_proves_nothing_by_being_there() -> None:
    assert judged(an_entry(NOT_REGISTERED), listed=listing(a=Mention())).verdict is None
    finding = judged(an_entry(NOT_REGISTERED), **with_row())
    assert finding.verdict is Verdict.CONFLICT
    assert finding.evidence.endswith("whose period can also have begun with a renewal")


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        ({"email": "ada@a.com"}, Verdict.PLACED),
        ({"email": "Ada@A.com"}, Verdict.PLACED),
        ({"domainName": "a.com", "creationTime": "2027-01-15T08:01:00Z"}, Verdict.PLACED),
        ({"domainName": "a.com", "creationTime": "2027-01-15T07:51:00Z"}, None),
        ({"domainName": "a.com"}, Verdict.CONFLICT),
        ({"email": "bob@a.com"}, Verdict.CONFLICT),
    ],
)
def test_an_event_shows_mailboxes_by_their_address_or_its_time(data: dict[str, Any], verdict: Verdict | None) -> None:
    event = {"event": "mailbox.created", "data": {"userId": USER} | data}
    assert judged(an_entry(NOT_REGISTERED), events=(event,)).verdict is verdict


def test_a_draft_is_never_absent() -> None:
    finding = judged(an_entry(confirm=False), after=1e9)
    assert (finding.verdict, finding.settles_at) == (None, None)
    assert finding.evidence == (
        "a draft leaves no trace that can be looked up, so it is never called absent; a second draft costs nothing"
    )


def test_a_draft_is_placed_only_by_its_own_id() -> None:
    draft = an_entry(confirm=False)
    finding = judged(draft, listed=listing(a=Mention()))
    assert finding.verdict is Verdict.CONFLICT
    assert finding.evidence.endswith("a draft registers nothing, so another order did, or somebody processed this one")
    assert judged(attrs.evolve(draft, order_id="O1"), status_known=True).verdict is Verdict.PLACED


def test_the_processing_of_a_draft_is_judged_by_what_it_registers() -> None:
    processing = an_entry(confirm=False, step=Step.PROCESS, order_id="O1")
    assert judged(processing).verdict is Verdict.ABSENT
    assert judged(processing, status_known=True).verdict is Verdict.ABSENT
    assert judged(processing, listed=listing(a=Mention())).verdict is Verdict.PLACED


# Events


@pytest.mark.parametrize(
    ("event", "is_relevant"),
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
def test_an_event_is_about_the_order_whose_id_it_names(event: dict[str, Any], *, is_relevant: bool) -> None:
    entry = an_entry(order_id="O1", action_id="ACT_1")
    assert relevant((event,), entry, Rivals()) == ((event,) if is_relevant else ())
    if is_relevant:
        finding = judged(entry, events=(event,))
        assert (finding.verdict, finding.order_id) == (Verdict.PLACED, "O1")


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        ({"userId": USER, "domainName": "a.com"}, Verdict.PLACED),
        ({"userId": USER, "domain": "a.com", "creationTime": "2027-01-15T08:00:00Z"}, Verdict.PLACED),
        ({"userId": USER, "domains": [{"domain": "A.com", "status": "ACTIVE"}], "orderId": "O1"}, Verdict.PLACED),
        ({"userId": USER, "email": "bob@a.com"}, Verdict.PLACED),
        ({"userId": USER, "domain": "a.com", "creationTime": "2027-01-15T07:00:00Z"}, Verdict.ABSENT),
        ({"userId": USER, "domain": "b.com"}, Verdict.ABSENT),
        ({"userId": "ANOTHER", "domain": "a.com"}, Verdict.ABSENT),
        ({"domains": [{"domain": "a.com"}]}, Verdict.CONFLICT),
        ({"userId": USER, "domain": "a.com", "orderId": "O2"}, Verdict.ABSENT),  # of another order of the journal
    ],
)
def test_an_event_without_a_known_id_confirms_by_user_domain_and_time(data: dict[str, Any], verdict: Verdict) -> None:
    entry, rivals = an_entry(), Rivals(order_ids=frozenset({"O2"}))
    events = relevant(({"event": ORDERED, "data": data},), entry, rivals)
    finding = judged(entry, events=events, rivals=rivals)
    assert finding.verdict is verdict
    assert finding.order_id == (data.get("orderId") if verdict is Verdict.PLACED else None)


def test_an_event_that_can_be_of_another_order_is_a_conflict() -> None:
    event = {"event": "domain.order.failed", "data": {"userId": USER, "domainName": "a.com"}}
    finding = judged(an_entry(), events=(event,), rivals=Rivals(domains=frozenset({"a.com"})))
    assert finding.verdict is Verdict.CONFLICT


_rows = st.lists(
    st.fixed_dictionaries({}, optional={"subscriptionId": st.just("S"), "userId": st.sampled_from([USER, "ANOTHER"])}),
    max_size=2,
).map(tuple)
_mention = st.builds(Mention, created=st.none() | st.sampled_from([EARLIER, SENT_AT]))
_listed = st.builds(
    DomainList,
    mentions=st.dictionaries(st.sampled_from(["a.com", "b.com"]), st.tuples(_mention)),
    is_whole=st.booleans(),
)


@given(
    entry=st.builds(
        an_entry,
        st.sampled_from([None, NOT_REGISTERED, MIXED]),
        confirm=st.booleans(),
        step=st.sampled_from(Step),
        verdict=st.sampled_from([None, Verdict.ABSENT, Verdict.CONFLICT]),
    ),
    evidence=st.builds(
        Evidence,
        user_exists=st.booleans(),
        listed=st.none() | _listed,
        subscriptions=st.fixed_dictionaries({"a.com": _rows}),
        all_subscriptions=st.booleans(),
        events=st.just(()) | st.just(({"event": ORDERED, "data": {"userId": USER, "domain": "a.com"}},)),
        status_known=st.booleans(),
        failures=st.just(()) | st.just(("GET /users failed",)),
    ),
    waited=st.floats(-2000, 2000),
    shared=st.frozensets(st.just("a.com")),
)
def test_absent_takes_every_look_up_and_placed_takes_a_trace(
    entry: JournalEntry, evidence: Evidence, waited: float, shared: frozenset[str]
) -> None:
    rivals = Rivals(domains=shared)
    finding = weigh(entry, evidence, now=SENT_AT + waited, settle=900, rivals=rivals)
    registered = {registration.domain for registration in entry.order.domains}
    named = set(evidence.listed.mentions if evidence.listed else ()) & registered
    traces = named or any(evidence.subscriptions.values()) or evidence.events or evidence.status_known
    if finding.verdict is Verdict.ABSENT:
        assert evidence.user_exists
        assert evidence.listed is not None
        assert evidence.listed.is_whole
        assert evidence.all_subscriptions
        assert not evidence.failures
        assert not named
        assert not evidence.events
        assert not any(evidence.subscriptions.values())
        assert waited >= 900
        assert set(entry.domains) == registered
        assert entry.confirm or entry.step is Step.PROCESS
        assert entry.verdict is not Verdict.CONFLICT
    if finding.verdict in {Verdict.PLACED, Verdict.CONFLICT}:
        assert traces
    assert finding.settles_at is None or finding.verdict is None
