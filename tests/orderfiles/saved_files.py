"""Files as people and programs save them, each with what becomes of it; the documentation shows them as a table."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs

from tests.orderfiles.reading import USER

SAMPLES = Path(__file__).parents[1] / "samples" / "files"
PEOPLE = (("jane", "Jane", "Doe"), ("john", "John", "Doe"))
COLUMNS = ("user_id", "domain", "years", "username", "first_name", "last_name")
READ, CAUTION, REFUSED = "read", "read with a caution", "refused"


@attrs.frozen(kw_only=True)
class SavedFile:
    """A file and what becomes of it."""

    #: What it is, as the documentation says it.
    title: str
    #: The file's name.
    name: str
    #: Makes its content.
    content: Callable[[], bytes]
    #: `read`, `read with a caution` or `refused`.
    outcome: str = READ
    #: A part of the caution, or of the only fault.
    message: str = ""
    #: Options of `OrderFile`.
    options: dict[str, Any] = attrs.field(factory=dict)
    #: User name, first and last name of each mailbox of its only order.
    people: tuple[tuple[str, str, str], ...] = PEOPLE

    @property
    def row(self) -> str:
        """Its row in the table of the documentation."""
        told = f": `{self.message}`" if self.message else ""
        return f"| {self.title} | {self.outcome}{told} |"


def rows(people: Sequence[tuple[str, str, str]] = PEOPLE, domain: str = "alpha-one.com") -> list[list[str]]:
    return [[USER, domain, "1", *person] for person in people]


def table(
    *more: list[str], mark: str = ",", end: str = "\r\n", columns: Sequence[str] = COLUMNS, body: Any = None
) -> str:
    """A table of one order as text."""
    lines = [list(columns), *(rows() if body is None else body), *more]
    return "".join(mark.join(line) + end for line in lines)


def text(value: str, encoding: str = "utf-8") -> Callable[[], bytes]:
    return lambda: value.encode(encoding)


def sheets(**tables: list[list[Any]]) -> Callable[[], bytes]:
    """A workbook of openpyxl."""

    def make() -> bytes:
        import openpyxl

        book = openpyxl.Workbook()
        book.remove(book.worksheets[0])
        for title, lines in tables.items():
            sheet = book.create_sheet(title)
            for line in lines:
                sheet.append(line)
        data = io.BytesIO()
        book.save(data)
        return data.getvalue()

    return make


def frame(save: Callable[[Any, io.BytesIO], None]) -> Callable[[], bytes]:
    """What pandas writes."""

    def make() -> bytes:
        pandas = import_module("pandas")  # it has no types of its own
        data = io.BytesIO()
        save(pandas.DataFrame(rows(), columns=list(COLUMNS)).astype({"years": int}), data)
        return data.getvalue()

    return make


def sample(name: str) -> Callable[[], bytes]:
    return (SAMPLES / name).read_bytes


SHEET: list[list[Any]] = [list(COLUMNS), *([USER, "alpha-one.com", 1, *person] for person in PEOPLE)]
ACCENTS = (("jose", "Jos\u00e9", "Garc\u00eda"), ("zoe", "Zo\u00eb", "M\u00fcller"))
RUSSIANS = (("ivan", "\u0418\u0432\u0430\u043d", "\u041f\u0435\u0442\u0440\u043e\u0432"),)
ACCENTED = table(body=rows(ACCENTS))
GUESSED = 'was read as windows-1252, a guess: line 2 has "Jos\u00e9"'
BOXES = [{"username": user, "firstName": first, "lastName": last} for user, first, last in PEOPLE]
BODY = {"domains": [{"domain": "alpha-one.com", "years": 1}], "mailboxes": {"alpha-one.com": BOXES}}
ORDER = json.dumps({"user_id": USER, "order": BODY})
NOTES = [[*COLUMNS, "notes", "phone"], *([*row, "call", "555"] for row in rows())]
NOTED = "".join(",".join(row) + "\n" for row in NOTES)


def json_with(old: str, new: str) -> Callable[[], bytes]:
    assert old in ORDER
    return text(ORDER.replace(old, new, 1))


FILES = (
    # Dialects of CSV
    SavedFile(
        title="CSV UTF-8 of Excel: byte order mark, CRLF",
        name="a.csv",
        content=text(ACCENTED, "utf-8-sig"),
        people=ACCENTS,
    ),
    SavedFile(title="CSV with semicolons, as Excel saves it in Europe", name="a.csv", content=text(table(mark=";"))),
    SavedFile(title="CSV with tabs", name="a.tsv", content=text(table(mark="\t"))),
    SavedFile(title="CSV with a first line `sep=;`", name="a.csv", content=text("sep=;\r\n" + table(mark=";"))),
    SavedFile(title="CSV of an old Mac: lines end in a carriage return", name="a.csv", content=text(table(end="\r"))),
    SavedFile(
        title="CSV with blank lines around the table", name="a.csv", content=text("\n\n" + table() + "\n,,,,,\n")
    ),
    SavedFile(title="CSV with empty columns at the right", name="a.csv", content=text(table(end=",,\r\n"))),
    SavedFile(title="CSV that is gzipped", name="a.csv.gz", content=lambda: gzip.compress(table().encode())),
    SavedFile(title="CSV named `.txt`", name="a.txt", content=text(table())),
    SavedFile(
        title="CSV with an open quotation mark",
        name="a.csv",
        content=text(table(["U", '"b.com'])),
        outcome=REFUSED,
        message="is a quotation mark left open?",
    ),
    SavedFile(
        title="CSV with a row that is too short",
        name="a.csv",
        content=text(table([USER, "alpha-one.com"])),
        outcome=REFUSED,
        message="has 2 cells, the header has 6",
    ),
    SavedFile(
        title="CSV without a header",
        name="a.csv",
        content=text(table(columns=rows()[0])),
        outcome=REFUSED,
        message="no column has a known name",
    ),
    SavedFile(title="An empty file", name="a.csv", content=text(""), outcome=REFUSED, message="the file is empty"),
    SavedFile(
        title="CSV of pandas, `to_csv(index=False)`",
        name="a.csv",
        content=frame(lambda data, file: data.to_csv(file, index=False)),
    ),
    SavedFile(
        title='CSV of pandas, `sep=";"`, everything quoted',
        name="a.csv",
        content=frame(lambda data, file: data.to_csv(file, index=False, sep=";", quoting=1)),
    ),
    SavedFile(
        title="CSV of pandas with its row numbers",
        name="a.csv",
        content=frame(lambda data, file: data.to_csv(file)),
        outcome=REFUSED,
        message="column 1, which has no name is not known; to leave out: --ignore-columns 1",
    ),
    SavedFile(
        title="The same with `--ignore-columns 1`",
        name="a.csv",
        content=frame(lambda data, file: data.to_csv(file)),
        options={"ignore_columns": ["1"]},
    ),
    SavedFile(
        title="CSV of LibreOffice with semicolons",
        name="a.csv",
        content=sample("libreoffice-semicolons.csv"),
        people=ACCENTS,
    ),
    # Encodings
    SavedFile(
        title="CSV of LibreOffice in windows-1252",
        name="a.csv",
        content=sample("libreoffice-windows-1252.csv"),
        outcome=CAUTION,
        message=GUESSED,
        people=ACCENTS,
    ),
    SavedFile(
        title="CSV of Excel in windows-1252",
        name="a.csv",
        content=text(ACCENTED, "cp1252"),
        outcome=CAUTION,
        message=GUESSED,
        people=ACCENTS,
    ),
    SavedFile(
        title="The same with `--encoding windows-1252`",
        name="a.csv",
        content=text(ACCENTED, "cp1252"),
        options={"encoding": "windows-1252"},
        people=ACCENTS,
    ),
    SavedFile(
        title="The same with a wrong `--encoding utf-8`",
        name="a.csv",
        content=text(ACCENTED, "cp1252"),
        options={"encoding": "utf-8"},
        outcome=REFUSED,
        message="is not UTF-8 (byte 0xe9)",
    ),
    SavedFile(
        title="CSV in windows-1251, with Russian names",
        name="a.csv",
        content=text(table(body=rows(RUSSIANS)), "cp1251"),
        outcome=CAUTION,
        message="was read as windows-1251, a guess",
        people=RUSSIANS,
    ),
    SavedFile(
        title="Unicode text of Excel: UTF-16 with its mark, tabs",
        name="a.txt",
        content=text(table(body=rows(ACCENTS), mark="\t"), "utf-16"),
        people=ACCENTS,
    ),
    SavedFile(
        title="CSV that is UTF-8 in one line and windows-1252 in another",
        name="a.csv",
        content=lambda: (
            ACCENTED.encode("utf-8")
            .replace("M\u00fcller".encode(), b"M\xfcller")
            .replace("Zo\u00eb".encode(), b"Zo\xeb")
        ),
        outcome=REFUSED,
        message="line 2 is UTF-8, so the file mixes encodings",
    ),
    # Cells
    SavedFile(
        title="Columns `User ID`, `First Name`, `last-name`",
        name="a.csv",
        content=text(table(columns=("User ID", "Domain", "Years", "Username", "First Name", "last-name"))),
    ),
    SavedFile(
        title="Columns `userId`, `firstName`, as the API names them",
        name="a.csv",
        content=text(table(columns=("userId", "domain", "years", "username", "firstName", "lastName"))),
    ),
    SavedFile(
        title="User names as whole addresses of the domain",
        name="a.csv",
        content=text(table().replace("jane,", "jane@alpha-one.com,").replace("john,", "john@Alpha-One.com,")),
        outcome=CAUTION,
        message='"jane@alpha-one.com" is a whole address; only what is before the @ is sent',
    ),
    SavedFile(
        title="A user name as an address of another domain",
        name="a.csv",
        content=text(table().replace("jane,", "jane@beta-two.com,")),
        outcome=REFUSED,
        message='"jane@beta-two.com" is no address on alpha-one.com',
    ),
    SavedFile(
        title="A domain as `https://alpha-one.com/`",
        name="a.csv",
        content=text(table(body=rows(PEOPLE[:1], "https://alpha-one.com/") + rows(PEOPLE[1:]))),
        outcome=CAUTION,
        message='"https://alpha-one.com/" is a web address; the order is for alpha-one.com',
    ),
    SavedFile(
        title="A domain as the address of a page",
        name="a.csv",
        content=text(table(body=rows(domain="https://www.alpha-one.com/about"))),
        outcome=REFUSED,
        message="is a web address, not the name of a domain: write alpha-one.com",
    ),
    SavedFile(
        title="A line break in a first name",
        name="a.csv",
        content=text(table(body=rows((("jane", '"Jane\nAnn"', "Doe"),)))),
        outcome=CAUTION,
        message="holds a line break; it is sent as it is",
        people=(("jane", "Jane\nAnn", "Doe"),),
    ),
    SavedFile(
        title="The same row twice",
        name="a.csv",
        content=text(table(rows()[1])),
        outcome=REFUSED,
        message="is the same as row 3; delete one of them, or say --allow-duplicates",
    ),
    SavedFile(
        title="The same with `--allow-duplicates`",
        name="a.csv",
        content=text(table(rows()[1])),
        options={"allow_duplicates": True},
        outcome=CAUTION,
        message="john is already a mailbox of this domain",
        people=(*PEOPLE, PEOPLE[1]),
    ),
    SavedFile(
        title="Columns `notes` and `phone`",
        name="a.csv",
        content=text(NOTED),
        outcome=REFUSED,
        message='columns "notes", "phone" are not known; to leave out: --ignore-columns notes,phone',
    ),
    SavedFile(
        title="The same with `--ignore-columns notes,phone`",
        name="a.csv",
        content=text(NOTED),
        options={"ignore_columns": ["notes", "phone"]},
    ),
    # Spreadsheets
    SavedFile(title="XLSX of openpyxl", name="a.xlsx", content=sheets(Orders=SHEET)),
    SavedFile(
        title="XLSX of pandas, `to_excel(index=False)`",
        name="a.xlsx",
        content=frame(lambda data, file: data.to_excel(file, index=False)),
    ),
    SavedFile(title="XLSX of LibreOffice", name="a.xlsx", content=sample("libreoffice.xlsx"), people=ACCENTS),
    SavedFile(
        title="XLSX of LibreOffice, years as a saved formula",
        name="a.xlsx",
        content=sample("libreoffice-formula.xlsx"),
        people=(("ann", "Ann", "Lee"),),
    ),
    SavedFile(
        title="XLSX with a formula that was never calculated",
        name="a.xlsx",
        content=sheets(Orders=[*SHEET[:1], [USER, "alpha-one.com", "=1+1", *PEOPLE[0]]]),
        outcome=REFUSED,
        message="cell C2 holds a formula without its value",
    ),
    SavedFile(
        title="XLSX with orders on two sheets",
        name="a.xlsx",
        content=sheets(Orders=SHEET, March=SHEET),
        outcome=CAUTION,
        message='only the sheet "Orders" is read; "March" looks like orders too: --sheet chooses',
    ),
    SavedFile(
        title="XLSX with orders on the second sheet",
        name="a.xlsx",
        content=sheets(Info=[["Hello"]], Orders=SHEET),
        outcome=REFUSED,
        message='the sheet "Orders" has such columns: --sheet Orders',
    ),
    SavedFile(
        title="The same with `--sheet Orders`",
        name="a.xlsx",
        content=sheets(Info=[["Hello"]], Orders=SHEET),
        options={"sheet": "Orders"},
    ),
    SavedFile(title="XLSX named `.csv`", name="a.csv", content=sheets(Orders=SHEET)),
    SavedFile(
        title="CSV named `.xlsx`",
        name="a.xlsx",
        content=text(table()),
        outcome=REFUSED,
        message="is no XLSX spreadsheet. If it is CSV, read it with --format csv",
    ),
    SavedFile(
        title="An old `.xls`",
        name="a.xls",
        content=lambda: bytes.fromhex("d0cf11e0a1b11ae1") + bytes(512),
        outcome=REFUSED,
        message="is an old .xls, or another file of Office: save it as .xlsx",
    ),
    # JSON
    SavedFile(title="JSON, one order", name="a.json", content=text(ORDER)),
    SavedFile(title="JSON lines", name="a.jsonl", content=text(ORDER + "\n")),
    SavedFile(
        title="JSON with a comma before a bracket",
        name="a.json",
        content=json_with('"years": 1}', '"years": 1,}'),
        outcome=REFUSED,
        message="a comma stands before the end of a list or an object; take it away",
    ),
    SavedFile(
        title="JSON with single quotes",
        name="a.json",
        content=json_with('"years"', "'years'"),
        outcome=REFUSED,
        message="single quotes; JSON takes double ones",
    ),
    SavedFile(
        title="JSON with a comment",
        name="a.json",
        content=json_with('"years"', '// how long\n"years"'),
        outcome=REFUSED,
        message="a comment, which JSON does not have; take it away",
    ),
    SavedFile(
        title="JSON with NaN, as pandas may leave it",
        name="a.json",
        content=json_with('"years": 1', '"years": NaN'),
        outcome=REFUSED,
        message="NaN is no number of JSON; write a number, or leave the field out",
    ),
    SavedFile(
        title="JSON with a web address as domain",
        name="a.json",
        content=lambda: ORDER.replace("alpha-one.com", "https://alpha-one.com/").encode(),
        outcome=REFUSED,
        message="is a web address, not the name of a domain: write alpha-one.com",
    ),
    SavedFile(
        title="JSON with a whole address as user name",
        name="a.json",
        content=json_with('"jane"', '"jane@alpha-one.com"'),
        outcome=REFUSED,
        message='"jane@alpha-one.com" is a whole address; write only what is before the @',
    ),
)


def written(file: SavedFile, folder: Path) -> Path:
    """Write a file."""
    path = folder / file.name
    path.write_bytes(file.content())
    return path
