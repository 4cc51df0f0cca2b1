"""Take apart what people write where only a part is meant: a web address for a domain, a mail address for its name.

What is cleaned here is cleaned before orders get their keys, so that two spellings are one order.
"""

from __future__ import annotations

import re

from ..core.order.domain_names import normalise_domain

#: A web address of nothing but a host, with or without its scheme.
_SITE = re.compile(r"(?:(?:https?:)?//)?([^\s/?#@:\[\]]+)/?", re.IGNORECASE)


def domain_of_site(text: str) -> str | None:
    """Return the domain of a web address such as `https://one.com/`; `None`: it is more than that, or something else.

    `https://www.one.com/` is more: whether it stands for `one.com` is not told.
    """
    found = _SITE.fullmatch(text)
    if found is None or found[1].lower().startswith("www.") or normalise_domain(found[1]) is None:
        return None
    return found[1]


def is_address(text: str) -> bool:
    """Tell whether a user name is written as a mail address."""
    return "@" in text.strip("@")


def name_in_address(address: str, domain: str) -> str | None:
    """Return the part before the @ of an address on a domain; `None`: it is on another one, or no address."""
    name, _, host = address.rpartition("@")
    if not name or "@" in name or normalise_domain(host) != normalise_domain(domain):
        return None
    return name
