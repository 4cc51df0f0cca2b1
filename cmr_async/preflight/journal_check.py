"""Look up what a journal says about the orders of a file, before a run and without changing the journal.

Some hundred orders are looked up at a time, so that memory depends neither on the size of the journal nor on that of
the file. The result is shown and counted, and it can refuse an order; that an order may be sent is decided later, by
the journal's claim alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Self

import attrs
import orjson

from ..core.order.checked import CheckedOrder
from ..core.wire import dump_order
from ..errors import Fault, ValidationError
from ..journal.adding import WERE_UNKNOWN, find_known
from ..journal.identity import content_of, content_of_body, differences, fingerprint_of, key_of, kind_of
from ..journal.records import verdict_of
from ..journal.states import CLAIMABLE, REPLACEABLE, Step, StepState, may_be_replaced
from ..journal.storage.engine import journal_errors, journal_url, reading_engine, safe_name
from ..journal.storage.schema import StrangeValueError, orders, sa, schema_version, steps
from ..journal.storage.statements import CHUNK, IS_CREATE, THE_KEYS
from ..journal.storage.trust import JournalFile, check_objects
from ..models.requests import Verdict
from ..orderfiles.located import InputFault, LocatedOrder, UnreadableOrder
from .file_check import FileOrder, addresses_of
from .name_index import LARGEST_ROW, NameIndex

#: Rows that are read in one transaction.
_PAGE = 5000

#: States of orders that bought their domains, or may have, drafts included, which buy them when they are processed.
_BUYING = (StepState.SENT, StepState.ACCEPTED, StepState.UNKNOWN)

_ALL_MAILBOXES = re.compile(r'mailboxes\[".*"\]')
_JOINED = orders.join(steps, orders.c.key == steps.c.key)
#: Without a condition on the step, for which SQLite would read a whole index instead of finding the rows by their keys;
#: only columns that every version of the schema has.
_STANDING = (
    sa.select(
        *(orders.c[name] for name in ("key", "reference", "user_id", "fingerprint", "confirm")),
        *(steps.c[name] for name in ("step", "state", "verdict", "order_id", "position")),
    )
    .select_from(_JOINED)
    .where(orders.c.key.in_(THE_KEYS))
)
_SAME = sa.select(orders.c.key, orders.c.content).where(orders.c.content.in_(THE_KEYS))
_BODIES = sa.select(orders.c.key, orders.c.user_id, orders.c.body)
_CONTENT = sa.select(orders.c.user_id, orders.c.body).where(orders.c.key == sa.bindparam("the_key"))
_BOUGHT = (
    sa.select(orders.c.key, orders.c.body, steps.c.state, steps.c.position)
    .select_from(_JOINED)
    .where(
        IS_CREATE,
        steps.c.state.in_([state.value for state in _BUYING]),
        sa.or_(steps.c.verdict.is_(None), steps.c.verdict != Verdict.ABSENT.value),
    )
)


@attrs.frozen(kw_only=True)
class _Known:
    """What a journal has of one order."""

    key: str
    reference: str | None
    user_id: str
    fingerprint: str
    confirm: bool
    position: int
    #: Of the step `create`.
    state: StepState
    verdict: Verdict | None
    order_id: str | None
    #: Of the step `process`; `None`: the order has none.
    process_state: StepState | None = None
    process_verdict: Verdict | None = None

    @property
    def is_draft(self) -> bool:
        """The order exists as a draft, whatever became of its payment."""
        return not self.confirm and self.state is StepState.ACCEPTED and self.order_id is not None


@attrs.define(slots=False)
class _Sought:
    """An order of the file as it is looked up; its content is made only when its key is not known."""

    key: str
    checked: CheckedOrder
    located: LocatedOrder

    @property
    def reference(self) -> str | None:
        return self.checked.request.reference

    @cached_property
    def content(self) -> str:
        return content_of(self.checked)

    @property
    def domains(self) -> tuple[str, ...]:
        return self.checked.order.domain_names


class JournalCheck:
    """Compares orders with those of a journal; a journal that does not exist yet has none.

    Use it as a context manager: it may hold a connection.
    """

    def __init__(self, location: str | os.PathLike[str], *, retry_rejected: bool = False) -> None:
        """Prepare to look into a journal; nothing is opened yet.

        Args:
            location: A path, or a URL, as `Journal` takes it.
            retry_rejected: Orders that were refused are sent again.

        Raises:
            ConfigurationError: The location cannot be a journal.
        """
        self._url = journal_url(location)
        self._retry_rejected = retry_rejected
        #: The journal as messages call it.
        self.name: str = safe_name(location)
        self._engine: sa.Engine | None = None
        self._opened = False
        # Positions of the orders by their domains and mailboxes. One that is taken for another by chance gives a fault
        # too many, never one too few.
        self._ordered = NameIndex()
        #: Keys by content, for a journal whose schema does not have the contents yet; `None`: it has them.
        self._contents: dict[str, list[str]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; comparing again opens another."""
        if self._engine is not None:
            self._engine.dispose()

    @property
    def is_new(self) -> bool:
        """Whether there was no such journal when orders were compared with it first."""
        return self._opened and self._engine is None

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
        while some := list(islice(ahead, CHUNK)):
            with journal_errors(self.name):
                compared = self._compare(some)
            yield from compared

    def _open(self) -> None:
        if self._opened:
            return
        self._opened = True
        file = self._trusted_file()
        self._engine = reading_engine(self._url)
        if self._engine is None:
            return
        with self._engine.connect() as connection:
            made = _has_journal(connection, file, name=self.name)
            lacks_content = made and orders.c.content.name not in _columns(connection)
        if not made:
            engine, self._engine = self._engine, None
            engine.dispose()
        for row in self._pages(_BOUGHT):
            self._remember(orjson.loads(row.body), row.position)
        if lacks_content:
            self._contents = {}
            for key, user_id, body in self._pages(_BODIES):
                self._contents.setdefault(content_of_body(user_id, body), []).append(key)

    def _trusted_file(self) -> JournalFile | None:
        """Return the file of a SQLite journal; one that a run would refuse is refused here too."""
        path = Path(str(self._url.database)).absolute()
        if self._url.get_backend_name() != "sqlite" or not os.path.lexists(path):
            return None
        file = JournalFile(path, name=self.name)
        file.expect_ours()
        return file

    def _pages(self, query: sa.Select[Any]) -> Iterator[Any]:
        """Yield the rows of a query page by page: while one is read, nobody can write to a SQLite file."""
        query = query.order_by(orders.c.key).limit(_PAGE)
        page = query
        while rows := self._ask(page):
            yield from rows
            page = query.where(orders.c.key > rows[-1].key)

    def _remember(self, body: dict[str, Any], position: int) -> None:
        position = min(position, LARGEST_ROW)  # then the order is not found again by its position, and has no name
        for entry in body.get("domains", ()):
            self._ordered.add(entry["domain"], position, registers=True)
        for domain in body.get("mailboxes", ()):
            self._ordered.add(domain, position)
        for address in _addresses(body):
            self._ordered.add(address, position)

    def _compare(self, some: Sequence[FileOrder]) -> list[FileOrder]:
        keyed = list(map(_keyed, some))
        sought = [key for _, key in keyed if key is not None]
        found: dict[str, _Known] = {}
        if self._engine is not None:
            found = find_known(sought, by_key=self._by_key, by_content=self._by_content)
        return [order if key is None else self._compare_one(order, key, found.get(key.key)) for order, key in keyed]

    def _by_key(self, keys: Sequence[str]) -> list[_Known]:
        rows = self._ask(_STANDING, the_keys=keys) if keys else ()
        paid = {row.key: row for row in rows if row.step != Step.CREATE}
        return [_known(row, paid.get(row.key)) for row in rows if row.step == Step.CREATE]

    def _by_content(self, contents: Sequence[str]) -> dict[str, list[_Known]]:
        if self._contents is not None:
            pairs = [(content, key) for content in contents for key in self._contents.get(content, ())]
        else:
            pairs = [(row.content, row.key) for row in self._ask(_SAME, the_keys=contents)]
        known = {one.key: one for one in self._by_key([key for _, key in pairs])}
        found: dict[str, list[_Known]] = {}
        for content, key in pairs:
            if key not in known:
                raise StrangeValueError("an order without its step")
            found.setdefault(content, []).append(known[key])
        return found

    def _compare_one(self, order: FileOrder, sought: _Sought, known: _Known | None) -> FileOrder:
        """Add what the journal says about an order, by the rules that `add_orders` has for it."""
        checked, located = sought.checked, sought.located
        if known is None:
            return self._check_domains(order, located, checked)
        same, alike = self._is_same(known, checked)
        if not alike or (not same and known.state in REPLACEABLE):
            if not may_be_replaced(known.state, was_unknown=self._was_unknown(known)):
                faults = tuple(self._changes(located, checked, known))
                return attrs.evolve(order, checked=None, changed=True, faults=(*order.faults, *faults))
            if not alike:
                return self._check_domains(order, located, checked)
        if checked.order.confirm and known.is_draft:
            settled = self._settled(known.process_state, known.process_verdict)
            return attrs.evolve(order, settled=settled, draft=None if settled else known.order_id)
        if settled := self._settled(known.state, known.verdict):
            return attrs.evolve(order, settled=settled)
        return self._check_domains(order, located, checked)

    def _settled(self, state: StepState | None, verdict: Verdict | None) -> str | None:
        """Return why a run would not send a step; `None`: it would."""
        if state is None or state in CLAIMABLE or (state is StepState.REJECTED and self._retry_rejected):
            return None
        return verdict.value if verdict in {Verdict.PLACED, Verdict.ABSENT} else state.value

    def _was_unknown(self, known: _Known) -> bool:
        return bool(self._ask(WERE_UNKNOWN, the_keys=[known.key]))

    def _ask(self, query: sa.Select[Any], **values: Any) -> Sequence[Any]:
        if self._engine is None:
            return ()
        with self._engine.connect() as connection:
            return connection.execute(query, values).all()

    def _is_same(self, known: _Known, checked: CheckedOrder) -> tuple[bool, bool]:
        """Return whether an order is the known one, and whether it is when a draft and its payment count as one."""
        order, user_id = checked.order, checked.request.user_id
        if known.user_id.strip() == user_id:
            user_id = known.user_id  # older versions kept white space around it
        if known.fingerprint == fingerprint_of(user_id, checked.body, kind_of(order)):
            return True, True
        if known.confirm is order.confirm:
            return False, False
        other = dump_order(attrs.evolve(order, confirm=known.confirm))
        return False, known.fingerprint == fingerprint_of(user_id, other, kind_of(order))

    def _changes(self, located: LocatedOrder, checked: CheckedOrder, known: _Known) -> Iterator[InputFault]:
        """Yield each difference as a fault, because nobody can say which of the two orders was meant."""
        (stored,) = self._ask(_CONTENT, the_key=known.key)
        given = (checked.request.user_id, checked.body)
        found = differences(stored=(stored.user_id, stored.body), given=given)
        where = f"({checked.request.reference or known.key}, {known.state} there)"
        for fault in found:
            if fault.path != "confirm":
                told = located.at(Fault(fault.path, f"{fault.message} {where}"))
                # No column of a table holds all mailboxes of a domain
                yield attrs.evolve(told, column=fault.path) if _ALL_MAILBOXES.fullmatch(fault.path) else told
            elif len(found) == 1:
                was, now = ("a draft", "paid") if checked.order.confirm else ("paid", "a draft")
                message = f"was {was} when its answer was lost, now it is to be {now} {where}: send it as before first"
                yield located.at(Fault(fault.path, message))

    def _check_domains(self, order: FileOrder, located: LocatedOrder, checked: CheckedOrder) -> FileOrder:
        """Check that no other order of the journal is for a domain; mailboxes may be added to it, but none twice."""
        places = {f"domains[{index}].domain": entry.domain for index, entry in enumerate(checked.order.domains)}
        bought = {path: domain for path, domain in places.items() if self._is_registered(domain)}
        if not bought:  # else the domain says it for all of its mailboxes
            addresses = addresses_of(checked.order)
            bought = {path: address for address, path in addresses.items() if self._ordered.get(address) is not None}
        faults = [located.at(Fault(path, self._bought(name))) for path, name in bought.items()]
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

    def _is_registered(self, domain: str) -> bool:
        known = self._ordered.get(domain)
        return known is not None and known.registers

    def _bought(self, name: str) -> str:
        """Name the order that buys a domain or a mailbox, and say why another one is refused."""
        known = self._ordered.get(name)
        buyer, draft = "another order", ""
        for row in self._ask(_BOUGHT.where(steps.c.position == (-1 if known is None else known.row))):
            body = orjson.loads(row.body)
            if name in _addresses(body) or any(entry["domain"] == name for entry in body.get("domains", ())):
                buyer = f"{row.key} ({row.state})"
                draft = "" if body.get("confirm") else ", as a draft"
                break
        return (
            f"{name} is ordered by {buyer} in the journal {self.name} already{draft}; paying for both may buy it twice"
        )


def _addresses(body: dict[str, Any]) -> set[str]:
    """Return every address of the mailboxes of an order's body, in lower case."""
    boxes = body.get("mailboxes", {})
    return {f"{box['username']}@{domain}".lower() for domain, some in boxes.items() for box in some}


def _keyed(order: FileOrder) -> tuple[FileOrder, _Sought | None]:
    """Return an order with what it is looked up by; one with faults is not looked up."""
    checked, located = order.checked, order.located
    if checked is None or isinstance(located, UnreadableOrder):
        return order, None
    try:
        return order, _Sought(key_of(checked), checked, located)
    except ValidationError as error:
        return attrs.evolve(order, checked=None, faults=(*order.faults, *map(located.at, error.faults))), None


def _known(created: Any, paid: Any) -> _Known:
    values = {name: getattr(created, name) for name in ("key", "reference", "user_id", "fingerprint", "confirm")}
    known = _Known(
        **values,
        position=created.position,
        order_id=created.order_id,
        state=StepState(created.state),
        verdict=verdict_of(created.verdict),
    )
    if paid is None:
        return known
    return attrs.evolve(known, process_state=StepState(paid.state), process_verdict=verdict_of(paid.verdict))


def _has_journal(connection: sa.Connection, file: JournalFile | None, *, name: str) -> bool:
    if file is not None:
        check_objects(connection, name=name)
    made = schema_version(connection, name=name) is not None
    if made and file is not None:
        file.recognise(connection, adopt=False)
        file.refuse_doubt()
    return made


def _columns(connection: sa.Connection) -> set[str]:
    return {column["name"] for column in sa.inspect(connection).get_columns(orders.name)}
