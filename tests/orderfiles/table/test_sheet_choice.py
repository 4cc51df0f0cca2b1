"""Which sheet of a spreadsheet is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cmr_async.errors import OrderFileError
from cmr_async.orderfiles import LocatedOrder, OrderFile, UnreadableOrder
from tests.orderfiles.reading import USER

openpyxl = pytest.importorskip("openpyxl")


def book(path: Path, *hidden: str, **domains: str | None) -> Path:
    """Write a workbook: titles with the only domain of the sheet; `None`: a sheet without orders."""
    made = openpyxl.Workbook()
    made.remove(made.worksheets[0])
    for title, domain in domains.items():
        sheet = made.create_sheet(title)
        for row in [["Read me"]] if domain is None else [["user_id", "Domain"], [USER, domain]]:
            sheet.append(row)
        sheet.sheet_state = "hidden" if title in hidden else "visible"
    made.save(path)
    return path


def domains_of(path: Path, **options: Any) -> tuple[list[str], list[str]]:
    with OrderFile(path, **options) as file:
        found = list(file.orders())
        assert all(isinstance(order, LocatedOrder) for order in found), found
        names = [order.request.order.domain_names[0] for order in found if isinstance(order, LocatedOrder)]
        return names, [caution.message for caution in file.cautions]


@pytest.mark.parametrize("wanted", ["2", "March", " march "])
def test_a_sheet_is_meant_by_name_or_number(tmp_path: Path, wanted: str) -> None:
    path = book(tmp_path / "a.xlsx", Orders="a.com", March="b.com")
    assert domains_of(path, sheet=wanted) == (["b.com"], [])


def test_a_name_is_meant_before_a_number(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", **{"2": "a.com", "1": "b.com"})
    assert domains_of(path, sheet="1")[0] == ["b.com"]


def test_the_first_sheet_that_is_shown_is_read_and_others_with_orders_are_named(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", "Lists", Lists="x.com", Info=None, Orders="a.com")
    with OrderFile(path) as file:
        (broken,) = file.orders()
    assert isinstance(broken, UnreadableOrder)
    assert broken.faults[0].message.endswith('the sheets "Lists", "Orders" have such columns: choose one with --sheet')
    path = book(tmp_path / "b.xlsx", "Lists", Lists="x.com", Orders="a.com", Info=None)
    assert domains_of(path) == (
        ["a.com"], ['only the sheet "Orders" is read; "Lists" looks like orders too: --sheet chooses'],
    )  # fmt: skip


@pytest.mark.parametrize("wanted", ["0", "3", "Mai", "-1", "9" * 5000])
def test_a_sheet_that_does_not_exist_is_a_fault_that_names_the_others(tmp_path: Path, wanted: str) -> None:
    path = book(tmp_path / "a.xlsx", Orders="a.com", March="b.com")
    with OrderFile(path, sheet=wanted) as file, pytest.raises(OrderFileError, match='it has "Orders", "March"'):
        list(file.orders())


def test_an_empty_sheet_says_where_orders_are(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.create_sheet("All orders").append(["domain"])
    made.save(tmp_path / "a.xlsx")
    with OrderFile(tmp_path / "a.xlsx") as file:
        (broken,) = file.orders()
    assert isinstance(broken, UnreadableOrder)
    assert broken.faults[0].message == (
        "the sheet is empty; the sheet \"All orders\" has such columns: --sheet 'All orders'"
    )
