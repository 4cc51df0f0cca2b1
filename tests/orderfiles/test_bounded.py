"""Small files that were made to do harm end in one fault, and no more than a bounded part of them is read."""

from __future__ import annotations

import gzip
import io
import os
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from cmr_async.errors import ConfigurationError, OrderFileError
from cmr_async.orderfiles import FileLimits, LocatedOrder, OrderFile, UnreadableOrder
from cmr_async.orderfiles.bounded import BoundedReader, BrokenFileError, bounded_rows, spool
from tests.orderfiles.hostile import HEADER, gzipped, repeated, row_xml, write_packed, write_sheet
from tests.orderfiles.reading import USER

MIB = 1 << 20
ENDLESS = "is longer than 1,048,576 bytes; is a quotation mark or a line end missing?"


def only_fault(path: Path, limits: FileLimits | None = None, file_format: str | None = None) -> str:
    """The fault that ends the reading of a file."""
    with OrderFile(path, format=file_format, limits=limits) as file:
        *_, last = file.orders(user_id=USER)
    assert isinstance(last, UnreadableOrder)
    assert last.ends_reading
    (fault,) = last.faults
    return str(fault).removeprefix(str(path)).removeprefix(", ")


@pytest.fixture
def peak() -> Iterator[list[int]]:
    """The peak of the memory that Python took, in bytes, after the test."""
    tracemalloc.start()
    yield []
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 40 * MIB


@pytest.mark.parametrize(
    ("name", "part", "start", "fault"),
    [
        ("a.csv.gz", b"a", HEADER, f"row 2: {ENDLESS}"),
        ("a.csv.gz", b"a", "", f"row 1: {ENDLESS}"),
        ("a.csv.gz", b'"\n",', HEADER, f"row 2: {ENDLESS}"),
        ("a.jsonl.gz", b"a", '{"a": "', f"row 1: {ENDLESS}"),
        ("a.json.gz", b"a", '["', "row 1: the order is longer than 1,048,576 characters; --max-order-size "),
        ("a.xlsx.gz", b"\0", "PK\x03\x04", ": unpacks to more than 250 times its size, as no file of orders does"),
    ],
)  # fmt: skip
def test_what_unpacks_to_one_endless_line_is_a_fault(
    tmp_path: Path, peak: list[int], *, name: str, part: bytes, start: str, fault: str
) -> None:
    path = write_packed(tmp_path / name, repeated(part, 48 * MIB, start=start.encode()))
    assert only_fault(path).startswith(fault)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz"])
def test_very_many_blank_lines_are_a_fault(tmp_path: Path, name: str) -> None:
    path = write_packed(tmp_path / name, repeated(b"\n", 8 * MIB, start=HEADER.encode() if "csv" in name else b""))
    assert only_fault(path, FileLimits(max_rows=500)).startswith("row 501: the file has more than 500 ")
    assert "250,000 blank rows stand before this one" in only_fault(path)


def test_a_packed_file_of_zeros_is_no_spreadsheet(tmp_path: Path) -> None:
    path = write_packed(tmp_path / "a.xlsx.gz", repeated(b"\0", 16 * MIB))
    with pytest.raises(OrderFileError, match="is no XLSX spreadsheet"):
        OrderFile(path)


def test_a_packed_table_of_real_orders_passes(tmp_path: Path) -> None:
    rows = "".join(f"{USER},domain-{n % 1000}-{n}.com,ann,Ann,Lee\n" for n in range(5_000))
    path = gzipped(tmp_path / "a.csv.gz", (HEADER + rows).encode())
    with OrderFile(path) as file:
        assert sum(isinstance(order, LocatedOrder) for order in file.orders()) == 5_000


@pytest.mark.parametrize(
    ("text", "limits", "fault"),
    [
        ("a,b,c\n1,2,3\n", {"max_columns": 2}, "row 1: has 3 cells, more than the 2 of a row"),
        ("domain\na.com\nb.com\n", {"max_rows": 2}, "row 3: the file has more than 2 rows; --max-rows sets another"),
        ("domain\n" + "a" * 33_000, {}, "row 2: has a cell of more than 32,767 characters; is a quotation mark left "),
    ],
)  # fmt: skip
def test_a_limit_of_a_table_that_is_passed_is_a_fault_with_its_row(
    tmp_path: Path, text: str, limits: dict[str, int], fault: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    assert only_fault(path, FileLimits(**limits)).startswith(fault)


def test_many_short_cells_may_be_longer_together_than_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"domain,first_name,last_name,username\na.com,{'a' * 20_000},{'b' * 20_000},ann\n")
    with OrderFile(path) as file:
        (order,) = file.orders(user_id=USER)
    assert isinstance(order, LocatedOrder)


def test_a_line_of_json_lines_may_be_as_long_as_an_order(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"domains": [' + " " * 200_000 + "]}\n" * 2)
    fault = "row 1: is longer than 1,000 bytes; is a quotation mark or a line end missing?"
    assert only_fault(path, FileLimits(max_order_size=1_000)) == fault


def test_bytes_of_a_line_that_are_not_utf8_have_their_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"{}\n{}\n\xff\n")
    with OrderFile(path, encoding="utf-8") as file:
        *_, last = file.orders(user_id=USER)
    assert isinstance(last, UnreadableOrder)
    hint = "state another encoding with --encoding, or save the file as UTF-8"
    assert [str(fault) for fault in last.faults] == [f"{path}, row 3: is not UTF-8 (byte 0xff); {hint}"]


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.truncate(3 << 30)  # takes no room on the disk
    with pytest.raises(OrderFileError, match=r"a\.csv holds more than 2,147,483,648 bytes; --max-size sets another"):
        OrderFile(path)


def test_what_is_unpacked_counts_too(tmp_path: Path) -> None:
    path = gzipped(tmp_path / "a.jsonl.gz", b"{}\n" * 20_000)
    assert only_fault(path, FileLimits(max_size=50_000)).endswith(
        "holds more than 50,000 bytes; --max-size sets another limit"
    )


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no such devices")
def test_a_device_is_no_file_of_orders() -> None:
    for file_format in (None, "csv", "xlsx"):
        with pytest.raises(OrderFileError, match="/dev/zero is a device, not a file of orders"):
            OrderFile("/dev/zero", format=file_format)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no such devices")
def test_standard_input_that_never_ends_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/zero") as zero:  # noqa: PTH123 - a stream like `sys.stdin`
        monkeypatch.setattr(sys, "stdin", zero)
        with pytest.raises(OrderFileError, match="<stdin> is a device"):
            OrderFile("-", format="csv")


def test_an_empty_or_absent_standard_input_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as null:  # noqa: PTH123 - a stream like `sys.stdin`
        monkeypatch.setattr(sys, "stdin", null)
        with pytest.raises(OrderFileError, match="is none of csv"):
            OrderFile("-")
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(OrderFileError, match="no standard input"):
        OrderFile("-")


class Endless(io.RawIOBase):
    """A stream that never ends; it fails when too much of it is read."""

    def __init__(self, part: bytes) -> None:
        self.part, self.taken = part, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self.taken += len(buffer)
        assert self.taken < 20 * MIB
        buffer[:] = (self.part * (len(buffer) // len(self.part) + 1))[: len(buffer)]
        return len(buffer)


@pytest.mark.parametrize(
    ("part", "file_format", "message"),
    [(b"\0", None, "none of csv"), (b"\0", "csv", "zero bytes"), (b"a,b\n", "csv", "holds more than 1,000,000 bytes")],
)
def test_of_a_stream_that_never_ends_a_bounded_part_is_read(
    monkeypatch: pytest.MonkeyPatch, part: bytes, file_format: str | None, message: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Endless(part))))
    with pytest.raises(OrderFileError, match=message):
        OrderFile("-", format=file_format, limits=FileLimits(max_size=1_000_000))


def test_a_directory_says_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(OrderFileError, match="cannot be read: Is a directory"):
        OrderFile(tmp_path)


@pytest.mark.parametrize("value", [0, -1, "5", 1.5, True, None])
def test_a_limit_is_a_whole_number_above_zero(value: object) -> None:
    with pytest.raises(ConfigurationError, match="max_rows must be a whole number of at least 1"):
        FileLimits(max_rows=value)  # type: ignore[arg-type]


def test_a_bounded_reader_reads_like_any_file() -> None:
    reader = BoundedReader(io.BytesIO(b"abcdef"), max_size=6)
    assert (reader.read(2), reader.read1(1), reader.read(), reader.read(5)) == (b"ab", b"c", b"def", b"")
    with pytest.raises(BrokenFileError, match="holds more than 2 bytes"):
        BoundedReader(io.BytesIO(b"abc"), max_size=2).read()


def test_a_copy_that_fails_is_closed() -> None:
    with pytest.raises(BrokenFileError):
        spool(io.BytesIO(b"abc"), max_size=2)


def test_rows_that_cannot_be_read_on_have_the_row_of_the_fault() -> None:
    def rows() -> Iterator[list[str]]:
        yield ["a"]
        raise BrokenFileError("is broken")

    found = bounded_rows(rows(), None, FileLimits())
    assert next(found) == ["a"]
    with pytest.raises(BrokenFileError) as broken:
        next(found)
    assert broken.value.row == 2


def test_a_cut_gzip_file_is_told_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(HEADER.encode())[:12])
    with pytest.raises(OrderFileError, match="cannot be read"):
        OrderFile(path)


def test_a_spreadsheet_in_a_gzip_file_is_bounded_like_any(tmp_path: Path) -> None:
    inner = write_sheet(tmp_path / "a.xlsx", [row_xml(1, "domain"), row_xml(2_000_000_000, "a.com")])
    path = gzipped(tmp_path / "b.xlsx.gz", inner.read_bytes())
    assert "has rows beyond number 1,048,576" in only_fault(path, file_format="xlsx")
