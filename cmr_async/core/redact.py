"""The one place that takes secrets out of text that is kept or shown: errors, journals, exports, reports and logs.

It masks the key in every form in which an answer can repeat it, user and password in URLs, and the values of fields
that are called password, secret, token and the like. All patterns are bounded: an answer may be made to
be slow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

#: Stands where a secret was.
MASK = "***"
#: What the name of a field has in it when its value is secret.
_WORD = "(?:passw|pass[-_]?phrase|passcode|pwd|secret|token|(?:api|access|private)[-_]?key|credential|authorization)"
#: How much of an answer is looked at for an excerpt: a key that is cut in two could not be recognised.
_WINDOW = 65_536
#: Characters of a key from which on upper and lower case are the same.
_SHORTEST = 8
_NAMED = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}


@cache
def _field_name() -> re.Pattern[str]:
    return re.compile(_WORD, re.IGNORECASE)


@cache
def _in_text() -> tuple[tuple[str, re.Pattern[str], str], ...]:
    """Return what is replaced in a text that has a certain sign; not compiled before a text is redacted."""
    field = rf"""((\\{{0,8}}["'])[\w.\- ]{{0,60}}?{_WORD}[\w.\- ]{{0,60}}?\2\s{{0,20}}:\s{{0,20}})"""
    string = r"""(\\{0,8}["'])(?:(?!\3)(?:\\.|[^\\]))*(?:\3|\Z)"""
    other = r"""(?!null\b|true\b|false\b|None\b|True\b|False\b)[^\s,}\]"'\\]+"""
    return (
        # `//user:password@`: a password may have a slash in it, a user alone may not
        ("@", re.compile(r"""(?<=//)(?:[^\s/?#:'"]{0,200}:[^\s'"]{0,500}|[^\s/?#'"@]{0,500})@"""), f"{MASK}@"),
        # `"password": "..."`, also where the rest was cut off; of a list or an object everything that follows
        (":", re.compile(rf"{field}(?:{string}|[\[{{].*|{other})", re.DOTALL | re.IGNORECASE), rf'\1"{MASK}"'),
        # `password=...` in a query, a form or a connection string
        (
            "=",
            re.compile(rf"(?i)(?<![^\W_])([\w\-]{{0,60}}?{_WORD}[\w\-]{{0,60}}\s{{0,5}}=\s{{0,5}})[^\s&;,'\"]+"),
            rf"\1{MASK}",
        ),
    )


def names_a_secret(name: str) -> bool:
    """Tell whether the value of a field of this name is secret: `password`, `appPassword`, `authenticatorSecret`."""
    return _field_name().search(name) is not None


class Redactor:
    """Masks one key, and whatever else is secret."""

    def __init__(self, key: str = "") -> None:
        """Make a redactor; without a key it masks everything else."""
        self._key = key
        self._lower = key.lower()
        self._bytes = key.encode()

    @cached_property
    def _any_form(self) -> re.Pattern[str]:
        """The key as it is, or with any of its characters escaped for JSON, HTML or a URL, also several times."""
        # A short key is somebody's test, and may be a word like `key`
        return re.compile("".join(map(_character, self._key)), re.IGNORECASE if len(self._key) >= _SHORTEST else 0)

    def text(self, text: str) -> str:
        """Return a text without the key, without user and password of URLs, without values of secret fields."""
        text = self._without_key(text)
        for sign, pattern, instead in _in_text():
            if sign in text:
                text = pattern.sub(instead, text)
        return text

    def value(self, value: Any) -> Any:
        """Return a JSON value with its texts redacted and the values of its secret fields masked."""
        return _walk(value, self.text, fields=True)

    def without_key(self, value: Any, body: bytes) -> Any:
        """Return a JSON value with the key masked, and nothing else; mostly it is the value itself.

        Args:
            value: What was read from the body.
            body: Where neither the key nor an escaped character is in it, there is nothing to mask.
        """
        if not self._key or not (self._bytes in body or b"\\" in body or b"%" in body or b"&" in body):
            return value
        return _walk(value, self._without_key, fields=False)

    def excerpt(self, body: bytes, longest: int) -> str:
        """Return the beginning of an answer as text, redacted before it is cut.

        Args:
            body: The answer.
            longest: Characters that are kept at most.
        """
        text = body[:_WINDOW].decode("utf-8", "replace")
        if "\\u00" in text:  # JSON can write `password` in many ways
            text = re.sub(r"\\{1,8}u00([2-7][0-9A-Fa-f])", _unescaped, self._without_key(text))
        return self.text(text)[:longest]

    def _without_key(self, text: str) -> str:
        if not self._key or not (self._lower in text.lower() or "\\" in text or "%" in text or "&" in text):
            return text  # the pattern takes long, and every answer comes by here
        return self._any_form.sub(MASK, text)


def _unescaped(match: re.Match[str]) -> str:
    char = chr(int(match[1], 16))
    return char if char.isalnum() else match[0]


def _character(char: str) -> str:
    """Return a pattern for a character of a key, as it is or escaped."""
    code = ord(char)
    plain = rf"\\{{0,8}}{re.escape(char)}" if char in "\"'\\/" else re.escape(char)
    forms = [
        rf"\\{{1,8}}(?:u00|x){code:02x}",
        rf"\\{{1,8}}u\{{0{{0,4}}{code:x}\}}",
        rf"%(?:25){{0,4}}{code:02x}",
        rf"&(?:amp;){{0,4}}#(?:0{{0,8}}{code}|x0{{0,8}}{code:x});",
    ]
    if char in _NAMED:
        forms.append(f"&(?:amp;){{0,4}}{_NAMED[char]};")
    return f"(?:{plain}|(?i:{'|'.join(forms)}))"


def _walk(value: Any, redact: Any, *, fields: bool) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_walk(item, redact, fields=fields) for item in value]
    if isinstance(value, Mapping):
        return {
            redact(name): MASK
            if fields and names_a_secret(name) and not (item is None or item == "" or isinstance(item, bool))
            else _walk(item, redact, fields=fields)
            for name, item in value.items()
        }
    return value
