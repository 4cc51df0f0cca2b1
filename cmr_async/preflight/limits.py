"""The limits of a run that spends money: checked for the whole plan, and again for each order before it is sent."""

from __future__ import annotations

from decimal import Decimal

from ..models import MailboxOrder, Order
from .plan import Plan
from .prices import Budget

__all__ = ["passed_limit", "uncertain_limit"]


def uncertain_limit(plan: Plan, max_spend: Decimal | None) -> str | None:
    """Return why a spending limit cannot be kept; `None`: it can, or there is none."""
    if max_spend is None or plan.cost_is_complete:
        return None
    return "a limit of dollars needs the price of warmup, which is not published: give it with your prices"


def passed_limit(order: Order | MailboxOrder, *, plan: Plan, budget: Budget) -> str | None:
    """Count an order into a budget, or return the limit that it would pass; then it is not counted.

    Args:
        order: The next order of the run.
        plan: What was shown before the run; no more orders than it says are sent.
        budget: What the run has used up.
    """
    if budget.orders >= plan.to_send:
        return "the journal changed meanwhile: more orders are to be sent than the plan showed"
    return budget.take(budget.prices.estimate(order))
