"""What the cells of a row mean: booleans, years, a mailbox, the settings of an order."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from ...models import BillingCycle, GoogleOAuth, Mailbox, ServiceProvider

#: The columns of a mailbox.
MAILBOX = ("username", "first_name", "last_name", "profile_picture", "on_warmup")

#: Columns that say which domain's mailboxes an order adds; a row with one of them belongs to an order of mailboxes.
TARGETS = ("subscription_id", "domain_id")

#: Columns of an order as a whole: an empty cell takes the order's value, another value is a fault.
SETTINGS = (
    "service_provider",
    "billing_cycle",
    "auto_renew",
    "google_oauth_route",
    "google_client_id",
    "google_app_name",
    "microsoft_oauth_route",
    *TARGETS,
)

#: What people and spreadsheets write for true and false; German and French ones save `WAHR` and `VRAI`.
_BOOLEANS: dict[str, bool | None] = {
    "": None,
    **dict.fromkeys(("true", "t", "yes", "y", "1", "x", "on", "wahr", "ja", "vrai", "oui"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "off", "falsch", "nein", "faux", "non"), False),
}
#: A whole number, as some programs write it too: `1.0`.
_WHOLE = re.compile(r"([0-9]+)(?:[.,]0+)?")


class CellError(ValueError):
    """A cell that cannot be read."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(column, message)
        self.column = column
        self.message = message


def parse_boolean(column: str, text: str) -> bool | None:
    """Parse a boolean; empty means unset.

    Raises:
        CellError: The text is neither true nor false.
    """
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        known = "write yes or no (also true, t, y, 1, x, on, wahr, ja, vrai, oui, and their opposites)"
        raise CellError(column, f'"{text}" is neither true nor false; {known}') from None


def parse_years(text: str) -> int:
    """Parse the years of a registration; empty means one year.

    Raises:
        CellError: The text is no whole number.
    """
    if not text:
        return 1
    if found := _WHOLE.fullmatch(text):
        return int(found[1][:9])  # more digits are no number of years either, and Python refuses to read very many
    raise CellError("years", f'"{text}" is not a whole number')


@lru_cache(maxsize=1024)
def parse_mailbox(cells: tuple[str, ...]) -> Mailbox | None:
    """Parse the cells of `MAILBOX`; files give the same people mailboxes on domain after domain.

    Returns:
        The mailbox; `None`: the row describes none.

    Raises:
        CellError: A cell cannot be read.
    """
    username, first_name, last_name, picture, warmup = cells
    if username:
        return Mailbox(
            username=username,
            first_name=first_name,
            last_name=last_name,
            profile_picture=picture or None,
            on_warmup=parse_boolean("on_warmup", warmup),
        )
    if any(cells):
        message = "is empty, but the row describes a mailbox; a row that only registers a domain has no names"
        raise CellError("username", message)
    return None


@lru_cache(maxsize=1024)
def order_settings(cells: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings in the cells of `SETTINGS` as fields of an order; a file repeats a few sets of them."""
    provider, cycle, renew, route, client_id, app_name, microsoft_route = cells[: -len(TARGETS)]
    google = None
    if route or client_id or app_name:
        google = GoogleOAuth(google_oauth_route=route or None, client_id=client_id or None, app_name=app_name or None)
    return {
        # Any case of letters will do; text that is no member stays, for the check to judge.
        "service_provider": ServiceProvider.__members__.get(provider.upper(), provider) or None,
        "billing_cycle": BillingCycle.__members__.get(cycle.upper(), cycle) or None,
        "auto_renew": parse_boolean("auto_renew", renew),
        "google": google,
        "microsoft_oauth_route": microsoft_route or None,
    }


@lru_cache(maxsize=1024)
def mailbox_order_settings(cells: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings in the cells of `SETTINGS` as fields of an order of mailboxes.

    Raises:
        CellError: A cell is about what no page documents for such orders.
    """
    settings = dict(zip(SETTINGS, cells, strict=True))
    subscription_id, domain_id, renew, cycle = (
        settings.pop(name) for name in (*TARGETS, "auto_renew", "billing_cycle")
    )
    for column, text in settings.items():
        if text:
            raise CellError(column, "is not documented for an order with subscription_id or domain_id; leave it empty")
    return {
        "subscription_id": subscription_id or None,
        "domain_id": domain_id or None,
        "billing_cycle": BillingCycle.__members__.get(cycle.upper(), cycle) or None,
        "auto_renew": parse_boolean("auto_renew", renew),
    }
