"""Guess the encoding of a text that is not UTF-8, as spreadsheet programs save it.

A guess always comes with a caution that shows a text as it was read, because a wrong letter in a name is paid for.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import attrs

from ..core.printable import printable
from .bounded import BoundedReader, BrokenFileError
from .encoding import TextEncoding, known_as

#: What spreadsheet programs write in all parts of the world, beside Unicode. A detector that may think of others takes
#: names of one word for Arabic or Chinese.
_USUAL = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874"),
    *("cp932", "gb18030", "big5", "cp949", "euc_jp", "mac_roman", "cp850", "koi8_r"),
)
#: The most frequent of them by far, where it makes sense.
_LIKELIEST = "cp1252"
#: Of these a character may take several bytes.
_WIDE = frozenset({"cp932", "gb18030", "big5", "cp949", "euc_jp"})
_CHUNK = 1 << 16
#: Bytes of a line that are looked at; a longer one is refused when it is read.
_LONGEST_LINE = 1 << 20
#: Bytes of text outside ASCII from which an encoding is guessed.
_ENOUGH = 1 << 14
#: Characters of a text that a caution shows.
_SHOWN = 40
_BETWEEN_CELLS = re.compile(rb"[,;\t\"]")


def is_utf8(file: BoundedReader) -> bool:
    """Tell whether all bytes of a file are UTF-8; what passes a bound is left to whoever reads it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read1():
            if not chunk.isascii() or decoder.getstate()[0]:
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    except BrokenFileError:
        pass
    return True


@attrs.frozen
class _Line:
    """A line of a text that is not all ASCII."""

    number: int
    cells: tuple[bytes, ...]
    is_utf8: bool


def guess_encoding(file: BoundedReader) -> TextEncoding:
    """Guess the encoding of a text that is not UTF-8, from its cells outside ASCII.

    Args:
        file: The text from its beginning; it is read to its end, with bounded memory.

    Returns:
        The guess, with a caution; UTF-8 with a hint when nothing can be guessed, so that the text is refused at the row
        where it is not UTF-8.
    """
    sample: dict[bytes, int] = {}
    size, utf8 = 0, None
    for line in _lines_outside_ascii(file):
        if line.is_utf8:
            utf8 = utf8 or line.number
            continue
        for cell in line.cells:
            if size < _ENOUGH and cell not in sample:
                sample[cell] = line.number
                size += len(cell)
    try:
        detector: Any = import_module("charset_normalizer")  # an extra, and needed for such files only
    except ModuleNotFoundError:
        return TextEncoding(hint=f'{TextEncoding().hint} (or have it guessed: pip install "cmr-async[cli]")')
    codec = _best_guess(detector, list(sample))
    if codec is None:
        return TextEncoding()
    if utf8 is not None and codec not in _WIDE:  # a wide encoding may look like UTF-8 by chance, no other does
        mixed = f"line {utf8:,} is UTF-8, so the file mixes encodings"
        return TextEncoding(hint=f"{mixed}: open it where its letters are right, and save it as UTF-8")
    cell, number = next(iter(sample.items()))
    shown = printable(_shown(cell.decode(codec, "replace").strip()))
    caution = (
        f'is not UTF-8 and was read as {known_as(codec)}, a guess: line {number:,} has "{shown}". If its letters are '
        "wrong, state the encoding with --encoding, or save the file as UTF-8"
    )
    return TextEncoding(codec=codec, caution=caution)


def _shown(text: str) -> str:
    """Return the part of a text around its first character outside ASCII."""
    at = next((at for at, char in enumerate(text) if not char.isascii()), 0)
    start = max(0, at - _SHOWN // 2) if len(text) > _SHOWN else 0
    return text[start : start + _SHOWN]


def _lines_outside_ascii(file: BoundedReader) -> Iterator[_Line]:
    number, rest = 1, b""
    while len(rest) <= _LONGEST_LINE:
        try:
            chunk = file.read1(_CHUNK)
        except BrokenFileError:
            return
        block = rest + chunk
        # Carriage returns alone end the lines of old files; the line feed of one may be in the next block
        end = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1 if chunk else len(block)
        whole, rest = block[:end], block[end:]
        if whole.isascii():
            number += whole.count(b"\n") or whole.count(b"\r")
        else:
            for line in whole.splitlines():
                if not line.isascii():
                    cells = tuple(cell.strip() for cell in _BETWEEN_CELLS.split(line) if not cell.isascii())
                    yield _Line(number, cells, _is_utf8(line))
                number += 1
        if not chunk:
            return


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _best_guess(detector: Any, cells: list[bytes]) -> str | None:
    """Return the likeliest of the usual encodings that read some cells as names of people and things."""
    text = b"\n".join(cells)
    matches = detector.from_bytes(text, cp_isolation=list(_USUAL))
    # Of encodings that read the same the detector names one
    names = [name for match in matches for name in (match.encoding, *match.could_be_from_charset)]
    likely = list(dict.fromkeys(name for name in names if name in _USUAL))
    likely.sort(key=lambda name: name != _LIKELIEST)
    plausible = [name for name in likely if _is_plausible(text.decode(name, "replace"))]
    return next(iter(plausible or likely), None)


def _is_plausible(text: str) -> bool:
    """Tell whether people write such names: no signs and no capitals inside of words, one script of East Asia."""
    for before, char, after in zip(f" {text}", text, f"{text[1:]} ", strict=False):
        if char.isascii() or not before.isalpha():
            continue
        if char.isupper() and (before.islower() or after.islower()):
            return False
        if not char.isalpha() and char not in "\u2019\u2010\u2013\u00b7":
            return False
    hangul = any("\uac00" <= char <= "\ud7a3" for char in text)
    return not (hangul and any("\u4e00" <= char <= "\u9fff" for char in text))
