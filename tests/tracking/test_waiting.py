"""Waiting with a client: for one order, for many, and for those of a journal, against a simulator on this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import attrs
import pytest

from cmr_async import (
    AsyncClient,
    AuthenticationError,
    Client,
    DomainRegistration,
    Journal,
    MailboxOrder,
    Order,
    OrderRequest,
    OrderToken,
    ProvisionKind,
    ProvisionState,
    Sighting,
    StillWaitingError,
    TrackingSettings,
)
from cmr_async.errors import ClientStateError, ConfigurationError, ValidationError
from cmr_async.journal.states import Step, StepState
from cmr_async.models.tracking import StoredDelivery
from cmr_async.simulator import Simulator
from cmr_async.tracking import tracker
from tests.fakes import ADA, USER, Clock, make_order, make_requests

#: Everything at once: provisioning takes no time, nor does it take long to look.
QUICK = TrackingSettings(first_look=0, read_every=0.01, single_look=0.05)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(wallet=100_000, rate_limit=None, provision_seconds=(0, 0)) as running:
        yield running


def a_client(simulator: Simulator, **settings: Any) -> AsyncClient:
    given: dict[str, Any] = {"gap": 0.001, "tracking": QUICK}
    return AsyncClient(simulator.api_key, simulator.base_url, **given | settings)


async def test_an_order_is_placed_and_waited_for(simulator: Simulator) -> None:
    order = make_order("a")
    async with a_client(simulator) as cmr:
        created = await cmr.orders.create(order, user_id=USER)
        progress = await cmr.orders.wait(created.order_id, user_id=USER, order=order)
    assert (progress.state, progress.order_id) == (ProvisionState.ACTIVE, created.order_id)
    assert [each.name for each in progress.provisions] == ["a.com", "ada@a.com"]


async def test_a_domain_that_the_api_did_not_have_is_not_waited_for() -> None:
    settings: dict[str, Any] = {"rate_limit": None, "provision_seconds": (0, 0), "duplicate_domains": "unavailable"}
    async with Simulator(wallet=1_000, **settings) as simulator, a_client(simulator) as cmr:
        await cmr.orders.create(make_order("a"), user_id=USER)
        created = await cmr.orders.create(make_order("a"), user_id=USER)
        progress = await cmr.orders.wait(
            created.order_id, user_id=USER, order=make_order("a"), unavailable=created.unavailable_domains
        )
    assert {each.state for each in progress.provisions} == {ProvisionState.FAILED}
    assert "unavailable" in progress.failures[0].reason


async def test_mailboxes_on_a_domain_that_is_there_are_waited_for(simulator: Simulator) -> None:
    async with a_client(simulator) as cmr:
        await cmr.orders.create(make_order("a"), user_id=USER)
        listed = await cmr.subscriptions.list()
        subscription = listed.data["subscriptions"][0]["subscriptionId"]
        bob = attrs.evolve(ADA, username="bob")
        more = MailboxOrder(subscription_id=subscription, mailboxes={"a.com": [bob]}, confirm=True)
        created = await cmr.orders.create_mailboxes(more, user_id=USER)
        progress = await cmr.orders.wait(created.order_id, user_id=USER, order=more)
    assert progress.state is ProvisionState.ACTIVE
    assert [each.name for each in progress.provisions] == ["a.com", "bob@a.com"]


async def test_a_token_lets_another_process_go_on_waiting(simulator: Simulator) -> None:
    order = make_order("a")
    async with a_client(simulator) as cmr:
        created = await cmr.orders.create(order, user_id=USER)
        text = cmr.orders.token(created.order_id, user_id=USER, order=order).to_json()
    assert simulator.api_key not in text
    async with a_client(simulator) as other:
        assert (await other.orders.wait(OrderToken.from_json(text))).state is ProvisionState.ACTIVE
    async with AsyncClient(simulator.api_key, "https://elsewhere.test") as foreign:
        with pytest.raises(ConfigurationError, match="belongs to http://127"):
            await foreign.orders.wait(OrderToken.from_json(text))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "1", '{"order_id": 1, "user_id": "U"}',
             '{"order_id": "O", "user_id": "U", "domains": "a.com"}',
             '{"order_id": "O", "user_id": "U", "key": "k"}', '{"order_id": "O", "user_id": "U", "placed_at": true}',
             '{"order_id": "O", "user_id": "U", "mailboxes": [1]}'])  # fmt: skip
def test_a_text_that_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no order token"):
        OrderToken.from_json(text)


@pytest.mark.parametrize(
    "item", ["A.com", {"domain": "a.com"}, {"domainName": "a.com.", "reason": "taken"}, {"name": "a.com"}]
)
async def test_a_token_takes_unavailable_domains_as_the_answer_has_them(simulator: Simulator, item: Any) -> None:
    async with a_client(simulator) as cmr:
        token = cmr.orders.token(
            "O", user_id=USER, order=make_order("a"), unavailable=[item, {"of": "another shape"}, 1]
        )
    assert token.unavailable == ("a.com",)


async def test_what_is_no_token_is_refused_with_what_to_pass(simulator: Simulator) -> None:
    async with a_client(simulator) as cmr:
        token: Any = cmr.orders.token("O", user_id=USER)
        wrong: list[Any] = [None, 1, [token]]
        for one in wrong:
            with pytest.raises(ConfigurationError, match="waited for by its OrderToken"):
                await cmr.orders.wait(one)
        several: list[Any] = [[token, "O"], [token.to_json()], token, "O", None]
        for some in several:
            with pytest.raises(ConfigurationError, match=r"OrderToken|several orders"):
                await anext(cmr.orders.wait_all(some))
    assert simulator.state.requests.total == 0


async def test_when_the_time_is_over_the_error_says_how_far_the_order_is() -> None:
    async with Simulator(rate_limit=None, provision_seconds=(3600, 3600)) as simulator, a_client(simulator) as cmr:
        order = make_order("a")
        created = await cmr.orders.create(order, user_id=USER)
        with pytest.raises(StillWaitingError, match="do not send it again") as caught:
            await cmr.orders.wait(created.order_id, user_id=USER, order=order, timeout=0.05)
    assert len(caught.value.progress.waiting) == 2


async def test_who_waits_for_an_order_without_its_content_is_told_what_is_missing(simulator: Simulator) -> None:
    async with a_client(simulator) as cmr:
        created = await cmr.orders.create(make_order("a"), user_id=USER)
        with pytest.raises(StillWaitingError, match=r"what belongs to it is not known: pass `order=`"):
            await cmr.orders.wait(created.order_id, user_id=USER, timeout=0.05)


async def test_many_are_waited_for_at_once(simulator: Simulator) -> None:
    async with a_client(simulator) as cmr:
        tokens = [
            cmr.orders.token((await cmr.orders.create(order, user_id=USER)).order_id, user_id=USER, order=order)
            for order in map(make_order, "abcde")
        ]
        found = {each.order_id: each.state async for each in cmr.orders.wait_all(tokens)}
    assert found == dict.fromkeys((token.order_id for token in tokens), ProvisionState.ACTIVE)


async def test_wrong_arguments_are_refused_before_anything_is_read(simulator: Simulator) -> None:
    async with a_client(simulator) as cmr:
        token = cmr.orders.token("O", user_id=USER)
        with pytest.raises(ConfigurationError, match="user_id is missing"):
            await cmr.orders.wait("O")
        with pytest.raises(ConfigurationError, match="pass it alone"):
            await cmr.orders.wait(token, user_id=USER)
        with pytest.raises(ConfigurationError, match="pass it alone"):
            await cmr.orders.wait(token, unavailable=["a.com"])
        with pytest.raises(ConfigurationError, match="timeout"):
            await cmr.orders.wait(token, timeout=-1)
        with pytest.raises(ValidationError):
            await cmr.orders.wait("", user_id=USER)
        with pytest.raises(ConfigurationError, match="needs the journal"):
            await anext(cmr.bulk.track(None))
    assert simulator.state.requests.total == 0


@pytest.mark.parametrize("settings", [{"first_look": -1}, {"read_every": 0}, {"single_look": "1"}, {"done": "PAID"}])
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        TrackingSettings(**settings)


async def test_closing_the_client_ends_the_waiting() -> None:
    async with Simulator(rate_limit=None, provision_seconds=(3600, 3600)) as simulator:
        cmr = a_client(simulator)
        order = make_order("a")
        created = await cmr.orders.create(order, user_id=USER)
        token = cmr.orders.token(created.order_id, user_id=USER, order=order)
        async with aclosing(cmr.orders.wait_all([token], changes=True)) as found:
            await anext(found)
            await cmr.close()
            with pytest.raises(ClientStateError):
                await anext(found)


def test_the_blocking_client_waits_as_well() -> None:
    with (
        Simulator(rate_limit=None, provision_seconds=(0, 0)) as simulator,
        Client(simulator.api_key, simulator.base_url, gap=0.001, tracking=QUICK) as cmr,
    ):
        order = make_order("a")
        created = cmr.orders.create(order, user_id=USER)
        token = cmr.orders.token(created.order_id, user_id=USER, order=order)
        assert cmr.orders.wait(token).state is ProvisionState.ACTIVE
        assert [each.state for each in cmr.orders.wait_all([token])] == [ProvisionState.ACTIVE]


# Journals


async def test_the_orders_of_a_journal_are_tracked_and_another_process_goes_on(
    simulator: Simulator, tmp_path: Path
) -> None:
    path = tmp_path / "run.db"
    async with a_client(simulator) as cmr:
        async for _ in cmr.bulk.submit(make_requests(4), journal=path):
            pass
        async for _ in cmr.bulk.submit(make_requests(1, reference="draft", confirm=False), journal=path):
            pass
        found = [each async for each in cmr.bulk.track(path)]
    assert [each.state for each in found] == [ProvisionState.ACTIVE] * 4
    assert len({each.order_id for each in found}) == 4
    asked = simulator.state.requests.total
    async with a_client(simulator) as other:  # everything is in the journal
        again = [each async for each in other.bulk.track(path)]
    assert {each.order_id for each in again} == {each.order_id for each in found}
    assert simulator.state.requests.total == asked


async def accept(
    journal: Journal, order: Order, *, step: Step = Step.CREATE, unavailable: tuple[str, ...] = ()
) -> None:
    """Let an order be accepted, with its first domain's name as reference and id."""
    name = order.domain_names[0]
    if step is Step.CREATE:
        await journal.add([OrderRequest(user_id=USER, order=order, reference=name)])
    else:
        await journal.add_processing([name])
    claim = await journal.claim(name, step=step)
    assert claim is not None
    await journal.record(claim, StepState.ACCEPTED, order_id=name, unavailable=unavailable)


async def activate(journal: Journal, name: str) -> None:
    """Let the domain of an order and its mailbox be active."""
    found = ((ProvisionKind.DOMAIN, name), (ProvisionKind.MAILBOX, f"ada@{name}"))
    await journal.tracking.note(
        Sighting(order_id=name, kind=kind, name=each, state=ProvisionState.ACTIVE) for kind, each in found
    )


async def test_an_order_is_not_missed_when_its_outcome_is_written_late(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "_LISTEN_EVERY", 0.001)
    clock = Clock(1_800_000_000.0)
    slow = TrackingSettings(first_look=3600)
    async with (
        a_client(simulator, tracking=slow) as cmr,
        Journal(tmp_path / "run.db", clock=clock) as journal,
        aclosing(cmr.bulk.track(journal)) as tracked,
    ):
        for name in ("a", "b"):
            await accept(journal, make_order(name, confirm=True))
        await activate(journal, "a.com")
        assert (await anext(tracked)).order_id == "a.com"
        clock.now -= 5  # its transaction began before the others', and ends after them
        await accept(journal, make_order("late", confirm=True))
        clock.now += 5
        await activate(journal, "late.com")
        await activate(journal, "b.com")
        assert {each.token.reference async for each in tracked} == {"b.com", "late.com"}


async def test_a_draft_that_was_taken_without_a_domain_is_not_waited_for_as_a_whole(
    simulator: Simulator, tmp_path: Path
) -> None:
    both = attrs.evolve(
        make_order("a", confirm=False), domains=[DomainRegistration(domain=name) for name in ("a.com", "b.com")]
    )
    async with a_client(simulator) as cmr, Journal(tmp_path / "run.db") as journal:
        await accept(journal, both, unavailable=("B.com",))
        await accept(journal, both, step=Step.PROCESS)
        await activate(journal, "a.com")
        (found,) = [each async for each in cmr.bulk.track(journal)]
    assert [(each.name, each.state) for each in found.provisions] == [
        ("a.com", ProvisionState.ACTIVE), ("b.com", ProvisionState.FAILED), ("ada@a.com", ProvisionState.ACTIVE)
    ]  # fmt: skip


async def test_what_webhooks_brought_counts(simulator: Simulator, tmp_path: Path) -> None:
    slow = TrackingSettings(first_look=3600)
    async with a_client(simulator, tracking=slow) as cmr, Journal(tmp_path / "run.db") as journal:
        (outcome,) = [each async for each in cmr.bulk.submit(make_requests(1), journal=journal)]
        assert outcome.order_id is not None
        sightings = [
            Sighting(order_id=outcome.order_id, kind=kind, name=name, state=ProvisionState.ACTIVE)
            for kind, name in ((ProvisionKind.DOMAIN, "0.com"), (ProvisionKind.MAILBOX, "ada@0.com"))
        ]
        await journal.tracking.take(StoredDelivery(id="E", name="mailbox.created", content={}), sightings)
        (found,) = [each async for each in cmr.bulk.track(journal)]
        token = cmr.orders.token(outcome.order_id, user_id=USER, order=make_requests(1)[0].order)
        waited = await cmr.orders.wait(token, journal=journal)
    assert (found.state, waited.state) == (ProvisionState.ACTIVE, ProvisionState.ACTIVE)
    assert simulator.state.requests.total == 1


async def test_a_tracker_that_is_left_leaves_what_it_saw_in_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    settings: dict[str, Any] = {"rate_limit": None, "provision_seconds": (0, 0), "failing_domains": ["0.com"]}
    async with Simulator(**settings) as simulator, a_client(simulator) as cmr:
        async for _ in cmr.bulk.submit(make_requests(3), journal=path):
            pass
        async with aclosing(cmr.bulk.track(path)) as found:
            first = await anext(found)
        async with Journal(path) as journal:
            kept = {each.order_id async for each in journal.tracking.provisions()}
        states = {each.token.domains[0]: each.state async for each in cmr.bulk.track(path)}
    assert first.order_id in kept
    assert states == {
        "0.com": ProvisionState.FAILED, "1.com": ProvisionState.ACTIVE, "2.com": ProvisionState.ACTIVE}  # fmt: skip


async def test_a_wrong_key_ends_the_waiting(simulator: Simulator) -> None:
    async with a_client(simulator) as cmr:
        token = cmr.orders.token("O", user_id=USER, order=make_order("a"))
    async with AsyncClient("wrong", simulator.base_url, gap=0.001, tracking=QUICK) as stranger:
        with pytest.raises(AuthenticationError):
            await stranger.orders.wait(token)
