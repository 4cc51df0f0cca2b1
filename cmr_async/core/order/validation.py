"""Find what is wrong with an order before anything is sent: all faults at once, each with its path.

A fault refuses the order: the API's page rules it out, or a rule of this SDK does, and then the message says so. A
caution is what the page leaves open although it looks wrong (its own sample has two mailboxes with one user name); the
order is sent and the caller is warned.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import is_not
from typing import Any, NamedTuple

import attrs

from ...errors import Fault, ValidationError
from ...models import DomainRegistration, GoogleOAuth, Mailbox, MailboxOrder, Order, ServiceProvider
from ...models.common import NO_FIELDS
from ..exchange import LONGEST_ID
from ..wire import FIELDS
from .domain_names import character_name, no_domain, normalise_domain, point_out

#: Whose ids the SDK sends.
_OWNERS = {"user_id": "a user", "order_id": "an order"}

#: Letters that join or part those beside them; some languages write names with them.
_JOINERS = "\u200c\u200d"
#: Local part of an address without quoting (RFC 5321 dot-string), at most 64 characters.
_USERNAME = re.compile(r"(?!.{65})[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]++)*")
#: How an absolute http(s) URL begins (no user or password); what follows is its owner's business.
_URL_START = re.compile(r"[Hh][Tt][Tt][Pp][Ss]?://(?:[^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?=[/?#]|\Z)")
_PROVIDERS = _GOOGLE, _MICROSOFT = tuple(ServiceProvider)
#: Registries sell at most ten years; the API's own maximum is not documented, so more is only a caution.
_USUAL_YEARS = 10
#: No calendar goes further, and JSON writers refuse numbers of more than 64 bits.
_MOST_YEARS = 9999
#: Whole numbers that JSON writers take.
_WHOLE_NUMBERS = range(-(2**63), 2**64)
#: Levels of lists and objects in each other; JSON writers stop soon above.
_DEEPEST = 100
#: Groups of an order that `extra` may send empty; the fields themselves are left out then.
_EMPTY_GROUPS: Mapping[str, object] = {"domains": (), "mailboxes": {}}
#: A second registration of a domain in one order; the page does not say what becomes of it.
_TWICE = "is already in this order; this SDK names a domain once in an order, so that it is not bought twice"


class Findings(NamedTuple):
    """What the inspection of an order found; a tuple, because one is made for every order of a file of any size."""

    #: The order as it will be sent: domain names in lower case and punycode.
    order: Order | MailboxOrder
    #: What forbids sending it.
    faults: tuple[Fault, ...] = ()
    #: What deserves a look.
    cautions: tuple[Fault, ...] = ()


def user_id_faults(user_id: Any) -> tuple[Fault, ...]:
    """Return what is wrong with the id of a user."""
    return _id_faults("user_id", user_id)


def _id_faults(name: str, value: Any) -> tuple[Fault, ...]:
    if isinstance(value, str) and 0 < len(trimmed := value.strip()) <= LONGEST_ID and trimmed.isprintable():
        return ()
    return (Fault(name, f"must be the id of {_OWNERS[name]}, as the API returned it"),)


def checked_ids(**ids: str) -> tuple[str, ...]:
    """Return ids that may be sent, without white space around them: `checked_ids(order_id=..., user_id=...)`.

    Raises:
        ValidationError: One is no text, empty, too long, or holds what cannot be printed or sent.
    """
    faults = [fault for name, value in ids.items() for fault in _id_faults(name, value)]
    if faults:
        raise ValidationError(faults=tuple(faults))
    return tuple([value.strip() for value in ids.values()])


def check_texts(**texts: str | None) -> None:
    """Refuse parameters that cannot be sent as text; `None` is left out.

    Raises:
        ValidationError: One is no text, empty, or holds what cannot be sent.
    """
    faults = [Fault(name, "must be text") for name, text in texts.items() if text is not None and not _is_filled(text)]
    if faults:
        raise ValidationError(faults=tuple(faults))


def checked_domain(name: str) -> str:
    """Return a domain name in lower case and punycode.

    Raises:
        ValidationError: It is none.
    """
    domain = normalise_domain(name) if isinstance(name, str) else None
    if domain is None:
        raise ValidationError(faults=(Fault("domain", f"is no domain name: {name!r:.300}"),))
    return domain


def _is_filled(text: Any) -> bool:
    return bool(text) and is_text(text)


def inspect_order(order: Order) -> Findings:
    """Return everything that is wrong with an order or deserves a look; raises nothing, sends nothing."""
    if not isinstance(order, Order):
        return Findings(order=order, faults=(Fault("order", f"must be an Order, not {type(order).__name__}"),))
    faults: list[Fault] = []
    cautions: list[Fault] = []
    if not order.domains and not order.mailboxes:
        message = "has neither domains nor mailboxes; this SDK sends no order that asks for nothing"
        faults.append(Fault("order", message))
    #: The domains to register: the name that is sent, and the one that was given.
    registered: dict[str, str] = {}
    #: Names of no domain, which are told once.
    refused: set[str] = set()
    domains = _inspect_domains(order, faults, cautions, registered, refused)
    mailboxes = inspect_mailboxes(order, faults, cautions, registered, refused)
    inspect_scalars(order, faults, cautions)
    _inspect_provider(order, faults, cautions)
    if order.extra is not NO_FIELDS:
        inspect_extra(order, "extra", faults)
    if not faults and (domains != order.domains or any(map(is_not, mailboxes, order.mailboxes))):
        order = attrs.evolve(order, domains=domains, mailboxes=mailboxes)
    return Findings(order, tuple(faults), tuple(cautions))


def _inspect_domains(
    order: Order, faults: list[Fault], cautions: list[Fault], registered: dict[str, str], refused: set[str]
) -> tuple[DomainRegistration, ...]:
    """Return the registrations as they will be sent; one that needs no change is the order's own."""
    result = []
    for index, entry in enumerate(order.domains):
        if not isinstance(entry, DomainRegistration):
            faults.append(Fault(f"domains[{index}]", f"must be a DomainRegistration, not {type(entry).__name__}"))
            continue
        name = entry.domain
        normalised = normalise_domain(name) if isinstance(name, str) else None
        if normalised is None:
            faults.append(Fault(f"domains[{index}].domain", no_domain(name)))
            refused.add(name if isinstance(name, str) else "")
        elif normalised in registered:
            faults.append(Fault(f"domains[{index}].domain", f"{normalised} {_TWICE}"))
        else:
            registered[normalised] = name
            point_out(f"domains[{index}].domain", name, normalised, cautions)
            result.append(entry if normalised == name else attrs.evolve(entry, domain=normalised))
        _inspect_terms(entry, f"domains[{index}]", faults, cautions)
    return tuple(result)


def _inspect_terms(entry: DomainRegistration, path: str, faults: list[Fault], cautions: list[Fault]) -> None:
    """Find what is wrong with a registration apart from its name."""
    years, forward_to = entry.years, entry.forward_to
    if type(years) is not int:
        faults.append(Fault(f"{path}.years", f"must be a whole number, not {years!r}"))
    elif not 1 <= years <= _MOST_YEARS:
        message = f"must be 1 to {_MOST_YEARS}, not {years}; the page states no limits, this is a rule of this SDK"
        faults.append(Fault(f"{path}.years", message))
    elif years > _USUAL_YEARS:
        cautions.append(Fault(f"{path}.years", f"{years} years is more than registries usually sell"))
    if forward_to is not None and not is_text(forward_to):
        faults.append(Fault(f"{path}.forward_to", f"must be text, not {forward_to!r}"))
    elif forward_to and not _is_destination(forward_to):
        message = "looks like neither a host name nor an http(s) URL; it is sent as it is"
        cautions.append(Fault(f"{path}.forward_to", message))
    if entry.extra is not NO_FIELDS:
        inspect_extra(entry, f"{path}.extra", faults)


def inspect_mailboxes(
    order: Order | MailboxOrder,
    faults: list[Fault],
    cautions: list[Fault],
    registered: dict[str, str],
    refused: set[str],
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
            if domain not in refused:
                faults.append(Fault(path, no_domain(domain)))
        elif name in result:
            message = f"{name} is already in this order; this SDK sends the mailboxes of a domain as one list"
            faults.append(Fault(path, message))
        else:
            result[domain if plain and name == domain else name] = boxes
            given = registered.get(name)
            if given is None or (given != domain and given.lower() != domain.lower()):
                point_out(path, domain, name, cautions)
            if name not in registered and isinstance(order, Order):
                cautions.append(Fault(path, "this domain is not in `domains`, so this order does not register it"))
        if not boxes:
            cautions.append(Fault(path, "has no mailboxes; the empty list is sent as it is"))
        _inspect_boxes(boxes, path, faults, cautions)
    return result


def _inspect_boxes(boxes: Sequence[Mailbox], path: str, faults: list[Fault], cautions: list[Fault]) -> None:
    usernames: set[str] = set()
    for index, box in enumerate(boxes):
        if not isinstance(box, Mailbox):
            faults.append(Fault(f"{path}[{index}]", f"must be a Mailbox, not {type(box).__name__}"))
            continue
        _inspect_box(box, path, index, faults, cautions)
        if box.extra is not NO_FIELDS:
            inspect_extra(box, f"{path}[{index}].extra", faults)
        username = box.username.lower() if isinstance(box.username, str) else None
        if username in usernames:
            cautions.append(Fault(f"{path}[{index}].username", f"{box.username} is already a mailbox of this domain"))
        elif username is not None:
            usernames.add(username)


def _inspect_names(box: Mailbox, path: str, faults: list[Fault], cautions: list[Fault]) -> None:
    for field, name in (("username", box.username), ("first_name", box.first_name), ("last_name", box.last_name)):
        if isinstance(name, str) and name.isascii() and name.isprintable() and name.strip():
            continue
        place = f"{path}.{field}"
        if not isinstance(name, str):
            faults.append(Fault(place, f"must be text, not {name!r}"))
        elif not name.strip():
            message = f"is required by the page, and this SDK takes empty text for missing: {name!r}"
            faults.append(Fault(place, message))
        elif not _is_encodable(name):
            faults.append(Fault(place, f"must be text that UTF-8 can carry, not {name!r}"))
        elif field != "username" and (
            unseen := [char for char in name if not char.isprintable() and char not in _JOINERS]
        ):
            cautions.append(Fault(place, f"holds {_unseen(unseen[0])}; it is sent as it is"))


def _inspect_username(box: Mailbox, path: str, cautions: list[Fault]) -> None:
    if isinstance(box.username, str) and not _USERNAME.fullmatch(box.username):
        message = f"looks unlike the part of an address before the @: {box.username!r}; it is sent as it is"
        cautions.append(Fault(f"{path}.username", message))


def _inspect_box(box: Mailbox, path: str, index: int, faults: list[Fault], cautions: list[Fault]) -> None:
    user, first, last = box.username, box.first_name, box.last_name
    if not (type(user) is type(first) is type(last) is str and _are_plain(user, first, last)):
        _inspect_names(box, f"{path}[{index}]", faults, cautions)
        _inspect_username(box, f"{path}[{index}]", cautions)
    picture = box.profile_picture
    if picture is not None and not is_text(picture):
        faults.append(Fault(f"{path}[{index}].profile_picture", f"must be text, not {picture!r}"))
    elif picture and not _is_url_text(picture):
        message = "looks unlike an http(s) URL; it is sent as it is"
        cautions.append(Fault(f"{path}[{index}].profile_picture", message))
    if box.on_warmup is not None and not isinstance(box.on_warmup, bool):
        faults.append(Fault(f"{path}[{index}].on_warmup", f"must be true or false, not {box.on_warmup!r}"))


def _unseen(char: str) -> str:
    return "a line break" if char in "\r\n" else f"what cannot be seen ({character_name(char)})"


def inspect_scalars(order: Order | MailboxOrder, faults: list[Fault], cautions: list[Fault]) -> None:
    """Find what is wrong with the fields that both kinds of orders have."""
    if not isinstance(order.confirm, bool):
        faults.append(Fault("confirm", f"must be true or false, not {order.confirm!r}"))
    if order.auto_renew is not None and not isinstance(order.auto_renew, bool):
        faults.append(Fault("auto_renew", f"must be true or false, not {order.auto_renew!r}"))
    if order.billing_cycle is not None and not is_text(order.billing_cycle):
        faults.append(Fault("billing_cycle", f"must be text, not {order.billing_cycle!r}"))
    elif order.billing_cycle == "":
        cautions.append(Fault("billing_cycle", "is empty text, which is sent as it is"))


def _inspect_provider(order: Order, faults: list[Fault], cautions: list[Fault]) -> None:
    google, route = order.google, order.microsoft_oauth_route
    provider = order.service_provider
    if provider is not None and provider not in _PROVIDERS:
        faults.append(Fault("service_provider", f"the page allows GOOGLE and MICROSOFT, not {provider!r}"))
    if any(order.mailboxes.values()):  # the page asks for these parts for mailboxes, not for domains
        if provider == _GOOGLE and google is None:
            faults.append(Fault("google", "is required by the page for Google mailboxes"))
        if provider == _MICROSOFT and (route is None or route == ""):
            faults.append(Fault("microsoft_oauth_route", "is required by the page for Microsoft mailboxes"))
    # A route may hold secrets, so no message shows it
    if route is not None and not is_text(route):
        faults.append(Fault("microsoft_oauth_route", "must be text"))
    if google is not None and not isinstance(google, GoogleOAuth):
        faults.append(Fault("google", f"must be a GoogleOAuth, not {type(google).__name__}"))
    elif google is not None:
        _inspect_google(google, faults, cautions)


def _inspect_google(google: GoogleOAuth, faults: list[Fault], cautions: list[Fault]) -> None:
    route = google.google_oauth_route
    if route is not None and not is_text(route):
        faults.append(Fault("google.google_oauth_route", "must be text"))
    elif route and not _is_url_text(route):
        message = "looks unlike an http(s) URL, which the page says it is; it is sent as it is"
        cautions.append(Fault("google.google_oauth_route", message))
    for field, value in (("client_id", google.client_id), ("app_name", google.app_name)):
        if value is not None and not is_text(value):
            faults.append(Fault(f"google.{field}", f"must be text, not {value!r}"))


def inspect_extra(model: Order | MailboxOrder | DomainRegistration | Mailbox, path: str, faults: list[Fault]) -> None:
    """Find what cannot be sent in the further fields of a model; no message shows a value, which may be secret."""
    if not isinstance(model.extra, Mapping):
        faults.append(Fault(path, "must be a mapping of field names to JSON values"))
        return
    for name, value in model.extra.items():
        if type(name) is not str or not _is_encodable(name):
            faults.append(Fault(path, f"must have plain text as names, not {name!r}"))
        elif name in FIELDS[type(model)] and not _is_empty_group(model, name, value):
            faults.append(Fault(f"{path}.{name}", "is a field that the SDK knows: set it where it belongs"))
        elif not _is_json(value):
            faults.append(Fault(f"{path}.{name}", "must be a JSON value that can be sent"))


def _is_empty_group(model: Order | MailboxOrder | DomainRegistration | Mailbox, name: str, value: Any) -> bool:
    """Tell whether a group that has nothing in it is to be sent empty."""
    return isinstance(model, Order) and value == _EMPTY_GROUPS.get(name) and not getattr(model, name)


def _is_json(value: Any, depth: int = 0) -> bool:
    """Tell whether a frozen value can be written as JSON."""
    if value is None or isinstance(value, bool):
        return True
    if type(value) is int:
        return value in _WHOLE_NUMBERS
    if type(value) is float:
        return math.isfinite(value)
    if isinstance(value, Mapping):
        names = all(type(name) is str and _is_encodable(name) for name in value)
        return names and _is_json(tuple(value.values()), depth)
    if isinstance(value, tuple):
        return depth < _DEEPEST and all(_is_json(inner, depth + 1) for inner in value)
    return is_text(value)


def is_text(value: Any) -> bool:
    """Tell whether a value is text that can be sent."""
    return isinstance(value, str) and (value.isascii() or _is_encodable(value))


def _is_encodable(text: str) -> bool:
    """Tell whether UTF-8 can carry a text: half a surrogate pair cannot be sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


# The same few people, routes, pictures and destinations stand in order after order.


@lru_cache(maxsize=4096)
def _are_plain(username: str, first_name: str, last_name: str) -> bool:
    """Tell whether there is nothing to be said of the names of a mailbox, as of most."""
    together = username + first_name + last_name
    is_ascii_text = together.isascii() and together.isprintable() and first_name.strip() and last_name.strip()
    return bool(is_ascii_text) and _USERNAME.fullmatch(username) is not None


@lru_cache(maxsize=4096)
def _is_url_text(value: str) -> bool:
    return _URL_START.match(value) is not None and value.split(None, 1) == [value]


@lru_cache(maxsize=4096)
def _is_destination(value: str) -> bool:
    return normalise_domain(value) is not None or _is_url_text(value)
