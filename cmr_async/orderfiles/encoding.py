"""In which encoding the text of a file is: UTF-8 by rule, or what its byte order mark or the user says."""

from __future__ import annotations

import codecs

import attrs

#: The codec that reads UTF-8 with or without its mark.
UTF8 = "utf-8-sig"
#: Marks at the beginning of a text; that of UTF-32 begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF8: UTF8,
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
#: Codecs of Python that are encodings of no file.
_NO_FILE = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"})


@attrs.frozen(kw_only=True)
class TextEncoding:
    """In which encoding a text is read, and what is to be said about it."""

    #: Name of the codec.
    codec: str = UTF8
    #: What to do about a text that it cannot read, for messages.
    hint: str = "save it as UTF-8 (in a spreadsheet: CSV UTF-8), or state its encoding with --encoding"
    #: Why the encoding deserves a look; empty: nobody guessed.
    caution: str = ""

    @property
    def name(self) -> str:
        """The name that people know."""
        return known_as(self.codec)


def known_as(codec: str) -> str:
    """Return the name of a codec that people know: `windows-1252` for `cp1252`."""
    if codec == UTF8:
        return "UTF-8"
    return codec.replace("cp125", "windows-125") if codec.startswith("cp125") else codec


def encoding_of_mark(start: bytes) -> str | None:
    """Return the codec that the mark at the beginning of a text tells; `None`: it has no mark."""
    return next((codec for mark, codec in _MARKS.items() if start.startswith(mark)), None)


def stated_encoding(name: str, start: bytes) -> TextEncoding:
    """Return the encoding that a user stated.

    Args:
        name: Any name that Python knows, such as `windows-1252`.
        start: The beginning of the text, whose mark must not say something else.

    Raises:
        ValueError: There is no such encoding, or the text is in another one.
    """
    try:
        found = codecs.lookup(name)
        # Names such as `rot13` and `zip` are codecs as well
        "".encode(name)
    except (LookupError, ValueError):
        raise ValueError(f"there is no encoding {name!r:.100}; try utf-8, windows-1252 or utf-16") from None
    if found.name in _NO_FILE:
        raise ValueError(f"{name!r:.100} is the encoding of no file; try utf-8, windows-1252 or utf-16")
    codec = UTF8 if found.name == "utf-8" else found.name
    marked = encoding_of_mark(start)
    if marked is not None and not codec.startswith(marked.removesuffix("-sig")):
        raise ValueError(f"it begins with the mark of {known_as(marked)}, so it is not {name}; leave --encoding out")
    hint = "state another encoding with --encoding, or save the file as UTF-8"
    # A mark is no part of the text, but only the codecs without an order of bytes in their names drop it
    return TextEncoding(codec=marked or codec, hint=hint)
