"""Rows of a table into orders: a row is a mailbox, rows of one reference or user and domain are an order.

This is the hot loop of a big file, so it takes plain lists of cells, looks closer only when something besides
the mailbox changed since the row before, and builds equal mailboxes once.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter

import attrs

from ..models import DomainRegistration, Mailbox, Order
from ..models.requests import OrderRequest
from .builders import builder
from .cells import KEPT, SETTINGS, OrderSettings, SettingsReader, truth, whole_years
from .located import DomainRows, InputFault, ReadOrder

__all__ = ["COLUMNS", "TableHeader", "orders_from_rows", "read_header", "suggestion"]

_NAMES = ("reference", "user_id", "domain")
_DETAILS = ("years", "forward_to", *SETTINGS)
_MAILBOX = ("username", "first_name", "last_name", "profile_picture", "on_warmup")

#: The columns of a table of orders, in the order in which a template shows them.
COLUMNS = (
    "user_id",
    "reference",
    "domain",
    "years",
    "forward_to",
    *_MAILBOX,
    *SETTINGS,
)


_mailbox = builder(Mailbox)
_registration = builder(DomainRegistration)
_order = builder(Order)
_request = builder(OrderRequest)


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean "username"?`, or nothing when no known name is near."""
    near = difflib.get_close_matches(name.lower().replace(" ", "_"), list(known), n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


@attrs.frozen(kw_only=True)
class TableHeader:
    """Where each column of a table stands."""

    #: Name of the file, for messages.
    source: str
    #: How many cells a row has.
    width: int
    #: Column name to position.
    positions: dict[str, int]

    def cells(self, names: Sequence[str]) -> Callable[[list[str]], tuple[str, ...]]:
        """A getter of these columns from a row with an empty cell appended: absent columns read as empty."""
        first, second, *rest = (self.positions.get(name, self.width) for name in names)
        return itemgetter(first, second, *rest)


def read_header(source: str, cells: Sequence[str], *, user_id: str | None) -> TableHeader | tuple[InputFault, ...]:
    """Check a header row.

    Args:
        source: Name of the file, for messages.
        cells: The cells of the first row.
        user_id: The user of rows that name none; with it the column `user_id` may be absent.

    Returns:
        The header, or every fault of it.
    """
    names = [cell.strip().lower() for cell in cells]
    while names and not names[-1]:
        # Spreadsheets often save empty columns at the right.
        names.pop()
    faults = []
    for position, name in enumerate(names):
        if name not in COLUMNS:
            label = f'column "{name}"' if name else f"column {position + 1}, which has no name,"
            hint = suggestion(name, COLUMNS)
            faults.append(InputFault(source=source, row=1, column=name, message=f"{label} is not known{hint}"))
        elif name in names[:position]:
            faults.append(InputFault(source=source, row=1, column=name, message="this column stands twice"))
    if "domain" not in names:
        faults.append(InputFault(source=source, row=1, column="domain", message="this column is missing"))
    if "user_id" not in names and not user_id:
        message = "this column is missing; add it, or name the user of all rows with --user-id"
        faults.append(InputFault(source=source, row=1, column="user_id", message=message))
    if faults:
        return tuple(faults)
    return TableHeader(source=source, width=len(names), positions={name: at for at, name in enumerate(names)})


@attrs.define(eq=False)
class _OpenOrder:
    """The order whose rows are being read."""

    source: str
    row: int
    reference: str
    user_id: str
    default_user: str
    key: str
    settings: OrderSettings
    domains: dict[str, DomainRows] = attrs.field(factory=dict)
    faults: list[InputFault] = attrs.field(factory=list)

    def fault(self, row: int, column: str, message: str) -> None:
        self.faults.append(InputFault(source=self.source, row=row, column=column, message=message))

    def contradiction(self, row: int, column: str, new: str, old: str) -> None:
        self.fault(row, column, f'"{new}" contradicts "{old}" of the same order, which begins at row {self.row}')

    def continues(self, user_id: str, domain: str, settings: OrderSettings, domains_per_order: int) -> bool:
        """Whether a row with these values and without reference belongs to this order without reference."""
        if (user_id or self.default_user) != (self.user_id or self.default_user):
            return False
        if domain.lower() in self.domains:
            return True
        return len(self.domains) < domains_per_order and settings.cells == self.settings.cells

    def take_user(self, row: int, user_id: str) -> None:
        """Take a row's user, which is not the order's."""
        if self.user_id:
            self.contradiction(row, "user_id", user_id, self.user_id)
        else:
            self.user_id = user_id

    def take_settings(self, row: int, settings: OrderSettings, reader: SettingsReader) -> None:
        """Take a row's settings, which are not the order's."""
        joined = list(self.settings.cells)
        for at, (new, old) in enumerate(zip(settings.cells, self.settings.cells, strict=True)):
            if new and old and new != old:
                self.contradiction(row, SETTINGS[at], new, old)
            joined[at] = old or new
        for column, message in settings.faults:
            if (column, message) not in self.settings.faults:
                self.fault(row, column, message)
        self.settings = settings if self.settings.empty else reader.read(tuple(joined))

    def rows_of(self, row: int, domain: str, years: str, forward_to: str) -> DomainRows:
        """The rows of a row's domain so far."""
        entry = self.domains.get(domain.lower())
        if entry is None:
            if not domain:
                self.fault(row, "domain", "is empty")
            entry = self.domains[domain.lower()] = DomainRows(domain, years, forward_to, row)
            return entry
        for column, new, old in (("years", years, entry.years), ("forward_to", forward_to, entry.forward_to)):
            if new and old and new != old:
                self.contradiction(row, column, new, old)
        entry.years = entry.years or years
        entry.forward_to = entry.forward_to or forward_to
        return entry

    def mailbox(self, row: int, cells: Sequence[str]) -> Mailbox | None:
        """The mailbox of a row's cells, in the sequence of `_MAILBOX`; `None` when the row describes none."""
        username, first_name, last_name, picture, warmup = map(str.strip, cells)
        if not username:
            if first_name or last_name or picture or warmup:
                message = "is empty, but the row describes a mailbox; a row that only registers a domain has no names"
                self.fault(row, "username", message)
            return None
        on_warmup = None
        try:
            on_warmup = truth(warmup)
        except ValueError as error:
            self.fault(row, "on_warmup", str(error))
        return _mailbox(username, first_name, last_name, picture or None, on_warmup)

    def close(self, *, confirm: bool) -> ReadOrder:
        """The order, complete."""
        registrations = []
        mailboxes = {}
        for entry in self.domains.values():
            years = 1
            try:
                years = whole_years(entry.years)
            except ValueError as error:
                self.fault(entry.first, "years", str(error))
            registrations.append(_registration(entry.domain, years, entry.forward_to or None))
            if entry.mailboxes:
                mailboxes[entry.domain] = tuple(entry.mailboxes)
        user_id = self.user_id or self.default_user
        if not user_id:
            self.fault(self.row, "user_id", "is empty; fill it in, or name the user of such rows with --user-id")
        request = None
        if not self.faults:
            settings = self.settings
            order = _order(
                tuple(registrations),
                mailboxes,
                settings.billing_cycle,
                confirm,
                settings.service_provider,
                settings.microsoft_oauth_route,
                settings.google,
                settings.auto_renew,
            )
            request = _request(user_id, order, self.key)
        return ReadOrder(
            source=self.source, row=self.row, key=self.key, request=request, faults=self.faults, rows=self.domains
        )


def orders_from_rows(  # noqa: C901, PLR0912, PLR0915 - one loop without calls is what makes it fast
    header: TableHeader,
    rows: Iterable[list[str]],
    *,
    user_id: str | None = None,
    confirm: bool = False,
    domains_per_order: int = 1,
) -> Iterator[ReadOrder]:
    """Read orders from the rows of a table, one at a time, so that memory does not grow with the file.

    Args:
        header: Where the columns stand.
        rows: Every row after the header, as lists of text cells; blank ones are skipped.
        user_id: The user of rows that name none.
        confirm: What each order's `confirm` becomes.
        domains_per_order: How many domains of one user and equal settings one order may hold, when the rows
            have no reference.

    Yields:
        Each order when its last row was read. A row that cannot be placed comes as an order without request.
    """
    width, source = header.width, header.source
    name_cells, detail_cells, box_cells = map(header.cells, (_NAMES, _DETAILS, _MAILBOX))
    padded = len(header.positions) < len(COLUMNS)
    blank = ("",) * len(_DETAILS)
    reader = SettingsReader()
    nothing = reader.read(blank[: len(SETTINGS)])
    last_names: Sequence[str] | None = None
    last_details: Sequence[str] = blank
    # The same people get mailboxes on domain after domain.
    known: dict[Sequence[str], Mailbox] = {}
    current: _OpenOrder | None = None
    # A row that cannot be read may belong to the order before it or to the one after it: neither is whole.
    torn = 0
    boxes: list[Mailbox] = []
    box_rows: list[int] = []
    for number, row in enumerate(rows, start=2):
        if len(row) != width:
            if not any(map(str.strip, row)):
                continue
            if len(row) < width or any(map(str.strip, row[width:])):
                message = f"has {len(row)} cells, the header has {width}; is a comma in a cell without quotes?"
                fault = InputFault(source=source, row=number, message=message)
                if current is not None:
                    current.faults.append(fault)
                else:
                    yield ReadOrder.unreadable(fault)
                torn, last_names = number, None
                continue
            del row[width:]
        if padded:
            row.append("")
        names, details = name_cells(row), detail_cells(row)
        # A row that only repeats what is known, or leaves it out, adds nothing but its mailbox.
        if names != last_names or details not in (last_details, blank):
            reference, user, domain = map(str.strip, names)
            if not domain and not any(map(str.strip, row)):
                continue
            found = reader.read(details[2:])
            if current is None or not (
                reference == current.reference
                if reference or current.reference
                else current.continues(user, domain, found, domains_per_order)
            ):
                if current is not None:
                    yield current.close(confirm=confirm)
                owner = user or user_id or ""
                # Without a reference of the user's, user and domain name the order: a second run with one
                # more mailbox in the file must meet the same name, not make a second order.
                key = reference or f"{owner}:{domain.lower()}"
                current = _OpenOrder(source, number, reference, user, user_id or "", key, nothing)
                if torn:
                    current.fault(number, "", f"row {torn}, which cannot be read, may belong to this order")
            torn = 0
            if user and user != current.user_id:
                current.take_user(number, user)
            if found is not current.settings and not found.empty:
                if current.settings is nothing and not found.faults:
                    current.settings = found
                else:
                    current.take_settings(number, found, reader)
            rows_here = current.rows_of(number, domain, details[0].strip(), details[1].strip())
            boxes, box_rows = rows_here.mailboxes, rows_here.rows
            # Of an order with a fault every row is looked at: each may have the fault too.
            last_names, last_details = None if current.faults else names, details
        assert current is not None  # noqa: S101 - the first row is never like the one before it
        cells = box_cells(row)
        box = known.get(cells)
        if box is None:
            faults = len(current.faults)
            box = current.mailbox(number, cells)
            if box is None:
                continue
            if len(current.faults) == faults:
                if len(known) >= KEPT:
                    known.clear()
                known[cells] = box
        boxes.append(box)
        box_rows.append(number)
    if current is not None:
        yield current.close(confirm=confirm)
