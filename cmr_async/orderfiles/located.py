"""Orders as they were read from a file, their faults, and the row and column of each value."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

import attrs

from ..errors import Fault
from ..models.requests import OrderRequest

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


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean "username"?`, or nothing when no known name is near."""
    near = difflib.get_close_matches(name.lower().replace(" ", "_"), list(known), n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


@attrs.frozen(kw_only=True)
class InputFault:
    """One thing that is wrong with an input file, or worth a look, with its position."""

    #: The file's name as the user gave it; `<stdin>` for standard input.
    source: str
    #: Row of a table (the header is row 1) or line of a JSON file; 0: the file as a whole.
    row: int = 0
    #: Column of a table, or path in a JSON order; empty: the row as a whole.
    column: str = ""
    #: What is wrong and what is expected.
    message: str

    def __str__(self) -> str:
        position = self.source
        if self.row:
            position += f", row {self.row}"
        if self.column:
            position += f", {self.column}"
        return f"{position}: {self.message}"


@attrs.frozen
class Position:
    """Where a value is in a file."""

    #: Row of a table (the header is row 1) or line of a JSON file.
    row: int
    #: Column of a table, or path in a JSON order.
    column: str


@attrs.frozen
class DomainRows:
    """The rows of a table that are about one domain of one order."""

    #: Row that names the domain first.
    first: int
    #: Row of each mailbox, in the order of the mailboxes.
    mailboxes: tuple[int, ...]


@attrs.frozen(kw_only=True)
class LocatedOrder:
    """One order as it was read from a file, with its position; whether it may be sent is not checked yet."""

    #: Name of the file, for messages.
    source: str
    #: Row or line where the order begins.
    row: int
    #: What no other order of the file may have: the reference, or user and domain of the rows of a table. Empty for a
    #: document without a reference, which only its content tells from others.
    key: str
    #: The order with its user.
    request: OrderRequest
    #: The file says `confirm: true` of this order (JSON only). The caller decides, never the file.
    asks_confirm: bool = False
    #: Domains for which the file gives no years, which the API's page requires; they are ordered for one year.
    assumed_years: int = 0
    #: The rows of an order of a table, by domain in lower case; `None` for JSON, where a path is position enough.
    rows: Mapping[str, DomainRows] | None = None
    #: What was made of its cells and deserves a look, such as a domain that is given as a web address.
    cautions: tuple[InputFault, ...] = ()

    def position(self, path: str) -> Position:
        """Return row and column of a path such as `mailboxes["x.com"][1].username`.

        Args:
            path: A path in the order; the fields may have their names on the wire, such as `firstName`.
        """
        if self.rows is None:
            return Position(self.row, path)
        if match := _MAILBOX_PATH.fullmatch(path):
            rows = self.rows.get(match["domain"].lower())
            if rows is not None and match["index"] is None:
                return Position(rows.first, "domain")
            if rows is not None:
                index, column = int(match["index"]), _snake_case(match["field"] or "username")
                return Position(rows.mailboxes[index] if index < len(rows.mailboxes) else rows.first, column)
        elif match := _DOMAIN_PATH.fullmatch(path):
            entries = list(self.rows.values())
            if int(match["index"]) < len(entries):
                return Position(entries[int(match["index"])].first, _snake_case(match["field"] or "domain"))
        else:
            path = _snake_case(path)
        return Position(self.row, _COLUMNS.get(path, path))

    def at(self, fault: Fault) -> InputFault:
        """Return a fault of the order with its position in the file."""
        position = self.position(fault.path)
        return InputFault(source=self.source, row=position.row, column=position.column, message=fault.message)


@attrs.frozen(kw_only=True)
class UnreadableOrder:
    """Stands in for a part of a file that makes no order, with its faults."""

    #: Row or line where the part begins; 0: the file as a whole.
    row: int
    #: Key of the order that it would be; empty when there is none to tell.
    key: str = ""
    #: What is wrong; never empty.
    faults: tuple[InputFault, ...]
    #: The file could not be read on from here: what follows is not known.
    ends_reading: bool = False

    @classmethod
    def of(cls, *faults: InputFault, ends_reading: bool = False) -> UnreadableOrder:
        """Return the stand-in for the part of a file that has these faults, the first one where it begins."""
        return cls(row=faults[0].row, faults=faults, ends_reading=ends_reading)


def _snake_case(path: str) -> str:
    """Return a path of the wire in the words of a table: `first_name` where JSON has `firstName`."""
    return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", path)
