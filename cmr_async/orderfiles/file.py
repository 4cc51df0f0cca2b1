"""Open a file of orders, find out its format, and read its orders as a stream, as often as needed.

A run reads its file twice: once to check all of it, then to send. So standard input is kept in a temporary
file, and a file that changes in between is noticed.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import IO, Any, BinaryIO, Self, cast

import attrs

from ..errors import OrderFileChangedError, OrderFileError
from .json import orders_from_json, orders_from_lines
from .located import InputFault, LocatedOrder, UnreadableOrder
from .table import COLUMNS, orders_from_rows, read_header

__all__ = ["InputFormat", "OrderFile"]

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class InputFormat(StrEnum):
    """What an order file holds."""

    #: A table with the columns of the template, comma, semicolon or tab separated.
    CSV = "csv"
    #: One order as the API's page prints it, or a list of orders.
    JSON = "json"
    #: One order a line.
    JSONL = "jsonl"
    #: A spreadsheet; the first sheet, with the columns of the template. Needs the extra `xlsx`.
    XLSX = "xlsx"


_SUFFIXES = {
    ".csv": InputFormat.CSV,
    ".tsv": InputFormat.CSV,
    ".txt": InputFormat.CSV,
    ".json": InputFormat.JSON,
    ".jsonl": InputFormat.JSONL,
    ".ndjson": InputFormat.JSONL,
    ".xlsx": InputFormat.XLSX,
}


class OrderFile:
    """A file of orders that can be read several times; `-` is standard input.

    Use it as a context manager: it may hold a temporary copy.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        format: InputFormat | str | None = None,  # noqa: A002 - the option's name
    ) -> None:
        """Open the file and find out its format.

        Args:
            path: The file; `-` for standard input.
            format: What it holds; `None`: by its name, else by its first bytes.

        Raises:
            OrderFileError: It cannot be opened, or is no known format.
        """
        self._temporary: IO[bytes] | None = None
        #: The file's name for messages.
        self.name: str = "<stdin>" if os.fspath(path) == "-" else os.fspath(path)
        if os.fspath(path) == "-":
            self._temporary = _spool(sys.stdin.buffer)
            self._path: str | int = self._temporary.fileno()
        else:
            self._path = self.name
        try:
            if isinstance(self._path, str) and Path(self._path).is_fifo():
                with self._open() as pipe:
                    self._temporary = _spool(pipe)
                self._path = self._temporary.fileno()
            with self._open() as file:
                start = file.read(4096)
                self._stamp = _stamp(os.fstat(file.fileno()))
            self._zipped = start.startswith(_GZIP)
            if self._zipped:
                with self._open() as file, gzip.GzipFile(fileobj=file) as inner:
                    start = inner.read(4096)
        except (OSError, EOFError) as error:
            self.close()
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise OrderFileError(f"{self.name} cannot be read: {reason}") from None
        try:
            #: What the file holds.
            self.format: InputFormat = InputFormat(format) if format else self._guess(start)
        except OrderFileError:
            self.close()
            raise

    def orders(
        self, *, user_id: str | None = None, confirm: bool = False, domains_per_order: int = 1
    ) -> Iterator[LocatedOrder | UnreadableOrder]:
        """Read the file's orders from its beginning, one at a time.

        Args:
            user_id: The user of rows and documents that name none.
            confirm: What each order's `confirm` becomes, whatever the file says.
            domains_per_order: For tables: how many domains of one user an order without reference may hold.

        Yields:
            Each order; an `UnreadableOrder` with its faults stands in for a part that makes no order.
        """
        with self._open() as file:
            inner = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if self._zipped else file
            try:
                yield from self._parse(inner, user_id, domains_per_order, confirm=confirm)
            except UnicodeDecodeError as error:
                hint = "in a spreadsheet, save it as CSV UTF-8"
                yield self._broken(f"is not UTF-8 (byte 0x{error.object[error.start]:02x}); {hint}")
            except (EOFError, OSError, zlib.error) as error:
                yield self._broken(f"the file is cut or damaged: {error}")

    def raise_if_changed(self) -> None:
        """Make sure that the file is still the one that was opened, before an order of it is sent.

        Raises:
            OrderFileChangedError: It was edited or replaced.
        """
        if isinstance(self._path, int):
            return
        try:
            unchanged = _stamp(Path(self._path).stat()) == self._stamp
        except OSError:
            unchanged = False
        if not unchanged:
            raise OrderFileChangedError(
                f"{self.name} changed while its orders were being sent; no more are sent from it."
            )

    def close(self) -> None:
        """Delete the temporary copy, if there is one."""
        if self._temporary is not None:
            self._temporary.close()
            self._temporary = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> BinaryIO:
        if isinstance(self._path, int):
            os.lseek(self._path, 0, os.SEEK_SET)
            return cast("BinaryIO", open(self._path, "rb", closefd=False))
        return cast("BinaryIO", Path(self._path).open("rb"))

    def _broken(self, message: str) -> UnreadableOrder:
        fault = InputFault(source=self.name, message=message)
        return UnreadableOrder.of(fault, ends_reading=True)

    def _guess(self, start: bytes) -> InputFormat:
        suffixes = [suffix.lower() for suffix in Path(self.name).suffixes if suffix.lower() != ".gz"]
        if start.startswith(_UTF16):
            raise OrderFileError(f"{self.name} is UTF-16; save it as CSV UTF-8 and try again.")
        if start.startswith(_ZIP):
            return InputFormat.XLSX
        if suffixes and suffixes[-1] in _SUFFIXES:
            return _SUFFIXES[suffixes[-1]]
        text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
        if text.startswith(b"["):
            return InputFormat.JSON
        if text.startswith(b"{"):
            # A document on one line, with another one after it, is JSON lines.
            first, _, rest = text.partition(b"\n")
            whole = first.rstrip().endswith(b"}") and rest.lstrip().startswith(b"{")
            return InputFormat.JSONL if whole else InputFormat.JSON
        if any(column.encode() in text.partition(b"\n")[0].lower() for column in COLUMNS):
            return InputFormat.CSV
        formats = ", ".join(InputFormat)
        raise OrderFileError(f"{self.name} is none of {formats}; if it is, name it with --format.")

    def _parse(
        self, file: BinaryIO, user_id: str | None, domains_per_order: int, *, confirm: bool
    ) -> Iterator[LocatedOrder | UnreadableOrder]:
        if self.format is InputFormat.XLSX:
            yield from self._table(_sheet_rows(self.name, file), user_id, domains_per_order, confirm=confirm)
            return
        with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            if self.format is InputFormat.JSONL:
                yield from orders_from_lines(text, source=self.name, user_id=user_id, confirm=confirm)
            elif self.format is InputFormat.JSON:
                yield from orders_from_json(text, source=self.name, user_id=user_id, confirm=confirm)
            else:
                rows = csv.reader(text, delimiter=_delimiter(text), strict=True)
                try:
                    yield from self._table(rows, user_id, domains_per_order, confirm=confirm)
                except csv.Error as error:
                    hint = "is a quotation mark left open?"
                    yield self._broken(f"is broken near line {rows.line_num}: {error}; {hint}")

    def _table(
        self, rows: Iterator[list[str]], user_id: str | None, domains_per_order: int, *, confirm: bool
    ) -> Iterator[LocatedOrder | UnreadableOrder]:
        header = read_header(self.name, next(rows, []), user_id=user_id)
        if isinstance(header, tuple):
            yield UnreadableOrder.of(*header, ends_reading=True)
            return
        yield from orders_from_rows(header, rows, user_id=user_id, confirm=confirm, domains_per_order=domains_per_order)


def _delimiter(text: io.TextIOWrapper) -> str:
    """Return comma, semicolon (common in Europe) or tab: whichever splits the header into the most known columns."""
    start = text.readline()
    text.seek(0)
    known = {mark: sum(cell.strip(' "\r\n').lower() in COLUMNS for cell in start.split(mark)) for mark in ",;\t"}
    return max(known, key=lambda mark: known[mark])


def _sheet_rows(name: str, file: BinaryIO) -> Iterator[list[str]]:
    try:
        openpyxl = import_module("openpyxl")  # an extra, and slow to import
    except ModuleNotFoundError:
        raise OrderFileError(f'{name}: spreadsheets need an extra: pip install "cmr-async[xlsx]"') from None
    # A gzip stream cannot seek cheaply and a spreadsheet is read from its end.
    source = io.BytesIO(file.read()) if isinstance(file, gzip.GzipFile) else file
    try:
        book = openpyxl.load_workbook(source, read_only=True, data_only=True)
    except Exception as error:  # noqa: BLE001 - a broken spreadsheet fails in many ways
        raise OrderFileError(f"{name} is no readable spreadsheet: {error}") from None
    sheet = book.worksheets[0]
    try:
        width = 0
        for values in sheet.iter_rows(values_only=True):
            cells = [_cell(value) for value in values]
            width = width or len(cells)
            # Empty cells at the right are not stored, so a short row is a whole one.
            yield cells + [""] * (width - len(cells))
    finally:
        with suppress(Exception):
            book.close()


def _cell(value: Any) -> str:
    """Return the text of a spreadsheet's value, as a person sees it."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def _spool(stream: BinaryIO) -> IO[bytes]:
    """Copy a stream to disk, because it can be read only once and a run reads its orders twice."""
    copy = tempfile.TemporaryFile(prefix="cmr-")  # noqa: SIM115 - lives as long as the OrderFile
    while chunk := stream.read(1 << 20):
        copy.write(chunk)
    copy.flush()
    return copy


@attrs.frozen
class _Stamp:
    size: int
    modified: int
    inode: int


def _stamp(found: os.stat_result) -> _Stamp:
    return _Stamp(found.st_size, found.st_mtime_ns, found.st_ino)
