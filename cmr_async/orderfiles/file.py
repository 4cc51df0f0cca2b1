"""Open a file of orders, find out its format, and read its orders as a stream, as often as needed.

A run reads its file twice: once to check all of it, then to send. So standard input and open files are kept in a
temporary file, and a file on disk that changes in between is noticed.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, NoReturn, Self, cast

import attrs

from ..errors import OrderFileChangedError, OrderFileError
from .bounded import BoundedReader, BrokenFileError, bounded_lines, bounded_rows, spool
from .encoding import UTF8, TextEncoding, encoding_of_mark, stated_encoding
from .encoding_guess import guess_encoding, is_utf8
from .json.orders import orders_from_json, orders_from_lines
from .limits import FileLimits
from .located import InputFault, LocatedOrder, UnreadableOrder
from .source import BytesSource, CopySource, PathSource, Readable, Source, as_binary, name_of
from .table.header import COLUMNS, column_name, read_header
from .table.orders import orders_from_rows
from .table.sheet_choice import about_others, where_orders_are
from .table.spreadsheet import Sheet, open_sheet, without_value

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
#: Bytes that tell what a file is.
_START = 4096


class InputFormat(StrEnum):
    """What an order file holds."""

    #: A table with the columns of the template, comma, semicolon or tab separated.
    CSV = "csv"
    #: One order as the API's page prints it, or a list of orders.
    JSON = "json"
    #: One order a line.
    JSONL = "jsonl"
    #: A spreadsheet; one sheet with the columns of the template. Needs the extra `xlsx`.
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
    """A file of orders that can be read several times: on disk, in memory, or an upload.

    Use it as a context manager: it may hold a temporary copy. Faults of its content are values (`UnreadableOrder`),
    never exceptions.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | bytes | Readable,
        *,
        name: str | None = None,
        format: InputFormat | str | None = None,  # noqa: A002 - the option's name
        limits: FileLimits | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
        ignore_columns: Iterable[str] = (),
        allow_duplicates: bool = False,
    ) -> None:
        """Open the file and find out its format and encoding.

        Args:
            source: A path (`-` for standard input), the file's bytes, or an open binary file, which is copied from its
                current position to a temporary file and stays open.
            name: What messages call the file, and what its format is guessed by, such as the file name of an upload;
                `None`: the path, or the open file's own name.
            format: What it holds; `None`: by its name, else by its first bytes.
            limits: How large it and its parts may be; `None`: the defaults of `FileLimits`.
            encoding: How its text is written, such as `windows-1252`; `None`: UTF-8, or UTF-16 with its mark, else a
                guess with a caution, for which the package `charset-normalizer` is needed.
            sheet: Name of the sheet of a spreadsheet, or its number, from 1; `None`: the first one that is shown.
            ignore_columns: Names of columns of a table that are not read, in any spelling; the number of a column
                without a name, from 1.
            allow_duplicates: Take a row of a table that is the same as an earlier row of its order, with a caution
                about its mailbox; else it is a fault.

        Raises:
            OrderFileError: It cannot be opened, is too large, a device, or no known format; or it has no part that an
                argument is about.
            ConfigurationError: The source is none of these: a text file, or one that is read with `await`.
        """
        self._source: Source | None = None
        self._limits = limits or FileLimits()
        self._stated, self._sheet = encoding, sheet
        self._ignored = (ignore_columns,) if isinstance(ignore_columns, str) else tuple(ignore_columns)
        self._allow_duplicates = allow_duplicates
        self._encoding = TextEncoding()
        self._cautions: tuple[InputFault, ...] = ()
        #: The file's name for messages.
        self.name: str = name or name_of(source)
        try:
            self._source = self._source_of(source, format)
            BoundedReader(io.BytesIO(), max_size=self._limits.max_size).refuse(self._source.size)
            with self._open() as file:
                start = file.read(_START)
            self._zipped = start.startswith(_GZIP)
            if self._zipped:
                with self._open() as file, gzip.GzipFile(fileobj=file) as inner:
                    start = inner.read(_START)
            #: What the file holds.
            self.format: InputFormat = InputFormat(format) if format else self._guess(start)
            self._refuse_binary(start)
            self._refuse_arguments()
            if self.format is not InputFormat.XLSX:
                self._encoding = self._find_encoding(start)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            self.close()
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise OrderFileError(f"{self.name} cannot be read: {reason}") from None
        except BrokenFileError as error:
            self.close()
            raise OrderFileError(f"{self.name} {error.message}.") from None
        except OrderFileError:
            self.close()
            raise
        self._mark = _delimiter(self._text(start))

    @property
    def cautions(self) -> tuple[InputFault, ...]:
        """What deserves a look about the file as a whole: all of it is known when its orders were read once."""
        first = self._encoding.caution
        return (*((InputFault(source=self.name, message=first),) if first else ()), *self._cautions)

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
        self._cautions = ()
        with self._open() as file:
            # The readers of the other formats bound each record by themselves
            longest = {InputFormat.CSV: self._limits.max_row_size, InputFormat.JSONL: self._limits.max_order_size}
            bound = self._bounded(file, max_record=longest.get(self.format))
            try:
                yield from self._parse(file, bound, user_id, domains_per_order, confirm=confirm)
            except BrokenFileError as error:
                yield self._broken(error.message, row=error.row)
            except (EOFError, OSError, zlib.error) as error:
                yield self._broken(f"the file is cut or damaged: {error}")

    def raise_if_changed(self) -> None:
        """Make sure that the file is still the one that was opened, before an order of it is sent.

        Raises:
            OrderFileChangedError: It was edited or replaced.
        """
        if self._source is not None and not self._source.is_unchanged():
            raise OrderFileChangedError(
                f"{self.name} changed while its orders were being sent; no more are sent from it."
            )

    def close(self) -> None:
        """Delete the temporary copy, if there is one; the orders cannot be read after that."""
        if self._source is not None:
            self._source.close()
            self._source = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> BinaryIO:
        if self._source is None:
            raise OrderFileError(f"{self.name} is closed: read its orders before.")
        return self._source.open()

    def _bounded(self, file: BinaryIO, *, max_record: int | None = None) -> BoundedReader:
        """Return the content of the file, unpacked, up to its bounds."""
        inner = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if self._zipped else file
        packed = file if self._zipped else None
        return BoundedReader(inner, max_size=self._limits.max_size, max_record=max_record, packed=packed)

    def _find_encoding(self, start: bytes) -> TextEncoding:
        """Return how the text is read, from all of its bytes unless that was stated or marked.

        Raises:
            ValueError: No such encoding can be stated.
        """
        if self._stated is not None:
            return stated_encoding(self._stated, start)
        marked = encoding_of_mark(start)
        if marked not in (None, UTF8):
            return TextEncoding(codec=marked)
        with self._open() as file:
            try:
                if marked or is_utf8(self._bounded(file)):
                    return TextEncoding()
            except (EOFError, OSError, zlib.error):  # which is told when it is read
                return TextEncoding()
        with self._open() as file:
            return guess_encoding(self._bounded(file))

    def _text(self, start: bytes) -> str:
        """Return the beginning of the text; what cannot be read of it is replaced."""
        codec = stated_encoding(self._stated, start).codec if self._stated else encoding_of_mark(start)
        return codecs.getincrementaldecoder(codec or UTF8)("replace").decode(start)

    def _refuse_arguments(self) -> None:
        """Make sure that no argument is about what a file of this format does not have."""
        is_sheet = self.format is InputFormat.XLSX
        for given, option, allowed, part in (
            (self._stated, "--encoding", not is_sheet, "encoding to state"),
            (self._sheet, "--sheet", is_sheet, "sheets"),
            (self._ignored, "--ignore-columns", is_sheet or self.format is InputFormat.CSV, "columns"),
        ):
            if given and not allowed:
                raise OrderFileError(f"{self.name} is {self.format.upper()}, which has no {part}: leave {option} out.")

    def _source_of(self, given: str | os.PathLike[str] | bytes | Readable, format: str | None) -> Source:  # noqa: A002 - the option's name
        if isinstance(given, bytes):
            return BytesSource(given)
        if not isinstance(given, str | os.PathLike):
            return self._copy_of(as_binary(given, name=self.name), format)
        path = Path(given)
        if os.fspath(given) == "-":
            return self._copy_of(_standard_input(), format)
        mode = path.stat().st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            _refuse_device(self.name)
        if stat.S_ISFIFO(mode):
            with path.open("rb") as pipe:
                return self._copy_of(cast("BinaryIO", pipe), format)
        return PathSource(path)

    def _copy_of(self, stream: BinaryIO, format: str | None) -> CopySource:  # noqa: A002 - the option's name
        """Keep a stream in a temporary file, unless its first bytes tell that there is no order in it."""
        start = stream.read(_START)
        if not start.startswith((_GZIP, _ZIP)):
            if not format:
                self._guess(start)
            self._refuse_binary(start)
        return CopySource(spool(stream, max_size=self._limits.max_size, start=start))

    def _refuse_binary(self, start: bytes) -> None:
        """Make sure that the file is text, if it is no archive."""
        if b"\0" in start and not start.startswith((_GZIP, _ZIP)) and "\0" in self._text(start):
            hint = "save it as CSV UTF-8; if it is UTF-16 without a mark, say --encoding utf-16-le"
            raise OrderFileError(f"{self.name} is no text: it holds zero bytes; {hint}.")

    def _broken(self, message: str, *, row: int = 0) -> UnreadableOrder:
        fault = InputFault(source=self.name, row=row, message=message)
        return UnreadableOrder.of(fault, ends_reading=True)

    def _guess(self, start: bytes) -> InputFormat:
        suffixes = [suffix.lower() for suffix in Path(self.name).suffixes if suffix.lower() != ".gz"]
        if start.startswith(_OLD_OFFICE):
            raise OrderFileError(f"{self.name} is an old .xls, or another file of Office: save it as .xlsx.")
        if start.startswith(_ZIP):
            return InputFormat.XLSX
        if suffixes and suffixes[-1] in _SUFFIXES:
            if suffixes[-1] == ".xlsx":
                raise OrderFileError(f"{self.name} is no XLSX spreadsheet. If it is CSV, read it with --format csv.")
            return _SUFFIXES[suffixes[-1]]
        text = self._text(start).lstrip()
        if text.startswith("["):
            return InputFormat.JSON
        if text.startswith("{"):
            # A document on one line, with another one after it, is JSON lines.
            first, _, rest = text.partition("\n")
            whole = first.rstrip().endswith("}") and rest.lstrip().startswith("{")
            return InputFormat.JSONL if whole else InputFormat.JSON
        if _delimiter(text):
            return InputFormat.CSV
        formats = ", ".join(InputFormat)
        raise OrderFileError(f"{self.name} is none of {formats}; if it is, name it with --format.")

    def _parse(
        self, file: BinaryIO, bound: BoundedReader, user_id: str | None, domains_per_order: int, *, confirm: bool
    ) -> Iterator[LocatedOrder | UnreadableOrder]:
        if self.format is InputFormat.JSON:
            yield from orders_from_json(
                bound, source=self.name, limits=self._limits, encoding=self._encoding, user_id=user_id, confirm=confirm
            )
            return
        if self.format is InputFormat.XLSX:
            with ExitStack() as stack:
                if self._zipped:  # a spreadsheet is read from its end, which a gzip stream reaches slowly
                    file = stack.enter_context(spool(bound, max_size=self._limits.max_size))
                sheet = open_sheet(self.name, file, self._limits, wanted=self._sheet)
                rows = bounded_rows(sheet.rows, None, self._limits)
                yield from self._table(rows, user_id, domains_per_order, confirm=confirm, sheet=sheet)
            return
        codec = self._encoding.codec
        with io.TextIOWrapper(cast("BinaryIO", bound), encoding=codec, newline="") as text:
            if self.format is InputFormat.JSONL:
                lines = bounded_lines(text, bound, self._limits, self._encoding)
                yield from orders_from_lines(lines, source=self.name, user_id=user_id, confirm=confirm)
                return
            reader = csv.reader(text, delimiter=self._mark or ",", strict=True)
            try:
                rows = bounded_rows(reader, bound, self._limits, self._encoding)
                yield from self._table(rows, user_id, domains_per_order, confirm=confirm)
            except csv.Error as error:
                hint = "is a quotation mark left open?"
                yield self._broken(f"is broken near line {reader.line_num}: {error}; {hint}")

    def _table(
        self,
        rows: Iterator[list[str]],
        user_id: str | None,
        domains_per_order: int,
        *,
        confirm: bool,
        sheet: Sheet | None = None,
    ) -> Iterator[LocatedOrder | UnreadableOrder]:
        """Read the orders of a table, which may be a sheet."""
        others = sheet.others if sheet is not None else ()
        for row, cells in enumerate(rows, start=1):
            # Excel's own line about the separator has the separator in it as well
            if any(map(str.strip, cells)) and not (row == 1 and "".join(cells).lower().startswith("sep=")):
                break
        else:
            hint = where_orders_are(others) or "; its first row names the columns"
            message = f"the {'file' if sheet is None else 'sheet'} is empty{hint}"
            yield UnreadableOrder.of(InputFault(source=self.name, message=message))
            return
        valueless = sheet.valueless if sheet is not None else {}
        if at := next((number for number in valueless if number <= row), None):
            fault = InputFault(source=self.name, row=at, message=without_value(valueless[at]))
            yield UnreadableOrder.of(fault)
            return
        header = read_header(self.name, cells, user_id=user_id, row=row, ignored=self._ignored)
        if isinstance(header, tuple):
            first, *more = header
            if not any(column_name(cell) == "domain" for cell in cells):
                first = attrs.evolve(first, message=first.message + where_orders_are(others))
            yield UnreadableOrder.of(first, *more)
            return
        self._cautions = header.cautions
        if sheet is not None and others and self._sheet is None:
            message = about_others(sheet.title, others)
            self._cautions = (InputFault(source=self.name, message=message), *header.cautions)
        yield from orders_from_rows(
            header,
            rows,
            user_id=user_id,
            confirm=confirm,
            domains_per_order=domains_per_order,
            allow_duplicates=self._allow_duplicates,
            valueless=valueless,
            separator=(self._mark or ",") if sheet is None else None,
        )


def _standard_input() -> BinaryIO:
    """Return standard input, unless it is a device that never ends."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise OrderFileError("There is no standard input.")
    try:
        found = os.fstat(stream.fileno())
    except OSError:  # it is no file at all
        return cast("BinaryIO", stream)
    if stat.S_ISCHR(found.st_mode) and not stream.isatty() and found.st_rdev != Path(os.devnull).stat().st_rdev:
        _refuse_device("<stdin>")
    return cast("BinaryIO", stream)


def _refuse_device(name: str) -> NoReturn:
    raise OrderFileError(f"{name} is a device, not a file of orders.")


def _delimiter(start: str) -> str:
    """Return comma, semicolon (common in Europe) or tab: whichever splits the header into the most known columns.

    An empty text means that no column is known.
    """
    lines = [line for line in start.lstrip("\r\n").splitlines() if line.strip(' ,;\t"')][:2]
    if len(lines) > 1 and lines[0].lower().startswith("sep="):
        del lines[0]
    header = lines[0] if lines else ""
    known = {mark: sum(column_name(cell.strip(' "\r\n')) in COLUMNS for cell in header.split(mark)) for mark in ",;\t"}
    best = max(known, key=lambda mark: known[mark])
    return best if known[best] else ""
