"""Result files: one row per order, safe in a spreadsheet, never lost."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import attrs
import orjson
import pytest

from cmr_async.core.checked import check_request
from cmr_async.errors import ConfigurationError, UnprocessableError
from cmr_async.journal.adding import planned
from cmr_async.journal.records import JOURNAL_COLUMNS, JournalEntry, StepState
from cmr_async.models import DomainRegistration, Order, OrderCreated
from cmr_async.models.requests import OrderOutcome, OrderRequest, OrderState, Verdict
from cmr_async.report.rows import RESULT_COLUMNS, ResultFormat, ResultRow, ResultWriter, spreadsheet_safe, write_entries

REQUEST = OrderRequest(user_id="U", order=Order(domains=[DomainRegistration(domain="one.com")]), reference="=1+1")
ACCEPTED = OrderOutcome(
    index=0,
    request=REQUEST,
    state=OrderState.ACCEPTED,
    order_id="ORD",
    created=OrderCreated(order_id="ORD", message="fine", action_id="ACT_1"),
    attempts=2,
    unavailable_domains=("two.com",),
)
REJECTED = OrderOutcome(
    index=1, request=REQUEST, state=OrderState.REJECTED, error=UnprocessableError("@no, sorry"), attempts=1
)


def write(path: Path) -> None:
    with ResultWriter(path) as writer:
        writer.write(ResultRow.of(ACCEPTED, row=2))
        writer.write(ResultRow.of(REJECTED, row=3))


def test_csv_cells_cannot_become_formulas(tmp_path: Path) -> None:
    write(tmp_path / "r.csv")
    assert (tmp_path / "r.csv").read_text().splitlines() == [
        ",".join(RESULT_COLUMNS),
        "2,'=1+1,U,one.com,0,false,accepted,ORD,ACT_1,two.com,,fine,2",
        "3,'=1+1,U,one.com,0,false,rejected,,,,,\"'@no, sorry\",1",
    ]


@pytest.mark.parametrize(
    ("outcome", "note"),
    [
        (ACCEPTED, "without two.com, which the API calls unavailable"),
        (attrs.evolve(ACCEPTED, unavailable_domains=()), ""),
        (REJECTED, "@no, sorry"),
        (
            OrderOutcome(index=1, request=REQUEST, state=OrderState.SKIPPED, verdict=Verdict.PLACED),
            "found placed after an earlier run",
        ),
    ],
)
def test_the_note_of_a_row_tells_what_its_state_does_not(outcome: OrderOutcome, note: str) -> None:
    assert ResultRow.of(outcome, row=2).note == note


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", "\r=1", " =1"])
def test_every_start_of_a_formula_is_disarmed(text: str) -> None:
    assert spreadsheet_safe(text) == f"'{text}"


def test_json_lines_keep_values_as_they_are(tmp_path: Path) -> None:
    write(tmp_path / "r.jsonl")
    rows = [orjson.loads(line) for line in (tmp_path / "r.jsonl").read_bytes().splitlines()]
    assert (rows[0]["reference"], rows[0]["row"], rows[1]["message"]) == ("=1+1", 2, "@no, sorry")


def test_a_row_is_on_the_disk_as_soon_as_it_is_written(tmp_path: Path) -> None:
    writer = ResultWriter(tmp_path / "r.jsonl")
    writer.write(ResultRow.of(ACCEPTED, row=2))
    assert orjson.loads((tmp_path / "r.jsonl").read_bytes())["order_id"] == "ORD"
    writer.close()


def test_an_existing_file_is_replaced_only_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    write(path)
    with pytest.raises(ConfigurationError, match="--overwrite"):
        ResultWriter(path)
    with ResultWriter(path, overwrite=True) as writer:
        writer.write(ResultRow.of(REJECTED, row=9))
    assert len(path.read_text().splitlines()) == 2


def test_a_file_without_results_is_not_left_behind(tmp_path: Path) -> None:
    with ResultWriter(tmp_path / "r.csv"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_name_decides_the_format(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\.csv or \.jsonl"):
        ResultWriter(tmp_path / "r.xlsx")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        ResultWriter(tmp_path / "absent" / "r.csv")


def step(message: str) -> JournalEntry:
    return attrs.evolve(planned(check_request(REQUEST), position=0, now=1e9), state=StepState.REJECTED, message=message)


@pytest.mark.parametrize("message", ["=1+1", "+1", "@x", "\t=1"])
def test_no_cell_of_an_exported_journal_is_a_formula(message: str) -> None:
    file = io.StringIO(newline="")
    assert write_entries([step(message)], file, file_format=ResultFormat.CSV) == 1
    header, row = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert tuple(header) == JOURNAL_COLUMNS
    assert row[JOURNAL_COLUMNS.index("message")] == f"'{message}"


def test_the_json_lines_of_a_journal_hold_unchanged_values() -> None:
    file = io.StringIO()
    written = step("=1+1")
    write_entries([written], file, file_format=ResultFormat.JSONL)
    assert orjson.loads(file.getvalue()) == written.plain()
