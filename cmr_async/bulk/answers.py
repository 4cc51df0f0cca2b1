"""Read what the look-ups for unknown orders bring: lists, users, subscriptions and events, most of no documented shape.

Two questions decide about money, and both are answered with care. Does an answer name a domain, and since when? The
time has to stand in the very object that names it. Is a list whole? Only then does a missing domain mean something,
so whatever looks like one page of several is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from ..core.order.domain_names import normalise_domain

#: Lengths of a full page: 20 in general, 50 of subscriptions, at most 100 (reference, section 7).
_PAGE_SIZES = frozenset({20, 50, 100})
# Names of fields, in lower case and without `_` and `-`
#: When something came into being. `creationTime` is documented for events; the others are usual names.
_CREATED = frozenset(
    {
        *("creationtime", "creationdate", "created", "createdat", "createdon", "createddate", "createdtime"),
        *("registeredat", "registeredon", "registrationdate", "registrationtime"),
        *("purchasedat", "purchasedon", "purchasedate"),
    }
)
#: Say that there is more, unless they are false or empty.
_MORE = frozenset(
    {
        *("hasmore", "hasnext", "hasnextpage", "more", "next", "nexturl", "nextlink", "nextoffset"),
        *("cursor", "nextcursor", "endcursor", "nexttoken", "nextpagetoken", "continuationtoken"),
        *("truncated", "istruncated", "partial", "ispartial", "incomplete", "isincomplete", "remaining"),
    }
)
#: Say whether this page is the last one, where they are true or false.
_LAST = frozenset({"last", "islast", "islastpage", "complete", "iscomplete"})
#: How many pages there are.
_PAGES = frozenset({"totalpages", "pages", "pagecount", "numpages", "lastpage"})
#: How many rows there are in all, at any depth ...
_TOTALS = frozenset(
    {"total", "totalcount", "totalitems", "totalrecords", "totalresults", "totaldomains", "totalsearchedcount", "count"}
)
#: ... and beside a list whatever looks like it, such as `domainsCount`, unless it counts mailboxes.
_TOTAL = re.compile(r"(?!.*mailbox)(?:.*total.*|.*(?<!ac)(?<!dis)counts?|numberof.*)")
#: How many rows a page has at most.
_LIMITS = frozenset({"limit", "pagesize", "perpage", "itemsperpage", "size"})
#: Say only that there are pages. In a documented sample `nextPage` is 2 although there is one page (section 7).
_POSITIONS = frozenset({"page", "currentpage", "pagenumber", "nextpage", "prevpage", "previouspage", "offset", "skip"})


@attrs.frozen(kw_only=True)
class Mention:
    """One place in an answer that names a domain."""

    #: When what names it came into being, UTC epoch in seconds; `None`: its object has no such time.
    created: float | None = None
    #: The order's id that stands beside it; `None` without one.
    order_id: str | None = None
    #: The user's id that stands beside it; `None` without one.
    user_id: str | None = None


@attrs.frozen(kw_only=True)
class DomainList:
    """What an answer says about the domains of a user."""

    #: Domain, in lower case and punycode, to each place that names it.
    mentions: Mapping[str, tuple[Mention, ...]] = attrs.field(factory=dict)
    #: Nothing in the answer says, or lets one suspect, that there are more domains than it has.
    is_whole: bool = True


def read_domains(data: Any, beside: Mapping[str, Any] | None = None) -> DomainList:
    """Read a list of domains of any shape: texts, objects with a name, or a map by domain.

    Args:
        data: The list.
        beside: What the answer has beside it, where pages may be told of.
    """
    mentions: dict[str, list[Mention]] = {}
    for text, where in _texts(data):
        domain = normalise_domain(text)
        if domain is not None:
            fields = where if isinstance(where, dict) else {}
            order_id, user_id = (_text(fields.get(name)) for name in ("orderId", "userId"))
            mention = Mention(created=_creation(fields), order_id=order_id, user_id=user_id)
            mentions.setdefault(domain, []).append(mention)
    # A row without a name that can be read may be the very domain that is looked for
    is_whole = _is_whole(data, beside or {}) and all(_names_domain(row) for row in _rows(data))
    return DomainList(mentions={domain: tuple(places) for domain, places in mentions.items()}, is_whole=is_whole)


def names_user(data: Any, user_id: str) -> bool:
    """Tell whether an answer has the user's own id in it."""
    return any(text == user_id for text, _ in _texts(data))


def read_subscriptions(data: Any) -> tuple[Mapping[str, Any], ...] | None:
    """Return the rows of one page of subscriptions; `None` if the answer is something else."""
    rows = data.get("subscriptions") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    return tuple(rows)


def is_last_page(
    data: Mapping[str, Any], *, page: int, rows: int, seen: int, beside: Mapping[str, Any] | None = None
) -> bool | None:
    """Tell whether a page of subscriptions is the last one; `None`: that cannot be told.

    Args:
        data: The page, with the documented `pagination` in it or not.
        page: Its number, from 1.
        rows: How many rows it has.
        seen: How many rows it and the pages before it have.
        beside: What the answer has beside it, where pages may be told of.
    """
    fields = _paging_fields(data) + _paging_fields(beside or {})
    pages = [_number(value) for name, value in fields if name in _PAGES]
    if not pages:
        return True if page == 1 and _is_whole(data, beside or {}) else None
    last = max(pages)
    if last == float("inf") or any(_number(value) != page for name, value in fields if name == "currentpage"):
        return None
    if page < last:
        return False if rows else None
    totals = (_number(value) for name, value in fields if name in _TOTALS)
    ended = all(total <= seen for total in totals) and not any(value for name, value in fields if name in _MORE)
    return True if ended else None


# Events (reference, section 9)


def event_name(event: Mapping[str, Any]) -> str:
    """Return the name of a webhook event, or an empty text."""
    return str(event.get("event", event.get("eventType", "")))


def event_data(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a webhook event is about."""
    data = event.get("data")
    return data if isinstance(data, dict) else {}


def event_domains(event: Mapping[str, Any]) -> frozenset[str]:
    """Return the domains that an event names: by itself, in its list of domains, or in a mailbox's address."""
    data = event_data(event)
    listed = data.get("domains")
    places = [data, *(listed if isinstance(listed, list) else [])]
    names: list[Any] = [address.rpartition("@")[2] for address in event_addresses(event)]
    for place in places:
        names += [place.get("domainName"), place.get("domain")] if isinstance(place, dict) else [place]
    return frozenset(filter(None, (normalise_domain(name) for name in names if isinstance(name, str))))


def event_addresses(event: Mapping[str, Any]) -> frozenset[str]:
    """Return the address of the mailbox that an event is about, in lower case, if it names one."""
    address = event_data(event).get("email")
    return frozenset({address.strip().lower()} if isinstance(address, str) and "@" in address else ())


def time_of(value: Any) -> float | None:
    """Return a time of the API, ISO 8601 in UTC, as epoch in seconds; `None` when it is none."""
    try:
        read = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


# Walking through plain JSON values


def _texts(value: Any, where: Any = None) -> Iterator[tuple[str, Any]]:
    """Yield every text with the object that says something about it: its own object, or its value as a key."""
    if isinstance(value, str):
        yield value, where
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            if "forward" not in key.lower():  # where a domain forwards to is another name
                yield from _texts(item, value if isinstance(item, str) else None)


def _creation(fields: Mapping[str, Any]) -> float | None:
    times = (time_of(value) for key, value in fields.items() if _plain(key) in _CREATED)
    return min((time for time in times if time is not None), default=None)


def _is_whole(data: Any, beside: Mapping[str, Any]) -> bool:
    """Tell whether a list is all there is: no sign of pages, or totals that prove that this is the only one."""
    sizes = list(_sizes(data))
    if not sizes or any(size in _PAGE_SIZES for size in sizes) or _has_failed(data):
        return False
    fields = _paging_fields(data) + _paging_fields(beside)
    proofs: list[bool] = []
    for name, value in fields:
        if name in _MORE:
            proofs.append(not value)
        elif name in _LAST:
            proofs += [value] if isinstance(value, bool) else []
        elif name in _PAGES:
            proofs.append(_number(value) <= 1)
        elif name in _LIMITS:
            proofs += [False] if max(sizes) >= _number(value) else []
        elif name not in _POSITIONS:
            proofs.append(_number(value) <= max(sizes))
    return all(proofs) and bool(proofs or not fields)


def _sizes(data: Any) -> Iterator[int]:
    """Yield the length of each list, and of each map by domain, that is not itself in a row of a list."""
    if isinstance(data, list):
        yield len(data)
    elif isinstance(data, dict):
        named = sum(normalise_domain(key) is not None for key in data)
        if named:
            yield named
        for value in data.values():
            yield from _sizes(value)


def _has_failed(data: Any) -> bool:
    """Tell whether an answer says that it could not be made as a whole."""
    return isinstance(data, dict) and bool(data.get("success") is False or data.get("error") or data.get("errors"))


def _rows(data: Any) -> Iterator[Any]:
    """Yield the rows of each list that is not itself in a row of a list."""
    if isinstance(data, list):
        yield from data
    elif isinstance(data, dict):
        for key, value in data.items():
            # What lies there is taken for where domains forward to, so its names do not count
            is_ignored = "forward" in key.lower() and isinstance(value, list | dict) and value
            yield from [None] if is_ignored else _rows(value)


def _names_domain(row: Any) -> bool:
    """Tell whether a row names a domain itself; what is nested in it may be name servers, or where it forwards to."""
    texts = [row]
    if isinstance(row, dict):
        texts = [value for key, value in row.items() if "forward" not in key.lower()]
    return any(isinstance(text, str) and normalise_domain(text) is not None for text in texts)


def _paging_fields(data: Any, *, is_row: bool = False) -> list[tuple[str, Any]]:
    """Return every field, at any depth, whose name is one that lists in pages have."""
    if isinstance(data, list):
        return [field for item in data for field in _paging_fields(item, is_row=True)]
    if not isinstance(data, dict):
        return []
    own = [(_plain(key), value) for key, value in data.items() if _tells_of_pages(_plain(key), is_row=is_row)]
    return own + [
        field
        for key, value in data.items()
        for field in _paging_fields(value, is_row=is_row or normalise_domain(key) is not None)
    ]


def _tells_of_pages(name: str, *, is_row: bool) -> bool:
    known = name in _MORE | _LAST | _PAGES | _TOTALS | _LIMITS | _POSITIONS
    return known or (not is_row and _TOTAL.fullmatch(name) is not None)


def _number(value: Any) -> float:
    """Return a count, which may come as text; infinity when it is none, so that it proves nothing."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else float("inf")


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
