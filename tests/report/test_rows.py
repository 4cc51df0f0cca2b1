"""Result files: one row per order, safe in a spreadsheet, never lost."""

from __future__ import annotations

import csv
import io
import os
import stat
from pathlib import Path

import attrs
import orjson
import pytest

from cmr_async.core.order.checked import check_request
from cmr_async.errors import ConfigurationError, UnprocessableError
from cmr_async.journal.adding import planned
from cmr_async.journal.records import JOURNAL_COLUMNS, JournalEntry
from cmr_async.journal.states import StepState
from cmr_async.models import DomainRegistration, MailboxOrder, Order, OrderCreated
from cmr_async.models.requests import OrderOutcome, OrderRequest, OrderState, Verdict
from cmr_async.report.rows import RESULT_COLUMNS, ResultFormat, ResultRow, ResultWriter, spreadsheet_safe, write_entries
from tests.fakes import ADA

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
        ",".join(f'"{name}"' for name in RESULT_COLUMNS),
        '"2","\'=1+1","U","one.com","0","order","false","accepted","ORD","ACT_1","two.com","","fine","2"',
        '"3","\'=1+1","U","one.com","0","order","false","rejected","","","","","\'@no, sorry","1"',
    ]


def test_a_row_tells_orders_of_mailboxes_apart() -> None:
    order = MailboxOrder(subscription_id="SUB", mailboxes={"one.com": [ADA]}, confirm=True)
    request = OrderRequest(user_id="U", order=order)
    row = ResultRow.of(OrderOutcome(index=0, request=request, state=OrderState.UNKNOWN), row=2)
    assert (row.kind, row.domains, row.mailboxes) == ("mailbox_order", "one.com", 1)
    assert ResultRow.of(ACCEPTED, row=2).kind == "order"


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


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\ufe66", "\u2212"])
@pytest.mark.parametrize("before", ["", " ", "\xa0", "\u3000", "\ufeff", "\u200b", "\u2066", "\0", '"', '" \ufeff'])
def test_every_start_of_a_formula_is_disarmed(before: str, start: str) -> None:
    assert spreadsheet_safe(f"{before}{start}1") == f"'{before}{start}1"


@pytest.mark.parametrize("before", ["\t", "\r", "\n"])
def test_a_cell_that_begins_with_a_separator_is_disarmed_twice(before: str) -> None:
    assert spreadsheet_safe(f"{before}=1") == f"'{before}'=1"
    assert spreadsheet_safe(f"{before}x") == f"'{before}x"


@pytest.mark.parametrize("separator", [",", ";", "|", "\t", "\n", "\r\n", "\v", "\x1c", "\x85", "\u2028", ";\t"])
@pytest.mark.parametrize("before", ["", " ", '"', "\ufeff"])
def test_no_other_separator_makes_a_formula_of_the_rest_of_a_cell(separator: str, before: str) -> None:
    assert spreadsheet_safe(f"x{separator}{before}=1+1") == f"x{separator}{before}'=1+1"


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_reader_with_another_separator_finds_no_formula(tmp_path: Path, separator: str) -> None:
    said = f'x{separator}=1+1{separator}"=1+1{separator}\ufeff=1+1{separator}"'
    with ResultWriter(tmp_path / "r.csv") as writer:
        writer.write(attrs.evolve(ResultRow.of(ACCEPTED, row=2), message=said))
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file, delimiter=separator) for cell in row]
    assert len(cells) > 4
    assert [cell for cell in cells if cell.lstrip(' "\ufeff').startswith("=")] == []


@pytest.mark.parametrize("text", ["", "plain", "a-b@c.com", "1+1=2", "a - b", "Müller & Söhne; Köln", "'=1"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert spreadsheet_safe(text) == text


def test_a_long_run_of_separators_takes_linear_time() -> None:
    run = "\t;" * 200_000  # takes hours when each of them looks at all that follow
    assert spreadsheet_safe(f"x{run}") == f"x{run}"


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


def test_a_run_without_results_keeps_the_results_of_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    write(path)
    before = path.read_text()
    with ResultWriter(path, overwrite=True):
        assert path.read_text() == before
    assert (path.read_text(), len(list(tmp_path.iterdir()))) == (before, 1)


@pytest.mark.skipif(os.name != "posix", reason="links and modes of POSIX")
def test_results_are_for_their_owner_and_go_through_no_link(tmp_path: Path) -> None:
    write(tmp_path / "r.csv")
    assert stat.S_IMODE((tmp_path / "r.csv").stat().st_mode) == 0o600
    (tmp_path / "link.csv").symlink_to("r.csv")
    with pytest.raises(ConfigurationError, match="symbolic link"):
        ResultWriter(tmp_path / "link.csv", overwrite=True)


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
    assert row[JOURNAL_COLUMNS.index("message")] == spreadsheet_safe(message) != message


def test_the_json_lines_of_a_journal_hold_unchanged_values() -> None:
    file = io.StringIO()
    written = step("=1+1")
    write_entries([written], file, file_format=ResultFormat.JSONL)
    assert orjson.loads(file.getvalue()) == written.plain()
