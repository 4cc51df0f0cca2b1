"""The plan of an order file for programs: what a service shows of an upload, and what it sends afterwards."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any

import attrs

from ..core.order.prices import PriceList
from ..errors import ConfigurationError, OrderFileError
from ..orderfiles.file import OrderFile
from ..orderfiles.located import InputFault
from .checked_file import CheckedFile, OrdersToSend
from .plan import Plan
from .prices import Budget


@attrs.frozen(kw_only=True, eq=False)
class FilePlan(Plan):
    """What a run over an order file would do, and the orders of the run."""

    #: The first faults, each with its place in the file; `faults` counts all of them.
    first_faults: tuple[InputFault, ...] = ()
    #: The first things that deserve a look although they would be sent; `cautions` counts all of them.
    first_cautions: tuple[InputFault, ...] = ()
    #: Why nothing of the file can be sent, in words; `None`: it can.
    refusal: str | None = None
    _file: CheckedFile = attrs.field(repr=False)

    def orders_to_send(self) -> OrdersToSend:
        """Return the orders to give to `bulk.submit`, each as it was checked.

        Keep the file open until the run has ended, and give the run the journal of the plan. Plan right before the run:
        which domains others order meanwhile under other references is not looked up again.

        Returns:
            An iterable for one run, which also tells the row of each outcome.

        Raises:
            OrderFileError: The file is refused; `refusal` says why.
        """
        if self.refusal is not None:
            raise OrderFileError(f"Nothing can be sent: {self.refusal}.")
        return OrdersToSend(self._file, self)


def plan_orders(
    file: OrderFile,
    *,
    user_id: str | None = None,
    confirm: bool = False,
    domains_per_order: int = 1,
    skip_invalid: bool = False,
    journal: str | os.PathLike[str] | None = None,
    retry_rejected: bool = False,
    prices: PriceList | None = None,
    max_orders: int | None = None,
    max_spend: Decimal | int | None = None,
    most_faults: int = 100,
    keep_users: bool = False,
) -> FilePlan:
    """Read and check a whole order file, and count what it would order and cost; nothing is sent.

    It reads from disk and does not await; async code calls it by `asyncio.to_thread`.

    Args:
        file: The open file.
        user_id: Id of the user who owns the orders that name none.
        confirm: Pay for the orders at once, whatever the file says; `False`: drafts, which cost nothing.
        domains_per_order: For tables: how many domains of one user an order without reference may hold.
        skip_invalid: Leave out orders with faults; `False`: a file with a fault is refused.
        journal: The journal of the later run, a path or URL; it is looked up, not changed. Needs the extra `journal`.
        retry_rejected: As for `bulk.submit`: orders that the API refused in earlier runs are sent again.
        prices: Prices of the estimate, in US dollars; `None`: the defaults of `PriceList`.
        max_orders: Most orders that a run may send; `None`: no limit.
        max_spend: Most US dollars that they may cost when paid, by estimate; `None`: no limit.
        most_faults: How many faults, and how many cautions, the plan keeps.
        keep_users: Collect the ids of all users of the orders in `user_ids`, to see whether the caller may order for
            them; costs memory when there are very many.

    Returns:
        The plan. Faults of the file are in it, never exceptions.

    Raises:
        ConfigurationError: An argument is out of range, or the journal's location cannot be one.
        JournalError: The journal cannot be read.
        OrderFileError: The file is closed.
    """
    _expect_whole(1, domains_per_order=domains_per_order)
    _expect_whole(0, most_faults=most_faults)
    if max_orders is not None:
        _expect_whole(1, max_orders=max_orders)
    if not (max_spend is None or _is_amount(max_spend)):
        raise ConfigurationError(f"max_spend must be an amount of dollars, not {max_spend!r:.40}.")
    known = None
    if journal is not None:
        from .journal_check import JournalCheck  # noqa: PLC0415 - needs the extra `journal`

        known = JournalCheck(journal, retry_rejected=retry_rejected)
    checked = CheckedFile(
        source=file,
        user_id=user_id,
        confirm=confirm,
        domains_per_order=domains_per_order,
        skip_invalid=skip_invalid,
        limits=Budget(
            max_orders=max_orders,
            max_spend=None if max_spend is None else Decimal(max_spend),
            prices=prices or PriceList(),
        ),
        known=known,
    )
    faults, cautions = _First(most_faults), _First(most_faults)
    try:
        plan = checked.count(keep_users=keep_users, on_fault=faults.add, on_caution=cautions.add)
    finally:
        if known is not None:
            known.close()
    return FilePlan(
        **{field.name: getattr(plan, field.name) for field in attrs.fields(Plan)},
        first_faults=tuple(faults.kept),
        first_cautions=(*file.cautions, *cautions.kept)[:most_faults],
        refusal=checked.refusal(plan),
        file=checked,
    )


def _is_amount(value: Any) -> bool:
    return type(value) in {Decimal, int} and Decimal(value).is_finite() and value >= 0


def _expect_whole(least: int, **given: Any) -> None:
    for name, value in given.items():
        if type(value) is not int or value < least:
            raise ConfigurationError(f"{name} must be a whole number of at least {least}, not {value!r:.40}.")


class _First:
    """Keeps the first of many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.kept: list[InputFault] = []

    def add(self, found: InputFault) -> None:
        if len(self.kept) < self._most:
            self.kept.append(found)
