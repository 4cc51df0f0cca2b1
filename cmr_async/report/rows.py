"""Results of a run and the steps of a journal as rows of a file: CSV for spreadsheets, JSON lines for programs."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, Self

import attrs
import orjson

from ..errors import ConfigurationError
from ..journal.identity import kind_of
from ..journal.records import JOURNAL_COLUMNS, JournalEntry
from ..journal.states import OrderKind
from ..models.requests import OrderOutcome, OrderState
from .output import OutputFile, unwritable

#: What makes a spreadsheet treat a cell as a formula, with the forms that some take for it.
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212")
#: What a spreadsheet may drop before it: white space, quotes, control characters, characters of no width.
_DROPPED = r'\s"\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff'
#: What may separate cells, or lines, for a reader that has other settings than the writer.
_SEPARATORS = r",;|\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029"
_LEADING = re.compile(f"[{_DROPPED}]*")
_SEPARATED = re.compile(f"[{_SEPARATORS}][{_SEPARATORS}{_DROPPED}]*")


class _Writable(Protocol):
    def write(self, text: str, /) -> int: ...


class ResultFormat(StrEnum):
    """How rows are written."""

    #: For spreadsheets; every cell is quoted, and an apostrophe stands before what would be a formula.
    CSV = "csv"
    #: For programs; one object a line, with unchanged values.
    JSONL = "jsonl"

    @classmethod
    def of(cls, path: Path) -> ResultFormat:
        """Return the format that a file's name stands for.

        Raises:
            ConfigurationError: The name has another ending.
        """
        try:
            return cls(path.suffix.lower().lstrip("."))
        except ValueError:
            raise ConfigurationError(f"{path}: give the file a name that ends in .csv or .jsonl.") from None


@attrs.frozen(kw_only=True)
class ResultRow:
    """What is written about one order. It holds no secret."""

    #: Row or line of the input where the order begins; 0: not known.
    row: int
    #: The order's reference; empty without one.
    reference: str
    #: Id of the user who owns it.
    user_id: str
    #: Its domains, separated by spaces.
    domains: str
    #: How many mailboxes it has.
    mailboxes: int
    #: Which endpoint it is for: `order`, or `mailbox_order` for mailboxes on a domain that is there.
    kind: str = OrderKind.ORDER.value
    #: `True`: the order was to be paid; `False`: a draft.
    confirm: bool
    #: How it ended: `accepted`, `rejected`, `unknown`, `not_sent` or `skipped`.
    state: str
    #: The order's id; empty unless the API gave one.
    order_id: str
    #: The id of the asynchronous action; empty unless the API gave one.
    action_id: str
    #: Domains that the API took the order without, separated by spaces; empty when it took all of them.
    unavailable_domains: str = ""
    #: The verdict on an order that was unknown in an earlier run: `placed`, `absent` or `conflict`; empty without one.
    verdict: str = ""
    #: What the API or the SDK said about it.
    message: str
    #: HTTP requests that were started for it.
    attempts: int

    @classmethod
    def of(cls, outcome: OrderOutcome, *, row: int) -> ResultRow:
        """Return the row of an outcome."""
        request, created = outcome.request, outcome.created
        message = created.message if created else ""
        return cls(
            row=row,
            reference=request.reference or "",
            user_id=request.user_id,
            domains=" ".join(request.order.domain_names),
            mailboxes=request.order.mailbox_count,
            kind=kind_of(request.order).value,
            confirm=request.order.confirm,
            state=outcome.state.value,
            order_id=outcome.order_id or "",
            action_id=(created.action_id if created else None) or "",
            unavailable_domains=" ".join(outcome.unavailable_domains),
            verdict=outcome.verdict.value if outcome.verdict else "",
            message=outcome.error.message if outcome.error else message,
            attempts=outcome.attempts,
        )

    @property
    def note(self) -> str:
        """What has to be said of the order beside its state; empty for one that was accepted whole."""
        parts = [f"without {self.unavailable_domains}, which the API calls unavailable"] * bool(
            self.unavailable_domains
        )
        if self.state == OrderState.SKIPPED and self.verdict:
            parts.append(f"found {self.verdict} after an earlier run")
        if self.state != OrderState.ACCEPTED and self.message:
            parts.append(self.message)
        return "; ".join(parts)


#: Columns of a result file.
RESULT_COLUMNS = tuple(field.name for field in attrs.fields(ResultRow))


def spreadsheet_safe(text: str) -> str:
    """Return a cell's text so that no spreadsheet treats it, or what it takes for a cell of its own, as a formula."""
    leading = _LEADING.match(text)
    at_start = text.startswith(("\t", "\r", "\n")) or (leading and text.startswith(_FORMULA, leading.end()))
    return "'" * bool(at_start) + _SEPARATED.sub(_disarmed, text)


def _disarmed(separated: re.Match[str]) -> str:
    return separated[0] + "'" * separated.string.startswith(_FORMULA, separated.end())


def write_entries(entries: Iterable[JournalEntry], file: _Writable, *, file_format: ResultFormat) -> int:
    """Write the steps of a journal, one a line under `JOURNAL_COLUMNS`, and return how many there were.

    Args:
        entries: The steps.
        file: A text file in UTF-8 that keeps line ends as they are.
        file_format: CSV, in which no cell is a formula, or JSON lines, with unchanged values.
    """
    write = _row_writer(file, file_format, JOURNAL_COLUMNS)
    count = 0
    for entry in entries:
        write(entry.plain())
        count += 1
    return count


class ResultWriter:
    """Writes a row as soon as an order ends and hands it to the system, so that a crash loses nothing known."""

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Open the file; its name decides the format.

        Args:
            path: `results.csv` or `results.jsonl`.
            overwrite: Replace a file that exists, once there is a result. Without it the order ids of an earlier run
                stay safe.

        Raises:
            ConfigurationError: The name has another ending, the file exists, or it cannot be written.
        """
        self._path = Path(path)
        file_format = ResultFormat.of(self._path)
        try:
            self._file = OutputFile(self._path, overwrite=overwrite)
        except FileExistsError:
            raise ConfigurationError(
                f"{self._path} exists and may hold the only record of an earlier run's order ids. "
                "Choose another name, or say --overwrite."
            ) from None
        except OSError as error:
            raise unwritable(self._path, error) from None
        self._write = _row_writer(self._file, file_format, RESULT_COLUMNS)

    def write(self, row: ResultRow) -> None:
        """Write one row and hand it to the system."""
        self._write(attrs.asdict(row))
        self._file.keep()

    def close(self) -> None:
        """Close the file; one without results is removed, since it would make the next run stop."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _row_writer(
    file: _Writable, file_format: ResultFormat, columns: Iterable[str]
) -> Callable[[Mapping[str, Any]], None]:
    """Return what writes a row; a CSV file begins with the names of its columns."""
    if file_format is ResultFormat.JSONL:

        def write_line(values: Mapping[str, Any]) -> None:
            file.write(orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE).decode())

        return write_line

    # Quotes everywhere, because a reader that splits at another character keeps to them as well
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)

    def write_cells(values: Mapping[str, Any]) -> None:
        writer.writerow(spreadsheet_safe(_cell(value)) for value in values.values())

    return write_cells


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
