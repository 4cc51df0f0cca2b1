"""Waiting for orders: one sweep for all who wait, over lists that show many orders at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import aclosing
from itertools import cycle
from typing import Any, cast

import attrs
import pytest

from cmr_async.core.exchange import Exchange
from cmr_async.errors import AuthenticationError, ClientStateError, ConfigurationError, ProvisioningError
from cmr_async.models import Mailbox
from cmr_async.models.progress import OrderProgress, OrderToken
from cmr_async.models.tracking import Provision, ProvisionKind, ProvisionState, Sighting
from cmr_async.simulator.shop.answers import mailbox_status
from cmr_async.tracking.settings import TrackingSettings
from cmr_async.tracking.tracker import Tracker
from tests.fakes import ADA, USER, Clock, answered, make_order
from tests.tracking.shop import Shop, refuse

OTHER_USER = "HATSA7AB56M513Q6EBF005YFHDQT"
BOXES = [ADA, attrs.evolve(ADA, username="bob")]


def a_tracker(shop: Shop, **settings: Any) -> Tracker:
    return Tracker(shop.pipeline(), TrackingSettings(**settings), wall_clock=shop.clock)


async def settled(shop: Shop, tokens: Iterable[OrderToken], **settings: Any) -> dict[str, OrderProgress]:
    """Wait for orders, for two hours at most."""
    tracker = a_tracker(shop, **settings)
    return {each.order_id: each async for each in tracker.follow(tokens, timeout=7200.0)}


async def test_an_order_is_waited_for_until_its_last_mailbox_is_active() -> None:
    shop = Shop()
    began = shop.clock.now
    token = shop.place(mailboxes={"a.com": BOXES})
    found = (await settled(shop, [token]))[token.order_id]
    assert (found.state, found.failures, found.waiting) == (ProvisionState.ACTIVE, (), ())
    assert [(each.kind.value, each.name) for each in found.provisions] == [
        ("domain", "a.com"), ("mailbox", "ada@a.com"), ("mailbox", "bob@a.com")]  # fmt: skip
    assert all(each.object_id and each.subscription_id for each in found.provisions[1:])
    assert str(found) == f"{token.order_id}: 1 of 1 domains and 2 of 2 mailboxes active"
    assert shop.times[0] - began == 10  # nothing is done before
    assert set(shop.read) == {"mailboxes.list"}
    assert {later - earlier for earlier, later in zip(shop.times, shop.times[1:], strict=False)} == {4.0}


async def test_hundreds_of_orders_are_waited_for_with_the_reads_of_one() -> None:
    shop = Shop()
    tokens = [shop.place(str(number)) for number in range(250)]
    found = await settled(shop, tokens)
    assert Counter(each.state for each in found.values()) == {ProvisionState.ACTIVE: 250}
    assert len(shop.sent) <= 40
    assert {request.query["limit"] for request in shop.sent if "limit" in request.query} == {"100"}


async def test_everybody_who_waits_shares_one_sweep() -> None:
    shop = Shop()
    tracker = a_tracker(shop)
    tokens = [shop.place(str(number)) for number in range(3)]

    async def one(token: OrderToken) -> list[OrderProgress]:
        return [each async for each in tracker.follow([token])]

    found = await asyncio.gather(*(one(token) for token in (*tokens, *tokens)))
    assert [[each.state for each in group] for group in found] == [[ProvisionState.ACTIVE]] * 6
    assert [later - earlier for earlier, later in zip(shop.times, shop.times[1:], strict=False)] == [4.0] * (
        len(shop.times) - 1
    )


@pytest.mark.parametrize("bare_first", [True, False])
async def test_what_one_waiter_knows_of_an_order_helps_the_others(bare_first: bool) -> None:
    shop = Shop()
    tracker = a_tracker(shop)
    token = shop.place(mailboxes={"a.com": BOXES})
    bare = attrs.evolve(token, domains=(), mailboxes=())
    half = attrs.evolve(token, mailboxes=("bob@a.com",), unavailable=("b.com",))

    async def one(token: OrderToken) -> list[OrderProgress]:
        return [each async for each in tracker.follow([token], timeout=300)]

    tokens = [bare, half, token]
    found = await asyncio.gather(*map(one, tokens if bare_first else tokens[::-1]))
    assert [[each.state for each in group] for group in found] == [[ProvisionState.ACTIVE]] * 3
    assert {len(group[0].provisions) for group in found} == {3}
    together = [each async for each in tracker.follow(tokens, timeout=300)]
    assert [(each.state, len(each.provisions)) for each in together] == [(ProvisionState.ACTIVE, 3)]
    assert tracker._table._by_name == {}


async def test_what_fails_is_told_with_its_reason() -> None:
    shop = Shop(failing_domains=["b.com"], failing_mailboxes=["c.com"])
    tokens = [shop.place(name) for name in "abc"]
    found = await settled(shop, tokens)
    states = [found[token.order_id].state for token in tokens]
    assert states == [ProvisionState.ACTIVE, ProvisionState.FAILED, ProvisionState.FAILED]
    failed = found[tokens[1].order_id]
    assert [each.name for each in failed.failures] == ["b.com", "ada@b.com"]
    assert failed.failures[1].reason.startswith("its domain failed")
    with pytest.raises(ExceptionGroup, match="did not come out whole") as caught:
        failed.raise_for_failures()
    errors = caught.value.exceptions
    assert [error.name for error in errors if isinstance(error, ProvisioningError)] == ["b.com", "ada@b.com"]
    found[tokens[0].order_id].raise_for_failures()
    assert [each.name for each in found[tokens[2].order_id].failures] == ["ada@c.com"]


async def test_a_domain_that_the_api_took_the_order_without_has_failed() -> None:
    shop = Shop(duplicate_domains="unavailable")
    shop.place("a")
    found = await settled(shop, [token := shop.place("a")])
    progress = found[token.order_id]
    assert (progress.state, len(progress.failures)) == (ProvisionState.FAILED, 2)
    assert "unavailable" in progress.failures[0].reason
    assert shop.sent == []


async def test_what_an_earlier_order_bought_does_not_make_an_unavailable_domain_active() -> None:
    shop = Shop(duplicate_domains="unavailable")
    shop.changed["mailboxes.list"] = lambda data: answered(
        200, {**data, "mailboxes": [{"email": row["email"], "status": row["status"]} for row in data["mailboxes"]]}
    )
    shop.place("a")
    shop.clock.now += 1000
    order = make_order("a", mailboxes={"a.com": [ADA], "b.com": [ADA]})
    order = attrs.evolve(order, domains=[*order.domains, attrs.evolve(order.domains[0], domain="b.com")])
    token = shop.token(order, shop.sell(order))
    assert token.unavailable == ("a.com",)
    progress = (await settled(shop, [token]))[token.order_id]
    assert {each.name: each.state.value for each in progress.provisions} == {
        "a.com": "failed", "b.com": "active", "ada@a.com": "failed", "ada@b.com": "active"}  # fmt: skip


async def test_domains_without_mailboxes_are_found_in_the_list_of_their_user() -> None:
    shop = Shop()
    tokens = [shop.place(str(number), mailboxes={}) for number in range(5)]
    found = await settled(shop, tokens)
    assert [found[token.order_id].state for token in tokens] == [ProvisionState.ACTIVE] * 5
    assert set(shop.read) == {"domains.by_user"}


async def test_an_order_of_unknown_content_is_done_when_the_caller_says_which_word_means_it() -> None:
    shop = Shop()
    bare = attrs.evolve(shop.place(), domains=(), mailboxes=())
    found = await settled(shop, [bare], done=["paid"])
    assert (found[bare.order_id].state, found[bare.order_id].status) == (ProvisionState.ACTIVE, "PAID")
    late = [each async for each in a_tracker(shop).follow([bare], timeout=60)]
    assert [(each.state, each.is_settled, each.status) for each in late] == [(ProvisionState.WAITING, False, "PAID")]


async def test_when_the_time_is_over_the_rest_is_told_as_it_is() -> None:
    shop = Shop(provision_seconds=(500, 500))
    token = shop.place()
    began = shop.clock.now
    found = [each async for each in a_tracker(shop).follow([token], timeout=30)]
    assert [(each.is_settled, len(each.waiting)) for each in found] == [(False, 2)]
    assert shop.clock.now - began == 30


async def test_changes_are_told_on_request() -> None:
    shop = Shop(provision_seconds=(60, 60))
    token = shop.place(mailboxes={"a.com": BOXES})
    found = [each async for each in a_tracker(shop).follow([token], changes=True)]
    counts = [each.count(ProvisionKind.MAILBOX, ProvisionState.ACTIVE) for each in found]
    assert counts[0] == 0
    assert counts[-1] == 2
    assert sorted(counts) == counts
    assert [each.is_settled for each in found] == [False] * (len(found) - 1) + [True]


class SlowRecords:
    """Stands in for what a journal keeps; the sweep goes on while it is read."""

    def __init__(self) -> None:
        self.noted: list[Sighting] = []

    async def provisions(
        self, *, since: float = 0.0, order_ids: Collection[str] | None = None
    ) -> AsyncIterator[Provision]:
        for _ in range(1_000):
            await asyncio.sleep(0)
        nothing: tuple[Provision, ...] = ()
        for provision in nothing:
            yield provision

    async def note(self, sightings: Iterable[Sighting]) -> int:
        self.noted += sightings
        return len(self.noted)


@pytest.mark.parametrize("timeout", [None, 60.0])
async def test_nothing_is_told_before_it_is_in_the_journal(timeout: float | None) -> None:
    shop, records = Shop(), SlowRecords()
    token = shop.place(mailboxes={"a.com": BOXES})
    told = []
    async for progress in a_tracker(shop).follow([token], timeout=timeout, records=cast("Any", records)):
        told.append(progress)
        known = {(sighting.name, sighting.state) for sighting in records.noted}
        assert {(each.name, each.state) for each in progress.provisions if each.kind == "mailbox"} <= known
    assert [progress.is_settled for progress in told] == [True]


async def test_a_list_that_is_not_there_is_replaced_by_the_documented_one() -> None:
    shop = Shop()
    shop.changed["mailboxes.list"] = refuse(404)
    token = shop.place()
    found = await settled(shop, [token])
    assert found[token.order_id].state is ProvisionState.ACTIVE
    assert Counter(shop.read)["mailboxes.list"] == 3  # one refusal may be a proxy's
    assert {"subscriptions.list", "mailboxes.by_user"} <= set(shop.read)  # of which the first names no mailboxes


@pytest.mark.parametrize("unreadable", [answered(200, {"page": "of another kind"}), answered(body=b"<html>")])
async def test_answers_that_cannot_be_understood_drop_their_list_after_some(unreadable: Exchange) -> None:
    shop = Shop()
    shop.changed["mailboxes.list"] = lambda _: unreadable
    token = shop.place()
    assert (await settled(shop, [token]))[token.order_id].state is ProvisionState.ACTIVE
    assert Counter(shop.read)["mailboxes.list"] == 3


async def test_one_answer_that_cannot_be_understood_is_no_reason_to_drop_a_list() -> None:
    shop = Shop()
    token = shop.place()
    unreadable = cycle([True, True, False])
    shop.changed["mailboxes.list"] = lambda data: answered(body=b"<html>") if next(unreadable) else answered(200, data)
    assert (await settled(shop, [token]))[token.order_id].state is ProvisionState.ACTIVE
    assert set(shop.read) == {"mailboxes.list"}


async def test_what_no_list_shows_is_found_among_the_mailboxes_of_its_user() -> None:
    shop = Shop()
    shop.changed["mailboxes.list"] = lambda _: answered(200, {"mailboxes": [], "pagination": {"totalPages": 1}})
    tokens = [shop.place(str(number)) for number in range(150)]
    found = await settled(shop, tokens)
    assert Counter(each.state for each in found.values()) == {ProvisionState.ACTIVE: 150}
    assert set(shop.read) == {"mailboxes.list", "mailboxes.by_user"}
    pages = [request.query["page"] for request in shop.sent if request.endpoint.name == "mailboxes.by_user"]
    assert set(pages) == {"1", "2"}
    assert len(pages) <= 6  # for all orders of the user together


async def test_a_look_at_a_user_that_was_left_half_way_begins_again_for_the_next_order() -> None:
    shop = Shop(provision_seconds=(1, 1))
    shop.changed["mailboxes.list"] = lambda _: answered(200, {"mailboxes": [], "pagination": {"totalPages": 1}})
    shop.changed["mailboxes.by_user"] = lambda data: answered(200, {**data, "pagination": {"totalPages": 3}})
    tracker = a_tracker(shop, first_look=0, single_look=1)
    for name in "ab":
        token = attrs.evolve(shop.place(name), placed_at=0.0)
        shop.clock.now += 100
        assert [each.state async for each in tracker.follow([token], timeout=60)] == [ProvisionState.ACTIVE]
    pages = [request.query["page"] for request in shop.sent if request.endpoint.name == "mailboxes.by_user"]
    assert pages == ["1", "1"]


async def test_nothing_is_kept_of_orders_that_nobody_waits_for() -> None:
    shop = Shop()
    shop.changed["mailboxes.list"] = lambda data: answered(
        200, [*data["mailboxes"], *({"domain": f"{number}.com", "status": "ACTIVE"} for number in range(3))]
    )
    tracker = a_tracker(shop)
    tokens = [shop.place(str(number)) for number in range(3)]
    async with aclosing(tracker.follow(tokens)) as found:
        await anext(found)
        assert tracker._lists._shown
    assert tracker._lists._shown == set()
    assert (tracker._looks._pages, tracker._watches, tracker._table.orders) == ({}, {}, {})


async def test_of_a_user_with_very_many_mailboxes_the_order_is_asked_for() -> None:
    shop = Shop()
    many = {"mailboxes": [], "pagination": {"totalPages": 6}}
    shop.changed["mailboxes.list"] = lambda _: answered(200, {"mailboxes": [], "pagination": {"totalPages": 1}})
    shop.changed["mailboxes.by_user"] = lambda _: answered(200, many)
    token = shop.place()
    assert (await settled(shop, [token]))[token.order_id].state is ProvisionState.ACTIVE
    assert [name for name in shop.read if name != "mailboxes.list"] == ["mailboxes.by_user", "orders.status"]


async def test_failed_orders_of_one_user_are_not_told_one_after_the_other() -> None:
    shop = Shop(failing_domains=[f"{number}.com" for number in range(16)])
    began = shop.clock.now
    tokens = [shop.place(str(number)) for number in range(16)]
    for name in ("mailboxes.list", "mailboxes.by_user"):
        shop.changed[name] = lambda _: answered(200, {"mailboxes": [], "pagination": {"totalPages": 1}})
    found = await settled(shop, tokens)
    assert {each.state for each in found.values()} == {ProvisionState.FAILED}
    assert shop.clock.now - began < 90 + 16 * 16 + 40  # one of four reads asks for a single order


async def test_what_many_orders_of_a_user_wait_for_is_looked_at_for_all_of_them_once() -> None:
    shop = Shop(provision_seconds=(400, 400))
    for name in ("mailboxes.list", "subscriptions.list"):
        shop.changed[name] = refuse(404)
    tokens = [shop.place(str(number)) for number in range(40)]
    found = [each async for each in a_tracker(shop).follow(tokens, timeout=270)]
    assert {each.state for each in found} == {ProvisionState.WAITING}
    reads = Counter(shop.read)
    assert 2 <= reads["mailboxes.by_user"] <= 3  # 90 seconds between two
    assert reads["orders.status"] >= 38


async def test_domains_are_looked_at_once_nothing_is_missing_of_the_mailboxes() -> None:
    shop = Shop()
    token = shop.place(mailboxes={"a.com": BOXES})
    rows = [{"email": name, "status": "FAILED", "orderId": token.order_id} for name in token.mailboxes]
    shop.changed["mailboxes.list"] = lambda _: answered(200, {"mailboxes": rows})
    progress = (await settled(shop, [token]))[token.order_id]
    assert [each.state.value for each in progress.provisions] == ["active", "failed", "failed"]
    assert [name for name in shop.read if name != "mailboxes.list"] == ["domains.by_user"]


async def test_where_no_list_of_mailboxes_can_be_had_the_order_is_asked_for() -> None:
    shop = Shop()
    for name in ("mailboxes.list", "mailboxes.by_user"):
        shop.changed[name] = refuse(404)
    token = shop.place()
    assert (await settled(shop, [token]))[token.order_id].state is ProvisionState.ACTIVE
    assert "orders.status" in shop.read


async def test_what_a_list_shows_is_looked_up_by_itself_later_than_what_none_shows() -> None:
    shop = Shop(provision_seconds=(300, 300))
    shown, hidden = shop.place("shown"), shop.place("hidden", user_id=OTHER_USER)
    row = {"email": "ada@shown.com", "status": "IN_PROGRESS", "orderId": shown.order_id}
    shop.changed["mailboxes.list"] = lambda _: answered(200, {"mailboxes": [row]})
    began = shop.clock.now
    [each async for each in a_tracker(shop).follow([shown, hidden], timeout=250)]
    first: dict[str, float] = {}
    for time, request in zip(shop.times, shop.sent, strict=True):
        if request.endpoint.name == "mailboxes.by_user":
            first.setdefault(request.query["userId"], time - began)
    assert 90 <= first[OTHER_USER] < 110
    assert 180 <= first[USER] < 200


async def test_failures_of_single_reads_end_nothing() -> None:
    shop = Shop()
    token = shop.place()
    failures = iter([500, 429, 503])
    shop.changed["mailboxes.list"] = lambda data: (
        answered(200, data) if (status := next(failures, None)) is None else answered(status)
    )
    assert (await settled(shop, [token]))[token.order_id].state is ProvisionState.ACTIVE


async def test_an_api_that_refuses_every_read_is_told_as_the_stall_of_the_client() -> None:
    shop = Shop(provision_seconds=(1, 1))
    pipeline = shop.pipeline()
    tracker, token = Tracker(pipeline, wall_clock=shop.clock), shop.place()
    refused = True
    for name in ("mailboxes.list", "subscriptions.list", "mailboxes.by_user", "orders.status"):
        shop.changed[name] = lambda data: answered(403) if refused else answered(200, data)
    stalls = []

    async def look() -> None:
        for _ in range(60):
            await shop.clock.sleep(2)
            stalls.append(pipeline.stall())

    looking = asyncio.create_task(look())
    assert [each.state async for each in tracker.follow([token], timeout=125)] == [ProvisionState.WAITING]
    await looking
    assert None not in stalls[10:]
    assert pipeline.stall() is None  # nobody waits any more
    told = {stall.message for stall in stalls if stall is not None}
    assert all("refused" in each or "403" in each for each in told)
    assert all(each.endswith("; asking again") for each in told)
    assert any("The status of order" in each for each in told)
    refused = False
    stalls.clear()
    assert [each.state async for each in tracker.follow([token], changes=True, timeout=60)][-1] is ProvisionState.ACTIVE
    assert pipeline.stall() is None


async def test_mailboxes_of_another_order_or_user_do_not_count() -> None:
    shop = Shop()
    token = shop.place()
    other = attrs.evolve(token, order_id="OTHER", domains=())
    foreign = attrs.evolve(token, order_id="FOREIGN", user_id=OTHER_USER)
    found = {each.order_id: each async for each in a_tracker(shop).follow([token, other, foreign], timeout=300)}
    assert [found[name].state for name in (token.order_id, "OTHER", "FOREIGN")] == [
        ProvisionState.ACTIVE, ProvisionState.WAITING, ProvisionState.WAITING]  # fmt: skip


@pytest.mark.parametrize("beside", [[], [{"domainName": "a.com", "status": "PENDING", "orderId": "NEW"}]])
async def test_the_failed_registration_of_an_earlier_order_does_not_count(beside: list[dict[str, str]]) -> None:
    shop = Shop()
    token = attrs.evolve(shop.place(mailboxes={}), order_id="NEW")
    old = {"domainName": "a.com", "status": "FAILED", "orderId": "OLD"}
    shop.changed["domains.by_user"] = lambda _: answered(200, [old, *beside])
    (found,) = [each async for each in a_tracker(shop).follow([token], timeout=60)]
    assert found.state is ProvisionState.WAITING


async def test_an_old_order_is_looked_for_at_once() -> None:
    shop = Shop(provision_seconds=(1, 1))
    token = shop.place()
    shop.clock.now += 100
    began = shop.clock.now
    await settled(shop, [token])
    assert shop.clock.now == began


@pytest.mark.parametrize("mailboxes", [{"a.com": BOXES}, {}])
async def test_an_order_of_an_unknown_time_counts_as_accepted_just_now(mailboxes: dict[str, list[Mailbox]]) -> None:
    shop = Shop(provision_seconds=(1, 1))
    token = attrs.evolve(shop.place(mailboxes=mailboxes), placed_at=0.0)
    shop.clock.now += 100
    began = shop.clock.now
    assert (await settled(shop, [token]))[token.order_id].state is ProvisionState.ACTIVE
    assert shop.clock.now == began + TrackingSettings().first_look


async def test_an_old_order_is_looked_for_at_once_beside_one_that_is_not_due() -> None:
    shop = Shop(provision_seconds=(1, 1))
    tracker, old = a_tracker(shop, first_look=50), shop.place("old")
    shop.clock.now += 100
    waiting = asyncio.create_task(waits_for(tracker, shop.place("young")))
    for _ in range(5):
        await asyncio.sleep(0)
    began = shop.clock.now
    assert [each.state for each in await waits_for(tracker, old)] == [ProvisionState.ACTIVE]
    assert shop.clock.now == began
    assert [each.state for each in await waiting] == [ProvisionState.ACTIVE]
    assert shop.clock.now == began + 50
    assert len(shop.sent) == 2


async def test_whoever_stops_waiting_ends_the_sweep() -> None:
    shop = Shop()
    tracker = a_tracker(shop)
    async with aclosing(tracker.follow([shop.place()], changes=True)) as found:
        async for _ in found:
            break
    asked = len(shop.sent)
    await shop.clock.sleep(100)
    assert len(shop.sent) == asked


class Closing(Shop):
    """A transport that can be closed."""

    closed = False

    def check_usable(self) -> None:
        if self.closed:
            raise ClientStateError("the client is closed")


async def waits_for(tracker: Tracker, token: OrderToken) -> list[OrderProgress]:
    return [each async for each in tracker.follow([token], timeout=7200)]


@pytest.mark.parametrize("tracked", [False, True])
async def test_a_client_that_is_closed_ends_the_waiting_before_anything_is_due(tracked: bool) -> None:
    shop = Closing()
    tracker, token = a_tracker(shop, first_look=3600), shop.place()
    shop.closed = not tracked
    waiting = asyncio.create_task(waits_for(tracker, token))
    for _ in range(5):
        await asyncio.sleep(0)
    began, shop.closed = shop.clock.now, True
    await tracker.close()
    with pytest.raises(ClientStateError, match="closed"):
        await waiting
    assert shop.clock.now == began
    assert shop.sent == []


async def test_what_ends_the_sweep_ends_the_waiting_of_all_with_one_request() -> None:
    shop = Shop()
    shop.changed["mailboxes.list"] = refuse(401)
    tracker = a_tracker(shop)
    waiters = [waits_for(tracker, shop.place(str(number))) for number in range(20)]
    found = await asyncio.gather(*waiters, return_exceptions=True)
    assert [type(each) for each in found] == [AuthenticationError] * 20
    assert shop.read == ["mailboxes.list"]
    assert tracker._watches == {}


def test_a_token_of_another_api_is_refused() -> None:
    shop = Shop()
    foreign = attrs.evolve(shop.place(), origin="https://elsewhere.test")
    with pytest.raises(ConfigurationError, match=r"belongs to https://elsewhere\.test"):
        a_tracker(shop).token(foreign)
    assert a_tracker(shop).token(attrs.evolve(foreign, origin="")).origin == "http://shop.test"


async def test_a_token_that_is_refused_leaves_nothing_behind() -> None:
    shop = Shop()
    tracker, good = a_tracker(shop), shop.place()
    foreign = attrs.evolve(good, order_id="FOREIGN", origin="https://elsewhere.test")
    with pytest.raises(ConfigurationError, match="belongs to"):
        await anext(tracker.follow([good, foreign]))
    assert (tracker._table.orders, tracker._watches) == ({}, {})
    assert shop.sent == []


@pytest.mark.parametrize("token", [None, "O", b"{}", 1, {"order_id": "O"}])
async def test_what_is_no_token_is_refused_with_what_to_pass(token: Any) -> None:
    shop = Shop()
    tracker = a_tracker(shop)
    with pytest.raises(ConfigurationError, match=rf"orders\.token.*got {type(token).__name__}"):
        await anext(tracker.follow([shop.place(), token]))
    assert tracker._table.orders == {}
    with pytest.raises(ConfigurationError, match="several orders" if not isinstance(token, dict) else "OrderToken"):
        await anext(tracker.follow(token))
    with pytest.raises(ConfigurationError, match=r"several orders.*got OrderToken"):
        await anext(tracker.follow(cast("Any", shop.place("b"))))


@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_list_in_either_order_is_followed(newest_first: bool) -> None:
    clock = Clock()
    shop = Shop(clock)
    if newest_first:
        shop.changed["mailboxes.list"] = lambda data: answered(200, turned(shop, data))
    for number in range(400):  # somebody else's, long before
        shop.place(f"old{number}")
    clock.now += 1000
    tracker = a_tracker(shop)
    tokens = [shop.place(str(number)) for number in range(30)]
    found = [each async for each in tracker.follow(tokens, timeout=400)]
    assert Counter(each.state for each in found) == {ProvisionState.ACTIVE: 30}


def turned(shop: Shop, data: Any) -> Any:
    """Return the same page of the list the other way round."""
    paging = data["pagination"]
    rows = all_rows(shop)[::-1]
    start = (paging["currentPage"] - 1) * 100
    return {"mailboxes": rows[start : start + 100], "pagination": paging}


def all_rows(shop: Shop) -> list[dict[str, Any]]:
    return [
        {"email": box.email, "status": mailbox_status(box, shop.clock.now), "orderId": order.order_id}
        for order, _, box in shop.state.mailboxes()
    ]
