"""The plan of a run: what a file would order, every fault of it, what occurs twice, and what it may cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

import attrs

from ..core.prices import PriceList
from ..core.validation import inspect_order, is_sound
from ..errors import Fault
from ..models import Order
from ..orderfiles.located import InputFault, ReadOrder
from .name_index import NameIndex
from .prices import Budget

if TYPE_CHECKING:
    from .journal_check import JournalCheck

__all__ = ["Plan", "check_orders", "make_plan"]


@attrs.frozen(kw_only=True)
class Plan:
    """What a run over a file would do."""

    #: Orders without faults.
    orders: int = 0
    #: How many of them a run on the journal would not send, by the journal's state: accepted, unknown, rejected, sent.
    settled: Mapping[str, int] = attrs.field(factory=dict)
    #: Domains that the orders to send register.
    domains: int = 0
    #: Mailboxes that the orders to send create.
    mailboxes: int = 0
    #: Mailboxes among them that start warmup.
    warmups: int = 0
    #: Different users.
    users: int = 0
    #: Their ids; only when they were asked for.
    user_ids: frozenset[str] = frozenset()
    #: Orders, or rows that make none, with faults.
    invalid: int = 0
    #: How many of these are other orders under a key that the journal knows.
    changed: int = 0
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
    #: Estimate of what the orders to send take from the wallet, in US dollars.
    cost: Decimal = Decimal(0)
    #: The prices behind the estimate.
    prices: PriceList = attrs.field(factory=PriceList)

    @property
    def to_send(self) -> int:
        """Orders that a run would send."""
        return self.orders - sum(self.settled.values())

    @property
    def cost_is_complete(self) -> bool:
        """Whether every part of the cost has a price."""
        return self.warmups == 0 or self.prices.warmup is not None


def check_orders(orders: Iterable[ReadOrder], *, known: JournalCheck | None = None) -> Iterator[ReadOrder]:
    """Check each order, and that no order or domain occurs twice in file and journal; memory stays small.

    Args:
        orders: The orders of one file, as they were read.
        known: What a journal holds; `None`: there is no journal.

    Returns:
        The same orders, in the same sequence, with everything that was found.
    """
    checked = _check_file(orders)
    return checked if known is None else known.compare(checked)


def _check_file(orders: Iterable[ReadOrder]) -> Iterator[ReadOrder]:
    keys, domains = NameIndex(), NameIndex()
    for read in orders:
        request = read.request
        if request is None:
            if read.key:
                keys.add(read.key, read.row)
            yield read
            continue
        if earlier := keys.add(read.key, read.row):
            read.faults.append(_duplicate_order(read, earlier))
        order = request.order
        if not is_sound(order):
            findings = inspect_order(order)
            order = findings.order
            read.cautions = list(map(read.at, findings.cautions))
            read.faults.extend(map(read.at, findings.faults))
            if findings.faults:
                read.request = None
                yield read
                continue
        _check_domains(read, order, domains)
        if read.faults:
            read.request = None
        elif order is not request.order:
            read.request = attrs.evolve(request, order=order)
        yield read


def _duplicate_order(read: ReadOrder, earlier: int) -> InputFault:
    if read.rows is None:
        what = f'the reference "{read.key}"' if read.request and read.request.reference else "the same order"
        return read.at(Fault("reference", f"{what} stands at row {earlier} already"))
    message = (
        f'an order "{read.key}" stands at row {earlier} already; put the rows of one order next to '
        "each other, or give two orders two references"
    )
    return read.at(Fault("reference", message))


def _check_domains(read: ReadOrder, order: Order, domains: NameIndex) -> None:
    """A domain can be bought once; one that comes again without being bought deserves a look."""
    # Twice the row, plus one when that order buys the domain.
    bought, mentioned = read.row * 2 + 1, read.row * 2
    cautions = []
    ours = set()
    for index, entry in enumerate(order.domains):
        mark = domains.add(entry.domain, bought)
        if not mark:
            ours.add(entry.domain)
        elif mark & 1:
            message = f"{entry.domain} is registered by the order at row {mark // 2} already; it can be bought once"
            read.faults.append(read.at(Fault(f"domains[{index}].domain", message)))
        else:
            domains.mark(entry.domain, bought)
            message = f"the order at row {mark // 2} has mailboxes on {entry.domain}; they cannot wait for this order"
            cautions.append(Fault(f"domains[{index}].domain", message))
    for domain in order.mailboxes:
        mark = 0 if domain in ours else domains.add(domain, mentioned)
        if mark and mark != bought:
            message = f"the order at row {mark // 2} is for {domain} too; no mailbox should be in both"
            cautions.append(Fault(f'mailboxes["{domain}"]', message))
    if cautions:
        read.cautions = [*read.cautions, *map(read.at, cautions)]


def make_plan(
    orders: Iterable[ReadOrder],
    *,
    budget: Budget | None = None,
    known: JournalCheck | None = None,
    keep_users: bool = False,
    on_fault: Callable[[InputFault], None] = lambda _: None,
    on_caution: Callable[[InputFault], None] = lambda _: None,
) -> Plan:
    """Read and check a whole file and count what it would order; nothing is sent.

    Args:
        orders: The orders of one file, as they were read.
        budget: The prices of the estimate, and limits; `None`: default prices, no limit. It is used up.
        known: What a journal holds; its settled orders are counted apart and cost nothing more.
        keep_users: Collect the ids of all users; costs memory when there are very many.
        on_fault: Called with every fault as it is found.
        on_caution: Called with everything else that deserves a look.
    """
    budget = budget or Budget()
    counted = domains = mailboxes = warmups = invalid = changed = faults = cautions = asking = 0
    cost = Decimal(0)
    whole = within = True
    settled: dict[str, int] = {}
    prices, user_id = budget.prices, ""
    users, user_ids = NameIndex(), set()
    for checked in check_orders(orders, known=known):
        for fault in checked.faults:
            faults += 1
            on_fault(fault)
        for caution in checked.cautions:
            cautions += 1
            on_caution(caution)
        whole = whole and not checked.ends_reading
        if checked.request is None:
            invalid += 1
            changed += checked.changed
            continue
        order = checked.request.order
        counted += 1
        if checked.request.user_id != user_id:
            user_id = checked.request.user_id
            users.add(user_id, 1)
            if keep_users:
                user_ids.add(user_id)
        if checked.settled is not None:
            settled[checked.settled] = settled.get(checked.settled, 0) + 1
            continue
        domains += len(order.domains)
        for boxes in order.mailboxes.values():
            mailboxes += len(boxes)
            for box in boxes:
                warmups += box.on_warmup is True
        asking += checked.asks_confirm
        estimate = prices.estimate(order)
        cost += estimate
        within = within and budget.take(estimate) is None
    return Plan(
        orders=counted,
        settled=settled,
        domains=domains,
        mailboxes=mailboxes,
        warmups=warmups,
        users=len(users),
        user_ids=frozenset(user_ids),
        invalid=invalid,
        changed=changed,
        faults=faults,
        cautions=cautions,
        asking_confirm=asking,
        cost=cost,
        prices=prices,
        whole=whole,
        affordable=budget.orders,
        affordable_cost=budget.cost,
    )
