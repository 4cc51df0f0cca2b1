"""How the text of a file is written: what is stated or marked is taken, everything else is guessed and pointed out."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import pytest

from cmr_async.errors import OrderFileError
from cmr_async.orderfiles import LocatedOrder, OrderFile, UnreadableOrder
from cmr_async.orderfiles.encoding import encoding_of_mark, stated_encoding
from tests.orderfiles.reading import USER

HEADER = "user_id,domain,username,first_name,last_name\n"


def names(path: Path, **options: Any) -> tuple[list[str], list[str]]:
    """First names and cautions of a file without faults."""
    with OrderFile(path, **options) as file:
        found = [
            box.first_name
            for order in file.orders()
            if isinstance(order, LocatedOrder)
            for boxes in order.request.order.mailboxes.values()
            for box in boxes
        ]
        return found, [caution.message for caution in file.cautions]


def people(*first_names: str) -> str:
    return HEADER + "".join(f"{USER},d{at}.com,u{at},{name},Lee\n" for at, name in enumerate(first_names))


@pytest.mark.parametrize(
    ("codec", "first_names"),
    [
        ("windows-1252", ["Jos\u00e9", "N\u00fa\u00f1ez", "Pe\u00f1a"]),
        ("windows-1252", ["M\u00fcller"]),
        ("windows-1250", ["\u0141ukasz", "W\u00f3jcik", "Ma\u0142gorzata", "\u015awi\u0105tek"]),
        ("windows-1251", ["\u0418\u0432\u0430\u043d", "\u041f\u0435\u0442\u0440\u043e\u0432"]),
        ("cp932", ["\u7530\u4e2d \u82b1\u5b50", "\u9234\u6728 \u4e00\u90ce"]),
        ("gb18030", ["\u674e\u534e", "\u738b\u4f1f"]),
        ("mac_roman", ["Zo\u00eb", "M\u00fcller", "Jos\u00e9"]),
    ],
)
def test_what_spreadsheets_save_is_guessed_with_a_caution(tmp_path: Path, codec: str, first_names: list[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(people(*first_names).encode(codec))
    found, cautions = names(path)
    assert found == first_names
    start = f'is not UTF-8 and was read as {codec}, a guess: line 2 has "{first_names[0]}".'
    assert [caution.startswith(start) for caution in cautions] == [True]


@pytest.mark.parametrize("codec", ["utf-16", "utf-32", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "orders"])
def test_unicode_needs_no_caution(tmp_path: Path, codec: str, name: str) -> None:
    data = people("Zo\u00eb", "\u674e").encode(codec)
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    assert names(path) == (["Zo\u00eb", "\u674e"], [])


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_json_may_be_in_another_encoding_too(tmp_path: Path, name: str) -> None:
    box = '{"username": "zoe", "firstName": "Zo\u00eb", "lastName": "Lee"}'
    text = f'{{"user_id": "U", "order": {{"mailboxes": {{"one.com": [{box}]}}}}}}\n'
    path = tmp_path / name
    path.write_text(text, encoding="utf-16")
    assert names(path) == (["Zo\u00eb"], [])
    path.write_text(text, encoding="cp1252")
    assert names(path, encoding="cp1252") == (["Zo\u00eb"], [])
    assert names(path)[0] == ["Zo\u00eb"]


def test_what_is_not_utf8_far_behind_the_start_is_known_before_an_order_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(people(*["Ann"] * 5_000, "Jos\u00e9").encode("cp1252"))
    with OrderFile(path) as file:
        (caution,) = file.cautions
    assert 'line 5,002 has "Jos\u00e9"' in caution.message
    assert len(names(path, encoding="cp1252")[0]) == 5_001


def test_a_character_that_is_cut_at_the_end_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(people("Ann").encode() + b"\xc3")
    with OrderFile(path, encoding="utf-8") as file:
        *_, last = file.orders()
    assert isinstance(last, UnreadableOrder)
    assert last.faults[0].message.startswith("is not UTF-8 (byte 0xc3)")


def test_a_file_of_two_encodings_is_refused_where_it_leaves_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(people("Zo\u00eb").encode() + f"{USER},e.com,u,Zo\u00eb,Lee\n".encode("cp1252"))
    with OrderFile(path) as file:
        *_, last = file.orders()
        assert file.cautions == ()
    assert isinstance(last, UnreadableOrder)
    assert (last.ends_reading, last.faults[0].row) == (True, 3)
    assert "line 2 is UTF-8, so the file mixes encodings" in last.faults[0].message


@pytest.mark.parametrize("name", ["no-such", "rot13", "idna", "", "a\0b"])
def test_an_encoding_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(people("Ann"))
    with pytest.raises(OrderFileError, match="try utf-8, windows-1252 or utf-16"):
        OrderFile(path, encoding=name)


def test_a_mark_contradicts_a_stated_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(people("Zo\u00eb"), encoding="utf-8-sig")
    with pytest.raises(OrderFileError, match=r"it begins with the mark of UTF-8, so it is not cp1252"):
        OrderFile(path, encoding="cp1252")
    assert names(path, encoding="utf-8")[0] == ["Zo\u00eb"]


def test_a_mark_tells_the_encoding() -> None:
    assert encoding_of_mark("a".encode("utf-32")) == "utf-32"
    assert encoding_of_mark("a".encode("utf-16")) == "utf-16"
    assert encoding_of_mark(b"a") is None
    assert stated_encoding("utf-16-le", "a".encode("utf-16")).codec == "utf-16"
    assert stated_encoding("windows-1252", b"").name == "windows-1252"


def test_zero_bytes_name_the_encoding_that_they_may_be(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(people("Zo\u00eb").encode("utf-16-le"))
    with pytest.raises(OrderFileError, match="--encoding utf-16-le"):
        OrderFile(path)
    assert names(path, encoding="utf-16-le") == (["Zo\u00eb"], [])


def test_bytes_of_utf16_that_are_cut_have_their_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(people("Zo\u00eb").encode("utf-16") + b"\0")
    with OrderFile(path) as file:
        *_, last = file.orders()
    assert isinstance(last, UnreadableOrder)
    assert last.faults[0].message.startswith("is not utf-16 (byte 0x00)")
    assert last.faults[0].row == 3


def test_without_the_detector_nothing_is_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "charset_normalizer", None)
    path = tmp_path / "a.csv"
    path.write_bytes(people("Zo\u00eb").encode("cp1252"))
    with OrderFile(path) as file:
        (broken,) = file.orders()
        assert file.cautions == ()
    assert isinstance(broken, UnreadableOrder)
    assert 'pip install "cmr-async[cli]"' in broken.faults[0].message


@pytest.mark.parametrize(
    ("name", "text", "option", "message"),
    [
        ("a.json", "{}", {"ignore_columns": ["a"]}, "a.json is JSON, which has no columns: leave --ignore-columns out"),
        ("a.csv", "domain\n", {"sheet": "1"}, "a.csv is CSV, which has no sheets: leave --sheet out"),
        ("a.xlsx", "PK\x03\x04", {"encoding": "utf-8"}, "a.xlsx is XLSX, which has no encoding to state: leave --enc"),
    ],
)
def test_an_argument_about_what_a_file_does_not_have_is_refused(
    tmp_path: Path, name: str, text: str, option: dict[str, Any], message: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(OrderFileError) as refused:
        OrderFile(path, **option)
    assert message in str(refused.value)
