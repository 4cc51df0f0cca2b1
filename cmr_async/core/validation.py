"""Find what is wrong with an order before anything is sent: all faults at once, each with its path.

A fault is what the API's page or the standards of the field rule out; it refuses the order. A caution is what the
page leaves open (its own sample has two mailboxes with one user name); the order is sent and the caller is warned.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from operator import is_not
from typing import Any, NamedTuple

import attrs
import idna

from ..errors import Fault
from ..models import DomainRegistration, GoogleOAuth, Mailbox, Order, ServiceProvider

__all__ = ["Findings", "inspect_order", "normalise_domain", "user_id_faults"]

#: Host names of the DNS (RFC 1123): labels of 1 to 63 letters, digits and inner hyphens, at least two of them.
_DOMAIN = re.compile(r"(?!.{254})(?:(?!-)[a-z0-9-]{1,63}+(?<!-)\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{2,59})")
#: Local part of an address without quoting (RFC 5321 dot-string), at most 64 characters.
_USERNAME = re.compile(r"(?!.{65})[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++)*")
#: How an absolute http(s) URL begins (no user or password); what follows is its owner's business.
_URL_START = re.compile(r"[Hh][Tt][Tt][Pp][Ss]?://(?:[^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?=[/?#]|\Z)")
_PROVIDERS = _GOOGLE, _MICROSOFT = tuple(ServiceProvider)
#: Registries sell at most ten years; the API's own maximum is not documented, so more is only a caution.
_USUAL_YEARS = 10
#: No calendar goes further, and JSON writers refuse numbers of more than 64 bits.
_MOST_YEARS = 9999


class Findings(NamedTuple):
    """What the inspection of an order found; a tuple, because one is made for every order of a file of any size."""

    #: The order as it will be sent: domain names in lower case and punycode.
    order: Order
    #: What forbids sending it.
    faults: tuple[Fault, ...] = ()
    #: What deserves a look.
    cautions: tuple[Fault, ...] = ()


def user_id_faults(user_id: Any) -> tuple[Fault, ...]:
    """Return what is wrong with the id of a user."""
    if _is_text(user_id) and user_id.strip():
        return ()
    return (Fault("user_id", "must be the id of a user, as the API returned it"),)


def inspect_order(order: Order) -> Findings:
    """Return everything that is wrong with an order or deserves a look; raises nothing, sends nothing."""
    if not isinstance(order, Order):
        return Findings(order=order, faults=(Fault("order", f"must be an Order, not {type(order).__name__}"),))
    faults: list[Fault] = []
    cautions: list[Fault] = []
    if not order.domains and not order.mailboxes:
        faults.append(Fault("order", "has neither domains nor mailboxes: there is nothing to order"))
    registered: set[str] = set()
    domains = _inspect_domains(order, faults, cautions, registered)
    mailboxes = _inspect_mailboxes(order, faults, cautions, registered)
    _inspect_scalars(order, faults)
    _inspect_provider(order, faults)
    if not faults and (domains != order.domains or any(map(is_not, mailboxes, order.mailboxes))):
        order = attrs.evolve(order, domains=domains, mailboxes=mailboxes)
    return Findings(order, tuple(faults), tuple(cautions))


def normalise_domain(name: str) -> str | None:
    """Return a domain name in lower case and punycode; `None` when it is none."""
    if _DOMAIN.fullmatch(name):
        return str(name)
    name = name.strip().rstrip(".").lower()
    if not name.isascii():
        return _punycode(name)
    return name if _DOMAIN.fullmatch(name) else None


@lru_cache(maxsize=4096)
def _punycode(name: str) -> str | None:
    """Convert an international name; cached, because it takes fifty times as long as the check of a plain one."""
    try:
        name = idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return None
    return name if _DOMAIN.fullmatch(name) else None


def _inspect_domains(
    order: Order, faults: list[Fault], cautions: list[Fault], registered: set[str]
) -> tuple[DomainRegistration, ...]:
    """Return the registrations as they will be sent; one that needs no change is the order's own."""
    result = []
    for index, entry in enumerate(order.domains):
        if not isinstance(entry, DomainRegistration):
            faults.append(Fault(f"domains[{index}]", f"must be a DomainRegistration, not {type(entry).__name__}"))
            continue
        name, years, forward_to = entry.domain, entry.years, entry.forward_to
        normalised = normalise_domain(name) if isinstance(name, str) else None
        if normalised is None:
            faults.append(Fault(f"domains[{index}].domain", f"is no domain name: {name!r}"))
        elif normalised in registered:
            faults.append(Fault(f"domains[{index}].domain", f"{normalised} is already in this order"))
        else:
            registered.add(normalised)
            result.append(entry if normalised == name else attrs.evolve(entry, domain=normalised))
        if type(years) is not int or not 1 <= years <= _MOST_YEARS:
            faults.append(Fault(f"domains[{index}].years", f"must be a whole number of 1 or more, not {years!r}"))
        elif years > _USUAL_YEARS:
            cautions.append(Fault(f"domains[{index}].years", f"{years} years is more than registries usually sell"))
        if forward_to is not None and not _is_destination(forward_to):
            message = f"must be a host name or an http(s) URL, not {forward_to!r}"
            faults.append(Fault(f"domains[{index}].forward_to", message))
    return tuple(result)


def _inspect_mailboxes(
    order: Order, faults: list[Fault], cautions: list[Fault], registered: set[str]
) -> dict[str, tuple[Mailbox, ...]]:
    """Return the mailboxes as they will be sent; a domain that needs no change is the order's own."""
    result: dict[str, tuple[Mailbox, ...]] = {}
    for domain, boxes in order.mailboxes.items():
        path = f'mailboxes["{domain}"]'
        plain = type(domain) is str  # the JSON writer takes no names of another type, such as members of an enum
        if plain and domain in registered:
            name: str | None = domain
        else:
            name = normalise_domain(domain) if isinstance(domain, str) else None
        if name is None:
            faults.append(Fault(path, f"is no domain name: {domain!r}"))
        elif name in result:
            faults.append(Fault(path, f"{name} is already in this order"))
        else:
            result[domain if plain and name == domain else name] = boxes
            if name not in registered:
                cautions.append(Fault(path, "this domain is not in `domains`, so this order does not register it"))
        if not boxes:
            faults.append(Fault(path, "has no mailboxes: name at least one, or leave the domain out"))
        _inspect_boxes(boxes, path, faults, cautions)
    return result


def _inspect_boxes(boxes: Sequence[Mailbox], path: str, faults: list[Fault], cautions: list[Fault]) -> None:
    usernames: set[str] = set()
    for index, box in enumerate(boxes):
        if not isinstance(box, Mailbox):
            faults.append(Fault(f"{path}[{index}]", f"must be a Mailbox, not {type(box).__name__}"))
            continue
        for field, message in _mailbox_faults(box):
            faults.append(Fault(f"{path}[{index}].{field}", message))
        username = box.username.lower() if isinstance(box.username, str) else None
        if username in usernames:
            cautions.append(Fault(f"{path}[{index}].username", f"{box.username} is already a mailbox of this domain"))
        elif username is not None:
            usernames.add(username)


def _mailbox_faults(box: Mailbox) -> Sequence[tuple[str, str]]:
    """Return field and message of each fault; as a list, which takes half the time of a generator that yields none."""
    found = []
    if not isinstance(box.username, str) or not _USERNAME.fullmatch(box.username):
        found.append(("username", f"must be the part of an address before the @, not {box.username!r}"))
    for field, name in (("first_name", box.first_name), ("last_name", box.last_name)):
        if not isinstance(name, str) or not name.strip():
            found.append((field, f"must not be empty: {name!r}"))
        elif not name.isascii() and not _is_encodable(name):
            found.append((field, f"must be text that UTF-8 can carry, not {name!r}"))
    if box.profile_picture is not None and not _is_url(box.profile_picture):
        found.append(("profile_picture", f"must be an http(s) URL, not {box.profile_picture!r}"))
    if box.on_warmup is not None and not isinstance(box.on_warmup, bool):
        found.append(("on_warmup", f"must be true or false, not {box.on_warmup!r}"))
    return found


def _inspect_scalars(order: Order, faults: list[Fault]) -> None:
    if not isinstance(order.confirm, bool):
        faults.append(Fault("confirm", f"must be true or false, not {order.confirm!r}"))
    if order.auto_renew is not None and not isinstance(order.auto_renew, bool):
        faults.append(Fault("auto_renew", f"must be true or false, not {order.auto_renew!r}"))
    if order.billing_cycle is not None and (not _is_text(order.billing_cycle) or not order.billing_cycle):
        faults.append(Fault("billing_cycle", f"must be text, not {order.billing_cycle!r}"))


def _inspect_provider(order: Order, faults: list[Fault]) -> None:
    google, route = order.google, order.microsoft_oauth_route
    if order.service_provider is not None and order.service_provider not in _PROVIDERS:
        faults.append(Fault("service_provider", f"must be GOOGLE or MICROSOFT, not {order.service_provider!r}"))
    if order.service_provider == _GOOGLE and google is None:
        faults.append(Fault("google", "a Google order needs it"))
    if order.service_provider == _MICROSOFT and not route:
        faults.append(Fault("microsoft_oauth_route", "a Microsoft order needs it"))
    if not _is_route(route):
        faults.append(Fault("microsoft_oauth_route", f"must be an http(s) URL, not {route!r}"))
    if google is not None and not isinstance(google, GoogleOAuth):
        faults.append(Fault("google", f"must be a GoogleOAuth, not {type(google).__name__}"))
    elif google is not None:
        _inspect_google(google, faults)


def _inspect_google(google: GoogleOAuth, faults: list[Fault]) -> None:
    route = google.google_oauth_route
    if not _is_route(route):
        faults.append(Fault("google.google_oauth_route", f"must be an http(s) URL, not {route!r}"))
    for field, value in (("client_id", google.client_id), ("app_name", google.app_name)):
        if value is not None and not _is_text(value):
            faults.append(Fault(f"google.{field}", f"must be text, not {value!r}"))


def _is_text(value: Any) -> bool:
    """Tell whether a value is text that can be sent."""
    return isinstance(value, str) and (value.isascii() or _is_encodable(value))


def _is_encodable(text: str) -> bool:
    """Tell whether UTF-8 can carry a text: half a surrogate pair cannot be sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_route(value: Any) -> bool:
    """Tell whether a value is a URL or is left empty, as the page's sample does."""
    return value is None or value == "" or _is_url(value)


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and _is_url_text(value)


def _is_destination(value: Any) -> bool:
    return isinstance(value, str) and _is_destination_text(value)


# The same few routes, pictures and destinations stand in order after order.


@lru_cache(maxsize=4096)
def _is_url_text(value: str) -> bool:
    return _is_text(value) and _URL_START.match(value) is not None and value.split(None, 1) == [value]


@lru_cache(maxsize=4096)
def _is_destination_text(value: str) -> bool:
    return normalise_domain(value) is not None or _is_url_text(value)
