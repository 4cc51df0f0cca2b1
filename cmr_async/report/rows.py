"""What happened to each order, as a file: CSV for spreadsheets, JSON lines for programs, written at once."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, Self, TextIO

import attrs
import orjson

from ..errors import ConfigurationError
from ..models.requests import OrderOutcome

__all__ = ["RESULT_COLUMNS", "ResultFormat", "ResultRow", "ResultWriter", "spreadsheet_safe"]

#: First characters that make a spreadsheet run a cell as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class ResultFormat(StrEnum):
    """How results are written."""

    #: For spreadsheets; cells that would be formulas get an apostrophe in front.
    CSV = "csv"
    #: For programs; one object a line, values exactly as they were.
    JSONL = "jsonl"


@attrs.frozen(kw_only=True)
class ResultRow:
    """What is written about one order. No secret is in it."""

    #: Row or line of the input where the order begins.
    row: int
    #: The order's reference, or what stands for it.
    reference: str
    #: Id of the user who owns it.
    user_id: str
    #: Its domains, separated by spaces.
    domains: str
    #: How many mailboxes it has.
    mailboxes: int
    #: `True`: the order was to be paid; `False`: a draft.
    confirm: bool
    #: How it ended: `accepted`, `rejected`, `unknown`, `not_sent` or `skipped`.
    state: str
    #: The order's id; empty unless the API gave one.
    order_id: str
    #: The id of the asynchronous action; empty unless the API gave one.
    action_id: str
    #: What the API or the SDK said about it.
    message: str
    #: HTTP requests that were started for it.
    attempts: int

    @classmethod
    def of(cls, outcome: OrderOutcome, *, row: int) -> ResultRow:
        """Put an outcome into a row."""
        request, created = outcome.request, outcome.created
        message = created.message if created else ""
        return cls(
            row=row,
            reference=request.reference or "",
            user_id=request.user_id,
            domains=" ".join(request.order.domain_names),
            mailboxes=request.order.mailbox_count,
            confirm=request.order.confirm,
            state=outcome.state.value,
            order_id=outcome.order_id or "",
            action_id=(created.action_id if created else None) or "",
            message=outcome.error.message if outcome.error else message,
            attempts=outcome.attempts,
        )


#: Columns of a result file.
RESULT_COLUMNS = tuple(field.name for field in attrs.fields(ResultRow))


def spreadsheet_safe(text: str) -> str:
    """The text of a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


class ResultWriter:
    """Writes a row as each order ends, straight to the disk, so that a crash loses nothing that is known."""

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Open the file; its format follows its name.

        Args:
            path: `results.csv` or `results.jsonl`.
            overwrite: Replace a file that exists. Without it the order ids of an earlier run stay safe.

        Raises:
            ConfigurationError: The name has another ending, the file exists, or it cannot be written.
        """
        self._path = Path(path)
        self._empty = True
        suffix = self._path.suffix.lower().lstrip(".")
        if suffix not in set(ResultFormat):
            raise ConfigurationError(f"{self._path}: results are written as .csv or .jsonl; give the file such a name.")
        #: What the file holds.
        self.format: ResultFormat = ResultFormat(suffix)
        try:
            self._file: TextIO = self._path.open("w" if overwrite else "x", encoding="utf-8", newline="")
        except FileExistsError:
            raise ConfigurationError(
                f"{self._path} exists and may hold the only record of an earlier run's order ids. "
                "Choose another name, or say --overwrite."
            ) from None
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be written: {error.strerror}") from None
        self._write = self._csv_writer() if self.format is ResultFormat.CSV else self._write_line

    def write(self, row: ResultRow) -> None:
        """Write one row and hand it to the disk."""
        self._write(attrs.asdict(row))
        self._file.flush()
        self._empty = False

    def close(self) -> None:
        """Close the file; one without results is not left behind, where it would refuse the next run."""
        self._file.close()
        if self._empty:
            self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _csv_writer(self) -> Callable[[dict[str, Any]], None]:
        writer = csv.writer(self._file)
        writer.writerow(RESULT_COLUMNS)

        def write(values: dict[str, Any]) -> None:
            writer.writerow(spreadsheet_safe(_text(value)) for value in values.values())

        return write

    def _write_line(self, values: dict[str, Any]) -> None:
        self._file.write(orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE).decode())


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
