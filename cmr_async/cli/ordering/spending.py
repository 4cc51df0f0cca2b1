"""What the commands that spend money share: their limits, and the question before they begin."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from ...core.order.prices import PriceList
from ...preflight.plan import Plan
from ...preflight.prices import Budget, read_prices
from ..exit_codes import ExitCode
from ..streams import complain, counted

Concurrency = Annotated[int, typer.Option("--concurrency", min=1, max=256, help="Orders under way at once.")]
MaxOrders = Annotated[
    int | None, typer.Option("--max-orders", min=1, help="Stop before starting more orders than this.")
]
MaxSpend = Annotated[
    str | None,
    typer.Option("--max-spend", metavar="DOLLARS", help="Stop before the orders cost more than this, by estimate."),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write a result per order to this .csv or .jsonl file.")
]
Prices = Annotated[
    Path | None, typer.Option("--prices", help="JSON file with your prices: mailbox, warmup, domain, endings.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before spending money.")]


def read_budget(max_orders: int | None, max_spend: str | None, prices: Path | None) -> Budget:
    """Return the limits and prices of a run as its options say.

    Raises:
        ConfigurationError: The prices cannot be read.
        typer.BadParameter: The amount of `--max-spend` is no amount.
    """
    return Budget(
        max_orders=max_orders,
        max_spend=_dollars(max_spend),
        prices=read_prices(prices) if prices else PriceList(),
    )


def _dollars(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except ArithmeticError:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise typer.BadParameter(f"{text!r} is no amount of dollars", param_hint="--max-spend")
    return amount


def _before_money(noun: str) -> list[str]:
    """Return what to know before money is spent."""
    lines = [
        "The wallet must hold enough for all of it: the API's page asks for that before an order is paid.",
        "Accepted is not done: charge and provisioning can still fail afterwards, domain by domain.",
    ]
    if noun == "draft":
        lines.append("How long a draft lives is not documented: one may be refused by now.")
    return lines


def ask(plan: Plan, *, can_answer: bool, noun: str = "order", asked_by: str = "--confirm") -> None:
    """Ask before money is spent, and exit unless the answer is yes; where nobody can answer, --yes is needed."""
    what = ", ".join(
        (
            counted(plan.to_send, noun),
            counted(plan.domains, "domain"),
            counted(plan.mailboxes, "mailbox", "mailboxes"),
        )
    )
    if not (can_answer and sys.stdin.isatty()):
        complain(f"cmr: {asked_by} spends money on {what}, and nobody can be asked here: add --yes. Nothing was sent.")
        raise typer.Exit(ExitCode.USAGE)
    for line in _before_money(noun):
        complain(line)
    if plan.affordable < plan.to_send:
        what += f", at most the first {counted(plan.affordable, noun)}"
    if not typer.confirm(f"Spend money on {what}, about ${plan.affordable_cost:,.2f}?", err=True):
        complain("Nothing was sent.")
        raise typer.Exit(ExitCode.REJECTED)
