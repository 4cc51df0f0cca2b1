"""Which sheet of a spreadsheet holds the orders, and what to say when others look as if they did."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ...errors import OrderFileError
from .header import column_name

#: Rows among which the header of a sheet is looked for.
_FIRST_ROWS = 20
#: Sheets that are looked at, and that a message names.
_LOOKED_AT = 100
_NAMED = 10


def choose_sheet(name: str, sheets: Sequence[Any], wanted: str | None) -> Any:
    """Return the sheet that is meant.

    Args:
        name: Name of the file, for messages.
        sheets: The sheets of a workbook of openpyxl.
        wanted: Name of a sheet, in any case of letters, or its number; `None`: the first one that is shown.

    Raises:
        OrderFileError: There is no such sheet.
    """
    if not sheets:
        raise OrderFileError(f"{name} is no readable spreadsheet: it has no sheet with cells.")
    if wanted is None:
        return next((sheet for sheet in sheets if sheet.sheet_state == "visible"), sheets[0])
    for sheet in sheets:
        if sheet.title.casefold() == wanted.strip().casefold():
            return sheet
    if wanted.isascii() and wanted.isdecimal() and 1 <= int(wanted[:9]) <= len(sheets):
        return sheets[int(wanted) - 1]
    titles = _quoted([sheet.title for sheet in sheets])
    raise OrderFileError(f'{name} has no sheet "{wanted[:100]}"; it has {titles}.')


def like_orders(sheets: Sequence[Any], chosen: Any) -> tuple[str, ...]:
    """Return the names of the other sheets whose first row with cells has the column of the domain."""
    return tuple(sheet.title for sheet in sheets[:_LOOKED_AT] if sheet is not chosen and _has_domains(sheet))


def _has_domains(sheet: Any) -> bool:
    with suppress(Exception):  # a broken sheet that nobody wants to read is no table of orders
        sheet.reset_dimensions()
        for values in sheet.iter_rows(max_row=_FIRST_ROWS, values_only=True):
            if any(value not in (None, "") for value in values):
                return "domain" in {column_name(value) for value in values if isinstance(value, str)}
    return False


def where_orders_are(others: Sequence[str]) -> str:
    """Return the end of a message about a sheet without orders; `others`: sheets that look like orders."""
    if not others:
        return ""
    if len(others) > 1:
        return f"; the sheets {_quoted(others)} have such columns: choose one with --sheet"
    return f"; the sheet {_quoted(others)} has such columns: --sheet {shlex.quote(others[0])}"


def about_others(chosen: str, others: Sequence[str]) -> str:
    """Return the caution of a file whose orders may be on several sheets, of which one is read."""
    looks = "looks" if len(others) == 1 else "look"
    return f"only the sheet {_quoted([chosen])} is read; {_quoted(others)} {looks} like orders too: --sheet chooses"


def _quoted(titles: Sequence[str]) -> str:
    more = f" and {len(titles) - _NAMED:,} more" if len(titles) > _NAMED else ""
    return ", ".join(f'"{title[:100]}"' for title in titles[:_NAMED]) + more
