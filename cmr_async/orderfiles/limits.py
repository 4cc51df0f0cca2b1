"""How large a file of orders, and each part of it, may be before its reading ends."""

from __future__ import annotations

from typing import Any

import attrs

from ..errors import ConfigurationError


def _at_least_one(_: object, field: attrs.Attribute[int], value: Any) -> None:
    if type(value) is not int or value < 1:
        raise ConfigurationError(f"{field.name} must be a whole number of at least 1, not {value!r}")


def _limit(default: int) -> int:
    return attrs.field(default=default, validator=_at_least_one)


@attrs.frozen(kw_only=True)
class FileLimits:
    """Bounds that end the reading of a file with a fault, before a parser takes what is beyond them.

    The defaults let every real file pass. They hold up files that were made to fill memory or to run for hours, such
    as a small archive that unpacks to gigabytes. A value that is no whole number above 0 raises `ConfigurationError`.
    """

    #: Bytes of the file, and of all that it unpacks to.
    max_size: int = _limit(2 << 30)
    #: Rows of a table, lines of JSON lines, or orders of a JSON list; blank ones count.
    max_rows: int = _limit(10_000_000)
    #: Bytes of one row of a table.
    max_row_size: int = _limit(1 << 20)
    #: Cells of one row of a table.
    max_columns: int = _limit(1_000)
    #: Characters of one cell of a table.
    max_cell: int = _limit(32_767)
    #: Characters of one order of a JSON file, and bytes of one line of JSON lines.
    max_order_size: int = _limit(1 << 20)
    #: Parts of a spreadsheet, which is an archive of several.
    max_parts: int = _limit(1_000)
