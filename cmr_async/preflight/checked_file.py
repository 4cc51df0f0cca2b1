"""An order file with the way its orders are to be made: the same orders for the plan, and then to send."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

import attrs

from ..core.order.checked import CheckedOrder
from ..errors import ConfigurationError, OrderFileChangedError
from ..models import MailboxOrder, Order
from ..models.requests import OrderOutcome
from ..orderfiles.file import OrderFile
from ..orderfiles.located import InputFault, LocatedOrder, UnreadableOrder
from .file_check import FileOrder, check_file
from .plan import Plan, count_orders
from .prices import Budget

if TYPE_CHECKING:
    from .journal_check import JournalCheck


@attrs.frozen(kw_only=True)
class CheckedFile:
    """An open file of orders, and how they are to be made."""

    #: The file.
    source: OrderFile
    #: The user of rows that name none.
    user_id: str | None
    #: Pay for the orders at once.
    confirm: bool
    #: Domains that one order without reference may hold.
    domains_per_order: int
    #: Send the orders without faults of a file with faults.
    skip_invalid: bool
    #: Limits and prices, unused.
    limits: Budget
    #: What the run's journal holds; `None`: there is no journal.
    known: JournalCheck | None = None

    def orders(self) -> Iterator[LocatedOrder | UnreadableOrder]:
        """Return the file's orders, from its beginning."""
        return self.source.orders(user_id=self.user_id, confirm=self.confirm, domains_per_order=self.domains_per_order)

    def checked(self) -> Iterator[FileOrder]:
        """Return the file's orders after every check, from its beginning."""
        checked = check_file(self.orders())
        return checked if self.known is None else self.known.compare(checked)

    def budget(self) -> Budget:
        """Return limits and prices to use up."""
        return attrs.evolve(self.limits)

    def count(
        self, *, keep_users: bool, on_fault: Callable[[InputFault], None], on_caution: Callable[[InputFault], None]
    ) -> Plan:
        """Read and check the whole file, and count what it would order; see `count_orders`.

        The cautions of the file as a whole are counted, and left to the caller to show.
        """
        plan = count_orders(
            self.checked(), budget=self.budget(), keep_users=keep_users, on_fault=on_fault, on_caution=on_caution
        )
        return attrs.evolve(plan, cautions=plan.cautions + len(self.source.cautions))

    def refusal(self, plan: Plan) -> str | None:
        """Return why nothing of the file should be sent; `None`: it may be."""
        name = self.source.name
        if not plan.whole:
            return f"{name} cannot be read to its end, so no order of it is certain to be whole"
        if plan.faults and not self.skip_invalid:
            return f"{plan.faults:,} {'fault' if plan.faults == 1 else 'faults'} in {name}"
        if not plan.orders:
            return f"no order of {name} is without faults" if plan.invalid else f"{name} holds no orders"
        return uncertain_limit(plan, self.limits.max_spend)


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


class OrdersToSend:
    """The orders of a file that was planned, for one run: give it to `bulk.submit`.

    The plan kept no order, so the file is read and checked again; each order is sent as it was checked.
    """

    def __init__(self, file: CheckedFile, plan: Plan) -> None:
        """Prepare to read; nothing is read yet."""
        self._file = file
        self._plan = plan
        self._checked = file.checked()
        # Row of each order that the engine has taken and that has no outcome yet
        self._taken: dict[int, int] = {}
        self._begun = False
        self._ended_at: int | None = None
        #: Why there are no further orders although the file holds some; `None`: there are none.
        self.stopped: str | None = None

    def __iter__(self) -> Generator[CheckedOrder, None, None]:
        """Yield each order right after its check, up to a limit of the plan.

        Raises:
            OrderFileChangedError: The file was edited or replaced after it was planned.
            ConfigurationError: They were given to a run before.
        """
        if self._begun:
            raise ConfigurationError("These orders are for one run: ask the plan for them again.")
        self._begun = True
        budget = self._file.budget()
        try:
            for index, (row, order) in enumerate(self._within(budget)):
                self._taken[index] = row
                yield order
        finally:
            self._close()

    def row_of(self, outcome: OrderOutcome) -> int:
        """Return the row or line where the order of an outcome begins.

        Args:
            outcome: An outcome of the run; ask once for each.
        """
        return self._taken.pop(outcome.index)

    @property
    def next_row(self) -> int | None:
        """Row of the first order without an outcome, once the run has ended and `row_of` was asked for each.

        `None`: every order has one.
        """
        if self._ended_at is None:
            following = next(self._checked, None)
            self._close()
            self._ended_at = None if following is None else following.row
        # An order that was taken and has no outcome was waiting when the run stopped; it comes first
        return min([*self._taken.values(), *filter(None, [self._ended_at])], default=None)

    def _within(self, budget: Budget) -> Iterator[tuple[int, CheckedOrder]]:
        for found in self._checked:
            try:
                self._file.source.raise_if_changed()
            except OrderFileChangedError as error:
                self._end(found.row, error.message)
                raise
            if found.checked is None:
                if self._file.skip_invalid:
                    continue
                fault = next(iter(map(str, found.faults)), f"{self._file.source.name}, row {found.row}")
                self._end(found.row, f"this had no fault when the file was checked: {fault}")
                raise OrderFileChangedError(str(self.stopped))
            # What the journal has settled is not sent, so it costs nothing
            if found.settled is None and (limit := passed_limit(found.checked.order, plan=self._plan, budget=budget)):
                self._end(found.row, limit)
                return
            yield found.row, found.checked

    def _close(self) -> None:
        if self._file.known is not None:
            self._file.known.close()

    def _end(self, row: int, reason: str) -> None:
        self._ended_at = row
        self.stopped = reason
