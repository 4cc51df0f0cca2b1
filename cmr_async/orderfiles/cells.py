"""What the cells of a table mean: yes and no, years, and the settings that belong to an order as a whole."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from ..models import BillingCycle, GoogleOAuth, ServiceProvider

__all__ = ["KEPT", "SETTINGS", "OrderSettings", "SettingsReader", "truth", "whole_years"]

#: Columns of an order as a whole: an empty cell takes the order's value, another value is a fault.
SETTINGS = (
    "service_provider",
    "billing_cycle",
    "auto_renew",
    "google_oauth_route",
    "google_client_id",
    "google_app_name",
    "microsoft_oauth_route",
)

_WORDS = {"": None, "true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

#: So many different sets of settings, and mailboxes, are kept; files repeat a few of them row after row.
KEPT = 1024


def truth(text: str) -> bool | None:
    """A yes or no; nothing is neither.

    Raises:
        ValueError: The text is something else; the message says what.
    """
    word = text.strip()
    try:
        return _WORDS[word.lower()]
    except KeyError:
        raise ValueError(f'"{word}" is neither true nor false') from None


def whole_years(text: str) -> int:
    """Years of a registration; an empty cell is one year.

    Raises:
        ValueError: The text is no whole number.
    """
    if not text:
        return 1
    if text.isascii() and text.isdigit():
        return int(text[:9])
    raise ValueError(f'"{text}" is not a whole number')


@attrs.frozen
class OrderSettings:
    """What a row says about its order as a whole."""

    #: The cells, stripped, in the sequence of `SETTINGS`.
    cells: tuple[str, ...]
    #: Every cell is empty.
    empty: bool
    service_provider: ServiceProvider | str | None
    billing_cycle: BillingCycle | str | None
    auto_renew: bool | None
    google: GoogleOAuth | None
    microsoft_oauth_route: str | None
    #: Column and message of each cell that cannot be read.
    faults: tuple[tuple[str, str], ...]


class SettingsReader:
    """Reads settings; equal ones are read once."""

    def __init__(self) -> None:
        """Start with none."""
        self._known: dict[Sequence[str], OrderSettings] = {}

    def read(self, cells: tuple[str, ...]) -> OrderSettings:
        """The settings of a row's cells, in the sequence of `SETTINGS`."""
        found = self._known.get(cells)
        if found is None:
            if len(self._known) >= KEPT:
                self._known.clear()
            found = self._known[cells] = _settings(tuple(map(str.strip, cells)))
        return found


def _settings(cells: tuple[str, ...]) -> OrderSettings:
    provider, cycle, renew, route, client_id, app_name, microsoft_route = cells
    auto_renew, faults = None, []
    try:
        auto_renew = truth(renew)
    except ValueError as error:
        faults.append(("auto_renew", str(error)))
    google = None
    if route or client_id or app_name:
        google = GoogleOAuth(google_oauth_route=route or None, client_id=client_id or None, app_name=app_name or None)
    return OrderSettings(
        cells=cells,
        empty=not any(cells),
        # Any case of letters will do; text that is no member stays, for the inspection to judge.
        service_provider=ServiceProvider.__members__.get(provider.upper(), provider) or None,
        billing_cycle=BillingCycle.__members__.get(cycle.upper(), cycle) or None,
        auto_renew=auto_renew,
        google=google,
        microsoft_oauth_route=microsoft_route or None,
        faults=tuple(faults),
    )
