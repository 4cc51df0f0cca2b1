"""Order files: what a file is, how it is opened, and that it can be read again."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import pytest

from cmr_async.errors import OrderFileChangedError, OrderFileError
from cmr_async.models import DomainRegistration, Mailbox
from cmr_async.orderfiles import InputFormat, LocatedOrder, OrderFile, UnreadableOrder
from tests.orderfiles.reading import USER, box, faults, orders, read, write_csv


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("packed", [False, True])
def test_tables_of_every_dialect_read_the_same(tmp_path: Path, mark: str, encoding: str, packed: bool) -> None:
    text = mark.join(["user_id", "domain", "username", "first_name", "last_name"]) + "\r\n"
    text += mark.join([USER, "one.com", "zoe", "Zoë", '"Lee, Jr;\tX"']) + "\r\n"
    data = text.encode(encoding)
    path = tmp_path / ("a.csv.gz" if packed else "a.csv")
    path.write_bytes(gzip.compress(data) if packed else data)

    (order,) = orders(path)

    assert order.mailboxes["one.com"] == (Mailbox(username="zoe", first_name="Zoë", last_name="Lee, Jr;\tX"),)


def test_text_that_is_not_utf8_is_a_fault_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "charset_normalizer", None)
    path = tmp_path / "a.csv"
    path.write_bytes(f"user_id,domain,forward_to\n{USER},one.com,caf\xe9\n".encode("latin-1"))
    hint = "save it as UTF-8 (in a spreadsheet: CSV UTF-8), or state its encoding with --encoding"
    guess = '(or have it guessed: pip install "cmr-async[cli]")'
    assert faults(path) == [f"row 2: is not UTF-8 (byte 0xe9); {hint} {guess}"]


def test_an_open_quotation_mark_does_not_swallow_the_rest_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'user_id,domain,forward_to\n{USER},one.com,"home.com\n{USER},two.com,home.com\n')
    (fault,) = faults(path)
    assert fault.endswith("is a quotation mark left open?")


def test_an_old_spreadsheet_says_what_to_save_it_as(tmp_path: Path) -> None:
    for name in ("a.xls", "a.xlsx", "a.csv", "a"):
        path = tmp_path / name
        path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512))
        with pytest.raises(OrderFileError, match=r"is an old \.xls, or another file of Office: save it as \.xlsx"):
            OrderFile(path)


def test_a_table_that_is_named_like_a_spreadsheet_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_text(f"user_id,domain\n{USER},one.com\n")
    with pytest.raises(OrderFileError, match=r"is no XLSX spreadsheet\. If it is CSV, read it with --format csv"):
        OrderFile(path)
    with OrderFile(path, format="csv") as file:
        assert [type(order) for order in file.orders()] == [LocatedOrder]


def test_a_cut_gzip_file_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    data = f"user_id,domain\n{USER},one.com\n" + "".join(f"{USER},d{n}.com\n" for n in range(5000))
    path.write_bytes(gzip.compress(data.encode())[:-400])
    broken = read(path)[-1]
    assert isinstance(broken, UnreadableOrder)
    assert "cut or damaged" in broken.faults[0].message
    assert broken.ends_reading


def test_a_spreadsheet_reads_like_a_table(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["user_id", "domain", "years", "username", "first_name", "last_name", "on_warmup", "auto_renew"])
    book.active.append([USER, "one.com", 2, "ann", "Ann", "Lee", True, None])
    book.active.append([USER, "one.com", 2.0, "bob", "Bob", "Lee"])
    book.save(tmp_path / "a.xlsx")

    (order,) = orders(tmp_path / "a.xlsx")

    assert order.domains == (DomainRegistration(domain="one.com", years=2),)
    assert order.mailboxes["one.com"] == (
        Mailbox(username="ann", first_name="Ann", last_name="Lee", on_warmup=True),
        Mailbox(username="bob", first_name="Bob", last_name="Lee"),
    )


def test_standard_input_can_be_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO(f"user_id,domain\n{USER},one.com\n".encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
    with OrderFile("-") as file:
        assert file.format is InputFormat.CSV
        assert [len(list(file.orders())) for _ in range(2)] == [1, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[", InputFormat.JSON),
        ('{"a": 1}\n{"b": 2}\n', InputFormat.JSONL),
        ('{\n"a": 1}', InputFormat.JSON),
        ("domain;years\n", InputFormat.CSV),
    ],
)
def test_a_file_without_a_telling_name_is_known_by_its_first_bytes(
    tmp_path: Path, text: str, expected: InputFormat
) -> None:
    path = tmp_path / "orders"
    path.write_text(text)
    with OrderFile(path) as file:
        assert file.format is expected


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "poem").write_text("Shall I compare thee")
    with pytest.raises(OrderFileError, match="No such file"):
        OrderFile(tmp_path / "absent.csv")
    with pytest.raises(OrderFileError, match="--format"):
        OrderFile(tmp_path / "poem")


def test_a_file_that_changes_after_it_was_opened_is_noticed(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", box("one.com", "ann"))
    with OrderFile(path) as file:
        file.raise_if_changed()
        os.utime(path, ns=(1, 1))
        with pytest.raises(OrderFileChangedError):
            file.raise_if_changed()


def test_a_spreadsheet_that_is_none_says_so(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"PK\x03\x04 and no more")
    with OrderFile(path) as file, pytest.raises(OrderFileError, match="is no readable spreadsheet"):
        list(file.orders())


def test_a_spreadsheet_without_the_extra_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"PK\x03\x04")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with OrderFile(path) as file, pytest.raises(OrderFileError, match=r'pip install "cmr-async\[xlsx\]"'):
        list(file.orders())


def test_cells_of_a_packed_spreadsheet_are_text_as_a_person_sees_it(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["user_id", "reference", "domain", "username", "first_name", "last_name"])
    book.active.append([17, date(2026, 5, 4), "one.com", 4.5, "Ann", "Lee"])
    data = io.BytesIO()
    book.save(data)
    path = tmp_path / "a.xlsx.gz"
    path.write_bytes(gzip.compress(data.getvalue()))
    with OrderFile(path, format="xlsx") as file:
        (order,) = file.orders()
    assert isinstance(order, LocatedOrder)
    assert (order.request.user_id, order.key) == ("17", "2026-05-04T00:00:00")
    assert order.request.order.mailboxes["one.com"][0].username == "4.5"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_kept_and_read_twice(tmp_path: Path) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=(f"user_id,domain\n{USER},one.com\n",))
    writer.start()
    with OrderFile(path) as file:
        writer.join()
        assert [len(list(file.orders())) for _ in range(2)] == [1, 1]
        file.raise_if_changed()


def test_a_file_that_is_gone_has_changed(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", box("one.com", "ann"))
    with OrderFile(path) as file:
        path.unlink()
        with pytest.raises(OrderFileChangedError, match="changed while its orders were being sent"):
            file.raise_if_changed()


def test_standard_input_never_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"user_id,domain\n")))
    with OrderFile("-") as file:
        file.raise_if_changed()
        assert file.name == "<stdin>"


def test_reading_order_files_by_code_imports_nothing_heavy() -> None:
    code = "import sys, cmr_async.orderfiles; print(*{'openpyxl', 'sqlalchemy', 'rich', 'typer'} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"
