"""What a file held and where: an order as it was read, its faults, the way from a path to row and column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Self

import attrs

from ..errors import Fault
from ..models import Mailbox
from ..models.requests import OrderRequest

__all__ = ["DomainRows", "InputFault", "Place", "ReadOrder"]

_MAILBOX_PATH = re.compile(r'mailboxes\["(?P<domain>.*?)"\](?:\[(?P<index>\d+)\])?(?:\.(?P<field>\w+))?')
_DOMAIN_PATH = re.compile(r"domains\[(?P<index>\d+)\](?:\.(?P<field>\w+))?")

#: Paths of an order's own fields whose column has another name.
_COLUMNS = {
    "google": "google_oauth_route",
    "google.client_id": "google_client_id",
    "google.app_name": "google_app_name",
    "google.google_oauth_route": "google_oauth_route",
    "domains": "domain",
    "mailboxes": "username",
}


@attrs.frozen(kw_only=True)
class InputFault:
    """One thing that is wrong with an input file, or worth a look, with its place."""

    #: The file's name as the user gave it; `<stdin>` for standard input.
    source: str
    #: Row of a table (the header is row 1) or line of a JSON file; 0: the file as a whole.
    row: int = 0
    #: Column of a table, or path in a JSON order; empty: the row as a whole.
    column: str = ""
    #: What is wrong and what is expected.
    message: str

    def __str__(self) -> str:
        place = self.source
        if self.row:
            place += f", row {self.row}"
        if self.column:
            place += f", {self.column}"
        return f"{place}: {self.message}"


@attrs.frozen
class Place:
    """Row and column of a value."""

    row: int
    column: str


@attrs.define
class DomainRows:
    """What the rows of a table say of one domain of one order."""

    #: The domain as it is written where it stands first.
    domain: str
    #: The cells `years` and `forward_to`, stripped; the first that are not empty.
    years: str
    forward_to: str
    #: Row that names the domain first.
    first: int
    #: Its mailboxes.
    mailboxes: list[Mailbox] = attrs.field(factory=list)
    #: Row of each mailbox, in the order of the mailboxes.
    rows: list[int] = attrs.field(factory=list)


@attrs.define(kw_only=True, eq=False)
class ReadOrder:
    """One order as it was read from a file; the check that follows adds what it finds.

    Not frozen, because there is one per order of a file of any size and a frozen one takes three times as long.
    """

    #: Name of the file, for messages.
    source: str
    #: Row or line where the order begins.
    row: int
    #: What no other order of the file may have: the reference, or what stands for it.
    key: str
    #: The order as it will be sent; `None` when it has faults.
    request: OrderRequest | None
    #: What forbids sending it.
    faults: list[InputFault]
    #: What deserves a look.
    cautions: Sequence[InputFault] = ()
    #: The file could not be read on from here: what follows is not known.
    ends_reading: bool = False
    #: The file says `confirm: true` of this order (JSON only). The caller decides, never the file.
    asks_confirm: bool = False
    #: The state that a journal has it in, when a run on the journal would not send it for that; else `None`.
    settled: str | None = None
    #: A journal has another order under its key; the differences are among the faults.
    changed: bool = False
    #: The rows of an order of a table, by domain in lower case; `None` for JSON, where the path is the place.
    rows: Mapping[str, DomainRows] | None = None

    @classmethod
    def unreadable(cls, *faults: InputFault, ends_reading: bool = False) -> Self:
        """What stands in for a part of a file that makes no order."""
        first = faults[0]
        return cls(
            source=first.source,
            row=first.row,
            key="",
            request=None,
            faults=list(faults),
            ends_reading=ends_reading,
        )

    def place(self, path: str) -> Place:
        """Row and column of a path such as `mailboxes["x.com"][1].username`."""
        if self.rows is None:
            return Place(self.row, path)
        if match := _MAILBOX_PATH.fullmatch(path):
            rows = self.rows.get(match["domain"].lower())
            index = int(match["index"]) if match["index"] else None
            if rows is not None:
                if index is not None and index < len(rows.rows):
                    return Place(rows.rows[index], match["field"] or "username")
                return Place(rows.first, "domain" if index is None else match["field"] or "username")
        elif match := _DOMAIN_PATH.fullmatch(path):
            entries = list(self.rows.values())
            if int(match["index"]) < len(entries):
                return Place(entries[int(match["index"])].first, match["field"] or "domain")
        return Place(self.row, _COLUMNS.get(path, path))

    def at(self, fault: Fault) -> InputFault:
        """The fault of an order, at its place in the file."""
        place = self.place(fault.path)
        return InputFault(source=self.source, row=place.row, column=place.column, message=fault.message)
