"""Reconciliation takes no answer for more than a source says that it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cmr_async import DomainRegistration, Order, OrderRequest
from cmr_async.bulk.evidence import Finding
from cmr_async.bulk.reconcile import Reconciler
from cmr_async.journal.journal import Journal, StepState, Verdict
from tests.fakes import ADA, USER, Clock, FakeTransport, answered, make_pipeline

DOMAINS = [f"{number}.com" for number in range(45)]
NO_DOMAINS: list[str] = []
ORDER = Order(domains=[DomainRegistration(domain="a.com")], mailboxes={"a.com": [ADA]}, confirm=True)


async def reconciled(
    path: Path, *, user: Any = None, domains: Any = NO_DOMAINS, subscriptions: Any = None, event: Any = None
) -> Finding:
    """Reconcile one order of unknown id, sent 2027-01-15T08:00:00Z, against these answers."""
    answers = [user or {"userId": USER}, domains, subscriptions or {"subscriptions": []}]
    clock, transport = Clock(1_800_000_000.0), FakeTransport([answered(200, data) for data in answers])
    async with Journal(path / "run.db", clock=clock) as journal:
        await journal.add([OrderRequest(user_id=USER, reference="a", order=ORDER)])
        claim = await journal.claim("a")
        assert claim is not None
        await journal.record(claim, StepState.UNKNOWN)
        clock.now += 900
        reconciler = Reconciler(pipeline=make_pipeline(transport), events=(event,) if event else ())
        [finding] = [finding async for finding in reconciler.find(journal)]
    return finding


@pytest.mark.parametrize(
    "first_page",
    [
        DOMAINS[:20],
        {"domains": DOMAINS[:20], "pagination": {"total": 45, "hasMore": True}},
        {"domains": DOMAINS[:20], "totalSearchedCount": 45, "currentPage": 1, "nextPage": 2},
    ],
    ids=["a bare list", "total and hasMore", "totalSearchedCount and nextPage"],
)
async def test_twenty_domains_of_forty_five_are_not_all(first_page: Any, tmp_path: Path) -> None:
    finding = await reconciled(tmp_path, domains=first_page)
    assert (finding.verdict, finding.evidence) == (None, "the user's list of domains could not be read to its end")


async def test_the_documented_sample_of_one_page_is_whole(tmp_path: Path) -> None:
    pagination = {"totalSearchedCount": 0, "currentPage": 1, "nextPage": 2, "totalPages": 1}
    subscriptions = {"subscriptions": [], "pagination": pagination}
    assert (await reconciled(tmp_path, subscriptions=subscriptions)).verdict is Verdict.ABSENT


@pytest.mark.parametrize("user", [[None], {"found": True}, {"id": "ANOTHER"}])
async def test_a_success_without_the_users_own_id_is_no_user(user: Any, tmp_path: Path) -> None:
    finding = await reconciled(tmp_path, user=user)
    assert finding.verdict is None
    assert finding.evidence.startswith("the user could not be looked up")


@pytest.mark.parametrize(
    "data",
    [
        {"userId": USER, "domains": [{"domain": "a.com", "status": "ACTIVE"}]},
        {"userId": USER, "orderId": "NQ682GAVFTMYC2H6C87PPKPG5WXV", "mailboxId": "mbx_001", "email": "ada@a.com"},
        {"userId": USER, "domainName": "a.com", "creationTime": "2027-01-15T08:00:30Z"},
    ],
    ids=["a list of domains", "an address", "a name with a time"],
)
@pytest.mark.parametrize("name", ["domain.order.success", "mailbox.created"])
async def test_an_event_is_evidence_for_an_order_without_a_known_id(name: str, data: Any, tmp_path: Path) -> None:
    finding = await reconciled(tmp_path, event={"event": name, "data": data})
    assert (finding.verdict, finding.order_id) == (Verdict.PLACED, data.get("orderId"))


@pytest.mark.parametrize(
    "data",
    [
        {"userId": USER, "domainName": "a.com", "creationTime": "2027-01-15T07:51:00Z"},
        {"userId": "ANOTHER", "email": "ada@a.com"},
    ],
    ids=["older than the send", "another user"],
)
async def test_an_event_of_another_order_is_no_evidence(data: Any, tmp_path: Path) -> None:
    finding = await reconciled(tmp_path, event={"event": "domain.order.success", "data": data})
    assert finding.verdict is Verdict.ABSENT


async def test_an_event_that_names_no_user_is_neither_evidence_nor_nothing(tmp_path: Path) -> None:
    sample = {"actionId": "ACT_7a078272", "domains": [{"domain": "a.com", "status": "ACTIVE"}]}
    finding = await reconciled(tmp_path, event={"event": "domain.order.success", "data": sample})
    assert finding.verdict is Verdict.CONFLICT
    assert finding.evidence == "the webhook event domain.order.success names a.com"
