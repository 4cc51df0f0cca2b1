"""What commands print: escaped, grouped, and safe from readers that go away."""

from __future__ import annotations

import attrs
import pytest

from cmr_async.cli.output.display import Cautions, Faults, result_line, show_plan, show_results
from cmr_async.orderfiles.located import InputFault
from cmr_async.preflight.plan import Plan
from cmr_async.report.rows import ResultRow

ROW = ResultRow(
    row=2, reference="ref", user_id="U", domains="a.com b.com", mailboxes=3, confirm=False, state="accepted",
    order_id="ORDER", action_id="", message="queued", attempts=1,
)  # fmt: skip
REJECTED = attrs.evolve(ROW, row=3, state="rejected", order_id="", reference="", message="not\x1b[2J available")


def test_cautions_of_one_kind_are_three_lines_and_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    cautions = Cautions()
    for row in range(2, 7):
        cautions.add(InputFault(source="a.csv", row=row, column="domain", message=f"d{row}.com looks odd"))
    cautions.add(InputFault(source="a.csv", row=9, column="years", message="is 11"))
    cautions.show()
    assert capsys.readouterr().err.splitlines() == [
        "caution: a.csv, row 2, domain: d2.com looks odd",
        "caution: a.csv, row 3, domain: d3.com looks odd",
        "caution: a.csv, row 4, domain: d4.com looks odd",
        "caution: ... and 2 more like it",
        "caution: a.csv, row 9, years: is 11",
    ]


def test_cautions_of_very_many_kinds_take_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    cautions = Cautions()
    for number in range(1000):
        cautions.add(InputFault(source="a.csv", row=2, column="domain", message="odd" * number))
    cautions.show()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 100 + 3 + 1
    assert lines[-1] == "caution: ... and 897 more like it"


def test_a_result_in_a_pipe_is_cells_with_tabs_between_them() -> None:
    assert result_line(ROW) == "accepted\tORDER\tU\ta.com b.com\t3\tref"
    assert result_line(REJECTED) == "rejected\t-\tU\ta.com b.com\t3\t-\tnot\\x1b[2J available"


def test_results_on_a_terminal_are_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    show_results([ROW, REJECTED], width=120)
    heading, accepted, rejected = (line.split() for line in capsys.readouterr().out.splitlines())
    assert heading == ["row", "state", "order", "id", "domains", "mailboxes", "note"]
    assert accepted == ["2", "accepted", "ORDER", "a.com", "b.com", "3"]
    assert rejected == ["3", "rejected", "a.com", "b.com", "3", "not\\x1b[2J", "available"]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_no_order_id_is_broken_and_no_line_is_too_long(width: int, capsys: pytest.CaptureFixture[str]) -> None:
    order_id = "OD8F7G6H5J4K3L2M1N0P9Q8R7S6T"
    many = attrs.evolve(ROW, order_id=order_id, domains=" ".join(f"domain-{n}.com" for n in range(9)))
    show_results([many, attrs.evolve(REJECTED, message="a reason in many words " * 9)], width=width)
    lines = capsys.readouterr().out.splitlines()
    assert sum(order_id in line for line in lines) == 1
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()).count("a reason in many words") >= 1


def test_a_state_that_a_journal_made_up_does_not_control_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(orders=2, settled={"acce\x1b[2Jpted\n": 1})
    show_plan(plan, file="orders.csv", confirm=False, journal="run.db")
    assert "dealt with before: 1 acce\\x1b[2Jpted\\n\n" in capsys.readouterr().out


def test_of_very_many_faults_a_thousand_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    faults = Faults()
    for row in range(1_001):
        faults.add(InputFault(source="a.csv", row=row + 1, message="is wrong"))
    faults.show_rest()
    lines = capsys.readouterr().err.splitlines()
    assert lines[999] == str(InputFault(source="a.csv", row=1_000, message="is wrong"))
    assert lines[1_000:] == ["... and 1 more fault"]
