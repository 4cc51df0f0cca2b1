"""Where an order file comes from: a path, bytes or an open file give the same orders, within the same limits."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cmr_async.errors import ConfigurationError, OrderFileChangedError, OrderFileError
from cmr_async.orderfiles import FileLimits, LocatedOrder, OrderFile, UnreadableOrder
from tests.orderfiles.reading import USER

TABLE = f"user_id,domain\n{USER},one.com\n{USER},two.com\n".encode()


def domains(file: OrderFile) -> list[str]:
    return [order.request.order.domain_names[0] for order in file.orders() if isinstance(order, LocatedOrder)]


class Pipe:
    """An upload that can only be read forward, some bytes at a time."""

    name = "upload.csv"

    def __init__(self, content: bytes) -> None:
        self._inner = io.BytesIO(content)

    def read(self, size: int, /) -> bytes:
        return self._inner.read(min(size, 7))


@pytest.mark.parametrize("given", [bytes, io.BytesIO, Pipe])
@pytest.mark.parametrize("packed", [False, True])
def test_every_source_gives_the_same_orders_as_often_as_they_are_read(
    given: Callable[[bytes], Any], packed: bool
) -> None:
    content = gzip.compress(TABLE) if packed else TABLE
    with OrderFile(given(content), name="a.csv") as file:
        assert (domains(file), domains(file)) == (["one.com", "two.com"],) * 2
        file.raise_if_changed()


@pytest.mark.parametrize("given", [bytes, io.BytesIO])
def test_a_spreadsheet_needs_no_file_on_disk(given: Callable[[bytes], Any]) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book, saved = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["user_id", "domain"])
    book.active.append([USER, "one.com"])
    book.save(saved)
    with OrderFile(given(saved.getvalue()), name="a.xlsx") as file:
        assert domains(file) == ["one.com"]


def test_an_upload_as_web_frameworks_keep_it_stays_as_it_is() -> None:
    with tempfile.SpooledTemporaryFile(max_size=1 << 20) as upload:
        upload.write(TABLE)
        upload.seek(0)
        with OrderFile(upload) as file:
            assert (file.name, domains(file)) == ("<upload>", ["one.com", "two.com"])
        assert upload.tell() == len(TABLE)


def test_an_open_file_is_read_from_its_position_and_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a line of something else\n" + TABLE)
    with path.open("rb") as upload:
        upload.readline()
        with OrderFile(upload) as file:
            assert (file.name, domains(file)) == (str(path), ["one.com", "two.com"])
        assert upload.seek(0) == 0


def test_what_becomes_of_an_open_file_later_changes_nothing() -> None:
    upload = io.BytesIO(TABLE)
    with OrderFile(upload, name="a.csv") as file:
        upload.seek(0)
        upload.truncate()
        upload.close()
        file.raise_if_changed()
        assert domains(file) == ["one.com", "two.com"]


def test_a_path_may_have_another_name_and_is_watched_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "stored"
    path.write_text('{"user_id": "U1"')
    with OrderFile(path, name="orders of May.json") as file:
        (broken,) = file.orders()
        assert isinstance(broken, UnreadableOrder)
        assert broken.faults[0].source == "orders of May.json"
        path.write_text("{}")
        with pytest.raises(OrderFileChangedError, match=r"^orders of May\.json changed"):
            file.raise_if_changed()


def test_two_readings_of_a_copy_have_a_position_each() -> None:
    rows = b"".join(f"{USER},domain{number}.com\n".encode() for number in range(20_000))
    with OrderFile(io.BytesIO(b"user_id,domain\n" + rows), name="a.csv") as file:
        pairs = list(zip(file.orders(), file.orders(), strict=True))
    assert len(pairs) == 20_000
    assert all(one == other for one, other in pairs)


def test_threads_read_a_copy_at_the_same_time() -> None:
    rows = b"".join(f"{USER},domain{number}.com\n".encode() for number in range(5_000))
    found: list[list[str]] = []
    with OrderFile(io.BytesIO(b"user_id,domain\n" + rows), name="a.csv") as file:
        threads = [threading.Thread(target=lambda: found.append(domains(file))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [len(names) for names in found] == [5_000] * 4
    assert all(names == found[0] for names in found)


@pytest.mark.parametrize("given", [bytes, io.BytesIO, Pipe])
def test_the_limit_of_bytes_holds_for_every_source(given: Callable[[bytes], Any]) -> None:
    limits = FileLimits(max_size=len(TABLE) - 1)
    with pytest.raises(OrderFileError, match=f"^a.csv holds more than {limits.max_size} bytes"):
        OrderFile(given(TABLE), name="a.csv", limits=limits)


@pytest.mark.parametrize("given", [bytes, io.BytesIO, Pipe])
def test_the_limits_of_the_parts_are_faults_for_every_source(given: Callable[[bytes], Any]) -> None:
    with OrderFile(given(TABLE), name="a.csv", limits=FileLimits(max_rows=2)) as file:
        *_, last = file.orders()
    assert isinstance(last, UnreadableOrder)
    assert str(last.faults[0]).startswith("a.csv, row 3: the file has more than 2 rows")


def test_a_small_upload_that_unpacks_to_much_is_a_fault() -> None:
    bomb = gzip.compress(b"user_id,domain\n" + b"\n" * (8 << 20))
    with OrderFile(io.BytesIO(bomb), name="a.csv.gz") as file:
        *_, last = file.orders()
    assert isinstance(last, UnreadableOrder)
    assert last.ends_reading


@pytest.mark.parametrize(
    ("given", "name"),
    [(TABLE, "<upload>"), (io.BytesIO(TABLE), "<upload>"), (Pipe(TABLE), "upload.csv")],
)
def test_without_a_name_the_file_s_own_is_taken(given: Any, name: str) -> None:
    with OrderFile(given) as file:
        assert file.name == name


def test_the_name_of_an_upload_decides_its_format_unless_it_has_no_ending() -> None:
    with pytest.raises(OrderFileError, match=r"^a\.xlsx is no XLSX spreadsheet"):
        OrderFile(TABLE, name="a.xlsx")
    with OrderFile(TABLE, name="blob") as file:
        assert file.format == "csv"
    with pytest.raises(OrderFileError, match=r"^photo is no text"):
        OrderFile(b"user_id,domain\n\0", name="photo")


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    text: Any = io.StringIO(TABLE.decode())
    with pytest.raises(ConfigurationError, match=r"^a\.csv must be open in binary mode; it gave str"):
        OrderFile(text, name="a.csv")


def test_a_file_that_is_awaited_is_refused() -> None:
    class Upload:
        async def read(self, size: int, /) -> bytes:
            return TABLE[:size]

    upload: Any = Upload()
    with pytest.raises(ConfigurationError, match="is read with await: give its bytes, or the plain file inside it"):
        OrderFile(upload)


@pytest.mark.parametrize("nothing", [None, 7])
def test_what_is_no_file_is_refused(nothing: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^An order file is a path, bytes or an open file, not "):
        OrderFile(nothing)


def test_a_closed_upload_cannot_be_read() -> None:
    upload = io.BytesIO(TABLE)
    upload.close()
    with pytest.raises(OrderFileError, match=r"^a\.csv cannot be read: .*closed file"):
        OrderFile(upload, name="a.csv")


@pytest.mark.parametrize("given", [bytes, io.BytesIO])
def test_a_closed_file_of_orders_is_not_read_again(given: Callable[[bytes], Any]) -> None:
    file = OrderFile(given(TABLE), name="a.csv")
    file.close()
    with pytest.raises(OrderFileError, match=r"^a\.csv is closed"):
        list(file.orders())


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only Linux lists open files there")  # noqa: PTH112
def test_nothing_stays_open_when_an_upload_is_closed_or_refused() -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = opened()
    with OrderFile(io.BytesIO(TABLE), name="a.csv") as file:
        assert opened() == before + 1
        assert domains(file) == ["one.com", "two.com"]
    with pytest.raises(OrderFileError):
        OrderFile(Pipe(TABLE), limits=FileLimits(max_size=10))
    assert opened() == before
