"""The rows of a spreadsheet (XLSX), which is an archive of XML: its parts are bounded before openpyxl reads them."""

from __future__ import annotations

import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from importlib import import_module
from itertools import islice
from typing import Any, BinaryIO
from xml.parsers import expat

import attrs

from ...core.printable import printable
from ...errors import OrderFileError
from ..bounded import BrokenFileError
from ..limits import FileLimits
from .sheet_choice import choose_sheet, like_orders

_MAGIC = b"PK\x03\x04"
#: Sheets shrink to a twentieth; an archive that unpacks to more than this many times its size was made for that.
_MOST_TIMES = 100
#: What may be unpacked in any case.
_ALWAYS = 8 << 20
#: Bytes of the list of parts at the end of the archive, which is read as a whole.
_MOST_DIRECTORY = 1 << 20
_CHUNK = 1 << 16
_BATCH = 256
#: Rows of a sheet, by the format itself.
_MOST_ROWS = 1_048_576
#: Bytes of a part without rows and shared texts.
_MOST_PLAIN = 32 << 20
#: Characters that stand in no row and no shared text.
_MOST_TEXT = 8 << 20
#: Elements of a part that stand in no row and no shared text: styles, names, widths of columns.
_MOST_OTHER = 200_000
#: Elements that a row has for each of its cells at most.
_PER_CELL = 8
_DEEPEST = 64
#: Bytes of one tag.
_LONGEST = 1 << 20
#: Shared texts that a part may have in any case; beyond them each takes some packed bytes.
_FEW_TEXTS = 100_000
#: Cells with a formula without a value that are told one by one; with more of them nobody ever calculated the sheet.
_MOST_VALUELESS = 500
#: Characters of the name of such a cell.
_LONGEST_NAME = 20
_REASON = 200


@attrs.frozen(kw_only=True)
class Sheet:
    """An open sheet of a spreadsheet."""

    #: Its name.
    title: str
    #: Its rows as text, each at least as long as the first. They can be read once.
    rows: Iterator[list[str]]
    #: Names of the other sheets that look like orders.
    others: tuple[str, ...]
    #: Row to the names of its cells with a formula that has no value.
    valueless: Mapping[int, Sequence[str]]


def open_sheet(name: str, file: BinaryIO, limits: FileLimits, *, wanted: str | None = None) -> Sheet:
    """Open a sheet.

    Args:
        name: Name of the file, for messages.
        file: The file, which can seek.
        limits: What its parts may hold.
        wanted: Name or number of the sheet; `None`: the first one that is shown.

    Raises:
        OrderFileError: It is no spreadsheet, it has no such sheet, or openpyxl is missing.
        BrokenFileError: A part of it is too large or broken.
    """
    try:
        openpyxl = import_module("openpyxl")  # an extra, and slow to import
    except ModuleNotFoundError:
        raise OrderFileError(f'{name}: spreadsheets need an extra: pip install "cmr-async[xlsx]"') from None
    try:
        formulas = _check_archive(file, limits)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about looks that no order has
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            sheet = choose_sheet(name, book.worksheets, wanted)
            others = like_orders(book.worksheets, sheet)
        # What a sheet states as its size may be wrong: rows beyond it would be left out
        sheet.reset_dimensions()
        valueless = formulas.get(str(sheet._worksheet_path).lstrip("/"), {})  # noqa: SLF001 - the only way to it
        _refuse_uncalculated(valueless)
    except BrokenFileError as error:
        error.row = error.row or 1
        raise
    except OrderFileError:
        raise
    except Exception as error:  # noqa: BLE001 - a broken spreadsheet fails in many ways
        raise OrderFileError(f"{name} is no readable spreadsheet: {_reason(error)}") from None
    return Sheet(title=sheet.title, rows=_closing_texts(book, sheet), others=others, valueless=valueless)


def _closing_texts(book: Any, sheet: Any) -> Iterator[list[str]]:
    try:
        yield from _texts(sheet.iter_rows(values_only=True))
    finally:
        with suppress(Exception):
            book.close()


def _refuse_uncalculated(valueless: Mapping[int, Sequence[str]]) -> None:
    """Refuse a sheet with so many formulas without a value that they are not told one by one."""
    if sum(map(len, valueless.values())) > _MOST_VALUELESS:
        row, cells = next(iter(valueless.items()))
        raise BrokenFileError(without_value(cells), row=row)


def without_value(cells: Sequence[str]) -> str:
    """Return the fault of a row with cells whose formula has no value."""
    return (
        f"cell {cells[0]} holds a formula without its value; open the file in a spreadsheet program, save it, and try "
        "again"
    )


def _texts(rows: Iterator[tuple[Any, ...]]) -> Iterator[list[str]]:
    width = number = 0
    while batch := _some(rows):
        for values in batch:
            if isinstance(values, Exception):
                raise BrokenFileError(f"is broken here: {_reason(values)}", row=number + 1)
            number += 1
            if not values:  # there may be a million of them
                yield []
                continue
            width = width or len(values)
            # Empty cells at the right are not stored, so a short row is a whole one
            yield [*map(_cell, values), *[""] * (width - len(values))]


def _some(rows: Iterator[tuple[Any, ...]]) -> list[tuple[Any, ...] | Exception]:
    """Return some rows, or the error that ends them: switching warnings off takes longer than reading a row."""
    batch: list[tuple[Any, ...] | Exception] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            batch.extend(islice(rows, _BATCH))
        except Exception as error:  # noqa: BLE001 - a broken spreadsheet fails in many ways
            batch.append(error)
    return batch


def _reason(error: Exception) -> str:
    return printable(str(error) or type(error).__name__)[:_REASON]


def _cell(value: Any) -> str:
    """Return the text of a spreadsheet's value, as a person sees it."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def _check_archive(file: BinaryIO, limits: FileLimits) -> dict[str, dict[int, list[str]]]:
    """Look through all parts of an archive with bounded memory.

    Returns:
        For parts in which a formula has no value, the names of such cells by their row, up to one more than are told.

    Raises:
        BrokenFileError: A part passes a limit.
        zipfile.BadZipFile: It is no archive, or a damaged one.
    """
    size = file.seek(0, 2)
    file.seek(0)
    if file.read(len(_MAGIC)) != _MAGIC:
        raise zipfile.BadZipFile("it is no zip archive")
    _check_directory(file, size)
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        if len(parts) > limits.max_parts:
            raise BrokenFileError(f"has {len(parts):,} parts, more than the {limits.max_parts:,} of a spreadsheet")
        unpacked = sum(part.file_size for part in parts)
        if unpacked > limits.max_size:
            raise BrokenFileError(f"unpacks to more than {limits.max_size:,} bytes; --max-size sets another limit")
        if unpacked > max(_ALWAYS, _MOST_TIMES * size):
            raise BrokenFileError(f"unpacks to more than {_MOST_TIMES} times its size, as no spreadsheet does")
        valueless = {}
        for part in parts:
            packed = min(part.compress_size, size)
            check = _PartCheck(part.filename, packed, limits)
            with archive.open(part) as opened:
                check.run(opened)
            if check.valueless:
                valueless[part.filename] = check.valueless
        return valueless


def _check_directory(file: BinaryIO, size: int) -> None:
    """Make sure that the list of parts is small: the archive's reader takes all of it at once."""
    end = min(size, (1 << 16) + 22)
    file.seek(size - end)
    tail = file.read(end)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise zipfile.BadZipFile("its list of parts is missing")
    (length,) = struct.unpack_from("<L", tail, at + 12)
    if length > _MOST_DIRECTORY:  # or the mark of an archive of more than 4 GiB, which no spreadsheet is
        raise BrokenFileError("has a list of parts that is longer than any spreadsheet's")


class _PartCheck:
    """Bounds one part of a spreadsheet; text that is no XML is left to whoever reads it, who gets no further."""

    def __init__(self, name: str, packed: int, limits: FileLimits) -> None:
        self._name = printable(name)
        self._limits = limits
        self._most_texts = _FEW_TEXTS + packed // 2
        self._most_in_row = _PER_CELL * limits.max_columns
        self._most_rows = min(limits.max_rows, _MOST_ROWS)
        self._depth = self._others = self._other_text = self._texts = self._rows = self._row = 0
        # The row or shared text that is being read; its elements, its characters, and those of its cell so far
        self._record = ""
        self._record_depth = self._inside = self._characters = self._cell = 0
        # The name of the cell, and whether it has a formula and a value
        self._cell_name, self._has_formula, self._has_value = "", False, False
        #: Row to the names of its cells with a formula that has no value.
        self.valueless: dict[int, list[str]] = {}
        self._all_valueless = 0

    def run(self, file: Any) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        fed = 0
        try:
            while chunk := file.read(_CHUNK):
                parser.Parse(chunk, False)  # noqa: FBT003 - expat takes no names
                fed += len(chunk)
                if fed - parser.CurrentByteIndex > _LONGEST:
                    self._refuse(f"has a tag of more than {_LONGEST:,} bytes")
                if fed > _MOST_PLAIN and not (self._rows or self._texts):
                    self._refuse(f"has more than {_MOST_PLAIN:,} bytes beside its rows")
            parser.Parse(b"", True)  # noqa: FBT003
        except expat.ExpatError:
            return

    def _refuse(self, why: str) -> None:
        raise BrokenFileError(f"{why} (part {self._name})", row=self._row)

    def _doctype(self, *_: object) -> None:
        self._refuse("declares a document type, as no spreadsheet does")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._refuse("is nested too deeply")
        if self._record:
            self._inside += 1
            self._cell = 0
            if self._inside > self._most_in_row:
                self._refuse(f"has more than {self._limits.max_columns:,} cells in a row")
            if self._record == "row":
                self._look_into_cell(name.rpartition(":")[2], attributes)
            return
        local = name.rpartition(":")[2]
        if local == "row":
            self._begin_row(attributes.get("r"))
        elif local == "si":
            self._texts += 1
            if self._texts > self._most_texts:
                self._refuse("has more texts than its size can hold")
        else:
            self._others += 1
            if self._others > _MOST_OTHER:
                self._refuse(f"has more than {_MOST_OTHER:,} elements beside its rows")
            return
        self._record, self._record_depth = local, self._depth
        self._inside = self._characters = self._cell = 0

    def _look_into_cell(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._cell_name = attributes.get("r", "")
            self._has_formula, self._has_value = False, attributes.get("t") == "str"  # which may be empty
        elif name == "f":
            self._has_formula = True

    def _begin_row(self, number: str | None) -> None:
        self._rows += 1
        try:
            row = self._rows if number is None else int(float(number))
        except (ValueError, OverflowError):
            self._refuse(f'has a row with the number "{printable(str(number))[:_REASON]}"')
            return
        if row > self._most_rows:
            self._refuse(f"has rows beyond number {self._most_rows:,}")
        if number is not None and row <= self._row:
            self._refuse("has rows that are not in their sequence")
        self._row = row if number is not None else self._row + 1

    def _end(self, name: str) -> None:
        if self._has_formula and self._record == "row":
            local = name.rpartition(":")[2]
            if local == "v" and self._cell:
                self._has_value = True
            elif local == "c":
                if not self._has_value and self._all_valueless <= _MOST_VALUELESS:
                    self._all_valueless += 1
                    self.valueless.setdefault(self._row, []).append(printable(self._cell_name)[:_LONGEST_NAME])
                self._has_formula = False
        if self._record and self._depth == self._record_depth:
            self._record = ""
        self._depth -= 1

    def _text(self, text: str) -> None:
        if not self._record:
            self._other_text += len(text)
            if self._other_text > _MOST_TEXT:
                self._refuse(f"has more than {_MOST_TEXT:,} characters beside its rows")
            return
        self._characters += len(text)
        self._cell += len(text)
        # A shared text has several parts, which are one cell
        if (self._characters if self._record == "si" else self._cell) > 2 * self._limits.max_cell:
            self._refuse(f"has a cell of more than {self._limits.max_cell:,} characters")
        if self._characters > self._limits.max_row_size:
            self._refuse(f"has a row of more than {self._limits.max_row_size:,} characters")
