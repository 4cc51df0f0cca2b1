"""A file of orders with everything the command line says about it: opened, checked, shown."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import attrs
import typer

from ..bulk.files import InputFormat, OrderFile
from ..bulk.places import ReadOrder
from ..bulk.plan import Plan, check_orders, make_plan
from ..bulk.prices import DEFAULT_PRICES, Budget, PriceTable, read_prices
from .display import Cautions, complain, counted, printable, show_plan
from .exits import ExitCode

__all__ = ["Intake", "open_intake"]


@attrs.frozen(kw_only=True)
class Intake:
    """An open order file and how its orders are to be made."""

    #: The file.
    source: OrderFile
    #: The user of rows that name none.
    user_id: str | None
    #: Pay for the orders at once.
    confirm: bool
    #: Domains that one order without reference may hold.
    domains_per_order: int
    #: Send the good orders of a file with faults.
    skip_invalid: bool
    #: What the cost is estimated from.
    prices: PriceTable
    #: Most orders to start.
    max_orders: int | None
    #: Most dollars to spend, by estimate.
    max_spend: Decimal | None

    def orders(self) -> Iterator[ReadOrder]:
        """The file's orders, from its beginning."""
        return self.source.orders(user_id=self.user_id, confirm=self.confirm, domains_per_order=self.domains_per_order)

    def checked(self) -> Iterator[ReadOrder]:
        """The file's orders after every check, from its beginning."""
        return check_orders(self.orders())

    def budget(self) -> Budget:
        """The limits, unused."""
        return Budget(max_orders=self.max_orders, max_spend=self.max_spend, prices=self.prices)

    def plan(self, *, keep_users: bool = False) -> Plan:
        """Check the file, show everything that was found, and leave when it cannot be sent."""
        cautions = Cautions()
        plan = make_plan(
            self.orders(),
            budget=self.budget(),
            keep_users=keep_users,
            on_fault=lambda fault: complain(printable(str(fault))),
            on_caution=cautions.add,
        )
        cautions.show()
        refusal = self._refusal(plan)
        if refusal:
            complain(f"cmr: {printable(refusal)}; nothing was sent.")
            raise typer.Exit(ExitCode.USAGE)
        show_plan(plan, file=self.source.name, confirm=self.confirm)
        return plan

    def _refusal(self, plan: Plan) -> str | None:
        name = self.source.name
        if not plan.whole:
            return f"{name} cannot be read to its end, so no order of it is certain to be whole"
        if plan.faults and not self.skip_invalid:
            return f"{counted(plan.faults, 'fault')} in {name}"
        if not plan.orders:
            return f"{name} holds no orders"
        if self.max_spend is not None and not plan.cost_is_complete:
            return "--max-spend needs the price of warmup, which is not published: give it with --prices"
        return None


def open_intake(
    file: str,
    *,
    format: str | None,  # noqa: A002 - the option's name
    user_id: str | None,
    prices: Path | None,
    confirm: bool = False,
    domains_per_order: int = 1,
    skip_invalid: bool = False,
    max_orders: int | None = None,
    max_spend: str | None = None,
) -> Intake:
    """Open a file as the options say; close its `source` in the end.

    Raises:
        CMRError: The file or the prices cannot be read.
        typer.BadParameter: An option has no meaning.
    """
    if format is not None and format not in set(InputFormat):
        raise typer.BadParameter(f"{format!r} is none of {', '.join(InputFormat)}", param_hint="--format")
    return Intake(
        user_id=user_id,
        confirm=confirm,
        domains_per_order=domains_per_order,
        skip_invalid=skip_invalid,
        prices=read_prices(prices) if prices else DEFAULT_PRICES,
        max_orders=max_orders,
        max_spend=_dollars(max_spend),
        source=OrderFile(file, format=format),
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
