"""The accepted drafts of a journal: what it would cost to process them, and which of them a run may process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice

import attrs

from ..errors import ConfigurationError
from ..journal.records import JournalEntry
from ..journal.states import CLAIMABLE, StepState
from ..orderfiles.located import InputFault, LocatedOrder
from .file_check import check_file
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
) -> Drafts:
    """Check drafts as the orders of a file are checked, and count what processing them would buy.

    Args:
        accepted: The accepted orders and drafts of the journal.
        processed: The journal's steps of processing.
        journal: Name of the journal.
        references: Keys of the drafts to process; empty: all of them.
        budget: Prices and limits. It is used up.
        on_fault: Called with every fault as it is found.

    Raises:
        ConfigurationError: A key is not that of an accepted draft.
    """
    states = {entry.key: entry.state.value for entry in processed if entry.state not in CLAIMABLE}
    numbers: dict[str, int] = {}

    def orders() -> Iterator[LocatedOrder]:
        drafts = (entry for entry in accepted if not entry.confirm and entry.order_id is not None)
        for number, entry in enumerate(drafts, 1):
            if references and entry.key not in references:
                continue
            numbers[entry.key] = number
            yield LocatedOrder(source=journal, row=number, key=entry.key, request=entry.request)

    checked = (attrs.evolve(order, settled=states.get(order.located.key)) for order in check_file(orders()))
    plan = count_orders(checked, budget=budget, on_fault=on_fault)
    if missing := sorted(set(references) - numbers.keys()):
        raise ConfigurationError(f"{journal} holds no accepted draft {', '.join(missing)}. Nothing was sent.")
    return Drafts(plan=plan, numbers=numbers, settled={key: states[key] for key in numbers if key in states})
