"""The shapes of answers that depend on time or place; `test_handlers.py` compares whole answers."""

from __future__ import annotations

import pytest

from cmr_async.simulator import SimulatedOrder
from cmr_async.simulator.http.bodies import read_order
from cmr_async.simulator.shop.answers import domain_status, mailbox_status, order_status_data, pagination
from cmr_async.simulator.shop.state import SimulatorState
from tests.fakes import Clock

from ..conftest import USER, order_body
from .test_state import state_with


def bought(state: SimulatorState) -> SimulatedOrder:
    return state.create_order(USER, read_order(order_body(confirm=True)))


@pytest.mark.parametrize(("count", "page", "pages"), [(3, 1, 2), (3, 2, 2), (3, 3, 2), (4, 1, 2), (0, 1, 1)])
def test_a_page_names_the_next_one_even_after_the_last(count: int, page: int, pages: int) -> None:
    assert pagination(count, page, limit=2) == {
        "totalSearchedCount": count,
        "currentPage": page,
        "nextPage": page + 1,
        "totalPages": pages,
    }


def test_a_domain_that_fails_is_pending_until_the_failure(clock: Clock) -> None:
    state = state_with(clock, failing_domains=["example.com"], provision_seconds=(100, 100))
    order = bought(state)
    assert order.purchase is not None
    (provision,) = order.purchase.provisions
    at = provision.registered_at
    assert [domain_status(provision, now) for now in (at - 0.1, at)] == ["PENDING", "FAILED"]
    assert [order_status_data(order, now)["status"] for now in (at - 0.1, at, clock.now + 100)] == [
        "PENDING",
        "FAILED",
        "FAILED",
    ]


def test_the_mailboxes_of_a_failed_domain_are_never_active(clock: Clock) -> None:
    state = state_with(clock, failing_domains=["example.com"])
    (item,) = order_status_data(bought(state), clock.now + 1000)["domains"]
    assert item == {
        "domain": "example.com",
        "status": "FAILED",
        "mailboxes": {"quantity": 2, "status": "FAILED", "items": []},
    }


def test_a_mailbox_goes_through_the_documented_steps(clock: Clock) -> None:
    order = bought(state_with(clock))
    assert order.purchase is not None
    (provision,) = order.purchase.provisions
    for mailbox in provision.mailboxes:
        assert provision.taken_at <= mailbox.password_at <= mailbox.ready_at <= provision.provisioned_at
        times = (clock.now, mailbox.password_at, mailbox.ready_at)
        assert [mailbox_status(mailbox, now) for now in times] == ["IN_PROGRESS", "CREATING_PASSWORD", "ACTIVE"]


def test_the_mailboxes_of_a_domain_are_active_together_when_the_last_one_is(clock: Clock) -> None:
    order = bought(state_with(clock, provision_seconds=(100, 100)))

    def steps(now: float) -> tuple[str, list[str]]:
        (item,) = order_status_data(order, now)["domains"]
        return item["mailboxes"]["status"], [one["status"] for one in item["mailboxes"]["items"]]

    assert steps(clock.now) == ("IN_PROGRESS", ["IN_PROGRESS", "IN_PROGRESS"])
    assert steps(clock.now + 99.99) == ("IN_PROGRESS", ["ACTIVE", "CREATING_PASSWORD"])
    assert steps(clock.now + 100) == ("ACTIVE", ["ACTIVE", "ACTIVE"])
