"""Read the JSON of a file value by value through a window, so that memory does not grow with the file.

An object that names a key twice is refused. A value that does not end in the window is read again when more of the
text is there.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from ..bounded import BoundedReader, undecodable
from ..encoding import TextEncoding
from ..limits import FileLimits
from .faults import explanation, first_constant

_SPACE = re.compile(r"[ \t\r\n]*")
#: Bytes that are read at a time; more when a value is longer.
_WINDOW = 1 << 16
#: A fault that is further from the end of the window than any token is long is one of the text, not of the window.
_LONGEST_TOKEN = 16


class JSONFaultError(Exception):
    """Text that is not the JSON of an order, with the line where the broken part begins."""

    def __init__(self, row: int, message: str) -> None:
        super().__init__(row, message)
        self.row = row
        self.message = message


class _DuplicateKeyError(ValueError):
    """An object names one key twice."""


class _ConstantError(ValueError):
    """A number that JSON does not have."""


def _refuse_constant(name: str) -> None:
    raise _ConstantError(f"{name} is no number of JSON; write a number, or leave the field out")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names a key twice: JSON readers keep the last one and lose the mailboxes of the first."""
    result = dict(pairs)
    if len(result) < len(pairs):
        seen = set()
        for name, _ in pairs:
            if name in seen:
                raise _DuplicateKeyError(f'"{name}" occurs twice in one object; merge the two')
            seen.add(name)
    return result


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)


def line_document(text: str, *, row: int) -> Any:
    """Return the one value of a line of JSON lines.

    Args:
        text: The line, without white space around it.
        row: Its number.

    Raises:
        JSONFaultError: It is not one JSON value, or none that an order may hold.
    """
    try:
        document, end = _decode(text, 0, row)
    except json.JSONDecodeError as error:
        raise _not_json(row, error, error.colno, row) from None
    if end < len(text):
        raise JSONFaultError(row, "more text after the order of this line")
    return document


def documents(
    file: BoundedReader, limits: FileLimits, encoding: TextEncoding | None = None
) -> Iterator[tuple[int, Any]]:
    """Yield the only value of a JSON file, or each element of its list, with the line where it begins.

    Raises:
        JSONFaultError: The text is not JSON from here on, or a limit was passed.
        BrokenFileError: The file cannot be read on.
    """
    window = _Window(file, limits.max_order_size, encoding or TextEncoding())
    mark = window.skip()
    if not mark:
        return
    if mark != "[":
        row = window.row
        yield row, window.value()
        if window.skip():
            hint = "one order a line is JSON lines: --format jsonl"
            raise JSONFaultError(window.row, f"more text after the first order; {hint}")
        return
    window.at += 1
    mark = window.skip()
    count = 0
    while mark != "]":
        count += 1
        if count > limits.max_rows:
            message = f"the file has more than {limits.max_rows:,} orders; --max-rows sets another limit"
            raise JSONFaultError(window.row, message)
        row = window.row
        yield row, window.value()
        mark = window.skip()
        if mark == ",":
            window.at += 1
            window.skip()
        elif mark != "]":
            found = f'"{mark}"' if mark else "the end of the file"
            raise JSONFaultError(window.row, f"is not JSON: a comma or ] is expected, not {found}")
    window.at += 1
    if window.skip():
        raise JSONFaultError(window.row, "more text after the list of orders")


class _Window:
    """The part of a text that is being read, and where it is in the file."""

    def __init__(self, file: BoundedReader, most: int, encoding: TextEncoding) -> None:
        """Look at the beginning of a file; `most`: characters of one value."""
        self._file = file
        self._most = most
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding.codec)()
        self._text = ""
        self._ended = False
        #: Position in the text of the window.
        self.at = 0
        #: Line of the file at that position, as of the last `skip`.
        self.row = 1
        # Line in which the window begins, and how many of its characters are before it
        self._first_row = 1
        self._before = 0

    def skip(self) -> str:
        """Skip white space; return the next character, which is not passed, or nothing at the end of the file."""
        while True:
            start, self.at = self.at, _space_end(self._text, self.at)
            self.row = self._row_after(start)
            if self.at < len(self._text):
                return self._text[self.at]
            if not self._read_on(_WINDOW):
                return ""

    def value(self) -> Any:
        """Return the value that begins here, and pass it.

        Raises:
            JSONFaultError: There is none, or none that an order may hold.
        """
        while True:
            known = len(self._text) - self.at
            try:
                value, end = _decode(self._text, self.at, self.row)
            except json.JSONDecodeError as error:
                open_text = error.msg.startswith("Unterminated string")
                cut = open_text or error.pos >= len(self._text) - _LONGEST_TOKEN
                if not (cut and known <= self._most and self._read_on(max(known, _WINDOW))):
                    self._raise_if_too_long(known, cut=cut)
                    raise self._not_json(error) from None
            else:
                # A number at the end of the window may go on behind it, also after a dot or an exponent
                if end < len(self._text) - _LONGEST_TOKEN or not self._read_on(_WINDOW):
                    self._raise_if_too_long(end - self.at, cut=True)
                    self.row += self._text.count("\n", self.at, end)
                    self.at = end
                    return value

    def _row_after(self, start: int) -> int:
        return self.row + self._text.count("\n", start, self.at)

    def _raise_if_too_long(self, known: int, *, cut: bool) -> None:
        if cut and known > self._most:
            message = f"the order is longer than {self._most:,} characters; --max-order-size sets another limit"
            raise JSONFaultError(self.row, message)

    def _not_json(self, error: json.JSONDecodeError) -> JSONFaultError:
        column = error.colno + (self._before if error.lineno == 1 else 0)
        return _not_json(self.row, error, column, self._first_row + error.lineno - 1)

    def _read_on(self, size: int) -> bool:
        """Read more of the file and forget what was passed; `False`: there is no more."""
        if self._ended:
            return False
        data = self._file.read(size)
        try:
            more = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise undecodable(error, self._first_row + self._text.count("\n"), self._encoding) from None
        if not data:
            self._ended = True
            return False
        lines = self._text.count("\n", 0, self.at)
        passed = self.at - self._text.rfind("\n", 0, self.at) - 1 if lines else self._before + self.at
        self._first_row, self._before = self._first_row + lines, passed
        self._text = self._text[self.at :] + more
        self.at = 0
        return True


def _space_end(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _decode(text: str, start: int, row: int) -> tuple[Any, int]:
    """Return the value that begins at a position of the text, and the position behind it.

    Raises:
        json.JSONDecodeError: There is no value, or not the whole of it.
        JSONFaultError: It is none that an order may hold.
    """
    try:
        return _decoder.raw_decode(text, start)
    except json.JSONDecodeError:
        raise
    except _ConstantError as error:
        raise json.JSONDecodeError(str(error), text, first_constant(text, start)) from None
    except RecursionError:
        raise JSONFaultError(row, "is nested too deeply for an order") from None
    except _DuplicateKeyError as error:
        raise JSONFaultError(row, str(error)) from None
    except ValueError:  # Python's limit for the digits of a number
        raise JSONFaultError(row, "holds a number of too many digits") from None


def _not_json(row: int, error: json.JSONDecodeError, column: int, line: int) -> JSONFaultError:
    where = f"character {column} of line {line}"
    known = explanation(error.doc, error.pos, error.msg)
    what = f"{known} ({where})" if known else f"{error.msg.removesuffix(' at')} at {where}"
    return JSONFaultError(row, f"is not JSON: {what}")
