"""What the tests of order files share: tables to write, and the orders and faults of a file to look at."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cmr_async.models import Order
from cmr_async.orderfiles import LocatedOrder, OrderFile, UnreadableOrder
from cmr_async.orderfiles.table.header import COLUMNS

USER = "BVZGM5TE9BMP3PP0VWGW943RGV1B"
#: What is said of a cell that is neither true nor false.
BOOLEANS = "write yes or no (also true, t, y, 1, x, on, wahr, ja, vrai, oui, and their opposites)"


def write_csv(path: Path, *rows: dict[str, str], columns: Iterable[str] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def box(domain: str, username: str, **more: str) -> dict[str, str]:
    return {
        "user_id": USER, "domain": domain, "username": username, "first_name": "Ann", "last_name": "Lee", **more
    }  # fmt: skip


def read(path: Path | str, **options: Any) -> list[LocatedOrder | UnreadableOrder]:
    with OrderFile(path) as file:
        return list(file.orders(**options))


def located(path: Path | str, **options: Any) -> list[LocatedOrder]:
    """The orders of a file without faults."""
    found = read(path, **options)
    assert [order.faults for order in found if isinstance(order, UnreadableOrder)] == []
    return [order for order in found if isinstance(order, LocatedOrder)]


def orders(path: Path | str, **options: Any) -> list[Order]:
    found = [order.request.order for order in located(path, **options)]
    assert all(isinstance(order, Order) for order in found)
    return [order for order in found if isinstance(order, Order)]


def faults(path: Path | str, **options: Any) -> list[str]:
    found = [order for order in read(path, **options) if isinstance(order, UnreadableOrder)]
    return [str(fault).removeprefix(f"{path}, ") for order in found for fault in order.faults]
