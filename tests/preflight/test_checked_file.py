"""The limits of a run: never passed, and never promised when they cannot be kept."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from cmr_async.models import DomainRegistration, Order
from cmr_async.preflight.checked_file import passed_limit, uncertain_limit
from cmr_async.preflight.plan import Plan
from cmr_async.preflight.prices import Budget

ORDER = Order(domains=[DomainRegistration(domain="one.com")])
WARM = Plan(orders=1, warmups=1)


def test_a_spending_limit_cannot_be_kept_while_a_price_is_missing() -> None:
    assert str(uncertain_limit(WARM, Decimal(100))).startswith("a limit of dollars needs the price of warmup")


@pytest.mark.parametrize(
    ("plan", "limit"),
    [
        (WARM, None),
        (Plan(orders=1), Decimal(100)),
        (attrs.evolve(WARM, prices=attrs.evolve(WARM.prices, warmup=Decimal(2))), Decimal(100)),
    ],
    ids=["no limit", "no warmup", "a price"],
)
def test_otherwise_it_can(plan: Plan, limit: Decimal | None) -> None:
    assert uncertain_limit(plan, limit) is None


def test_no_more_orders_are_sent_than_the_plan_showed() -> None:
    plan, budget = Plan(orders=3, settled={"accepted": 1}), Budget()
    assert [passed_limit(ORDER, plan=plan, budget=budget) for _ in range(2)] == [None, None]
    assert "more orders are to be sent than the plan showed" in str(passed_limit(ORDER, plan=plan, budget=budget))
    assert budget.orders == 2


def test_an_order_that_would_pass_a_limit_is_not_counted() -> None:
    budget = Budget(max_spend=budget_for(2))
    plan = Plan(orders=9)
    assert [passed_limit(ORDER, plan=plan, budget=budget) for _ in range(2)] == [None, None]
    assert "the next order would pass the limit of $" in str(passed_limit(ORDER, plan=plan, budget=budget))
    assert (budget.orders, budget.cost) == (2, budget_for(2))


def budget_for(orders: int) -> Decimal:
    return Budget().prices.estimate(ORDER) * orders
