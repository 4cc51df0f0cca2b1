"""Turn the rows of a table into orders: a row is a mailbox; rows of one reference, or user and domain, are an order."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import attrs

from ..models import BillingCycle, DomainRegistration, GoogleOAuth, Mailbox, Order, ServiceProvider
from ..models.requests import OrderRequest
from .located import DomainRows, InputFault, LocatedOrder, UnreadableOrder, suggestion

__all__ = ["COLUMNS", "TableHeader", "column_name", "orders_from_rows", "read_header"]

_NAMES = ("user_id", "reference", "domain", "years", "forward_to")

_MAILBOX = ("username", "first_name", "last_name", "profile_picture", "on_warmup")

#: Columns of an order as a whole: an empty cell takes the order's value, another value is a fault.
_SETTINGS = (
    "service_provider",
    "billing_cycle",
    "auto_renew",
    "google_oauth_route",
    "google_client_id",
    "google_app_name",
    "microsoft_oauth_route",
)

_REFERENCE = _NAMES.index("reference")
_AUTO_RENEW = _SETTINGS.index("auto_renew")
_NO_SETTINGS = ("",) * len(_SETTINGS)

#: The columns of a table of orders, in the order in which a template shows them.
COLUMNS = (*_NAMES, *_MAILBOX, *_SETTINGS)
#: The columns by their letters alone: `firstname` and `userid` are known as well.
_SPELLINGS = {name.replace("_", ""): name for name in COLUMNS}

#: What people and spreadsheets write for true and false; German and French ones save `WAHR` and `VRAI`.
_BOOLEANS: dict[str, bool | None] = {
    "": None,
    **dict.fromkeys(("true", "t", "yes", "y", "1", "x", "on", "wahr", "ja", "vrai", "oui"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "off", "falsch", "nein", "faux", "non"), False),
}
#: A whole number, as some programs write it too: `1.0`.
_WHOLE = re.compile(r"([0-9]+)(?:[.,]0+)?")
#: Where a name of the API, such as `firstName`, has its words.
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@attrs.frozen(kw_only=True)
class TableHeader:
    """Where each column of a table is."""

    #: Name of the file, for messages.
    source: str
    #: Number of its row.
    row: int = 1
    #: How many cells a row has.
    width: int
    #: Column name to position.
    positions: dict[str, int]

    def pick(self, columns: Sequence[str]) -> Callable[[list[str]], tuple[str, ...]]:
        """Return a getter of columns from a row with an empty cell behind its last, which absent columns read."""
        first, second, *more = (self.positions.get(name, self.width) for name in columns)
        return itemgetter(first, second, *more)


def column_name(cell: str) -> str:
    """Return a column's name as this package writes it: `first_name` for `firstName`, `First Name` and `first-name`."""
    name = re.sub(r"[\s_-]+", "_", _WORD.sub("_", cell.strip())).lower()
    return _SPELLINGS.get(name.replace("_", ""), name)


def read_header(
    source: str, cells: Sequence[str], *, user_id: str | None, row: int = 1
) -> TableHeader | tuple[InputFault, ...]:
    """Check a header row.

    Args:
        source: Name of the file, for messages.
        cells: The cells of the first row.
        user_id: The user of rows that name none; with it the column `user_id` may be absent.
        row: Number of the row.

    Returns:
        The header, or every fault of it.
    """
    names = [column_name(cell) for cell in cells]
    while names and not names[-1]:
        # Spreadsheets often save empty columns at the right.
        names.pop()
    faults = []
    for position, name in enumerate(names):
        if name not in COLUMNS:
            shown = cells[position].strip()
            label = f'column "{shown}"' if name else f"column {position + 1}, which has no name,"
            hint = suggestion(name, COLUMNS)
            faults.append(InputFault(source=source, row=row, column=shown, message=f"{label} is not known{hint}"))
        elif name in names[:position]:
            faults.append(InputFault(source=source, row=row, column=name, message="this column occurs twice"))
    if not set(names) & set(COLUMNS):
        message = f"no column has a known name; the first row names the columns: {', '.join(COLUMNS[:7])}, ..."
        return (InputFault(source=source, row=row, message=message),)
    if "domain" not in names:
        faults.append(InputFault(source=source, row=row, column="domain", message="this column is missing"))
    if "user_id" not in names and not user_id:
        message = "this column is missing; add it, or name the user of all rows with --user-id"
        faults.append(InputFault(source=source, row=row, column="user_id", message=message))
    if faults:
        return tuple(faults)
    return TableHeader(source=source, row=row, width=len(names), positions={name: at for at, name in enumerate(names)})


def orders_from_rows(
    header: TableHeader,
    rows: Iterable[list[str]],
    *,
    user_id: str | None = None,
    confirm: bool = False,
    domains_per_order: int = 1,
) -> Iterator[LocatedOrder | UnreadableOrder]:
    """Read orders from the rows of a table, one at a time, so that memory does not grow with the file.

    Args:
        header: Where the columns stand.
        rows: Every row after the header, as lists of text cells; blank ones are skipped.
        user_id: The user of rows that name none.
        confirm: What each order's `confirm` becomes.
        domains_per_order: How many domains of one user and equal settings one order may hold, when the rows
            have no reference.

    Yields:
        Each order when its last row was read. A row of another width that belongs to no order comes by itself.
    """
    order: _OpenOrder | None = None
    # A row that cannot be read may belong to the order before it or to the one after it: neither is whole.
    torn: InputFault | None = None
    for row in _read_rows(header, rows):
        if isinstance(row, InputFault):
            torn = row
            if order is None:
                yield UnreadableOrder.of(torn)
            else:
                order.faults.append(torn)
            continue
        number, names, mailbox, settings = row
        if order is None or not order.includes(names, settings, domains_per_order):
            if order is not None:
                yield order.finish(confirm=confirm)
            order = _OpenOrder.begin(header.source, number, names, user_id or "")
            if torn is not None:
                order.add_fault(number, "", f"row {torn.row}, which cannot be read, may belong to this order")
        torn = None
        order.add(number, names, mailbox, settings)
    if order is not None:
        yield order.finish(confirm=confirm)


#: A row of a table: its number (the header is row 1), and the stripped cells of `_NAMES`, `_MAILBOX` and `_SETTINGS`. A
#: plain tuple, because one is made for every row of a file of any size.
_Row = tuple[int, tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _read_rows(header: TableHeader, rows: Iterable[list[str]]) -> Iterator[_Row | InputFault]:
    """Yield each row that is not blank; one of another width than the header is a fault."""
    width = header.width
    names, mailbox, settings = map(header.pick, (_NAMES, _MAILBOX, _SETTINGS))
    for number, row in enumerate(rows, start=header.row + 1):
        cells = [*map(str.strip, row), ""]
        if not any(cells):
            continue
        if len(row) != width and (len(row) < width or any(cells[width:])):
            message = f"has {len(row)} cells, the header has {width}; is a comma in a cell without quotes?"
            yield InputFault(source=header.source, row=number, message=message)
            continue
        named = names(cells)
        if not named[_REFERENCE].isascii():  # two forms of the same letters are one reference
            composed = unicodedata.normalize("NFC", named[_REFERENCE])
            named = (*named[:_REFERENCE], composed, *named[_REFERENCE + 1 :])
        yield number, named, mailbox(cells), settings(cells)


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
    #: The cells of `_SETTINGS`; of each column the first one that is not empty.
    settings: tuple[str, ...]
    #: By name in lower case.
    domains: dict[str, _OpenDomain] = attrs.field(factory=dict)
    faults: list[InputFault] = attrs.field(factory=list)

    @classmethod
    def begin(cls, source: str, number: int, names: tuple[str, ...], default_user: str) -> _OpenOrder:
        """Return the order that a row begins; the row itself is still to be added."""
        # Without a reference, user and domain tell which rows of the file are one order
        user_id, reference, domain, _, _ = names
        key = reference or f"{user_id or default_user}:{domain.lower()}"
        return cls(source, number, reference, user_id, default_user, key, _NO_SETTINGS)

    def includes(self, names: tuple[str, ...], settings: tuple[str, ...], domains_per_order: int) -> bool:
        """Whether the next row belongs to this order."""
        user_id, reference, domain, _, _ = names
        if reference or self.reference:
            return reference == self.reference
        if (user_id or self.default_user) != (self.user_id or self.default_user):
            return False
        if domain.lower() in self.domains:
            return True
        return len(self.domains) < domains_per_order and settings == self.settings

    def add(
        self, number: int, names: tuple[str, ...], mailbox_cells: tuple[str, ...], settings: tuple[str, ...]
    ) -> None:
        """Take the next row of the order, and find its faults."""
        user_id, _, name, years, forward_to = names
        if user_id != self.user_id:
            self.user_id = self._merge(number, "user_id", self.user_id, user_id)
        if settings not in (self.settings, _NO_SETTINGS):
            self._add_settings(number, settings)
        domain = self.domains.get(name.lower())
        if domain is None:
            if not name:
                self.add_fault(number, "domain", "is empty")
            domain = self.domains[name.lower()] = _OpenDomain(name, number, years, forward_to)
        elif years or forward_to:
            domain.years = self._merge(number, "years", domain.years, years)
            domain.forward_to = self._merge(number, "forward_to", domain.forward_to, forward_to)
        try:
            mailbox = _parse_mailbox(mailbox_cells)
        except _CellError as error:
            self.add_fault(number, error.column, error.message)
        else:
            if mailbox is not None:
                domain.mailboxes.append(mailbox)
                domain.rows.append(number)

    def add_fault(self, row: int, column: str, message: str) -> None:
        """Add a fault of a cell, or of a row as a whole."""
        self.faults.append(InputFault(source=self.source, row=row, column=column, message=message))

    def finish(self, *, confirm: bool) -> LocatedOrder | UnreadableOrder:
        """Return the order, complete."""
        registrations, mailboxes, rows = [], {}, {}
        assumed = 0
        for name, domain in self.domains.items():
            assumed += not domain.years
            registrations.append(self._registration(domain))
            rows[name] = DomainRows(domain.first, tuple(domain.rows))
            if domain.mailboxes:
                mailboxes[domain.name] = domain.mailboxes
        user_id = self.user_id or self.default_user
        if not user_id:
            self.add_fault(self.row, "user_id", "is empty; fill it in, or name the user of such rows with --user-id")
        if self.faults:
            return UnreadableOrder(row=self.row, key=self.key, faults=tuple(self.faults))
        order = Order(domains=registrations, mailboxes=mailboxes, confirm=confirm, **_order_settings(self.settings))
        request = OrderRequest(user_id=user_id, order=order, reference=self.reference or None)
        return LocatedOrder(
            source=self.source,
            row=self.row,
            key=self.key,
            request=request,
            assumed_years=assumed,
            rows=rows,
        )

    def _merge(self, row: int, column: str, old: str, new: str) -> str:
        """Return the order's value of a column; another value than before is a fault."""
        if old and new and new != old:
            message = f'"{new}" contradicts "{old}" of the same order, which begins at row {self.row}'
            self.add_fault(row, column, message)
        return old or new

    def _add_settings(self, number: int, settings: tuple[str, ...]) -> None:
        before, self.settings = self.settings, settings
        if before != _NO_SETTINGS:
            columns = zip(_SETTINGS, before, settings, strict=True)
            self.settings = tuple(self._merge(number, *column) for column in columns)
        renew = settings[_AUTO_RENEW]
        if renew != before[_AUTO_RENEW]:
            try:
                _parse_boolean("auto_renew", renew)
            except _CellError as error:
                self.add_fault(number, error.column, error.message)

    def _registration(self, domain: _OpenDomain) -> DomainRegistration:
        years = 1
        try:
            years = _parse_years(domain.years)
        except _CellError as error:
            self.add_fault(domain.first, error.column, error.message)
        return DomainRegistration(domain=domain.name, years=years, forward_to=domain.forward_to or None)


class _CellError(ValueError):
    """A cell that cannot be read."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(column, message)
        self.column = column
        self.message = message


def _parse_boolean(column: str, text: str) -> bool | None:
    """Parse a boolean; empty means unset.

    Raises:
        _CellError: The text is neither true nor false.
    """
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        known = "write yes or no (also true, t, y, 1, x, on, wahr, ja, vrai, oui, and their opposites)"
        raise _CellError(column, f'"{text}" is neither true nor false; {known}') from None


def _parse_years(text: str) -> int:
    """Parse the years of a registration; empty means one year.

    Raises:
        _CellError: The text is no whole number.
    """
    if not text:
        return 1
    if found := _WHOLE.fullmatch(text):
        return int(found[1][:9])  # more digits are no number of years either, and Python refuses to read very many
    raise _CellError("years", f'"{text}" is not a whole number')


@lru_cache(maxsize=1024)
def _parse_mailbox(cells: tuple[str, ...]) -> Mailbox | None:
    """Parse the cells of `_MAILBOX`; files give the same people mailboxes on domain after domain.

    Returns:
        The mailbox; `None`: the row describes none.

    Raises:
        _CellError: A cell cannot be read.
    """
    username, first_name, last_name, picture, warmup = cells
    if username:
        return Mailbox(
            username=username,
            first_name=first_name,
            last_name=last_name,
            profile_picture=picture or None,
            on_warmup=_parse_boolean("on_warmup", warmup),
        )
    if any(cells):
        message = "is empty, but the row describes a mailbox; a row that only registers a domain has no names"
        raise _CellError("username", message)
    return None


@lru_cache(maxsize=1024)
def _order_settings(cells: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings in the cells of `_SETTINGS` as fields of an order; a file repeats a few sets of them."""
    provider, cycle, renew, route, client_id, app_name, microsoft_route = cells
    google = None
    if route or client_id or app_name:
        google = GoogleOAuth(google_oauth_route=route or None, client_id=client_id or None, app_name=app_name or None)
    return {
        # Any case of letters will do; text that is no member stays, for the check to judge.
        "service_provider": ServiceProvider.__members__.get(provider.upper(), provider) or None,
        "billing_cycle": BillingCycle.__members__.get(cycle.upper(), cycle) or None,
        "auto_renew": _parse_boolean("auto_renew", renew),
        "google": google,
        "microsoft_oauth_route": microsoft_route or None,
    }
