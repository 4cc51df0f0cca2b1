"""Look up what a journal says about the orders of a file, before a run and without changing the journal.

Some hundred orders are looked up at a time, so that memory depends neither on the size of the journal nor on that of
the file. The result is shown and counted, and it can refuse an order; that an order may be sent is decided later, by
the journal's claim alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Self

import attrs
import orjson

from ..core.checked import CheckedOrder
from ..core.wire import dump_order
from ..errors import Fault, ValidationError
from ..journal.engine import journal_errors, journal_url, reading_engine
from ..journal.identity import differences, fingerprint_of, key_of
from ..journal.records import CLAIMABLE, Step, StepState, Verdict
from ..journal.schema import has_tables, orders, sa, steps
from ..orderfiles.located import InputFault, LocatedOrder, UnreadableOrder
from .file_check import FileOrder
from .name_index import NameIndex

__all__ = ["JournalCheck"]

#: Orders that one statement asks for.
_AT_ONCE = 500

#: Why a second order for a domain is refused.
_TWICE = "what a second order for it does is not documented, it may be bought twice"

#: States of orders that bought their domains, or may have, drafts included, which buy them when they are processed.
_BUYING = (StepState.SENT, StepState.ACCEPTED, StepState.UNKNOWN)

_JOINED = orders.join(steps, orders.c.key == steps.c.key)
_IS_CREATE = steps.c.step == Step.CREATE.value
#: Without a condition on the step, for which SQLite would read a whole index instead of finding the rows by their keys.
_STANDING = (
    sa.select(orders.c.key, orders.c.fingerprint, steps.c.state, steps.c.step)
    .select_from(_JOINED)
    .where(orders.c.key.in_(sa.bindparam("the_keys", expanding=True)))
)
_CONTENT = sa.select(orders.c.user_id, orders.c.body).where(orders.c.key == sa.bindparam("the_key"))
_BOUGHT = (
    sa.select(orders.c.key, orders.c.body, steps.c.state, steps.c.position)
    .select_from(_JOINED)
    .where(
        _IS_CREATE,
        steps.c.state.in_([state.value for state in _BUYING]),
        sa.or_(steps.c.verdict.is_(None), steps.c.verdict != Verdict.ABSENT.value),
    )
)


class JournalCheck:
    """Compares orders with those of a journal; a journal that does not exist yet has none.

    Use it as a context manager: it may hold a connection.
    """

    def __init__(self, location: str | os.PathLike[str], *, kind_matters: bool = True) -> None:
        """Prepare to look into a journal; nothing is opened yet.

        Args:
            location: A path, or a URL, as `Journal` takes it.
            kind_matters: `False`: a draft and the paid order of the same things count as the same order.

        Raises:
            ConfigurationError: The location cannot be a journal.
        """
        self._url = journal_url(location)
        self._kind_matters = kind_matters
        #: The journal as messages call it.
        self.name: str = (
            os.fspath(location) if "://" not in os.fspath(location) else self._url.render_as_string(hide_password=True)
        )
        self._engine: sa.Engine | None = None
        self._opened = False
        # Positions of the orders by their domains. A domain that is taken for another by chance gives a fault too many,
        # never one too few.
        self._ordered = NameIndex()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; comparing again would open another."""
        engine, self._engine, self._opened = self._engine, None, False
        if engine is not None:
            engine.dispose()

    def compare(self, checked: Iterable[FileOrder]) -> Iterator[FileOrder]:
        """Find which orders the journal has settled, and which contradict it.

        Args:
            checked: Orders after every other check.

        Yields:
            The same orders with what the journal says about them, in the same sequence.

        Raises:
            JournalError: The journal cannot be read, or is none.
        """
        with journal_errors(self.name):
            self._open()
        ahead = iter(checked)
        while some := list(islice(ahead, _AT_ONCE)):
            with journal_errors(self.name):
                compared = self._compare(some)
            yield from compared

    def _open(self) -> None:
        if self._opened:
            return
        self._opened = True
        self._engine = reading_engine(self._url)
        if self._engine is None:
            return
        with self._engine.connect() as connection:
            made = has_tables(connection, name=self.name)
            for row in connection.execution_options(yield_per=_AT_ONCE).execute(_BOUGHT) if made else ():
                self._remember(orjson.loads(row.body), row.position)
        if not made:
            engine, self._engine = self._engine, None
            engine.dispose()

    def _remember(self, body: dict[str, Any], position: int) -> None:
        for entry in body.get("domains", ()):
            self._ordered.add(entry["domain"], position, registers=True)
        for domain in body.get("mailboxes", ()):
            self._ordered.add(domain, position)

    def _compare(self, some: Sequence[FileOrder]) -> list[FileOrder]:
        keyed = list(map(_keyed, some))
        found = self._ask(_STANDING, the_keys=[key for _, key in keyed if key])
        standing = {row.key: row for row in found if row.step == Step.CREATE}
        return [self._compare_one(order, standing.get(key)) for order, key in keyed]

    def _compare_one(self, order: FileOrder, known: Any) -> FileOrder:
        """Add what the journal says about an order.

        Args:
            order: The order.
            known: What `_STANDING` found under its key; `None`: nothing.
        """
        checked, located = order.checked, order.located
        if checked is None or isinstance(located, UnreadableOrder):
            return order
        if known is not None and not self._is_same(known.fingerprint, checked):
            faults = self._changes(located, checked, known)
            return attrs.evolve(order, checked=None, changed=True, faults=(*order.faults, *faults))
        if known is None or known.state in CLAIMABLE:
            return self._check_domains(order, located, checked)
        return attrs.evolve(order, settled=known.state)

    def _ask(self, query: sa.Select[Any], **values: Any) -> Sequence[Any]:
        if self._engine is None:
            return ()
        with self._engine.connect() as connection:
            return connection.execute(query, values).all()

    def _is_same(self, known: str, checked: CheckedOrder) -> bool:
        user_id, order = checked.request.user_id, checked.order
        if known == fingerprint_of(user_id, checked.body):
            return True
        if self._kind_matters:
            return False
        return known == fingerprint_of(user_id, dump_order(attrs.evolve(order, confirm=not order.confirm)))

    def _changes(self, located: LocatedOrder, checked: CheckedOrder, known: Any) -> Iterator[InputFault]:
        """Yield each difference as a fault, because nobody can say which of the two orders was meant."""
        (stored,) = self._ask(_CONTENT, the_key=known.key)
        given = (checked.request.user_id, checked.body)
        where = f"({checked.request.reference or 'the order'}, {known.state} there)"
        for fault in differences(stored=(stored.user_id, stored.body), given=given):
            if fault.path != "confirm":
                message = f"{fault.message} {where}"
            elif not self._kind_matters:
                continue
            elif checked.order.confirm:
                message = f"the journal has a draft, now it is to be paid {where}: process the draft instead"
            else:
                message = f"the journal has a paid order, now it is a draft {where}: say --confirm, as before"
            yield located.at(Fault(fault.path, message))

    def _check_domains(self, order: FileOrder, located: LocatedOrder, checked: CheckedOrder) -> FileOrder:
        """Check that no other order of the journal is for a domain; mailboxes may be added to it, but none twice."""
        faults = []
        for index, entry in enumerate(checked.order.domains):
            known = self._ordered.get(entry.domain)
            if known is not None and known.registers:
                buyer, why = self._buyer(entry.domain, known.row)
                message = f"{entry.domain} is ordered by {buyer} in the journal {self.name} already{why}"
                faults.append(located.at(Fault(f"domains[{index}].domain", message)))
        cautions = [
            located.at(
                Fault(
                    f'mailboxes["{domain}"]',
                    f"an order of the journal {self.name} is for {domain} too; no mailbox should be in both",
                )
            )
            for domain in checked.order.mailboxes
            if self._ordered.get(domain) is not None
        ]
        if not faults and not cautions:
            return order
        return attrs.evolve(
            order,
            checked=None if faults else checked,
            faults=(*order.faults, *faults),
            cautions=(*order.cautions, *cautions),
        )

    def _buyer(self, domain: str, position: int) -> tuple[str, str]:
        """Name the order that registers a domain, and say why another one is refused."""
        for row in self._ask(_BOUGHT.where(steps.c.position == position)):
            body = orjson.loads(row.body)
            if any(entry["domain"] == domain for entry in body.get("domains", ())):
                draft = "" if body.get("confirm") else ", as a draft"
                return f"{row.key} ({row.state})", f"{draft}; paying for both may buy it twice"
        return "another order", "; paying for both may buy it twice"


def _keyed(order: FileOrder) -> tuple[FileOrder, str]:
    """Return an order with its key in a journal; the key of an order with faults is empty."""
    checked, located = order.checked, order.located
    if checked is None or isinstance(located, UnreadableOrder):
        return order, ""
    try:
        return order, key_of(checked)
    except ValidationError as error:
        return attrs.evolve(order, checked=None, faults=(*order.faults, *map(located.at, error.faults))), ""
