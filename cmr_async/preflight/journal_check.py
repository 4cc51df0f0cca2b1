"""What a journal says about the orders of a file, looked up beforehand and without changing the journal.

It is asked for some hundred orders at a time, so that neither its size nor the file's fills the memory. What is found
here shows, counts and refuses. Whether an order may be sent is decided later, by the journal's claim alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Self

import attrs
import orjson

from ..core.wire import dump_order
from ..errors import Fault, ValidationError
from ..journal.engine import journal_errors, journal_url, reading_engine
from ..journal.identity import differences, fingerprint, order_key
from ..journal.records import CLAIMABLE, Step, StepState, Verdict
from ..journal.schema import has_tables, orders, sa, steps
from ..models.requests import OrderRequest
from ..orderfiles.located import ReadOrder
from .name_index import NameIndex

__all__ = ["JournalCheck"]

#: Orders that one statement asks for.
_AT_ONCE = 500

#: States of orders that bought their domains, or may have.
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
    """The orders of a journal; one that is not there yet knows none. A context manager: it may hold a connection."""

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
        # Domain -> twice the position of the order, plus two, plus one when that order registers it. A domain that is
        # taken for another by chance gives a fault too many, never one too few.
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

    def compare(self, checked: Iterable[ReadOrder]) -> Iterator[ReadOrder]:
        """Mark the orders that the journal has settled, and find fault with those that contradict it.

        Args:
            checked: Orders after every other check.

        Yields:
            The same orders, in the same sequence.

        Raises:
            JournalError: The journal cannot be read, or is none.
        """
        with journal_errors(self.name):
            self._open()
        ahead = iter(checked)
        while some := list(islice(ahead, _AT_ONCE)):
            with journal_errors(self.name):
                self._compare(some)
            yield from some

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
                self._remember(orjson.loads(row.body), row.position * 2 + 2)
        if not made:
            engine, self._engine = self._engine, None
            engine.dispose()

    def _remember(self, body: dict[str, Any], mentioned: int) -> None:
        for entry in body.get("domains", ()):
            known = self._ordered.add(entry["domain"], mentioned + 1)
            if known and not known & 1:
                self._ordered.mark(entry["domain"], mentioned + 1)
        for domain in body.get("mailboxes", ()):
            self._ordered.add(domain, mentioned)

    def _compare(self, some: Sequence[ReadOrder]) -> None:
        keyed: list[tuple[str, ReadOrder, OrderRequest]] = []
        for read in some:
            if read.request is not None:
                try:
                    keyed.append((order_key(read.request), read, read.request))
                except ValidationError as error:
                    _refuse(read, error.faults)
        found = self._ask(_STANDING, the_keys=[key for key, _, _ in keyed])
        standing = {row.key: row for row in found if row.step == Step.CREATE}
        for key, read, request in keyed:
            known = standing.get(key)
            if known is not None and not self._is_same(known.fingerprint, request):
                self._refuse_changed(read, request, key, known.state)
            elif known is None or known.state in CLAIMABLE:
                self._check_domains(read, request)
            else:
                read.settled = known.state

    def _ask(self, query: sa.Select[Any], **values: Any) -> Sequence[Any]:
        if self._engine is None:
            return ()
        with self._engine.connect() as connection:
            return connection.execute(query, values).all()

    def _is_same(self, known: str, request: OrderRequest) -> bool:
        if known == fingerprint(request):
            return True
        order = request.order
        other_kind = attrs.evolve(request, order=attrs.evolve(order, confirm=not order.confirm))
        return not self._kind_matters and known == fingerprint(other_kind)

    def _refuse_changed(self, read: ReadOrder, request: OrderRequest, key: str, state: str) -> None:
        """Show what is different; nobody can say which of the two orders was meant."""
        (stored,) = self._ask(_CONTENT, the_key=key)
        found = differences(stored=(stored.user_id, stored.body), given=(request.user_id, dump_order(request.order)))
        where = f"({request.reference or 'the order'}, {state} there)"
        read.changed = True
        told = [fault for fault in found if self._kind_matters or fault.path != "confirm"]
        _refuse(read, [_worded(read, fault, request, where) for fault in told])

    def _check_domains(self, read: ReadOrder, request: OrderRequest) -> None:
        """A domain can be bought once, by whichever order; mailboxes may be added to it, but none twice."""
        faults = []
        for index, entry in enumerate(request.order.domains):
            known = self._ordered.get(entry.domain)
            if known & 1:
                buyer = self._buyer(entry.domain, known // 2 - 1)
                message = (
                    f"{entry.domain} is ordered by {buyer} in the journal {self.name} already; it can be bought once"
                )
                faults.append(Fault(f"domains[{index}].domain", message))
        cautions = [
            Fault(
                f'mailboxes["{domain}"]',
                f"an order of the journal {self.name} is for {domain} too; no mailbox should be in both",
            )
            for domain in request.order.mailboxes
            if self._ordered.get(domain)
        ]
        if cautions:
            read.cautions = [*read.cautions, *map(read.at, cautions)]
        _refuse(read, faults)

    def _buyer(self, domain: str, position: int) -> str:
        for row in self._ask(_BOUGHT.where(steps.c.position == position)):
            if any(entry["domain"] == domain for entry in orjson.loads(row.body).get("domains", ())):
                return f"{row.key} ({row.state})"
        return "another order"


def _refuse(read: ReadOrder, faults: Iterable[Fault]) -> None:
    found = [read.at(fault) for fault in faults]
    if found:
        read.faults.extend(found)
        read.request = None


def _worded(read: ReadOrder, fault: Fault, request: OrderRequest, where: str) -> Fault:
    if fault.path != "confirm":
        return Fault(_as_here(read, fault.path), f"{fault.message} {where}")
    if request.order.confirm:
        return Fault("confirm", f"the journal has a draft, now it is to be paid {where}: process the draft instead")
    return Fault("confirm", f"the journal has a paid order, now it is a draft {where}: say --confirm, as before")


def _as_here(read: ReadOrder, path: str) -> str:
    """The path in the words of the file: tables have `first_name` where JSON has `firstName`."""
    return path if read.rows is None else re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", path)
