"""Check the body of `POST /orders/json` against the page that documents it, field by field.

Source: `api/reference.md` section 2.3. What that section leaves open is let through; a field that it does not
name is refused, so that a client that invents fields is caught here and not on the real server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .records import DomainLine, MailboxLines, OrderBody, body_hash
from .refusal import Refusal

__all__ = ["read_order"]

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


def read_order(body: object) -> OrderBody:
    """Check a decoded body and keep what the simulator acts on.

    Args:
        body: the decoded JSON of the request.

    Returns:
        The order, with domain names in lower case.

    Raises:
        Refusal: with status 400 and every fault, each with its path, in one message.
    """
    if not isinstance(body, dict):
        raise Refusal("The request body must be an object")
    faults: list[str] = []
    _check_fields(body, _TOP_LEVEL, (), "", faults)
    domains = _read_domains(body.get("domains"), faults)
    mailboxes = _read_mailboxes(body.get("mailboxes"), faults)
    _check_choice(body, "billingCycle", _BILLING_CYCLES, faults)
    _check_choice(body, "serviceProvider", _PROVIDERS, faults)
    if isinstance(body.get("google"), dict):
        _check_fields(body["google"], _GOOGLE, (), "google.", faults)
    if mailboxes:
        _check_provider_part(body, faults)
    if faults:
        raise Refusal("; ".join(faults))
    return OrderBody(
        domains=tuple(domains),
        mailboxes=tuple(mailboxes),
        confirm=body.get("confirm", False),
        service_provider=body.get("serviceProvider", "GOOGLE"),
        auto_renew=body.get("autoRenew", False),
        digest=body_hash(body),
    )


def _check_fields(
    value: Mapping[str, Any],
    fields: Mapping[str, type],
    required: tuple[str, ...],
    path: str,
    faults: list[str],
) -> None:
    for name, item in value.items():
        kind = fields.get(name)
        if kind is None:
            faults.append(f"{path}{name} is not a field of this endpoint")
        # `type(...) is` because a JSON true must not pass as the integer 1.
        elif type(item) is not kind:
            faults.append(f"{path}{name} must be {_JSON_NAMES[kind]}")
        elif name in required and item == "":
            faults.append(f"{path}{name} must not be empty")
    faults.extend(f"{path}{name} is required" for name in required if name not in value)


def _read_domains(value: object, faults: list[str]) -> list[DomainLine]:
    lines: list[DomainLine] = []
    if not isinstance(value, list):
        return lines
    for index, item in enumerate(value):
        path = f"domains[{index}]"
        if not isinstance(item, dict):
            faults.append(f"{path} must be an object")
            continue
        before = len(faults)
        _check_fields(item, _DOMAIN, ("domain", "years"), f"{path}.", faults)
        # The range of years is UNKNOWN; below one there is nothing to charge for.
        if len(faults) == before and item["years"] < 1:
            faults.append(f"{path}.years must be at least 1")
        if len(faults) == before:
            lines.append(DomainLine(domain=item["domain"].lower(), years=item["years"]))
    return lines


def _read_mailboxes(value: object, faults: list[str]) -> list[MailboxLines]:
    lines: list[MailboxLines] = []
    if not isinstance(value, dict):
        return lines
    for domain, items in value.items():
        path = f"mailboxes.{domain}"
        if not isinstance(items, list):
            faults.append(f"{path} must be an array")
            continue
        before = len(faults)
        for index, item in enumerate(items):
            if isinstance(item, dict):
                required = ("username", "firstName", "lastName")
                _check_fields(item, _MAILBOX, required, f"{path}[{index}].", faults)
            else:
                faults.append(f"{path}[{index}] must be an object")
        if items and len(faults) == before:
            lines.append(
                MailboxLines(
                    domain=domain.lower(),
                    usernames=tuple(item["username"] for item in items),
                    on_warmup=sum(item.get("onWarmup", False) for item in items),
                )
            )
    return lines


def _check_choice(body: Mapping[str, Any], name: str, allowed: tuple[str, ...], faults: list[str]) -> None:
    value = body.get(name)
    if isinstance(value, str) and value not in allowed:
        faults.append(f"{name} must be one of {', '.join(allowed)}")


def _check_provider_part(body: Mapping[str, Any], faults: list[str]) -> None:
    # Help samples order without serviceProvider and google, so only a provider that is named needs its part.
    provider = body.get("serviceProvider")
    if provider == "GOOGLE" and "google" not in body:
        faults.append("google is required for Google mailboxes")
    if provider == "MICROSOFT" and not body.get("microsoftOauthRoute"):
        faults.append("microsoftOauthRoute is required for Microsoft mailboxes")
