"""Turn the rows of a table into orders: a row is a mailbox; rows of one reference, or user and domain, are an order."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import attrs

from ...core.order.domain_names import normalise_domain
from ...models import DomainRegistration, Mailbox, MailboxOrder, Order
from ...models.requests import OrderRequest
from ..located import DomainRows, InputFault, LocatedOrder, UnreadableOrder
from ..names import domain_of_site, is_address, name_in_address
from .cells import (
    MAILBOX,
    SETTINGS,
    TARGETS,
    CellError,
    mailbox_order_settings,
    order_settings,
    parse_boolean,
    parse_mailbox,
    parse_years,
)
from .header import NAMES, TableHeader
from .spreadsheet import without_value

_REFERENCE = NAMES.index("reference")
_DOMAIN = NAMES.index("domain")
_AUTO_RENEW = SETTINGS.index("auto_renew")
_NO_SETTINGS = ("",) * len(SETTINGS)
_NO_TARGET = ("",) * len(TARGETS)
#: Columns that say nothing about the order that a row belongs to.
_OF_ROW = ("years", "forward_to", *MAILBOX)
#: What may stand between cells.
_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
#: The name of a spreadsheet's cell.
_CELL = re.compile(r"([A-Z]{1,3})[0-9]+")
#: Characters of a cell in a message.
_SHOWN = 100


def orders_from_rows(
    header: TableHeader,
    rows: Iterable[list[str]],
    *,
    user_id: str | None = None,
    confirm: bool = False,
    domains_per_order: int = 1,
    allow_duplicates: bool = False,
    valueless: Mapping[int, Sequence[str]] | None = None,
    separator: str | None = ",",
) -> Iterator[LocatedOrder | UnreadableOrder]:
    """Read orders from the rows of a table, one at a time, so that memory does not grow with the file.

    Args:
        header: Where the columns stand.
        rows: Every row after the header, as lists of text cells; blank ones are skipped.
        user_id: The user of rows that name none.
        confirm: What each order's `confirm` becomes.
        domains_per_order: How many domains of one user and equal settings one order may hold, when the rows
            have no reference.
        allow_duplicates: Take rows that are the same as an earlier row of their order; else they are faults.
        valueless: Row to the names of its cells whose formula has no value, which are read as empty; each is a fault.
        separator: What stands between the cells, for messages; `None`: nothing, in a spreadsheet.

    Yields:
        Each order when its last row was read. A row that cannot be read and belongs to no order comes by itself.
    """
    order: _OpenOrder | None = None
    # A row that cannot be read may belong to the order before it or to the one after it: neither is whole.
    torn: InputFault | None = None
    read = {-1, *header.positions.values()}  # columns that are left out may hold anything
    missing = {row: [cell for cell in cells if _position(cell) in read] for row, cells in (valueless or {}).items()}
    valueless = {row: cells for row, cells in missing.items() if cells}
    for row in _read_rows(header, rows, valueless, separator):
        if isinstance(row, InputFault):
            torn = row
            if order is None:
                yield UnreadableOrder.of(torn)
            else:
                order.faults.append(torn)
            continue
        number, names, _, settings, _ = row
        if order is None or not order.includes(names, settings, domains_per_order):
            if order is not None:
                yield order.finish(confirm=confirm)
            order = _OpenOrder.begin(header.source, row, user_id or "", allow_duplicates)
            if torn is not None:
                order.add_fault(number, "", f"row {torn.row}, which cannot be read, may belong to this order")
        torn = None
        order.add(row)
        if number in valueless:
            order.add_fault(number, "", without_value(valueless[number]))
    if order is not None:
        yield order.finish(confirm=confirm)


#: A row of a table: its number (the header is row 1), the stripped cells of `NAMES`, `MAILBOX` and `SETTINGS`, and the
#: cell of the domain if another text was made of it. A plain tuple, because one is made for every row of a file of any
#: size.
_Row = tuple[int, tuple[str, ...], tuple[str, ...], tuple[str, ...], str]


def _read_rows(
    header: TableHeader, rows: Iterable[list[str]], valueless: Mapping[int, Sequence[str]], separator: str | None
) -> Iterator[_Row | InputFault]:
    """Yield each row that is not blank; a row of another width, or one whose order cannot be told, is a fault."""
    width = header.width
    names, mailbox, settings = map(header.pick, (NAMES, MAILBOX, SETTINGS))
    for number, row in enumerate(rows, start=header.row + 1):
        cells = [*map(str.strip, row), ""]
        if number in valueless and not (any(cells) and _is_placed(header, valueless[number])):
            yield InputFault(source=header.source, row=number, message=without_value(valueless[number]))
            continue
        if not any(cells):
            continue
        if len(row) != width and (len(row) < width or any(cells[width:])):
            message = f"has {len(row)} cells, the header has {width}{_hint(separator, short=len(row) < width)}"
            yield InputFault(source=header.source, row=number, message=message)
            continue
        named, given = names(cells), ""
        if not named[_REFERENCE].isascii():  # two forms of the same letters are one reference
            composed = unicodedata.normalize("NFC", named[_REFERENCE])
            named = (*named[:_REFERENCE], composed, *named[_REFERENCE + 1 :])
        if "/" in named[_DOMAIN] and (domain := domain_of_site(named[_DOMAIN])):
            given = named[_DOMAIN]
            named = (*named[:_DOMAIN], domain, *named[_DOMAIN + 1 :])
        yield number, named, mailbox(cells), settings(cells), given


def _hint(separator: str | None, *, short: bool) -> str:
    """Return a question about what may be wrong with a row of another width."""
    if separator is None:
        return ""
    name = _SEPARATORS.get(separator, "separator")
    return f"; is a {name} missing?" if short else f"; is a {name} in a cell without quotes?"


def _is_placed(header: TableHeader, missing: Sequence[str]) -> bool:
    """Return whether a row says which order it belongs to although some of its cells have no value."""
    own = {header.positions.get(name) for name in _OF_ROW}
    return all(_position(cell) in own for cell in missing)


def _position(cell: str) -> int:
    """Return the position of a spreadsheet's cell in its row; -1: its name does not tell."""
    match = _CELL.fullmatch(cell)
    return -1 if match is None else reduce(lambda count, letter: 26 * count + ord(letter) - 64, match[1], 0) - 1


@attrs.define
class _OpenDomain:
    """A domain of an order whose rows are being read."""

    name: str
    #: Row that names the domain first.
    first: int
    #: The first cells that are not empty.
    years: str
    forward_to: str
    mailboxes: list[Mailbox] = attrs.field(factory=list)
    #: Row of each mailbox.
    rows: list[int] = attrs.field(factory=list)
    #: The first row with each set of `MAILBOX` cells.
    seen: dict[tuple[str, ...], _Row] = attrs.field(factory=dict)
    #: Of each set that came again, all its rows by what else is in them.
    again: dict[tuple[object, ...], int] | None = None

    def same_as(self, row: _Row) -> int | None:
        """Remember a row; return the number of an earlier one that is the same, or `None`."""
        first = self.seen.setdefault(row[2], row)
        if first is row:
            return None
        if self.again is None:
            self.again = {}
        self.again.setdefault(_content(first), first[0])
        earlier = self.again.setdefault(_content(row), row[0])
        return None if earlier == row[0] else earlier


def _content(row: _Row) -> tuple[object, ...]:
    """Return what is in a row beside the name of its domain, which may be in other letters."""
    _, names, mailbox, settings, _ = row
    return (*names[:_DOMAIN], *names[_DOMAIN + 1 :], mailbox, settings)


def _target(settings: tuple[str, ...]) -> tuple[str, ...]:
    """Return the cells of `TARGETS`."""
    return settings[-len(TARGETS) :]


@attrs.define(eq=False)
class _OpenOrder:
    """The order whose rows are being read."""

    source: str
    #: Row where it begins.
    row: int
    reference: str
    #: The first cell that is not empty.
    user_id: str
    #: The user of rows that name none; empty: there is none.
    default_user: str
    key: str
    #: Rows that are the same are no fault.
    allow_duplicates: bool
    #: The cells of `SETTINGS`; of each column the first one that is not empty.
    settings: tuple[str, ...]
    #: By name in lower case.
    domains: dict[str, _OpenDomain] = attrs.field(factory=dict)
    faults: list[InputFault] = attrs.field(factory=list)
    cautions: list[InputFault] = attrs.field(factory=list)

    @classmethod
    def begin(
        cls,
        source: str,
        row: _Row,
        default_user: str,
        allow_duplicates: bool,
    ) -> _OpenOrder:
        """Return the order that a row begins; the row itself is still to be added."""
        # Without a reference, user, domain and subscription tell which rows of the file are one order
        number, (user_id, reference, domain, _, _), _, settings, _ = row
        key = reference or ":".join([user_id or default_user, domain.lower(), *filter(None, _target(settings))])
        return cls(source, number, reference, user_id, default_user, key, allow_duplicates, _NO_SETTINGS)

    def includes(self, names: tuple[str, ...], settings: tuple[str, ...], domains_per_order: int) -> bool:
        """Whether the next row belongs to this order."""
        user_id, reference, domain, _, _ = names
        if reference or self.reference:
            return reference == self.reference
        if (user_id or self.default_user) != (self.user_id or self.default_user):
            return False
        if (target := _target(settings)) != _NO_TARGET and target != _target(self.settings):
            return False
        if domain.lower() in self.domains:
            return True
        return len(self.domains) < domains_per_order and settings == self.settings

    def add(self, row: _Row) -> None:
        """Take the next row of the order, and find its faults."""
        number, names, mailbox_cells, settings, given = row
        user_id, _, name, years, forward_to = names
        if user_id != self.user_id:
            self.user_id = self._merge(number, "user_id", self.user_id, user_id)
        if settings not in (self.settings, _NO_SETTINGS):
            self._add_settings(number, settings)
        domain = self.domains.get(name.lower())
        if domain is None:
            domain = self._begin_domain(number, names, given)
        elif years or forward_to:
            domain.years = self._merge(number, "years", domain.years, years)
            domain.forward_to = self._merge(number, "forward_to", domain.forward_to, forward_to)
        try:
            if "@" in mailbox_cells[0]:
                mailbox_cells = (self._name(number, mailbox_cells[0], name), *mailbox_cells[1:])
                row = (number, names, mailbox_cells, settings, given)
            mailbox = parse_mailbox(mailbox_cells)
        except CellError as error:
            self.add_fault(number, error.column, error.message)
        else:
            if mailbox is not None:
                domain.mailboxes.append(mailbox)
                domain.rows.append(number)
        if not self.allow_duplicates and (earlier := domain.same_as(row)) is not None:
            message = f"is the same as row {earlier}; delete one of them, or say --allow-duplicates"
            self.add_fault(number, "", message)

    def add_fault(self, row: int, column: str, message: str) -> None:
        """Add a fault of a cell, or of a row as a whole."""
        self.faults.append(InputFault(source=self.source, row=row, column=column, message=message))

    def _begin_domain(self, number: int, names: tuple[str, ...], given: str) -> _OpenDomain:
        _, _, name, years, forward_to = names
        if not name:
            self.add_fault(number, "domain", "is empty")
        if given:
            self._add_caution(number, "domain", f'"{given[:_SHOWN]}" is a web address; the order is for {name}')
        domain = self.domains[name.lower()] = _OpenDomain(name, number, years, forward_to)
        return domain

    def _add_caution(self, row: int, column: str, message: str) -> None:
        self.cautions.append(InputFault(source=self.source, row=row, column=column, message=message))

    def _name(self, row: int, username: str, domain: str) -> str:
        """Return the user name of a mailbox that is given as a mail address, with a caution.

        Raises:
            CellError: The address is on another domain than the mailbox.
        """
        if not is_address(username) or normalise_domain(domain) is None:
            return username  # which is left to the check of the order
        name = name_in_address(username, domain)
        shown = username[:_SHOWN]
        if name is None:
            message = f'"{shown}" is no address on {domain}; write only what is before the @, or mend the domain'
            raise CellError("username", message)
        self._add_caution(row, "username", f'"{shown}" is a whole address; only what is before the @ is sent')
        return name

    def finish(self, *, confirm: bool) -> LocatedOrder | UnreadableOrder:
        """Return the order, complete."""
        is_for_mailboxes = _target(self.settings) != _NO_TARGET
        registrations, mailboxes, rows = [], {}, {}
        assumed = 0
        for name, domain in self.domains.items():
            if is_for_mailboxes:
                self._expect_no_registration(domain)
            else:
                assumed += not domain.years
                registrations.append(self._registration(domain))
            rows[name] = DomainRows(domain.first, tuple(domain.rows))
            if domain.mailboxes:
                mailboxes[domain.name] = domain.mailboxes
        user_id = self.user_id or self.default_user
        if not user_id:
            self.add_fault(self.row, "user_id", "is empty; fill it in, or name the user of such rows with --user-id")
        settings = self._mailbox_order_settings() if is_for_mailboxes else None
        if self.faults:
            return UnreadableOrder(row=self.row, key=self.key, faults=tuple(self.faults))
        order: Order | MailboxOrder
        if settings is not None:
            order = MailboxOrder(mailboxes=mailboxes, confirm=confirm, **settings)
        else:
            order = Order(domains=registrations, mailboxes=mailboxes, confirm=confirm, **order_settings(self.settings))
        request = OrderRequest(user_id=user_id, order=order, reference=self.reference or None)
        return LocatedOrder(
            source=self.source,
            row=self.row,
            key=self.key,
            request=request,
            assumed_years=assumed,
            rows=rows,
            cautions=tuple(self.cautions),
        )

    def _merge(self, row: int, column: str, old: str, new: str) -> str:
        """Return the order's value of a column; another value than before is a fault."""
        if old and new and new != old:
            message = f'"{new}" contradicts "{old}" of the same order, which begins at row {self.row}'
            self.add_fault(row, column, message)
        return old or new

    def _add_settings(self, number: int, settings: tuple[str, ...]) -> None:
        if self.domains and _target(self.settings) == _NO_TARGET != _target(settings):
            message = f"is empty in row {self.row}, where the order begins; write it there as well"
            column = next(name for name, text in zip(TARGETS, _target(settings), strict=True) if text)
            self.add_fault(number, column, message)
        before, self.settings = self.settings, settings
        if before != _NO_SETTINGS:
            columns = zip(SETTINGS, before, settings, strict=True)
            self.settings = tuple(self._merge(number, *column) for column in columns)
        renew = settings[_AUTO_RENEW]
        if renew != before[_AUTO_RENEW]:
            try:
                parse_boolean("auto_renew", renew)
            except CellError as error:
                self.add_fault(number, error.column, error.message)

    def _mailbox_order_settings(self) -> dict[str, Any] | None:
        try:
            return mailbox_order_settings(self.settings)
        except CellError as error:
            if error.column != SETTINGS[_AUTO_RENEW]:  # which was told with its row
                self.add_fault(self.row, error.column, error.message)
            return None

    def _expect_no_registration(self, domain: _OpenDomain) -> None:
        for column, text in (("years", domain.years), ("forward_to", domain.forward_to)):
            if text:
                message = "is for a domain to register, but subscription_id or domain_id says that it is there already"
                self.add_fault(domain.first, column, message)

    def _registration(self, domain: _OpenDomain) -> DomainRegistration:
        years = 1
        try:
            years = parse_years(domain.years)
        except CellError as error:
            self.add_fault(domain.first, error.column, error.message)
        return DomainRegistration(domain=domain.name, years=years, forward_to=domain.forward_to or None)
