"""Reading that ends at a bound: a part of a file that is too large never reaches a parser, or memory as a whole."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NoReturn, cast

from .encoding import TextEncoding
from .limits import FileLimits

#: Tables of orders shrink to a fiftieth; what unpacks to more than this many times its size was made for that.
_MOST_TIMES = 250
#: What may be unpacked in any case.
_ALWAYS = 1 << 20
_CHUNK = 1 << 20
#: Blank rows or lines after each other; nobody leaves so many, but a small packed file can hold a thousand million.
_MOST_BLANK = 250_000


class BrokenFileError(Exception):
    """A file cannot be read on; the row is that of the fault, 0: not known."""

    def __init__(self, message: str, *, row: int = 0) -> None:
        super().__init__(message, row)
        self.message = message
        self.row = row


class BoundedReader(io.BufferedIOBase):
    """The bytes of a file up to its bounds, for a parser above it.

    Whoever reads records from it sets `since` to 0 after each: then no record can grow beyond its bound, however
    a parser gathers it.
    """

    def __init__(
        self,
        file: BinaryIO | BoundedReader,
        *,
        max_size: int,
        max_record: int | None = None,
        packed: BinaryIO | None = None,
        taken: int = 0,
    ) -> None:
        """Bound a file.

        Args:
            file: The file; not closed.
            max_size: Bytes in all.
            max_record: Bytes of one record; `None`: as many as in all.
            packed: What the bytes are unpacked from, if they are: they may not be too many for its size.
            taken: Bytes that were read before.
        """
        super().__init__()
        #: Bytes read since the last record.
        self.since: int = 0
        self._file = file
        self._max_size = max_size
        self._max_record = max_size if max_record is None else max_record
        self._packed = packed
        self._total = taken

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def refuse(self, size: int) -> None:
        """Make sure that a file of this size is within its bound.

        Raises:
            BrokenFileError: It is not.
        """
        if size > self._max_size:
            raise BrokenFileError(f"holds more than {self._max_size:,} bytes; --max-size sets another limit")

    def read1(self, size: int | None = -1, /) -> bytes:
        """Read what is there, at most `size` bytes.

        Raises:
            BrokenFileError: A bound was passed.
        """
        file = cast("BoundedReader", self._file)  # every binary file has `read1`, but `BinaryIO` does not say so
        chunk = file.read1(_CHUNK if size is None or size < 0 else size)
        self._total += len(chunk)
        self.refuse(self._total)
        if self._packed is not None and self._total > max(_ALWAYS, _MOST_TIMES * self._packed.tell()):
            raise BrokenFileError(f"unpacks to more than {_MOST_TIMES} times its size, as no file of orders does")
        # What was read ahead of the last record came with an earlier chunk
        if self.since > self._max_record:
            hint = "is a quotation mark or a line end missing?"
            raise BrokenFileError(f"is longer than {self._max_record:,} bytes; {hint}")
        self.since += len(chunk)
        return chunk

    def read(self, size: int | None = -1, /) -> bytes:
        """Read `size` bytes, or fewer at the end of the file."""
        wanted = self._max_size + 1 if size is None or size < 0 else size
        parts = []
        while wanted > 0 and (chunk := self.read1(min(wanted, _CHUNK))):
            parts.append(chunk)
            wanted -= len(chunk)
        return b"".join(parts)


def bounded_rows(
    rows: Iterable[list[str]], bound: BoundedReader | None, limits: FileLimits, encoding: TextEncoding | None = None
) -> Iterator[list[str]]:
    """Yield the rows of a table, the header first, up to the first one that passes a limit.

    Args:
        rows: The rows.
        bound: What they are read from, if it is bounded by the row.
        limits: Their limits.
        encoding: How their text is read; `None`: as UTF-8.

    Raises:
        BrokenFileError: A limit was passed, or the rows cannot be read on.
    """
    number = filled = 0
    most_rows, columns, cell = limits.max_rows, limits.max_columns, limits.max_cell
    try:
        for number, row in enumerate(rows, start=1):
            if bound is not None:
                bound.since = 0
            if row:
                filled = number
            elif number - filled > _MOST_BLANK:
                _refuse_blank(number)
            # One cell can only be too long when all of them are
            if number > most_rows or len(row) > columns or len("".join(row)) > cell:
                _check_row(number, row, limits)
            yield row
    except BrokenFileError as error:
        error.row = error.row or number + 1
        raise
    except UnicodeDecodeError as error:
        raise undecodable(error, number + 1, encoding or TextEncoding()) from None


def _refuse_more(number: int, what: str) -> NoReturn:
    raise BrokenFileError(f"the file has more than {number - 1:,} {what}; --max-rows sets another limit", row=number)


def _refuse_blank(number: int) -> NoReturn:
    raise BrokenFileError(f"{_MOST_BLANK:,} blank rows stand before this one", row=number)


def _check_row(number: int, row: list[str], limits: FileLimits) -> None:
    if number > limits.max_rows:
        _refuse_more(number, "rows")
    if len(row) > limits.max_columns:
        raise BrokenFileError(f"has {len(row):,} cells, more than the {limits.max_columns:,} of a row", row=number)
    if max(map(len, row)) > limits.max_cell:
        message = f"has a cell of more than {limits.max_cell:,} characters; is a quotation mark left open?"
        raise BrokenFileError(message, row=number)


def bounded_lines(
    lines: Iterable[str], bound: BoundedReader, limits: FileLimits, encoding: TextEncoding | None = None
) -> Iterator[str]:
    """Yield the lines of a text.

    Args:
        lines: The lines.
        bound: What they are read from.
        limits: Their limits.
        encoding: How the text is read; `None`: as UTF-8.

    Raises:
        BrokenFileError: There are too many, one is too long, or the text is in another encoding.
    """
    number = filled = 0
    try:
        for number, line in enumerate(lines, start=1):
            bound.since = 0
            if number > limits.max_rows:
                _refuse_more(number, "lines")
            if not line.isspace():
                filled = number
            elif number - filled > _MOST_BLANK:
                _refuse_blank(number)
            yield line
    except BrokenFileError as error:
        error.row = error.row or number + 1
        raise
    except UnicodeDecodeError as error:
        raise undecodable(error, number + 1, encoding or TextEncoding()) from None


def undecodable(error: UnicodeDecodeError, row: int, encoding: TextEncoding) -> BrokenFileError:
    """Return the fault of a text that is not in its encoding.

    Args:
        error: What the codec says.
        row: Row or line in which the bytes begin that the codec was given.
        encoding: How the text is read.
    """
    row += error.object[: error.start].decode(encoding.codec, "ignore").count("\n")
    byte = error.object[error.start]
    return BrokenFileError(f"is not {encoding.name} (byte 0x{byte:02x}); {encoding.hint}", row=row)


def spool(stream: BinaryIO | BoundedReader, *, max_size: int, start: bytes = b"") -> BinaryIO:
    """Copy a stream to disk, because it can be read only once and a run reads its orders twice.

    Args:
        stream: The stream.
        max_size: Bytes that are copied at most.
        start: What was read from it before.

    Raises:
        BrokenFileError: There is more.
    """
    # Lives as long as the file of orders
    copy = cast("BinaryIO", tempfile.TemporaryFile(prefix="cmr-"))  # noqa: SIM115
    bound = BoundedReader(stream, max_size=max_size, taken=len(start))
    try:
        copy.write(start)
        while chunk := bound.read(_CHUNK):
            copy.write(chunk)
        copy.flush()
    except BaseException:
        copy.close()
        raise
    return copy
