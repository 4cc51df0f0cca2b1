"""The shortcuts of the table reader and of the check: whatever the rows say, a closer look finds the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from cmr_async.orderfiles.table import COLUMNS, TableHeader, orders_from_rows
from cmr_async.preflight import plan
from cmr_async.preflight.plan import check_orders

_CELLS = {
    "user_id": ["U", "U", "V", ""],
    "reference": ["", "", "A", "B"],
    "domain": ["one.com", "one.com", "One.com", "two.com", "-x-", ""],
    "years": ["", "1", "2", "11", "x"],
    "forward_to": ["", "home.com", "https://home.com/a", "no where"],
    "username": ["ann", "bob", "Ann", "c d", ""],
    "first_name": ["Ann", "Zo\u00eb", ""],
    "last_name": ["Lee"],
    "profile_picture": ["", "https://p.com/1.png", "p.png"],
    "on_warmup": ["", "true", "No", "maybe"],
    "service_provider": ["", "google", "MICROSOFT"],
    "auto_renew": ["", "yes", "perhaps"],
    "google_app_name": ["", "App"],
}
# The first value of a column is the likely one: most rows of a real file differ in little.
_row = st.tuples(
    *(st.sampled_from([*[_CELLS[name][0]] * 8, *_CELLS[name]]) if name in _CELLS else st.just("") for name in COLUMNS)
)
_torn = st.sampled_from([("U", "A", "one.com"), ("",) * len(COLUMNS), ("",)])
_HEADER = TableHeader(source="f.csv", width=len(COLUMNS), positions={name: at for at, name in enumerate(COLUMNS)})


def findings(rows: Iterable[list[str]], **options: Any) -> list[tuple[Any, ...]]:
    """Everything that is known of the orders of a table when it was read and checked."""
    return [
        (
            read.row, read.key, read.request, read.faults, list(read.cautions),
            {name: (seen.first, seen.rows) for name, seen in (read.rows or {}).items()},
        )
        for read in check_orders(orders_from_rows(_HEADER, rows, **options))
    ]  # fmt: skip


@given(
    blocks=st.lists(st.tuples(_row | _row | _row | _torn, st.integers(1, 3)), min_size=1, max_size=6),
    user_id=st.sampled_from([None, "W"]),
    domains_per_order=st.integers(1, 2),
)
@settings(max_examples=300, deadline=None)
def test_rows_that_repeat_what_is_known_say_the_same_as_rows_that_look_new(
    blocks: list[tuple[tuple[str, ...], int]], user_id: str | None, domains_per_order: int
) -> None:
    rows = [row for row, times in blocks for _ in range(times)]
    options = {"user_id": user_id, "domains_per_order": domains_per_order}

    quick = findings(map(list, rows), **options)

    # White space around a cell means nothing, but no such row is like one before it, so none is taken for known.
    new = [[cell + " " * number for cell in row] for number, row in enumerate(rows, start=1)]
    with patch.object(plan, "is_sound", lambda _: False):
        thorough = findings(new, **options)
    assert quick == thorough
