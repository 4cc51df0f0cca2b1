"""Rows of a table into orders: a row is a mailbox, rows of one reference or user and domain are an order.

This is the hot loop of a big file, so it takes plain lists of cells, looks closer only when something besides
the mailbox changed since the row before, and builds each model once.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter

import attrs

from ..models import BillingCycle, DomainRegistration, GoogleOAuth, Mailbox, Order, ServiceProvider
from .items import OrderRequest
from .places import DomainRows, InputFault, ReadOrder

__all__ = ["COLUMNS", "TableHeader", "orders_from_rows", "read_header", "suggestion"]

_IDENTITY = ("reference", "user_id", "domain", "years", "forward_to")
#: What belongs to the order as a whole: an empty cell takes the order's value, another value is a fault.
_SETTINGS = (
    "service_provider",
    "billing_cycle",
    "auto_renew",
    "google_oauth_route",
    "google_client_id",
    "google_app_name",
    "microsoft_oauth_route",
)
_MAILBOX = ("username", "first_name", "last_name", "profile_picture", "on_warmup")

#: The columns of a table of orders, in the order in which a template shows them.
COLUMNS = (
    "user_id",
    "reference",
    "domain",
    "years",
    "forward_to",
    *_MAILBOX,
    *_SETTINGS,
)

_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})


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


@attrs.define
class _Registration:
    """One domain of the order that is being read."""

    domain: str
    years: str
    forward_to: str
    rows: DomainRows
    mailboxes: list[Mailbox] = attrs.field(factory=list)


class _OpenOrder:
    """The order whose rows are being read."""

    def __init__(self, source: str, row: int, reference: str, user_id: str, *, domain: str, default_user: str) -> None:
        self.source = source
        self.row = row
        self.reference = reference
        self.user_id = user_id
        self.default_user = default_user
        # Without a reference of the user's, user and domain name the order: a second run with one more
        # mailbox in the file must meet the same name, not make a second order.
        self.key = reference or f"{user_id or default_user}:{domain.lower()}"
        self.settings = [""] * len(_SETTINGS)
        self.domains: dict[str, _Registration] = {}
        self.faults: list[InputFault] = []

    def fault(self, row: int, column: str, message: str) -> None:
        self.faults.append(InputFault(source=self.source, row=row, column=column, message=message))

    def contradiction(self, row: int, column: str, new: str, old: str) -> None:
        self.fault(row, column, f'"{new}" contradicts "{old}" of the same order, which begins at row {self.row}')

    def continues(
        self, reference: str, user_id: str, domain: str, settings: Sequence[str], domains_per_order: int
    ) -> bool:
        """Whether a row with these values belongs to this order."""
        if reference or self.reference:
            return reference == self.reference
        if (user_id or self.default_user) != (self.user_id or self.default_user):
            return False
        if domain.lower() in self.domains:
            return True
        return len(self.domains) < domains_per_order and list(settings) == self.settings

    def take(self, row: int, user_id: str, settings: Sequence[str]) -> None:
        """Take what a row says about the order as a whole."""
        if user_id and user_id != self.user_id:
            if self.user_id:
                self.contradiction(row, "user_id", user_id, self.user_id)
            else:
                self.user_id = user_id
        for at, value in enumerate(settings):
            if value and value != self.settings[at]:
                if self.settings[at]:
                    self.contradiction(row, _SETTINGS[at], value, self.settings[at])
                else:
                    self.settings[at] = value

    def registration(self, row: int, domain: str, years: str, forward_to: str) -> _Registration:
        """The entry of a row's domain, made when it is new to the order."""
        entry = self.domains.get(domain.lower())
        if entry is None:
            if not domain:
                self.fault(row, "domain", "is empty")
            entry = _Registration(domain, years, forward_to, DomainRows(row))
            self.domains[domain.lower()] = entry
            return entry
        for column, new, old in (("years", years, entry.years), ("forward_to", forward_to, entry.forward_to)):
            if new and old and new != old:
                self.contradiction(row, column, new, old)
        entry.years = entry.years or years
        entry.forward_to = entry.forward_to or forward_to
        return entry

    def truth(self, row: int, column: str, text: str) -> bool | None:
        """A yes or no; empty is neither."""
        word = text.strip().lower()
        if not word:
            return None
        if word not in _TRUE and word not in _FALSE:
            self.fault(row, column, f'"{text.strip()}" is neither true nor false')
        return word in _TRUE

    def years(self, entry: _Registration) -> int:
        if not entry.years:
            return 1
        if entry.years.isascii() and entry.years.isdigit():
            return int(entry.years[:9])
        self.fault(entry.rows.first, "years", f'"{entry.years}" is not a whole number')
        return 1

    def close(self, *, confirm: bool) -> ReadOrder:
        """The order, complete."""
        provider, cycle, renew, *google, microsoft_route = self.settings
        auto_renew = self.truth(self.row, "auto_renew", renew) if renew else None
        entries = self.domains.values()
        registrations = tuple(
            [
                DomainRegistration(domain=entry.domain, years=self.years(entry), forward_to=entry.forward_to or None)
                for entry in entries
            ]
        )
        user_id = self.user_id or self.default_user
        if not user_id:
            self.fault(self.row, "user_id", "is empty; fill it in, or name the user of such rows with --user-id")
        request = None
        if not self.faults:
            order = Order(
                domains=registrations,
                mailboxes={entry.domain: entry.mailboxes for entry in entries if entry.mailboxes},
                billing_cycle=_cycle(cycle),
                confirm=confirm,
                service_provider=_provider(provider),
                microsoft_oauth_route=microsoft_route or None,
                google=_google(*google),
                auto_renew=auto_renew,
            )
            request = OrderRequest(user_id=user_id, order=order, reference=self.key)
        return ReadOrder(
            source=self.source,
            row=self.row,
            key=self.key,
            request=request,
            faults=self.faults,
            rows={entry.domain: entry.rows for entry in entries},
        )


def _provider(text: str) -> ServiceProvider | str | None:
    """The enum's member in any case of letters; other text stays, for the inspection to judge."""
    return ServiceProvider.__members__.get(text.upper(), text) if text else None


def _cycle(text: str) -> BillingCycle | str | None:
    return BillingCycle.__members__.get(text.upper(), text) if text else None


def _google(route: str, client_id: str, app_name: str) -> GoogleOAuth | None:
    if not (route or client_id or app_name):
        return None
    return GoogleOAuth(google_oauth_route=route or None, client_id=client_id or None, app_name=app_name or None)


def orders_from_rows(  # noqa: C901, PLR0912 - one loop without calls is what makes it fast
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
    head_cells = header.cells((*_IDENTITY, *_SETTINGS))
    box_cells = header.cells(_MAILBOX)
    last_head: Sequence[str] | None = None
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
                    yield ReadOrder(source=source, row=number, key="", request=None, faults=(fault,))
                torn, last_head = number, None
                continue
            del row[width:]
        row.append("")
        head = head_cells(row)
        if head != last_head:
            reference, user, domain, years, forward_to, *settings = map(str.strip, head)
            if not domain and not any(map(str.strip, row)):
                continue
            if current is None or not current.continues(reference, user, domain, settings, domains_per_order):
                if current is not None:
                    yield current.close(confirm=confirm)
                current = _OpenOrder(source, number, reference, user, domain=domain, default_user=user_id or "")
            if torn:
                if current.row == number:
                    current.fault(number, "", f"row {torn}, which cannot be read, may belong to this order")
                torn = 0
            current.take(number, user, settings)
            entry = current.registration(number, domain, years, forward_to)
            boxes, box_rows = entry.mailboxes, entry.rows.mailboxes
            last_head = head
        assert current is not None  # noqa: S101 - the first row is never like the one before it
        username, first_name, last_name, picture, warmup = box_cells(row)
        if username := username.strip():
            boxes.append(
                Mailbox(
                    username=username,
                    first_name=first_name.strip(),
                    last_name=last_name.strip(),
                    profile_picture=picture.strip() or None,
                    on_warmup=current.truth(number, "on_warmup", warmup) if warmup else None,
                )
            )
            box_rows.append(number)
        elif first_name.strip() or last_name.strip() or picture.strip() or warmup.strip():
            message = "is empty, but the row describes a mailbox; a row that only registers a domain has no names"
            current.fault(number, "username", message)
    if current is not None:
        yield current.close(confirm=confirm)
