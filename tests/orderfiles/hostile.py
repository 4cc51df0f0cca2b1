"""Small files that were made to fill memory, to run for hours, or to end in a traceback."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
HEADER = "user_id,domain,username,first_name,last_name\n"


def write_packed(path: Path, parts: Iterable[bytes]) -> Path:
    """Write a gzip file whose content never is in memory as a whole."""
    packer = zlib.compressobj(9, wbits=31)
    with path.open("wb") as file:
        for part in parts:
            file.write(packer.compress(part))
        file.write(packer.flush())
    return path


def repeated(part: bytes, size: int, *, start: bytes = b"", end: bytes = b"") -> Iterator[bytes]:
    """Yield a part again and again until there are about `size` bytes of it."""
    block = part * max(1, (1 << 20) // len(part))
    yield start
    for _ in range(max(1, size // len(block))):
        yield block
    yield end


def row_xml(number: int | str | None, *cells: str) -> str:
    place = "" if number is None else f' r="{number}"'
    inside = "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells)
    return f"<row{place}>{inside}</row>"


def write_sheet(
    path: Path,
    rows: Iterable[str | bytes] = (),
    *,
    strings: Iterable[bytes] | None = None,
    dimension: str = "",
    prolog: str = "",
    more: dict[str, bytes] | None = None,
) -> Path:
    """Write a spreadsheet from the XML of its rows, without openpyxl, which would refuse to write such ones."""
    stated = f'<dimension ref="{dimension}"/>' if dimension else ""
    parts: dict[str, Iterable[str | bytes]] = {
        "[Content_Types].xml": [
            (
                f'<Types xmlns="{_PACKAGE}/content-types">'
                '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
                f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
                f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPES}.worksheet+xml"/>'
                f'<Override PartName="/xl/sharedStrings.xml" ContentType="{_TYPES}.sharedStrings+xml"/></Types>'
            )
        ],
        "_rels/.rels": [
            (
                f'<Relationships xmlns="{_PACKAGE}/relationships">'
                f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
            )
        ],
        "xl/workbook.xml": [
            (
                f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}">'
                '<sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>'
            )
        ],
        "xl/_rels/workbook.xml.rels": [
            (
                f'<Relationships xmlns="{_PACKAGE}/relationships">'
                f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
                f'<Relationship Id="rId2" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
            )
        ],
        "xl/worksheets/sheet1.xml": [
            prolog,
            f'<worksheet xmlns="{_SHEET}">{stated}<sheetData>',
            *([] if isinstance(rows, Iterator) else rows),
        ],
        "xl/sharedStrings.xml": [f'<sst xmlns="{_SHEET}">', *(strings or ()), "</sst>"],
        **{name: [text] for name, text in (more or {}).items()},
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, pieces in parts.items():
            with archive.open(name, "w", force_zip64=True) as part:
                for piece in pieces:
                    part.write(piece.encode() if isinstance(piece, str) else piece)
                if name.endswith("sheet1.xml"):
                    if isinstance(rows, Iterator):
                        for piece in rows:
                            part.write(piece.encode() if isinstance(piece, str) else piece)
                    part.write(b"</sheetData></worksheet>")
    return path


def broken_sheets(good: bytes) -> Iterator[bytes]:
    """Yield a spreadsheet broken in many ways, in its parts and in their XML."""
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    for name, text in parts.items():
        for change in (
            b"",
            text[: len(text) // 2],
            text.replace(b">", b"", 1),
            text.replace(b'"1"', b'"x"'),
            text.replace(b'"', b"'<", 3),
            text.replace(b"<v>", b"<v>9999999"),
            text.replace(b't="', b't="s" u="'),
            text.replace(b"rId1", b"rId7"),
        ):
            if change != text:
                yield _zipped({**parts, name: change})
        yield _zipped({other: data for other, data in parts.items() if other != name})
    for at in range(0, len(good), 97):
        yield good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :]
        yield good[:at]


def _zipped(parts: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return data.getvalue()


def gzipped(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data))
    return path
