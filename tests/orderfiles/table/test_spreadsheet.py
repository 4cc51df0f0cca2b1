"""Spreadsheets: every row is read, and whatever is made to do harm, or is broken, is one fault."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from cmr_async.errors import OrderFileError
from cmr_async.orderfiles import FileLimits, LocatedOrder, OrderFile, UnreadableOrder
from tests.orderfiles.hostile import broken_sheets, repeated, row_xml, write_sheet
from tests.orderfiles.reading import USER, faults, orders

openpyxl = pytest.importorskip("openpyxl")

MIB = 1 << 20
HEADER = row_xml(1, "user_id", "domain")


def fault_of(path: Path, limits: FileLimits | None = None) -> str:
    with OrderFile(path, format="xlsx", limits=limits) as file:
        *_, last = file.orders()
    assert isinstance(last, UnreadableOrder)
    assert last.ends_reading
    (fault,) = last.faults
    return str(fault).removeprefix(f"{path}, ").removeprefix(f"{path}: ")


def test_rows_beyond_the_size_that_a_sheet_states_are_read(tmp_path: Path) -> None:
    rows = [HEADER, *(row_xml(n, USER, f"d{n}.com") for n in (2, 3, 4))]
    path = write_sheet(tmp_path / "a.xlsx", rows, dimension="A1:B2")
    assert [order.domains[0].domain for order in orders(path)] == ["d2.com", "d3.com", "d4.com"]
    # The same sheet, said to be narrower than it is and to begin below its header
    path = write_sheet(tmp_path / "b.xlsx", rows, dimension="A3:A4")
    assert len(orders(path)) == 3


def test_rows_without_numbers_follow_each_other(tmp_path: Path) -> None:
    path = write_sheet(tmp_path / "a.xlsx", [row_xml(None, "user_id", "domain"), row_xml(None, USER, "a.com")])
    assert len(orders(path)) == 1


ROW = "xl/worksheets/sheet1.xml"
ENDLESS_TEXT = repeated(b"a", 2 * MIB, start=b"<si><t>", end=b"</t></si>")
PACKED_TEXTS = repeated(b"<si><t>" + b"a" * 4096 + b"</t></si>", 40 * MIB)


@pytest.mark.parametrize(
    ("rows", "more", "fault"),
    [
        ([HEADER, row_xml(2_000_000_000, USER, "a.com")], {}, f"row 1: has rows beyond number 1,048,576 (part {ROW})"),
        ([HEADER, row_xml("9" * 5_000, USER, "a.com")], {}, "row 1: has a row with the number"),
        ([HEADER, row_xml("x", USER, "a.com")], {}, f'row 1: has a row with the number "x" (part {ROW})'),
        ([HEADER, row_xml(3, USER, "a.com"), row_xml(2, USER, "b.com")], {}, "row 3: has rows that are not in their "),
        (repeated(b"<c/>", 2 * MIB, start=b"<row>", end=b"</row>"), {}, "row 1: has more than 1,000 cells in a row"),
        ([HEADER, row_xml(2, "a" * 70_000)], {}, "row 2: has a cell of more than 32,767 characters"),
        ([HEADER, row_xml(2, *["a" * 60_000] * 20)], {}, "row 2: has a row of more than 1,048,576 characters"),
        ([HEADER], {"strings": repeated(b"<si/>", MIB)}, "has more texts than its size can hold"),
        ([HEADER], {"strings": ENDLESS_TEXT}, "has a cell of more than 32,767 characters"),
        ([HEADER], {"strings": PACKED_TEXTS}, "unpacks to more than 100 times its size"),
        ([HEADER], {"prolog": '<!DOCTYPE a [<!ENTITY b "c">]>'}, "declares a document type"),
        ([HEADER], {"more": {"a.xml": b"<a>" * 100}}, "is nested too deeply (part a.xml)"),
        ([HEADER], {"more": {"a.xml": b"<a>" + b"<b/>" * 250_000}}, "has more than 200,000 elements beside its rows"),
        ([HEADER], {"more": {"a.xml": b"<a b='" + b"c" * 3 * MIB}}, "has a tag of more than 1,048,576 bytes"),
        ([HEADER], {"more": {f"{n}.bin": b"" for n in range(1_001)}}, "has 1,007 parts, more than the 1,000 of a "),
    ],
)  # fmt: skip
def test_a_spreadsheet_that_was_made_to_do_harm_is_one_fault(
    tmp_path: Path, rows: Iterable[str | bytes], more: dict[str, Any], fault: str
) -> None:
    path = write_sheet(tmp_path / "a.xlsx", rows, **more)
    assert fault in fault_of(path)


def test_text_beside_the_rows_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_sheet(tmp_path / "a.xlsx", [HEADER], more={"a.xml": b"<a>" + b"b" * 300_000 + b"</a>"})
    monkeypatch.setattr("cmr_async.orderfiles.table.spreadsheet._MOST_TEXT", 1_000)
    assert "has more than 1,000 characters beside its rows (part a.xml)" in fault_of(path)
    monkeypatch.setattr("cmr_async.orderfiles.table.spreadsheet._MOST_TEXT", MIB)
    monkeypatch.setattr("cmr_async.orderfiles.table.spreadsheet._MOST_PLAIN", 100_000)
    assert "has more than 100,000 bytes beside its rows (part a.xml)" in fault_of(path)


def test_a_spreadsheet_unpacks_to_no_more_than_a_file_may_have(tmp_path: Path) -> None:
    path = write_sheet(tmp_path / "a.xlsx", [HEADER, *(row_xml(n, USER, f"d{n}.com") for n in range(2, 500))])
    fault = fault_of(path, FileLimits(max_size=20_000))
    assert fault == "row 1: unpacks to more than 20,000 bytes; --max-size sets another limit"


def test_a_list_of_parts_that_fills_memory_is_not_read(tmp_path: Path) -> None:
    data = bytearray(write_sheet(tmp_path / "a.xlsx", [HEADER]).read_bytes())
    end = data.rfind(b"PK\x05\x06")
    struct.pack_into("<L", data, end + 12, 0x7FFFFFFF)
    (tmp_path / "b.xlsx").write_bytes(data)
    assert "has a list of parts that is longer than any spreadsheet's" in fault_of(tmp_path / "b.xlsx")
    (tmp_path / "c.xlsx").write_bytes(data[:end])
    with pytest.raises(OrderFileError, match="its list of parts is missing"):
        fault_of(tmp_path / "c.xlsx")


def test_a_cell_that_cannot_be_read_is_a_fault_with_its_row(tmp_path: Path) -> None:
    broken = '<row r="3"><c t="s"><v>7</v></c></row>'
    path = write_sheet(tmp_path / "a.xlsx", [HEADER, row_xml(2, USER, "a.com"), broken])
    assert fault_of(path) == "row 3: is broken here: list index out of range"
    digits = f'<row r="3"><c><v>{"9" * 5_000}</v></c></row>'
    path = write_sheet(tmp_path / "b.xlsx", [HEADER, row_xml(2, USER, "a.com"), digits])
    assert fault_of(path).startswith("row 3: is broken here: Exceeds the limit")


def test_a_spreadsheet_without_sheets_is_none(tmp_path: Path) -> None:
    path = write_sheet(tmp_path / "a.xlsx", more={"xl/workbook.xml": b"<workbook/>"})
    with pytest.raises(OrderFileError, match="is no readable spreadsheet"):
        fault_of(path)


def test_a_broken_spreadsheet_is_one_line_however_it_is_broken(tmp_path: Path) -> None:
    good = write_sheet(
        tmp_path / "good.xlsx",
        [HEADER, row_xml(2, USER, "a.com"), '<row r="3"><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>'],
        strings=[f"<si><t>{USER}</t></si><si><t>b.com</t></si>".encode()],
    )
    assert len(orders(good)) == 2
    path = tmp_path / "broken.xlsx"
    read, refused = 0, list[str]()
    for data in broken_sheets(good.read_bytes()):
        path.write_bytes(data)
        try:
            with OrderFile(path, format="xlsx") as file:
                found = list(file.orders())
        except OrderFileError as error:
            refused.append(error.message)
        else:
            read += 1
            assert all(isinstance(order, LocatedOrder | UnreadableOrder) for order in found)
    assert not [message for message in refused if "\n" in message]
    assert (read > 10, len(refused) > 50) == (True, True)


@pytest.mark.parametrize("sheet", [0, 1])
def test_a_formula_without_a_value_is_a_fault_where_orders_are_read(tmp_path: Path, sheet: int) -> None:
    book = openpyxl.Workbook()
    for number, one in enumerate((book.active, book.create_sheet())):
        one.append(["user_id", "domain", "years"])
        one.append([USER, "one.com", "=5+0" if number == sheet else 5])
    path = tmp_path / "a.xlsx"
    book.save(path)
    what = "cell C2 holds a formula without its value; open the file in a spreadsheet program, save it, and try again"
    assert faults(path) == ([f"row 2: {what}"] if sheet == 0 else [])


def test_a_formula_without_a_value_is_a_fault_of_its_row_alone(tmp_path: Path) -> None:
    """Where it says which order a row belongs to, the orders beside it are not certain to be whole either."""
    book = openpyxl.Workbook()
    table = [
        ["user_id", "domain", "years", "username"],
        [USER, "one.com", "=1+1", "ann"],
        [USER, "two.com", "=1+1", "=B3"],
        [USER, "good.com", 1, "ann"],
        [USER, "four.com", 1, "ann"],
        [USER, "=B4", 1, "ann"],
        [USER, "five.com", 1, "ann"],
        [USER, "six.com", 1, "ann"],
        ["=A8"],
    ]
    for row in table:
        book.active.append(row)
    path = tmp_path / "a.xlsx"
    book.save(path)
    what = "holds a formula without its value; open the file in a spreadsheet program, save it, and try again"
    assert faults(path) == [
        f"row 2: cell C2 {what}",
        f"row 3: cell C3 {what}",
        f"row 6: cell B6 {what}",
        "row 7: row 6, which cannot be read, may belong to this order",
        f"row 9: cell A9 {what}",
    ]
    with OrderFile(path) as file:
        read = [order.row for order in file.orders() if isinstance(order, LocatedOrder)]
        assert not any(order.ends_reading for order in file.orders() if isinstance(order, UnreadableOrder))
    assert read == [4]


def test_a_formula_without_a_value_in_the_header_or_in_very_many_rows_is_a_fault_of_the_sheet(tmp_path: Path) -> None:
    what = "holds a formula without its value; open the file in a spreadsheet program, save it, and try again"
    book = openpyxl.Workbook()
    book.active.append(["user_id", "domain", '="reference"'])
    book.active.append([USER, "one.com", "a"])
    path = tmp_path / "a.xlsx"
    book.save(path)
    assert faults(path) == [f"row 1: cell C1 {what}"]
    book = openpyxl.Workbook()
    book.active.append(["user_id", "domain", "years"])
    for number in range(501):
        book.active.append([USER, f"d-{number}.com", "=1+1"])
    book.save(path)
    assert faults(path) == [f"row 2: cell C2 {what}"]


def test_a_formula_without_a_value_in_a_column_that_is_left_out_is_no_fault(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["user_id", "domain", "notes"])
    book.active.append([USER, "one.com", "=1+1"])
    path = tmp_path / "a.xlsx"
    book.save(path)
    with OrderFile(path, ignore_columns=["notes"]) as file:
        assert [type(order) for order in file.orders()] == [LocatedOrder]


def test_a_formula_with_its_value_is_read(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["user_id", "domain", "years"])
    book.active.append([USER, "one.com", "=2+1"])
    book.save(tmp_path / "without.xlsx")
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(tmp_path / "without.xlsx") as old, zipfile.ZipFile(path, "w") as new:
        for part in old.infolist():
            data = re.sub(rb"<f>2\+1</f><v ?/>", b"<f>2+1</f><v>3</v>", old.read(part))
            new.writestr(part.filename, data)
    (order,) = orders(path)
    assert order.domains[0].years == 3
