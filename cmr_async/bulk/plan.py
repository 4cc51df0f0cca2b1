"""The plan of a run: what a file would order, every fault of it, what occurs twice, and what it may cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal

import attrs

from ..core.validation import inspect_order
from ..errors import Fault
from ..models import Order
from .items import OrderRequest
from .places import InputFault, ReadOrder
from .prices import DEFAULT_PRICES, Budget, PriceTable
from .seen import SeenNames

__all__ = ["CheckedOrder", "Plan", "check_orders", "make_plan"]


@attrs.frozen(kw_only=True)
class CheckedOrder:
    """An order of a file after every check."""

    #: Row or line where it begins.
    row: int
    #: The order as it will be sent; `None` when it has faults.
    request: OrderRequest | None
    #: What forbids sending it.
    faults: Sequence[InputFault] = ()
    #: What deserves a look.
    cautions: Sequence[InputFault] = ()
    #: The file says `confirm: true` of this order.
    asks_confirm: bool = False
    #: The file could not be read on from here.
    ends_reading: bool = False


@attrs.frozen(kw_only=True)
class Plan:
    """What a run over a file would do."""

    #: Orders without faults.
    orders: int = 0
    #: Domains that they register.
    domains: int = 0
    #: Mailboxes that they create.
    mailboxes: int = 0
    #: Mailboxes among them that start warmup.
    warmups: int = 0
    #: Different users.
    users: int = 0
    #: Their ids; only when they were asked for.
    user_ids: frozenset[str] = frozenset()
    #: Orders, or rows that make none, with faults.
    invalid: int = 0
    #: All faults.
    faults: int = 0
    #: All cautions.
    cautions: int = 0
    #: The file was read to its end; else nothing of it should be sent.
    whole: bool = True
    #: Orders that fit into the budget, counted from the start of the file.
    affordable: int = 0
    #: Their cost.
    affordable_cost: Decimal = Decimal(0)
    #: Orders for which the file says `confirm: true`.
    asking_confirm: int = 0
    #: Estimate of what the orders take from the wallet, in US dollars.
    cost: Decimal = Decimal(0)
    #: The prices behind the estimate.
    prices: PriceTable = DEFAULT_PRICES

    @property
    def cost_is_complete(self) -> bool:
        """Whether every part of the cost has a price."""
        return self.warmups == 0 or self.prices.warmup is not None


def check_orders(orders: Iterable[ReadOrder]) -> Iterator[CheckedOrder]:
    """Check each order, and that no order or domain occurs twice in the file; memory stays small.

    Args:
        orders: The orders of one file, as they were read.

    Yields:
        The same orders, in the same sequence, with everything that was found.
    """
    keys, registered, mentioned = SeenNames(), SeenNames(), SeenNames()
    for read in orders:
        if read.request is None:
            if read.key:
                keys.add(read.key, read.row)
            yield CheckedOrder(row=read.row, request=None, faults=read.faults, ends_reading=read.ends_reading)
            continue
        findings = inspect_order(read.request.order)
        order = findings.order
        faults = list(map(read.at, findings.faults)) if findings.faults else []
        cautions = list(map(read.at, findings.cautions)) if findings.cautions else []
        if earlier := keys.add(read.key, read.row):
            faults.append(_duplicate_order(read, earlier))
        if not findings.faults:
            _check_domains(read, order, registered=registered, mentioned=mentioned, faults=faults, cautions=cautions)
        request: OrderRequest | None = read.request
        if faults:
            request = None
        elif order is not read.request.order:
            request = attrs.evolve(read.request, order=order)
        yield CheckedOrder(
            row=read.row, request=request, faults=faults, cautions=cautions, asks_confirm=read.asks_confirm
        )


def _duplicate_order(read: ReadOrder, earlier: int) -> InputFault:
    if read.rows is None:
        what = f'the reference "{read.key}"' if read.request and read.request.reference else "the same order"
        return read.at(Fault("reference", f"{what} stands at row {earlier} already"))
    message = (
        f'an order "{read.key}" stands at row {earlier} already; put the rows of one order next to '
        "each other, or give two orders two references"
    )
    return read.at(Fault("reference", message))


def _check_domains(
    read: ReadOrder,
    order: Order,
    *,
    registered: SeenNames,
    mentioned: SeenNames,
    faults: list[InputFault],
    cautions: list[InputFault],
) -> None:
    """A domain can be bought once; one that comes again without being bought deserves a look."""
    names = set()
    for index, entry in enumerate(order.domains):
        names.add(entry.domain)
        if earlier := registered.add(entry.domain, read.row):
            message = f"{entry.domain} is registered by the order at row {earlier} already; it can be bought once"
            faults.append(read.at(Fault(f"domains[{index}].domain", message)))
        elif earlier := mentioned.add(entry.domain, read.row):
            message = f"the order at row {earlier} has mailboxes on {entry.domain}; they cannot wait for this order"
            cautions.append(read.at(Fault(f"domains[{index}].domain", message)))
    for domain in order.mailboxes:
        if domain not in names and (earlier := mentioned.add(domain, read.row)):
            message = f"the order at row {earlier} is for {domain} too; no mailbox should be in both"
            cautions.append(read.at(Fault(f'mailboxes["{domain}"]', message)))


def make_plan(
    orders: Iterable[ReadOrder],
    *,
    budget: Budget | None = None,
    keep_users: bool = False,
    on_fault: Callable[[InputFault], None] = lambda _: None,
    on_caution: Callable[[InputFault], None] = lambda _: None,
) -> Plan:
    """Read and check a whole file and count what it would order; nothing is sent.

    Args:
        orders: The orders of one file, as they were read.
        budget: The prices of the estimate, and limits; `None`: default prices, no limit. It is used up.
        keep_users: Collect the ids of all users; costs memory when there are very many.
        on_fault: Called with every fault as it is found.
        on_caution: Called with everything else that deserves a look.
    """
    budget = budget or Budget()
    counted = domains = mailboxes = warmups = invalid = faults = cautions = asking = 0
    cost = Decimal(0)
    whole = within = True
    users, user_ids = SeenNames(), set()
    for checked in check_orders(orders):
        for fault in checked.faults:
            faults += 1
            on_fault(fault)
        for caution in checked.cautions:
            cautions += 1
            on_caution(caution)
        whole = whole and not checked.ends_reading
        if checked.request is None:
            invalid += 1
            continue
        order = checked.request.order
        counted += 1
        domains += len(order.domains)
        mailboxes += order.mailbox_count
        for boxes in order.mailboxes.values():
            for box in boxes:
                warmups += box.on_warmup is True
        asking += checked.asks_confirm
        cost += budget.prices.estimate(order)
        within = within and budget.take(order) is None
        users.add(checked.request.user_id, 1)
        if keep_users:
            user_ids.add(checked.request.user_id)
    return Plan(
        orders=counted,
        domains=domains,
        mailboxes=mailboxes,
        warmups=warmups,
        users=len(users),
        user_ids=frozenset(user_ids),
        invalid=invalid,
        faults=faults,
        cautions=cautions,
        asking_confirm=asking,
        cost=cost,
        prices=budget.prices,
        whole=whole,
        affordable=budget.orders,
        affordable_cost=budget.cost,
    )
