"""Names of domains: the form in which they are sent, and what in a name deserves a look before it is bought."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

import idna

from ...errors import Fault

#: Host names of the DNS (RFC 1123): labels of 1 to 63 letters, digits and inner hyphens, at least two of them.
_DOMAIN = re.compile(r"(?!.{254})(?:(?!-)[a-z0-9-]{1,63}+(?<!-)\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{2,59})")
#: Characters of the longest of them; in another form none is shorter.
_LONGEST_NAME = 253
#: How a label of an international name begins.
_INTERNATIONAL = "xn--"
#: Scripts, by the first word of their characters' names, that names of East Asia use side by side and with Latin.
_SIDE_BY_SIDE = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"})
#: A web or mail address, with the host that may be meant as a domain, and the length up to which one is taken apart.
_ADDRESS = re.compile(
    r"(?P<scheme>(?:[a-z]+:)?//)?(?P<user>[^\s/?#@]*@)?(?P<host>[^\s/?#@:]+)(?P<rest>[:/?#].*)?", re.IGNORECASE
)
_LONGEST_ADDRESS = 2_000


def normalise_domain(name: str) -> str | None:
    """Return a domain name in lower case and punycode; `None` when it is none."""
    if _DOMAIN.fullmatch(name):
        return str(name)
    name = name.strip().rstrip(".").lower()
    if not name.isascii():
        return _punycode(name) if len(name) <= _LONGEST_NAME else None  # what it takes may grow with the square
    return name if _DOMAIN.fullmatch(name) else None


@lru_cache(maxsize=4096)
def _punycode(name: str) -> str | None:
    """Convert an international name; cached, because it takes fifty times as long as the check of a plain one."""
    try:
        name = idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return None
    return name if _DOMAIN.fullmatch(name) else None


@lru_cache(maxsize=4096)
def name_caution(name: str, normalised: str) -> str | None:
    """Return why a domain name deserves a look before it is bought.

    Args:
        name: The name as it was given.
        normalised: What `normalise_domain` made of it.

    Returns:
        The reason, with the form that is sent; `None`: it is a plain name, sent as it was given.
    """
    try:
        shown = idna.decode(normalised) if _INTERNATIONAL in normalised else normalised
    except (idna.IDNAError, UnicodeError):
        shown = normalised
    unlike = [char for label in shown.split(".") for char in _mixed_in(label)]
    # Letters that join (U+200C, U+200D) are part of some international names: those are in the name that is sent
    unseen = [char for char in name if char not in shown and _is_invisible(char)]
    formed = [char for char in name if unicodedata.normalize("NFKC", char) != char]
    if unlike:
        written = name if name != normalised else shown
        return f"{written!r} mixes look-alike letters ({character_name(unlike[0])}), sent as {normalised}"
    if unseen:
        return f"{name!r} holds what cannot be seen ({character_name(unseen[0])}), sent as {normalised}"
    if formed:
        return f"{name!r} holds letters of another form ({character_name(formed[0])}), sent as {normalised}"
    return None if name == normalised else f"{name!r} is sent as {normalised}"


def _mixed_in(label: str) -> list[str]:
    """Return the letters of the rarer scripts in a label that mixes scripts as no language does."""
    scripts: dict[str, list[str]] = {}
    for char in label:
        if char.isalpha():
            script = unicodedata.name(char, "").partition(" ")[0]
            scripts.setdefault(script, []).append(char)
    if len(scripts) < 2 or scripts.keys() <= {"LATIN", *_SIDE_BY_SIDE}:  # noqa: PLR2004 - two make a mixture
        return []
    return min(scripts.values(), key=len)


def _is_invisible(char: str) -> bool:
    """Tell whether nobody sees a character: marks of format, and those that choose a form of the one before."""
    return not char.isprintable() or "\ufe00" <= char <= "\ufe0f" or char == "\u034f"


def character_name(char: str) -> str:
    """Return the name of a character and its number."""
    return f"{unicodedata.name(char, 'a character without a name')}, U+{ord(char):04X}"


def no_domain(name: Any) -> str:
    """Return what is wrong with the name of a domain, and what to write when it is a web or mail address."""
    if isinstance(name, str) and len(name) <= _LONGEST_ADDRESS and (found := _ADDRESS.fullmatch(name.strip())):
        bare = found["host"].lower().removeprefix("www.")
        kind = "a mail address" if found["user"] and not found["scheme"] else "a web address"
        if normalise_domain(bare) is not None:
            return f"{name!r} is {kind}, not the name of a domain: write {bare}"
    return f"is no domain name: {name!r}"


def point_out(path: str, name: str, normalised: str, cautions: list[Fault]) -> None:
    """Add a caution about a name, if there is one; a plain name costs two comparisons."""
    if normalised.startswith("www."):
        bare = normalised.removeprefix("www.")
        cautions.append(
            Fault(path, f"{normalised} is usually the web site of {bare}, not a domain; it is sent as it is")
        )
    if (name != normalised or _INTERNATIONAL in name) and (message := name_caution(name, normalised)):
        cautions.append(Fault(path, message))
