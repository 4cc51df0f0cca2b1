"""What the fuzz targets are given: sound samples that were cut, spliced and repeated, and values of every kind."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Sequence

import orjson
from hypothesis import strategies as st

from cmr_async.orderfiles.template import TemplateFormat, template

#: What breaks readers of any format.
_ANYWHERE = (
    b"", b"\0", b"\n", b"\r", b"\r\n", b" ", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\xed\xa0\x80", b"\x1b[2J",
    "\u202e".encode(), "\u200b".encode(), "\u0430".encode(), "\uff41".encode(), b"9" * 5000, b"x" * 70_000,
)  # fmt: skip
_IN_TABLES = (b'"', b'""', b",", b";", b"\t", b"=1+1", b"user_id", b"domain", b"-1", b"true", b"1e999", b"\n" * 3000)
_IN_JSON = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"null", b"true", b"NaN", b"-", b"1e999", b"1.5",
    b'"confirm":true', b'"domains":[', b'"extra":{"a":[', b"\\ud800", b'{"order":', b"[" * 3000, b'{"a":' * 3000,
    b'"a":1,"a":2',
)  # fmt: skip
_IN_XML = (
    b"<", b">", b"/>", b"&", b"&#0;", b"&a;", b"<row>", b"</row>", b'r="', b"<c>", b"<v>", b't="s"', b't="b"', b't="e"',
    b't="d"', b"-1", b"2000000000", b"XFE9", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<v>9999999999</v>", b"<row/>" * 500,
)  # fmt: skip

_PLACES = st.integers(0, 2000)
_LENGTHS = st.integers(0, 40)


def edited(samples: Sequence[bytes], tokens: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Samples in which a few places were cut out, written over or repeated; mostly they stay nearly sound."""
    token = st.sampled_from(tokens) | st.binary(max_size=6)
    edits = st.lists(st.tuples(_PLACES, _LENGTHS, token, st.integers(0, 3)), max_size=5)
    return st.builds(_edit, st.sampled_from(samples), edits)


def _edit(sample: bytes, edits: list[tuple[int, int, bytes, int]]) -> bytes:
    for place, length, token, repeated in edits:
        at = place % (len(sample) + 1)
        sample = sample[:at] + sample[at : at + length] * repeated + token + sample[at + length :]
    return sample


_TABLE = template(TemplateFormat.CSV)
_SMALL_TABLES = (
    b"user_id,domain\nU1,a.com\nU1,b.com\n",
    b"user_id;reference;domain;years\r\nU1;A;a.com;1\r\nU1;A;b.com;2\r\n",
    b'domain\tuser_id\tusername\tfirst_name\tlast_name\n"a.com"\tU1\tann\tAnn\t"Lee\nLee"\n',
)
_BODY = template(TemplateFormat.JSON)
_ORDER = orjson.dumps(orjson.loads(_BODY)[0]["order"])
_SMALL_ORDER = b'{"domains":[{"domain":"a.com","years":1}],"confirm":true}'

csv_files = edited((_TABLE, *_SMALL_TABLES), (*_ANYWHERE, *_IN_TABLES))
json_files = edited((_BODY, _ORDER, _SMALL_ORDER, b"[" + _SMALL_ORDER + b"]"), (*_ANYWHERE, *_IN_JSON))
json_lines = edited(
    (template(TemplateFormat.JSONL), b"\n".join([_SMALL_ORDER] * 3), _SMALL_ORDER),
    (*_ANYWHERE, *_IN_JSON),
)


def compressed(files: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Files under gzip, now and then damaged."""
    plain: st.SearchStrategy[bytes] = files.map(lambda file: gzip.compress(file, 1, mtime=0))
    cut: st.SearchStrategy[bytes] = st.builds(lambda file, end: file[: max(2, end % len(file))], plain, _PLACES)
    spliced: st.SearchStrategy[bytes] = st.builds(_edit, plain, _few_edits)
    return st.one_of(plain, cut, spliced)


_few_edits = st.lists(st.tuples(_PLACES, _LENGTHS, st.binary(max_size=4), st.integers(0, 2)), min_size=1, max_size=2)

_NAMESPACE = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_SHEET = (
    b"<worksheet " + _NAMESPACE + b'><dimension ref="A1:B3"/><sheetData>'
    b'<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
    b'<row r="2"><c r="A2" t="inlineStr"><is><t>U1</t></is></c><c r="B2" t="s"><v>2</v></c></row>'
    b'<row r="3"><c r="A3"><v>12</v></c><c r="B3" s="1"><v>45000.5</v></c></row></sheetData></worksheet>'
)
_PARTS = {
    "[Content_Types].xml": (
        b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        b'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        b'<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        b'spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.'
        b'openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/sharedStrings.xml" '
        b'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
    ),
    "_rels/.rels": (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        b'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
        b'Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        b"<workbook " + _NAMESPACE + b' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        b'<sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" '
        b'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
        b'Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/'
        b'officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    ),
    "xl/worksheets/sheet1.xml": _SHEET,
    "xl/sharedStrings.xml": (
        b"<sst " + _NAMESPACE + b' count="3" uniqueCount="3"><si><t>user_id</t></si><si><t>domain</t></si>'
        b"<si><t>a.com</t></si></sst>"
    ),
}


def _workbook(changes: Sequence[tuple[str, Callable[[bytes], bytes]]]) -> bytes:
    parts = dict(_PARTS)
    for name, change in changes:
        parts[name] = change(parts[name])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


_XML_EDITS = st.lists(
    st.tuples(_PLACES, _LENGTHS, st.sampled_from((*_ANYWHERE, *_IN_XML)) | st.binary(max_size=4), st.integers(0, 3)),
    min_size=1,
    max_size=3,
)
_CHANGES = st.lists(
    st.tuples(st.sampled_from(sorted(_PARTS)), _XML_EDITS.map(lambda edits: lambda part: _edit(part, edits))),
    max_size=2,
)
_SOUND_WORKBOOK = _workbook(())
xlsx_files: st.SearchStrategy[bytes] = st.one_of(
    st.builds(_workbook, _CHANGES),
    st.builds(
        _workbook,
        st.tuples(_XML_EDITS.map(lambda edits: ("xl/worksheets/sheet1.xml", lambda part: _edit(part, edits)))),
    ),
    st.builds(_edit, st.just(_SOUND_WORKBOOK), _few_edits),
)

_NAMES = st.sampled_from(
    ["status", "message", "data", "orderId", "order_id", "actionId", "domain", "domains", "domainName", "mailboxCount",
     "unavailableDomains", "userId", "createdAt", "password", "page", "total", "type", "event"]
)  # fmt: skip
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6), st.sampled_from([200, 400, 401, 429, "a.com", "ORD1", "2026-01-01T00:00:00Z", "x" * 5000]),
)  # fmt: skip
#: JSON values with the names that the API's answers have.
json_values = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)
