"""A file of orders with everything the command line says about it: opened, checked, shown."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import attrs
import typer

from ..orderfiles.file import InputFormat, OrderFile
from ..orderfiles.located import LocatedOrder, UnreadableOrder
from ..preflight.file_check import FileOrder
from ..preflight.plan import Plan, check_orders, make_plan
from ..preflight.prices import DEFAULT_PRICES, Budget, PriceTable, read_prices
from .display import Cautions, complain, counted, printable, show_plan
from .exit_codes import ExitCode

if TYPE_CHECKING:
    from ..preflight.journal_check import JournalCheck

__all__ = ["Intake", "dollars", "open_intake"]


@attrs.frozen(kw_only=True)
class Intake:
    """An open order file and how its orders are to be made; a context manager that closes it."""

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
    #: What the run's journal holds; `None`: there is no journal.
    known: JournalCheck | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.source.close()
        if self.known is not None:
            self.known.close()

    @property
    def journal(self) -> str | None:
        """The run's journal as messages call it, without a password."""
        return None if self.known is None else printable(self.known.name)

    def orders(self) -> Iterator[LocatedOrder | UnreadableOrder]:
        """The file's orders, from its beginning."""
        return self.source.orders(user_id=self.user_id, confirm=self.confirm, domains_per_order=self.domains_per_order)

    def checked(self) -> Iterator[FileOrder]:
        """The file's orders after every check, from its beginning."""
        return check_orders(self.orders(), known=self.known)

    def budget(self) -> Budget:
        """The limits, unused."""
        return Budget(max_orders=self.max_orders, max_spend=self.max_spend, prices=self.prices)

    def plan(self, *, keep_users: bool = False) -> Plan:
        """Check the file, show everything that was found, and leave when it cannot be sent."""
        cautions = Cautions()
        plan = make_plan(
            self.orders(),
            budget=self.budget(),
            known=self.known,
            keep_users=keep_users,
            on_fault=lambda fault: complain(printable(str(fault))),
            on_caution=cautions.add,
        )
        cautions.show()
        refusal = self._refusal(plan)
        if refusal:
            complain(f"cmr: {printable(refusal)}; nothing was sent.")
            if plan.changed:
                complain(self._about_changed(plan))
            raise typer.Exit(ExitCode.USAGE)
        show_plan(plan, file=self.source.name, confirm=self.confirm, journal=self.journal)
        return plan

    def _about_changed(self, plan: Plan) -> str:
        return (
            f"{counted(plan.changed, 'order')} changed since the journal {self.journal} was written. Put back what was "
            "there, or leave such orders out with --skip-invalid. A new reference makes a changed order a new purchase."
        )

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
    journal: str | None = None,
    kind_matters: bool = True,
) -> Intake:
    """Open a file as the options say.

    With a journal its orders are looked up there; `kind_matters=False` takes a draft and the paid order of the same
    things for the same order.

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
        max_spend=dollars(max_spend),
        known=None if journal is None else _known(journal, kind_matters=kind_matters),
        source=OrderFile(file, format=format),
    )


def _known(journal: str, *, kind_matters: bool) -> JournalCheck:
    from ..preflight.journal_check import JournalCheck  # noqa: PLC0415 - an extra

    return JournalCheck(journal, kind_matters=kind_matters)


def dollars(text: str | None) -> Decimal | None:
    """Read the amount of `--max-spend`."""
    if text is None:
        return None
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except ArithmeticError:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise typer.BadParameter(f"{text!r} is no amount of dollars", param_hint="--max-spend")
    return amount
