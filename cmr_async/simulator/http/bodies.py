"""Check the bodies of orders and of `POST /users`, field by field, against the pages that document them.

Sources: `api/reference.md` sections 2.3, 10.1 and 10.2. What they leave open is accepted. With `strict` it is refused:
fields that no source names, empty text in required fields, fewer years than one, another billing cycle than `MONTHLY`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from ..shop.records import DomainLine, MailboxLine, MailboxLines, OrderBody, Refusal, body_hash

_TOP_LEVEL: Mapping[str, type] = {
    "domains": list,
    "mailboxes": dict,
    "billingCycle": str,
    "confirm": bool,
    "serviceProvider": str,
    "microsoftOauthRoute": str,
    "google": dict,
    "autoRenew": bool,
}
_DOMAIN: Mapping[str, type] = {"domain": str, "years": int, "forwardTo": str}
_MAILBOX: Mapping[str, type] = {
    "username": str,
    "firstName": str,
    "lastName": str,
    "profilePicture": str,
    "onWarmup": bool,
}
_MAILBOX_ORDER: Mapping[str, type] = {
    "subscriptionId": str,
    "domainId": str,
    "mailboxes": dict,
    "billingCycle": str,
    "confirm": bool,
    "autoRenew": bool,
}
#: The page about orders of mailboxes shows no picture.
_ADDED_MAILBOX: Mapping[str, type] = {name: kind for name, kind in _MAILBOX.items() if name != "profilePicture"}
_GOOGLE: Mapping[str, type] = {"googleOauthRoute": str, "clientId": str, "appName": str}
_PROVIDERS = ("GOOGLE", "MICROSOFT")
_BILLING_CYCLES = ("MONTHLY",)
_JSON_NAMES: Mapping[type, str] = {
    bool: "a boolean",
    dict: "an object",
    int: "an integer",
    list: "an array",
    str: "a string",
}
_USER_REQUIRED = (
    "email",
    "company",
    "firstName",
    "lastName",
    "country",
    "city",
    "addressLineOne",
    "languagePreference",
    "postalCode",
    "state",
    "phoneCc",
    "phone",
)
_USER_OPTIONAL = ("addressLineTwo", "addressLineThree")
#: Letters and digits of any script, spaces and the listed signs.
_USER_TEXT = re.compile(r"(?:[^\W_]|[ .,'#&()/-])*")


#: Faults that are told of one body; what is wrong with more of it is not looked for.
_MOST_FAULTS = 50
#: Characters that are told of a name.
_MOST_NAME = 100


class _Faults(list[str]):
    """The faults of a body: a body of some kilobytes may have as many of them, each with a path of its length."""

    def append(self, fault: str) -> None:
        super().append(fault)
        if len(self) == _MOST_FAULTS:
            raise Refusal("; ".join(self) + "; the rest was not looked at")


def read_order(body: object, *, strict: bool = False) -> OrderBody:
    """Return what the simulator needs of an order, with domain names in lower case.

    Args:
        body: The decoded JSON of the request.
        strict: Refuse what the sources leave open.

    Raises:
        Refusal: The body has faults: status 400 and one message that names each by its path.
    """
    fields, faults = _object(body), _Faults()
    _check_fields(fields, _TOP_LEVEL, (), "", faults, strict=strict)
    domains = _read_domains(fields.get("domains"), faults, strict=strict)
    mailboxes = _read_mailboxes(fields.get("mailboxes"), _MAILBOX, faults, strict=strict)
    if strict:
        _check_choice(fields, "billingCycle", _BILLING_CYCLES, faults)
    _check_choice(fields, "serviceProvider", _PROVIDERS, faults)
    if isinstance(fields.get("google"), dict):
        _check_fields(fields["google"], _GOOGLE, (), "google.", faults, strict=strict)
    if mailboxes:
        _check_provider_part(fields, faults)
    provider = fields.get("serviceProvider", "GOOGLE")
    return _order(fields, faults, domains=tuple(domains), mailboxes=tuple(mailboxes), service_provider=provider)


def read_mailbox_order(body: object, *, strict: bool = False) -> OrderBody:
    """Return what the simulator needs of an order of mailboxes on a domain that is there already; see `read_order`."""
    fields, faults = _object(body), _Faults()
    _check_fields(fields, _MAILBOX_ORDER, ("mailboxes",), "", faults, strict=strict)
    if bool(fields.get("subscriptionId")) == bool(fields.get("domainId")):
        faults.append("exactly one of subscriptionId and domainId is required")
    mailboxes = _read_mailboxes(fields.get("mailboxes"), _ADDED_MAILBOX, faults, strict=strict)
    if strict:
        _check_choice(fields, "billingCycle", _BILLING_CYCLES, faults)
    return _order(
        fields,
        faults,
        domains=(),
        mailboxes=tuple(mailboxes),
        service_provider="GOOGLE",  # the state knows that of the domain
        subscription_id=fields.get("subscriptionId") or None,
        domain_id=fields.get("domainId") or None,
    )


def _object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Refusal("The request body must be an object")
    return body


def _order(fields: dict[str, Any], faults: _Faults, **own: Any) -> OrderBody:
    """Return an order with what both kinds have in common, or refuse one with faults."""
    if faults:
        raise Refusal("; ".join(faults))
    return OrderBody(
        **own,
        billing_cycle=fields.get("billingCycle", "MONTHLY"),
        confirm=fields.get("confirm", False),
        auto_renew=fields.get("autoRenew", False),
        digest=body_hash(fields),
    )


def _check_fields(
    value: Mapping[str, Any],
    fields: Mapping[str, type],
    required: tuple[str, ...],
    path: str,
    faults: _Faults,
    *,
    strict: bool,
) -> None:
    for name, item in value.items():
        kind = fields.get(name)
        if kind is None:
            if strict:
                faults.append(f"{path}{name[:_MOST_NAME]} is not a field of this endpoint")
        # `type(...) is` because a JSON true must not pass as the integer 1.
        elif type(item) is not kind:
            faults.append(f"{path}{name} must be {_JSON_NAMES[kind]}")
        elif strict and name in required and item == "":
            faults.append(f"{path}{name} must not be empty")
    for name in required:
        if name not in value:
            faults.append(f"{path}{name} is required")


def _read_domains(value: object, faults: _Faults, *, strict: bool) -> list[DomainLine]:
    lines: list[DomainLine] = []
    if not isinstance(value, list):
        return lines
    for index, item in enumerate(value):
        path = f"domains[{index}]"
        if not isinstance(item, dict):
            faults.append(f"{path} must be an object")
            continue
        before = len(faults)
        _check_fields(item, _DOMAIN, ("domain", "years"), f"{path}.", faults, strict=strict)
        if strict and len(faults) == before and item["years"] < 1:
            faults.append(f"{path}.years must be at least 1")
        if len(faults) == before:
            # The range of years is UNKNOWN; below one there is nothing to charge for
            lines.append(DomainLine(domain=item["domain"].lower(), years=max(1, item["years"])))
    return lines


def _read_mailboxes(value: object, fields: Mapping[str, type], faults: _Faults, *, strict: bool) -> list[MailboxLines]:
    lines: list[MailboxLines] = []
    if not isinstance(value, dict):
        return lines
    for domain, items in value.items():
        path = f"mailboxes.{domain[:_MOST_NAME]}"
        if not isinstance(items, list):
            faults.append(f"{path} must be an array")
            continue
        before = len(faults)
        for index, item in enumerate(items):
            if isinstance(item, dict):
                required = ("username", "firstName", "lastName")
                _check_fields(item, fields, required, f"{path}[{index}].", faults, strict=strict)
            else:
                faults.append(f"{path}[{index}] must be an object")
        if items and len(faults) == before:
            lines.append(
                MailboxLines(
                    domain=domain.lower(),
                    mailboxes=tuple(
                        MailboxLine(
                            username=item["username"],
                            first_name=item["firstName"],
                            last_name=item["lastName"],
                            on_warmup=item.get("onWarmup", False),
                        )
                        for item in items
                    ),
                )
            )
    return lines


def _check_choice(body: Mapping[str, Any], name: str, allowed: tuple[str, ...], faults: _Faults) -> None:
    value = body.get(name)
    if isinstance(value, str) and value not in allowed:
        faults.append(f"{name} must be one of {', '.join(allowed)}")


def _check_provider_part(body: Mapping[str, Any], faults: _Faults) -> None:
    # The help centre's samples have neither serviceProvider nor google, so only an order that names its provider
    # needs the provider's part.
    provider = body.get("serviceProvider")
    if provider == "GOOGLE" and "google" not in body:
        faults.append("google is required for Google mailboxes")
    if provider == "MICROSOFT" and not body.get("microsoftOauthRoute"):
        faults.append("microsoftOauthRoute is required for Microsoft mailboxes")


def read_profile(body: object, *, strict: bool = False) -> dict[str, str]:
    """Return the fields of a new user, with HTML entities decoded; fields that no source names are left out.

    Args:
        body: The decoded JSON of the request.
        strict: Refuse fields that no source names.

    Raises:
        Refusal: The body has faults: status 400 and one message that names each.
    """
    fields, faults = _object(body), _Faults()
    for name in _USER_REQUIRED:
        if fields.get(name) in (None, ""):
            faults.append(f"{name} is required")
    profile: dict[str, str] = {}
    for name, value in fields.items():
        if name not in _USER_REQUIRED and name not in _USER_OPTIONAL:
            if strict:
                faults.append(f"{name[:_MOST_NAME]} is not a field of this endpoint")
        elif not isinstance(value, str):
            faults.append(f"{name} must be a string")
        elif name != "email" and not _USER_TEXT.fullmatch(html.unescape(value)):
            faults.append(f"{name} has characters that are not accepted")
        else:
            profile[name] = html.unescape(value)
    if faults:
        raise Refusal("; ".join(faults))
    return profile
