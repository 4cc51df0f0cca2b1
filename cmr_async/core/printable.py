"""Text from outside, made fit to be shown: it controls no terminal, and forges no line of a log or a report."""

from __future__ import annotations

#: How many characters of one text are shown; what is longer was made to be in the way.
_LONGEST = 20_000


def printable(text: str) -> str:
    r"""Return the text on one line, with everything that is not printable escaped as in Python: `\x1b`, `\n`, `\u202e`.

    Escaped are controls (C0, C1, DEL), ends of lines, marks that change the direction of writing, invisible characters
    of format, lone surrogates and characters that are not assigned. A text of more than 20,000 characters is cut.
    """
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}... ({len(text) - _LONGEST:,} more characters)"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def printable_lines(text: str) -> str:
    """Return the text with its lines kept and everything else escaped as in `printable`.

    Each line after the first is indented, so that none of them looks like a message of its own.
    """
    first, *others = text.split("\n")
    return "\n".join([printable(first), *(f"  {printable(line.lstrip(' '))}" for line in others)])
