"""A verdict never leads to a second purchase: it is proved, it belongs to one attempt, and to one account."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cmr_async import AsyncClient, ConfigurationError, DomainRegistration, JournalError, Order, OrderRequest, OrderState
from cmr_async.bulk.evidence import Finding
from cmr_async.core.account import Account
from cmr_async.journal.journal import Journal, JournalEntry, StepState, Verdict
from cmr_async.pipeline import Pipeline
from tests.fakes import ADA, USER, Clock, make_request
from tests.money.scripted_api import ScriptedAPI

#: 12:04, as in the findings; the orders are sent then unless a test moves the clock.
SENT_AT = 1_800_014_640.0
QUARTER = 900.0


@pytest.fixture
async def api() -> AsyncIterator[ScriptedAPI]:
    async with ScriptedAPI() as started:
        yield started


@pytest.fixture
async def cmr(api: ScriptedAPI) -> AsyncIterator[AsyncClient]:
    async with api.client() as client:
        yield client


@pytest.fixture
def clock() -> Clock:
    return Clock(SENT_AT)


@pytest.fixture
async def journal(tmp_path: Path, clock: Clock) -> AsyncIterator[Journal]:
    async with Journal(tmp_path / "run.db", clock=clock) as opened:
        yield opened


async def submitted(
    cmr: AsyncClient, journal: Journal | Path, *requests: OrderRequest, **options: Any
) -> list[OrderState]:
    return [outcome.state async for outcome in cmr.bulk.submit(requests, journal=journal, **options)]


async def findings(cmr: AsyncClient, journal: Journal | Path, **options: Any) -> list[Finding]:
    return [finding async for finding in cmr.bulk.reconcile(journal, **options)]


async def stored(journal: Journal, key: str = "a") -> JournalEntry:
    entry = await journal.get(key)
    assert entry is not None
    return entry


async def lose(api: ScriptedAPI, cmr: AsyncClient, journal: Journal | Path, request: OrderRequest) -> None:
    """Place an order and lose the answer."""
    api.mute.update(request.order.domain_names)
    assert await submitted(cmr, journal, request) == [OrderState.UNKNOWN]
    assert api.orders == 1


async def cannot_be_sent_again(api: ScriptedAPI, cmr: AsyncClient, journal: Journal, request: OrderRequest) -> None:
    """Try all that a user can try."""
    key = (await journal.add([request]))[0].key
    with pytest.raises(JournalError):
        await cmr.bulk.resubmit(journal, key)
    assert await cmr.bulk.resubmit_all(journal, "absent") == []
    await submitted(cmr, journal, request)
    assert all(count == 1 for count in api.bought.values())


async def test_a_verdict_on_one_attempt_never_lands_on_a_newer_one(
    api: ScriptedAPI, cmr: AsyncClient, journal: Journal, clock: Clock, tmp_path: Path
) -> None:
    api.deaf.add("a.com")
    assert await submitted(cmr, journal, make_request()) == [OrderState.UNKNOWN]
    clock.now += QUARTER

    async def a_colleague_sends_it_again() -> None:
        api.deaf.clear()
        async with Journal(tmp_path / "run.db", clock=clock) as other:
            [finding] = await findings(cmr, other)
            assert finding.verdict is Verdict.ABSENT
            await cmr.bulk.resubmit(other, "a")
            await lose(api, cmr, other, make_request())

    api.before["/subscriptions"] = a_colleague_sends_it_again
    [finding] = await findings(cmr, journal)
    assert (finding.verdict, finding.evidence) == (None, "changed meanwhile: look again")
    assert (await stored(journal)).verdict is None
    await cannot_be_sent_again(api, cmr, journal, make_request())


async def test_absent_never_replaces_what_another_look_found_meanwhile(
    api: ScriptedAPI, cmr: AsyncClient, journal: Journal, clock: Clock
) -> None:
    await lose(api, cmr, journal, make_request())
    clock.now += QUARTER

    async def the_trace_appears() -> None:
        api.answers["/domains/by-user"] = ["a.com"]
        [finding] = await findings(cmr, journal)
        assert finding.verdict is Verdict.PLACED

    api.before["/subscriptions"] = the_trace_appears
    [finding] = await findings(cmr, journal)
    assert (finding.verdict, finding.evidence) == (None, "changed meanwhile: look again")
    assert (await stored(journal)).verdict is Verdict.PLACED
    await cannot_be_sent_again(api, cmr, journal, make_request())


async def test_an_order_that_was_found_once_stays_found(
    api: ScriptedAPI, cmr: AsyncClient, journal: Journal, clock: Clock
) -> None:
    await lose(api, cmr, journal, make_request())
    api.answers["/domains/by-user"] = ["a.com"]
    [first] = await findings(cmr, journal)
    api.answers["/domains/by-user"] = []
    clock.now += QUARTER
    [second] = await findings(cmr, journal)
    assert [first.verdict, second.verdict] == [Verdict.PLACED, Verdict.PLACED]
    await cannot_be_sent_again(api, cmr, journal, make_request())


async def test_a_reconciling_host_that_is_20_minutes_ahead_calls_nothing_absent(
    api: ScriptedAPI, cmr: AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"
    await lose(api, cmr, path, make_request())
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 1200)
    [finding] = await findings(cmr, path)
    assert finding.verdict is None
    assert finding.evidence.startswith("no trace ")
    async with Journal(path) as journal:
        await cannot_be_sent_again(api, cmr, journal, make_request())


async def test_the_time_to_settle_ends_by_the_clock_of_the_journal(
    api: ScriptedAPI, cmr: AsyncClient, journal: Journal, clock: Clock
) -> None:
    await lose(api, cmr, journal, make_request())
    clock.now += QUARTER - 1
    [finding] = await findings(cmr, journal)
    assert (finding.verdict, finding.settles_at) == (None, SENT_AT + QUARTER)
    clock.now -= 3600  # a step back of the clock shortens nothing either
    [finding] = await findings(cmr, journal)
    assert finding.verdict is None
    await cannot_be_sent_again(api, cmr, journal, make_request())


@pytest.mark.parametrize("settle", [-1.0, float("nan")])
async def test_a_time_to_settle_that_is_none_is_refused(cmr: AsyncClient, journal: Journal, settle: float) -> None:
    with pytest.raises(ConfigurationError, match="settle must be 0 or more seconds"):
        await findings(cmr, journal, settle=settle)


async def test_an_order_of_mailboxes_only_is_never_absent(
    api: ScriptedAPI, cmr: AsyncClient, journal: Journal, clock: Clock
) -> None:
    request = OrderRequest(user_id=USER, reference="a", order=Order(mailboxes={"a.com": [ADA]}, confirm=True))
    await lose(api, cmr, journal, request)
    api.answers["/domains/by-user"] = ["a.com"]
    old = {"subscriptionId": "S1", "userId": USER, "domain": "a.com", "periodStart": "2027-01-01T00:00:00Z"}
    api.answers["/subscriptions"] = {"subscriptions": [old]}
    clock.now += 100 * QUARTER
    [finding] = await findings(cmr, journal)
    assert finding.verdict is None
    assert "look for it in the Partner Dashboard" in finding.evidence
    await cannot_be_sent_again(api, cmr, journal, request)


async def test_a_draft_in_doubt_is_made_again_on_request_and_paid_once(
    api: ScriptedAPI, cmr: AsyncClient, journal: Journal, clock: Clock
) -> None:
    request = make_request(confirm=False)
    await lose(api, cmr, journal, request)
    clock.now += 100 * QUARTER
    [finding] = await findings(cmr, journal)
    assert finding.verdict is None
    assert await cmr.bulk.resubmit_all(journal, "drafts") == ["a"]
    api.mute.clear()
    assert await submitted(cmr, journal, request) == [OrderState.ACCEPTED]
    assert await journal.add_processing() == 1
    assert (api.orders, api.bought) == (2, {})


@pytest.mark.parametrize("listed", ["bücher.de", "Bücher.DE.", "xn--bcher-kva.de", "XN--BCHER-KVA.de"])
async def test_an_international_domain_is_found_however_a_list_writes_it(
    listed: str, api: ScriptedAPI, cmr: AsyncClient, journal: Journal, clock: Clock
) -> None:
    order = Order(domains=[DomainRegistration(domain="bücher.de")], confirm=True)
    request = OrderRequest(user_id=USER, reference="a", order=order)
    api.mute.add("xn--bcher-kva.de")
    assert await submitted(cmr, journal, request) == [OrderState.UNKNOWN]
    api.answers["/domains/by-user"] = [{"domain": listed}]
    clock.now += QUARTER
    [finding] = await findings(cmr, journal)
    assert finding.verdict is Verdict.PLACED
    await cannot_be_sent_again(api, cmr, journal, request)


PAGE = [f"{number}.com" for number in range(20)]


@pytest.mark.parametrize(
    "data",
    [
        PAGE,
        {"domains": PAGE, "pagination": {"total": 45, "hasMore": True}},
        {"domains": PAGE, "totalSearchedCount": 45, "nextPage": 2},
        {"domains": PAGE[:7], "nextCursor": "MjA="},
        {"domains": PAGE[:7], "total": 250},
        {"domains": PAGE[:7], "page": 1, "limit": 7},
    ],
    ids=["a full page", "hasMore", "totalSearchedCount", "nextCursor", "total", "limit"],
)
async def test_an_order_on_a_page_that_was_not_read_is_never_absent(
    data: Any, api: ScriptedAPI, cmr: AsyncClient, journal: Journal, clock: Clock
) -> None:
    await lose(api, cmr, journal, make_request())
    api.answers["/domains/by-user"] = data
    clock.now += 100 * QUARTER
    [finding] = await findings(cmr, journal)
    assert (finding.verdict, finding.evidence) == (None, "the user's list of domains could not be read to its end")
    await cannot_be_sent_again(api, cmr, journal, make_request())


async def test_a_domain_that_is_older_than_the_send_confirms_nothing_and_hides_an_order(
    api: ScriptedAPI, cmr: AsyncClient, journal: Journal, clock: Clock
) -> None:
    await lose(api, cmr, journal, make_request())
    api.answers["/domains/by-user"] = [{"domainName": "a.com", "creationTime": "2027-01-15T11:55:00.000Z"}]
    clock.now += QUARTER
    [finding] = await findings(cmr, journal)
    assert finding.verdict is Verdict.CONFLICT
    assert "was there before this order was sent" in finding.evidence
    await cannot_be_sent_again(api, cmr, journal, make_request())


async def test_what_a_former_attempt_bought_after_a_wrong_verdict_is_not_bought_again(
    api: ScriptedAPI, cmr: AsyncClient, journal: Journal, clock: Clock
) -> None:
    await lose(api, cmr, journal, make_request())
    clock.now += QUARTER
    [finding] = await findings(cmr, journal)
    assert finding.verdict is Verdict.ABSENT  # the API hid it for longer than it normally takes
    await cmr.bulk.resubmit(journal, "a")
    api.deaf.add("a.com")
    assert await submitted(cmr, journal, make_request()) == [OrderState.UNKNOWN]
    api.answers["/domains/by-user"] = [{"domainName": "a.com", "creationTime": "2027-01-15T12:04:01.000Z"}]
    clock.now += QUARTER
    [finding] = await findings(cmr, journal)
    assert finding.verdict is Verdict.CONFLICT
    await cannot_be_sent_again(api, cmr, journal, make_request())


async def test_the_orders_of_one_account_are_never_judged_by_another(
    api: ScriptedAPI, cmr: AsyncClient, journal: Journal, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lose(api, cmr, journal, make_request())
    await journal.bind(Account.of("http://127.0.0.1", "key"))
    clock.now += QUARTER
    async with ScriptedAPI() as sandbox, sandbox.client("sandbox-key") as other:
        monkeypatch.setattr(Pipeline, "account", Account.of("http://127.0.0.1", "sandbox-key"), raising=False)
        with pytest.raises(JournalError, match=r"belongs to another account of http://127\.0\.0\.1"):
            await findings(other, journal)
    assert (await stored(journal)).verdict is None
    assert api.bought == {"a.com": 1}


async def test_eight_reconciliations_and_resubmissions_beside_runs_buy_each_domain_once(
    api: ScriptedAPI, cmr: AsyncClient, tmp_path: Path
) -> None:
    path = tmp_path / "run.db"
    requests = [make_request(number) for number in range(6)]
    api.deaf.update(f"{number}.com" for number in range(3))
    api.mute.add("3.com")
    await submitted(cmr, path, *requests, stop_after_unknown=5)  # four are, in whatever order they end
    api.answers["/domains/by-user"] = ["3.com", "4.com", "5.com"]
    api.deaf.clear()
    api.mute.clear()

    async def one_person() -> None:
        async with Journal(path) as journal:
            await findings(cmr, journal, settle=0)
            await cmr.bulk.resubmit_all(journal, "absent")
            await submitted(cmr, journal, *requests)

    async with asyncio.TaskGroup() as people:
        for _ in range(8):
            people.create_task(one_person())
    await submitted(cmr, path, *requests)
    assert api.bought == {f"{number}.com": 1 for number in range(6)}
    [finding] = await findings(cmr, path)
    assert (finding.entry.key, finding.verdict) == ("3", Verdict.PLACED)


async def test_an_order_that_is_on_its_way_is_nobody_elses_business(
    api: ScriptedAPI, cmr: AsyncClient, tmp_path: Path
) -> None:
    path = tmp_path / "run.db"
    api.go_on.clear()
    run = asyncio.create_task(submitted(cmr, path, make_request()))
    await api.arrived.wait()
    assert await findings(cmr, path, settle=0) == []
    async with Journal(path) as journal:
        assert (await stored(journal)).state is StepState.SENT
        with pytest.raises(JournalError, match="a is sent, not unknown or rejected"):
            await cmr.bulk.resubmit(journal, "a")
    api.go_on.set()
    assert await run == [OrderState.ACCEPTED]
    assert api.bought == {"a.com": 1}
