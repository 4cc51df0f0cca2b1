"""What is wrong with text that is nearly JSON, in words that say what to change: JSON is stricter than JavaScript."""

from __future__ import annotations

import re

#: Texts, which may hold anything, and the constants that JSON does not have.
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*+"|(?P<constant>-?Infinity|NaN)', re.DOTALL)
_BLANK = " \t\r\n"
#: How a thing begins that JSON does not have, and what to do about it.
_STRANGERS = {
    "'": "single quotes; JSON takes double ones",
    **dict.fromkeys("\u201c\u201d\u201e", 'typographic quotes; JSON takes the plain "'),
    **dict.fromkeys(("//", "/*", "#"), "a comment, which JSON does not have; take it away"),
    "True": "True is Python's; JSON writes true",
    "False": "False is Python's; JSON writes false",
    "None": "None is Python's; JSON writes null",
}
#: How a message of Python's reader begins, and what it means.
_MEANINGS = {
    "Illegal trailing comma": "a comma stands before the end of a list or an object; take it away",
    "Expecting property name": "the name of a field in double quotes is expected",
    "Expecting ',' delimiter": "a comma is missing, or a quotation mark stands inside of a text",
    "Invalid control character": 'a line break or tab inside of a text; write \\n or \\t, or close the text with "',
}


def explanation(text: str, position: int, message: str) -> str:
    """Return what a person should change at a position where text is not JSON; nothing when that is not known.

    Args:
        text: The text.
        position: Where it is no longer JSON.
        message: What Python's reader says.
    """
    rest = text[position : position + 10].lstrip(_BLANK)
    before = text[max(0, position - 200) : position].rstrip(_BLANK)
    if rest.startswith(("}", "]")) and before.endswith(","):
        return _MEANINGS["Illegal trailing comma"]
    if message.endswith("leave the field out"):
        return message
    for start, what in _STRANGERS.items():
        if rest.startswith(start):
            return what
    return next((ours for theirs, ours in _MEANINGS.items() if message.startswith(theirs)), "")


def first_constant(text: str, start: int) -> int:
    """Return where the first NaN or Infinity of a text is; `start`: where to begin, outside of quotation marks."""
    found = next((match for match in _CONSTANT.finditer(text, start) if match["constant"]), None)
    return start if found is None else found.start()
