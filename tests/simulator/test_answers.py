"""The shapes of answers that depend on time or place; `test_handlers.py` compares whole answers."""

from __future__ import annotations

import pytest

from cmr_async.simulator import SimulatedOrder
from cmr_async.simulator.answers import domain_status, order_status_data, page_of
from cmr_async.simulator.bodies import read_order
from cmr_async.simulator.state import SimulatorState

from .conftest import USER, HandClock, order_body
from .test_state import state_with


def bought(state: SimulatorState) -> SimulatedOrder:
    return state.create_order(USER, read_order(order_body(confirm=True)))


@pytest.mark.parametrize(("page", "items", "pages"), [(1, ["a", "b"], 2), (2, ["c"], 2), (3, [], 2)])
def test_a_page_names_the_next_one_even_after_the_last(page: int, items: list[str], pages: int) -> None:
    assert page_of(["a", "b", "c"], page, 2) == (
        items,
        {"totalSearchedCount": 3, "currentPage": page, "nextPage": page + 1, "totalPages": pages},
    )


def test_an_empty_list_has_one_page() -> None:
    assert page_of([], 1, 20) == ([], {"totalSearchedCount": 0, "currentPage": 1, "nextPage": 2, "totalPages": 1})


def test_a_domain_that_fails_is_pending_until_the_failure(clock: HandClock) -> None:
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


def test_the_mailboxes_of_a_failed_domain_are_never_active(clock: HandClock) -> None:
    state = state_with(clock, failing_domains=["example.com"])
    (item,) = order_status_data(bought(state), clock.now + 1000)["domains"]
    assert item == {
        "domain": "example.com",
        "status": "FAILED",
        "mailboxes": {"quantity": 2, "status": "IN_PROGRESS"},
    }
