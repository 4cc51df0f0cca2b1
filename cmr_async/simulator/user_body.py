"""Check the body of `POST /users` (`api/reference.md` section 10.2)."""

from __future__ import annotations

import html
import re

from .refusal import Refusal

__all__ = ["read_profile"]

_REQUIRED = (
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
_OPTIONAL = ("addressLineTwo", "addressLineThree")
#: Letters and digits of any script, spaces and the listed signs.
_ACCEPTED = re.compile(r"(?:[^\W_]|[ .,'#&()/-])*")


def read_profile(body: object) -> dict[str, str]:
    """Check a decoded body and return it with HTML entities decoded.

    Raises:
        Refusal: with status 400 and every fault in one message.
    """
    if not isinstance(body, dict):
        raise Refusal("The request body must be an object")
    faults = [f"{name} is required" for name in _REQUIRED if body.get(name) in (None, "")]
    profile: dict[str, str] = {}
    for name, value in body.items():
        if name not in _REQUIRED and name not in _OPTIONAL:
            faults.append(f"{name} is not a field of this endpoint")
        elif not isinstance(value, str):
            faults.append(f"{name} must be a string")
        elif name != "email" and not _ACCEPTED.fullmatch(html.unescape(value)):
            faults.append(f"{name} has characters that are not accepted")
        else:
            profile[name] = html.unescape(value)
    if faults:
        raise Refusal("; ".join(faults))
    return profile
