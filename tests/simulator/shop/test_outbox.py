"""When each webhook is sent: repeats, copies, losses and changed places, by simulated time alone."""

from __future__ import annotations

from typing import Any

import pytest

from cmr_async.simulator import Settings
from cmr_async.simulator.http.bodies import read_order
from cmr_async.simulator.shop.outbox import Outbox
from tests.fakes import Clock

from ..conftest import USER, order_body
from .test_state import state_with


def outbox_with(clock: Clock, *, orders: int = 1, **settings: Any) -> Outbox:
    state = state_with(clock, webhook_url="http://receiver.test/", **{"wallet": 100_000, **settings})
    for number in range(orders):
        state.create_order(USER, read_order(order_body(f"d{number}.com", confirm=True)))
    return state.outbox


def names(outbox: Outbox, now: float) -> list[str]:
    return [pending.event.name for pending in outbox.take_due(now)]


def next_due(outbox: Outbox) -> float | None:
    return outbox._queue[0][0] if outbox._queue else None


def test_the_events_of_an_order_are_due_as_they_happen(clock: Clock) -> None:
    outbox = outbox_with(clock)
    due = next_due(outbox)
    assert due is not None
    assert (names(outbox, clock.now), names(outbox, due)) == ([], ["domain.order.success"])
    assert names(outbox, clock.now + 100) == ["mailbox.order.success", "mailbox.created", "mailbox.created"]
    assert next_due(outbox) is None


def test_an_attempt_that_fails_is_repeated_after_30_and_300_seconds_and_then_given_up(clock: Clock) -> None:
    outbox = outbox_with(clock)
    pending = outbox.take_due(clock.now + 100)[0]
    now = clock.now + 100
    outbox.record(pending, 500, now)
    for pause, status in ((30, None), (300, 302)):
        assert next_due(outbox) == now + pause
        now += pause
        (again,) = outbox.take_due(now)
        assert again.event_id == pending.event_id
        outbox.record(again, status, now)
    assert next_due(outbox) is None
    assert [(one.attempt, one.status, one.outcome) for one in outbox.deliveries] == [
        (1, 500, "retried"),
        (2, None, "retried"),
        (3, 302, "failed"),
    ]


@pytest.mark.parametrize("status", [200, 204, 299])
def test_what_is_answered_with_2xx_is_not_sent_again(clock: Clock, status: int) -> None:
    outbox = outbox_with(clock)
    outbox.record(outbox.take_due(clock.now + 100)[0], status, clock.now + 100)
    assert (next_due(outbox), outbox.deliveries[0].outcome) == (None, "delivered")


def test_a_copy_has_the_id_of_its_event(clock: Clock) -> None:
    ids = [pending.event_id for pending in outbox_with(clock, webhook_duplicates=1).take_due(clock.now + 100)]
    assert (len(ids), len({*ids})) == (8, 4)


def test_lost_events_are_never_due(clock: Clock) -> None:
    outbox = outbox_with(clock, webhook_losses=1)
    assert (next_due(outbox), len(outbox.lost)) == (None, 4)
    some = outbox_with(clock, orders=100, webhook_losses=0.1)
    assert len(some.take_due(clock.now + 100)) + len(some.lost) == 400
    assert 20 < len(some.lost) < 60


def test_events_change_places_within_the_window_the_same_way_for_one_seed(clock: Clock) -> None:
    def sequence(**settings: Any) -> list[tuple[str, str]]:
        due = outbox_with(clock, orders=20, **settings).take_due(clock.now + 160)
        return [(pending.event.name, pending.event.provision.domain) for pending in due]

    plain, shuffled = sequence(), sequence(webhook_shuffle=60)
    assert plain != shuffled == sequence(webhook_shuffle=60)
    assert sorted(plain) == sorted(shuffled)


def test_what_was_cut_short_is_due_again(clock: Clock) -> None:
    outbox = outbox_with(clock)
    pending = outbox.take_due(clock.now + 100)[0]
    outbox.put_back(pending, clock.now + 100)
    assert outbox.take_due(clock.now + 100) == [pending]


def test_nothing_is_kept_without_a_receiver_and_webhooks_change_no_order(clock: Clock) -> None:
    without, with_webhooks = state_with(clock), state_with(clock, webhook_url="http://receiver.test/")
    for state in (without, with_webhooks):
        state.create_order(USER, read_order(order_body(confirm=True)))
    assert next_due(without.outbox) is None
    assert without.orders == with_webhooks.orders


@pytest.mark.parametrize(
    "url",
    [
        *("", "receiver", "ftp://receiver/", "http://", "http://a:b/"),
        *(f"https://{'a' * 80}.com/", "https://xn--/", "https://..example.invalid/", "https://a\0b/"),
    ],
)
def test_the_address_of_a_receiver_is_a_whole_url(url: str) -> None:
    with pytest.raises(ValueError, match="webhook_url must be a whole http or https URL"):
        Settings(webhook_url=url)


@pytest.mark.parametrize(
    "wrong",
    [{"webhook_losses": 1.1}, {"webhook_duplicates": -0.1}, {"webhook_shuffle": -1}, {"webhook_timeout": 0}],
)
def test_shares_and_times_of_webhooks_are_in_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)


def test_a_key_that_cannot_sign_is_refused_with_webhooks_only() -> None:
    assert Settings(api_key="two words").webhook_url is None
    with pytest.raises(ValueError, match="api_key signs the webhooks") as caught:
        Settings(api_key="two words", webhook_url="http://receiver.test/")
    assert "two words" not in str(caught.value)
