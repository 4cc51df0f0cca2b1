"""The accepted drafts of a journal: what it would cost to process them, and which of them a run may process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice

import attrs

from ..errors import ConfigurationError, Fault, ValidationError
from ..journal.records import JournalEntry
from ..journal.states import CLAIMABLE, REPLACEABLE, Step, StepState
from ..models.requests import Verdict
from ..orderfiles.located import InputFault, LocatedOrder, UnreadableOrder
from .file_check import FileOrder, addresses_of, check_file
from .name_index import NameIndex
from .plan import Plan, count_orders
from .prices import Budget


@attrs.frozen(kw_only=True)
class Drafts:
    """Accepted drafts and the plan of a run over them."""

    #: What processing them would buy.
    plan: Plan
    #: Key to number, from 1, among the accepted drafts of the journal, in that order.
    numbers: Mapping[str, int]
    #: State of the processing of those that a run would not send.
    settled: Mapping[str, str]

    @property
    def processed(self) -> int:
        """How many earlier runs have processed."""
        return Counter(self.settled.values())[StepState.ACCEPTED.value]

    @property
    def to_give(self) -> dict[str, int]:
        """The drafts to give to a run: those within the limits, and those that it reports and leaves alone."""
        within = set(islice((key for key in self.numbers if key not in self.settled), self.plan.affordable))
        return {
            key: number
            for key, number in self.numbers.items()
            if key in within or self.settled.get(key, StepState.ACCEPTED.value) != StepState.ACCEPTED.value
        }


def plan_drafts(
    accepted: Iterable[JournalEntry],
    processed: Iterable[JournalEntry],
    *,
    journal: str,
    references: Collection[str],
    budget: Budget,
    on_fault: Callable[[InputFault], None],
    others: Iterable[JournalEntry] = (),
) -> Drafts:
    """Check drafts as the orders of a file are checked, and count what processing them would buy.

    Args:
        accepted: The accepted orders and drafts of the journal.
        processed: The journal's steps of processing.
        journal: Name of the journal.
        references: Keys of the drafts to process; empty: all of them.
        budget: Prices and limits. It is used up.
        on_fault: Called with every fault as it is found.
        others: Every step of the journal: what one of them has paid for is not paid for by a draft as well.

    Raises:
        ConfigurationError: A key is not that of an accepted draft.
    """
    states = {entry.key: entry.state.value for entry in processed if entry.state not in CLAIMABLE}
    numbers: dict[str, int] = {}
    bought = _names_bought(others)

    def orders() -> Iterator[LocatedOrder]:
        drafts = (entry for entry in accepted if not entry.confirm and entry.order_id is not None)
        for number, entry in enumerate(drafts, 1):
            if references and entry.key not in references:
                continue
            numbers[entry.key] = number
            yield LocatedOrder(source=journal, row=number, key=entry.key, request=entry.request)

    checked = (
        _unless_bought(attrs.evolve(order, settled=states.get(order.located.key)), bought)
        for order in check_file(orders())
    )
    plan = count_orders(checked, budget=budget, on_fault=on_fault)
    if missing := sorted(set(references) - numbers.keys()):
        raise ConfigurationError(f"{journal} holds no accepted draft {', '.join(missing)}. Nothing was sent.")
    return Drafts(plan=plan, numbers=numbers, settled={key: states[key] for key in numbers if key in states})


def _names_bought(steps: Iterable[JournalEntry]) -> NameIndex:
    """Return the domains and mailboxes that steps of a journal have paid for, or may have."""
    names = NameIndex()
    for entry in steps:
        pays = entry.confirm or entry.step is Step.PROCESS
        if not pays or entry.state in REPLACEABLE or entry.verdict is Verdict.ABSENT:
            continue
        try:
            order = entry.order
        except ValidationError:
            continue  # it is no order, so nothing in it can be told
        for name in (*(registration.domain for registration in order.domains), *addresses_of(order)):
            names.add(name, 0)
    return names


def _unless_bought(found: FileOrder, bought: NameIndex) -> FileOrder:
    """Add a fault to a draft that is still to be paid, and whose domain or mailbox another order has paid for."""
    if found.checked is None or found.settled is not None or isinstance(found.located, UnreadableOrder):
        return found
    order = found.checked.order
    places = {registration.domain: f"domains[{index}].domain" for index, registration in enumerate(order.domains)}
    twice = [(path, name) for name, path in (places | addresses_of(order)).items() if bought.get(name) is not None]
    if not twice:
        return found
    path, name = twice[0]
    message = f"{name} is paid for by another order of this journal already; paying for both may buy it twice"
    return attrs.evolve(found, checked=None, faults=(*found.faults, found.located.at(Fault(path, message))))
