"""The plan of a run: what a file would order, how many faults it has, and what it may cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import attrs

from ..core.order.prices import PriceList
from ..orderfiles.located import InputFault, UnreadableOrder
from .file_check import FileOrder
from .name_index import NameIndex
from .prices import Budget

#: Drafts that a plan names.
_DRAFTS_NAMED = 10


@attrs.frozen(kw_only=True)
class Plan:
    """What a run over a file would do."""

    #: Orders without faults.
    orders: int = 0
    #: How many of them a run on the journal would not send, by the journal's state (accepted, unknown, rejected, sent)
    #: or by the verdict on an unknown (placed, absent).
    settled: Mapping[str, int] = attrs.field(factory=dict)
    #: How many of those to send exist as drafts, which the run would pay for.
    drafts: int = 0
    #: The first of these drafts, with their order ids.
    draft_names: tuple[str, ...] = ()
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
    #: Domains to register for which the file gives no years; one year each was assumed.
    assumed_years: int = 0
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


def count_orders(
    checked: Iterable[FileOrder],
    *,
    budget: Budget | None = None,
    keep_users: bool = False,
    on_fault: Callable[[InputFault], None] = lambda _: None,
    on_caution: Callable[[InputFault], None] = lambda _: None,
) -> Plan:
    """Count what the orders of a file would order, after every check.

    Args:
        checked: The orders; those that a journal has settled are counted apart and cost nothing more.
        budget: The prices of the estimate, and limits; `None`: default prices, no limit. It is used up.
        keep_users: Collect the ids of all users; costs memory when there are very many.
        on_fault: Called with every fault as it is found.
        on_caution: Called with everything else that deserves a look.
    """
    budget = budget or Budget()
    counted = domains = mailboxes = warmups = invalid = changed = faults = cautions = asking = assumed = 0
    cost = Decimal(0)
    whole = within = True
    settled: dict[str, int] = {}
    prices, user_id = budget.prices, ""
    users, user_ids = NameIndex(), set()
    drafts, draft_names = 0, []
    for found in checked:
        for fault in found.faults:
            on_fault(fault)
        for caution in found.cautions:
            on_caution(caution)
        faults += len(found.faults)
        cautions += len(found.cautions)
        if found.checked is None or isinstance(found.located, UnreadableOrder):
            invalid += 1
            changed += found.changed
            whole = whole and not found.ends_reading
            continue
        order = found.checked.order
        counted += 1
        if found.checked.request.user_id != user_id:
            user_id = found.checked.request.user_id
            users.add(user_id, found.row)
            if keep_users:
                user_ids.add(user_id)
        if found.settled is not None:
            settled[found.settled] = settled.get(found.settled, 0) + 1
            continue
        if found.draft is not None:
            drafts += 1
            if drafts <= _DRAFTS_NAMED:
                label = found.checked.request.reference or " ".join(order.domain_names)
                draft_names.append(f"{label} (order {found.draft})")
        domains += len(order.domains)
        boxes, warm = order.mailbox_count, order.warmup_count
        mailboxes += boxes
        warmups += warm
        asking += found.located.asks_confirm
        assumed += found.located.assumed_years
        registered = [(entry.domain, entry.years) for entry in order.domains]
        estimate = prices.cost(domains=registered, mailboxes=boxes, warmups=warm)
        cost += estimate
        within = within and budget.take(estimate) is None
    return Plan(
        orders=counted,
        settled=settled,
        drafts=drafts,
        draft_names=tuple(draft_names),
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
        assumed_years=assumed,
        cost=cost,
        prices=prices,
        whole=whole,
        affordable=budget.orders,
        affordable_cost=budget.cost,
    )
