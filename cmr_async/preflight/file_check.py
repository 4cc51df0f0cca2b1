"""Check the orders of a file, each by itself and against the others: faults, cautions, and what occurs twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from ..core.order.checked import CheckedOrder, check_request
from ..errors import Fault
from ..journal.identity import key_of
from ..models import MailboxOrder, Order
from ..orderfiles.located import InputFault, LocatedOrder, UnreadableOrder
from .name_index import NameIndex


@attrs.frozen(kw_only=True, slots=False)  # one is made for every order of a file; with slots that takes longer
class FileOrder:
    """One order of a file with everything that was found about it."""

    #: The order as it was read, or what stands in for it.
    located: LocatedOrder | UnreadableOrder
    #: The order as it will be sent; `None` when it has faults.
    checked: CheckedOrder | None = None
    #: What forbids sending it.
    faults: tuple[InputFault, ...] = ()
    #: What deserves a look.
    cautions: tuple[InputFault, ...] = ()
    #: Why a run on a journal would not send it: the state that the journal has it in, or the verdict on an unknown.
    settled: str | None = None
    #: It exists as an accepted draft of this id, which a run that pays would process instead of ordering anew.
    draft: str | None = None
    #: A journal has another order under its key; the differences are among the faults.
    changed: bool = False

    @property
    def row(self) -> int:
        """Row or line where the order begins."""
        return self.located.row

    @property
    def ends_reading(self) -> bool:
        """The file could not be read on from here: what follows is not known."""
        return isinstance(self.located, UnreadableOrder) and self.located.ends_reading


def check_file(orders: Iterable[LocatedOrder | UnreadableOrder]) -> Iterator[FileOrder]:
    """Check each order, and that no order, domain or mailbox occurs twice in the file; memory stays small.

    Args:
        orders: The orders of one file, as they were read.

    Yields:
        Each order with its faults and cautions, in the same sequence. Its body is not serialised yet.
    """
    keys, names = NameIndex(), NameIndex()
    for located in orders:
        if isinstance(located, UnreadableOrder):
            if located.key:
                keys.add(located.key, located.row)
            yield FileOrder(located=located, faults=located.faults)
            continue
        checked = check_request(located.request)
        faults, cautions = list(checked.faults), list(checked.cautions)
        key = located.key or ("" if checked.faults else key_of(checked))
        if key and (earlier := keys.add(key, located.row)):
            faults.insert(0, _duplicate_order(located, earlier.row))
        if not checked.faults:
            _check_domains(checked.order, located.row, names, faults, cautions)
        if not faults and not cautions and not located.cautions:
            yield FileOrder(located=located, checked=_as_sent(checked))
            continue
        yield FileOrder(
            located=located,
            checked=None if faults else _as_sent(checked),
            faults=tuple(map(located.at, faults)),
            cautions=(*located.cautions, *map(located.at, cautions)),
        )


def _as_sent(checked: CheckedOrder) -> CheckedOrder:
    """Return the order with a request that has the domain names that are sent, as results and journal show them."""
    if checked.order is checked.request.order:
        return checked
    return attrs.evolve(checked, request=attrs.evolve(checked.request, order=checked.order))


def _duplicate_order(located: LocatedOrder, earlier: int) -> Fault:
    if located.rows is None:
        what = f'the reference "{located.key}"' if located.request.reference else "the same order"
        return Fault("reference", f"{what} is at row {earlier} already")
    message = (
        f'an order "{located.key}" is at row {earlier} already; put the rows of one order next to '
        "each other, or give two orders two references"
    )
    return Fault("reference", message)


def addresses_of(order: Order | MailboxOrder) -> dict[str, str]:
    """Return every address of an order's mailboxes, in lower case, with the place of the first one that has it."""
    found: dict[str, str] = {}
    for domain, boxes in order.mailboxes.items():
        for index, box in enumerate(boxes):
            found.setdefault(f"{box.username}@{domain}".lower(), f'mailboxes["{domain}"][{index}].username')
    return found


def _check_domains(
    order: Order | MailboxOrder, row: int, names: NameIndex, faults: list[Fault], cautions: list[Fault]
) -> None:
    """Find domains and mailboxes that an earlier order buys, which are faults, or only mentions, which are cautions."""
    registered = set()
    is_told = bool(faults)  # that the order, or a domain of it, comes twice says it for all of its mailboxes
    for index, entry in enumerate(order.domains):
        earlier = names.add(entry.domain, row, registers=True)
        if earlier is not None and earlier.registers:
            is_told = True
            where = f"the order at row {earlier.row}"
            message = f"{entry.domain} is registered by {where} already; paying for both may buy it twice"
            faults.append(Fault(f"domains[{index}].domain", message))
            continue
        registered.add(entry.domain)
        if earlier is not None:
            message = f"the order at row {earlier.row} has mailboxes on {entry.domain}; they cannot wait for this order"
            cautions.append(Fault(f"domains[{index}].domain", message))
    for domain in order.mailboxes:
        if domain not in registered and (earlier := names.add(domain, row)):
            message = f"the order at row {earlier.row} is for {domain} too; no mailbox should be in both"
            cautions.append(Fault(f'mailboxes["{domain}"]', message))
    for address, path in addresses_of(order).items():
        earlier = names.add(address, row)
        if earlier is not None and not is_told:
            message = f"{address} is ordered at row {earlier.row} already; paying for both may buy it twice"
            faults.append(Fault(path, message))
