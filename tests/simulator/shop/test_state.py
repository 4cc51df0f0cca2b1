"""Money and time: what is charged, when things become ready, and how a double purchase shows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cmr_async.simulator import DEMO_USERS, PriceList, Settings, SimulatedOrder, SimulatorState, body_hash
from cmr_async.simulator.http.bodies import read_order
from cmr_async.simulator.shop.answers import order_status_data
from cmr_async.simulator.shop.records import Provision, Refusal
from tests.fakes import Clock

from ..conftest import USER, order_body


def state_with(clock: Clock, **settings: Any) -> SimulatorState:
    return SimulatorState(Settings(**{"clock": clock, **settings}))


def bought_by(order: SimulatedOrder) -> tuple[Provision, ...]:
    return order.purchase.provisions if order.purchase else ()


def test_a_draft_costs_nothing(clock: Clock) -> None:
    state = state_with(clock)
    order = state.create_order(USER, read_order(order_body()))
    assert (state.wallet, state.ledger, order.purchase) == (Decimal(1000), [], None)
    assert state.purchases("example.com") == 0


def test_a_confirmed_order_is_charged_once_with_a_full_ledger_row(clock: Clock) -> None:
    state = state_with(clock)
    body = order_body(confirm=True)
    order = state.create_order(USER, read_order(body))
    (row,) = state.ledger
    assert state.wallet == Decimal("978.12")
    assert (row.time, row.order_id, row.user_id, row.kind) == (clock.now, order.order_id, USER, "confirmed")
    assert (row.amount, row.domains, row.body_hash) == (Decimal("21.88"), ("example.com",), body_hash(body))


def test_years_mailboxes_and_warmups_add_up(clock: Clock) -> None:
    state = state_with(clock, prices=PriceList(warmup=Decimal("2.50"), endings={"io": Decimal(38)}))
    person = {"username": "a", "firstName": "A", "lastName": "B"}
    body = order_body(
        confirm=True,
        domains=[{"domain": "a.io", "years": 2}, {"domain": "b.unknown", "years": 1}],
        mailboxes={"a.io": [person, {**person, "onWarmup": True}]},
    )
    state.create_order(USER, read_order(body))
    assert Decimal(1000) - state.wallet == 2 * Decimal(38) + Decimal("15.88") + 2 * Decimal(3) + Decimal("2.50")


def test_warmup_without_a_known_price_is_free(clock: Clock) -> None:
    state = state_with(clock)
    warmed = {"username": "a", "firstName": "A", "lastName": "B", "onWarmup": True}
    state.create_order(USER, read_order(order_body(confirm=True, domains=[], mailboxes={"a.com": [warmed]})))
    assert state.wallet == Decimal("997.00")


def test_a_wallet_that_is_too_low_fails_the_creation_of_a_confirmed_order(clock: Clock) -> None:
    state = state_with(clock, wallet="21.87")
    with pytest.raises(Refusal, match="Insufficient wallet balance") as caught:
        state.create_order(USER, read_order(order_body(confirm=True)))
    assert (caught.value.status, state.orders, state.ledger) == (402, {}, [])
    state.create_order(USER, read_order(order_body()))
    assert len(state.orders) == 1


def test_a_wallet_that_is_just_enough_is_enough(clock: Clock) -> None:
    state = state_with(clock, wallet="21.88")
    state.create_order(USER, read_order(order_body(confirm=True)))
    assert state.wallet == 0


def test_buying_twice_is_visible(clock: Clock) -> None:
    state = state_with(clock)
    for domain in ("example.com", "EXAMPLE.com", "other.com"):
        state.create_order(USER, read_order(order_body(domain, confirm=True)))
    assert (state.purchases("Example.com"), state.purchases("other.com"), state.purchases("no.com")) == (2, 1, 0)
    assert [row.domains for row in state.ledger] == [("example.com",), ("example.com",), ("other.com",)]


def test_a_domain_that_is_listed_twice_in_one_order_is_bought_twice(clock: Clock) -> None:
    state = state_with(clock)
    twice = [{"domain": "example.com", "years": 1}] * 2
    state.create_order(USER, read_order(order_body(confirm=True, domains=twice)))
    assert (state.purchases("example.com"), state.wallet) == (2, Decimal(1000) - 2 * Decimal("15.88") - 2 * 3)


def test_a_domain_that_is_taken_can_be_unavailable_instead(clock: Clock) -> None:
    state = state_with(clock, duplicate_domains="unavailable")
    state.create_order(USER, read_order(order_body(confirm=True)))
    again = state.create_order(DEMO_USERS[1], read_order(order_body(confirm=True)))
    assert again.unavailable_domains == ("example.com",)
    assert (state.purchases("example.com"), state.wallet) == (1, Decimal("978.12"))
    assert list(state.registrations(DEMO_USERS[1])) == []


def test_a_draft_is_processed_once(clock: Clock) -> None:
    state = state_with(clock)
    draft = state.create_order(USER, read_order(order_body()))
    clock.now += 60
    state.process_order(USER, draft.order_id)
    with pytest.raises(Refusal) as caught:
        state.process_order(USER, draft.order_id)
    assert caught.value.status == 409
    assert [(row.kind, row.order_id, row.time) for row in state.ledger] == [("processed", draft.order_id, clock.now)]
    assert state.wallet == Decimal("978.12")


def test_a_confirmed_order_cannot_be_processed_again(clock: Clock) -> None:
    state = state_with(clock)
    order = state.create_order(USER, read_order(order_body(confirm=True)))
    with pytest.raises(Refusal) as caught:
        state.process_order(USER, order.order_id)
    assert (caught.value.status, len(state.ledger)) == (409, 1)


def test_processing_needs_the_money_too(clock: Clock) -> None:
    state = state_with(clock, wallet=5)
    draft = state.create_order(USER, read_order(order_body()))
    with pytest.raises(Refusal) as caught:
        state.process_order(USER, draft.order_id)
    assert (caught.value.status, state.orders[draft.order_id].purchase) == (402, None)


def test_provisioning_takes_ten_to_ninety_simulated_seconds(clock: Clock) -> None:
    state = state_with(clock, wallet=10_000)
    for number in range(50):
        state.create_order(USER, read_order(order_body(f"example{number}.xyz", confirm=True)))
    took = [p.provisioned_at - clock.now for o in state.orders.values() if o.purchase for p in o.purchase.provisions]
    assert 10 <= min(took) < 20
    assert 80 < max(took) <= 90
    started = [provision.taken_at for order in state.orders.values() for provision in bought_by(order)]
    clock.now += 9.99
    assert len(list(state.subscriptions())) == sum(moment <= clock.now for moment in started) < 50
    clock.now += 80.1
    assert len(list(state.subscriptions())) == 50


def test_the_domain_is_there_before_its_mailboxes(clock: Clock) -> None:
    state = state_with(clock, provision_seconds=(100, 100))
    state.create_order(USER, read_order(order_body(confirm=True)))
    ((_, provision),) = state.registrations(USER)
    assert clock.now + 30 <= provision.registered_at <= clock.now + 70
    assert provision.registered_at < provision.taken_at < provision.provisioned_at == clock.now + 100
    assert max(mailbox.ready_at for mailbox in provision.mailboxes) == provision.provisioned_at


def test_time_scale_speeds_provisioning_up(clock: Clock) -> None:
    state = state_with(clock, provision_seconds=(90, 90), time_scale=100)
    state.create_order(USER, read_order(order_body(confirm=True)))
    (held,) = state.registrations(USER)
    clock.now += (held[1].taken_at - clock.now) / 100 - 0.01
    assert list(state.subscriptions("example.com")) == []
    clock.now += 0.02
    assert len(list(state.subscriptions("example.com"))) == 1
    clock.now += 0.9
    assert [mailbox.ready_at <= state.now for _, _, mailbox in state.mailboxes()] == [True, True]


def test_a_failing_domain_is_charged_but_never_there(clock: Clock) -> None:
    state = state_with(clock, failing_domains=["Example.com"])
    state.create_order(USER, read_order(order_body(confirm=True)))
    clock.now += 100
    assert (list(state.registrations(USER)), list(state.subscriptions()), list(state.mailboxes())) == ([], [], [])
    assert state.purchases("example.com") == 1


def test_failing_mailboxes_leave_the_domain_and_nothing_else(clock: Clock) -> None:
    state = state_with(clock, failing_mailboxes=["Example.com"])
    order = state.create_order(USER, read_order(order_body(confirm=True)))
    clock.now += 100
    assert [provision.domain for _, provision in state.registrations(USER)] == ["example.com"]
    assert (list(state.subscriptions()), list(state.mailboxes()), state.has_workspace("example.com")) == ([], [], False)
    data = order_status_data(order, state.now)
    assert data["status"] == "FAILED"
    assert data["domains"] == [
        {
            "domain": "example.com",
            "status": "ACTIVE",
            "mailboxes": {"quantity": 2, "status": "FAILED", "items": []},
        }
    ]


def test_a_domain_without_mailboxes_is_done_when_it_is_registered(clock: Clock) -> None:
    state = state_with(clock, failing_mailboxes=["example.com"])
    order = state.create_order(USER, read_order(order_body(confirm=True, mailboxes={})))
    (provision,) = bought_by(order)
    assert (provision.provisioned_at, provision.subscription_id) == (provision.registered_at, None)
    assert order_status_data(order, provision.registered_at)["status"] == "PAID"


def test_mailboxes_of_one_domain_in_two_spellings_are_all_provisioned(clock: Clock) -> None:
    state = state_with(clock)
    person = {"firstName": "A", "lastName": "B"}
    named = {"a.com": [{"username": "a", **person}], "A.com": [{"username": "b", **person}]}
    state.create_order(USER, read_order(order_body(confirm=True, domains=[], mailboxes=named)))
    clock.now += 100
    assert [mailbox.email for _, _, mailbox in state.mailboxes()] == ["a@a.com", "b@a.com"]
    assert len(list(state.subscriptions("a.com"))) == 1


def test_mailboxes_of_a_domain_that_is_not_ordered_register_nothing(clock: Clock) -> None:
    state = state_with(clock)
    state.create_order(USER, read_order(order_body(confirm=True, domains=[])))
    clock.now += 100
    assert (state.purchases("example.com"), list(state.registrations(USER))) == (0, [])
    assert [len(provision.mailboxes) for _, provision in state.subscriptions("example.com")] == [2]


def test_one_seed_gives_one_history(clock: Clock) -> None:
    def history(seed: int) -> list[str]:
        state = state_with(clock, seed=seed)
        return [state.create_order(USER, read_order(order_body(confirm=True))).order_id for _ in range(3)]

    assert history(7) == history(7)
    assert history(7) != history(8)


def test_subscriptions_of_one_domain_leave_out_the_other_domains_of_its_order(clock: Clock) -> None:
    state = state_with(clock)
    person = {"username": "a", "firstName": "A", "lastName": "B"}
    body = order_body(confirm=True, domains=[], mailboxes={"a.com": [person], "b.com": [person, person]})
    state.create_order(USER, read_order(body))
    clock.now += 100
    assert [provision.domain for _, provision in state.subscriptions("B.com")] == ["b.com"]
    assert {provision.domain for _, provision in state.subscriptions()} == {"a.com", "b.com"}


def test_the_users_that_were_set_exist_with_profiles_of_their_own(clock: Clock) -> None:
    state = state_with(clock, users=["U1", "U2"])
    assert list(state.users) == ["U1", "U2"]
    assert [user.profile["email"] for user in state.users.values()] == ["user1@example.com", "user2@example.com"]
