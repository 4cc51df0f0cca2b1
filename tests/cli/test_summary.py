"""The last lines of a run: counts, reasons, and what to do next."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cmr_async.cli.run import RunReport
from cmr_async.cli.summary import show_summary
from cmr_async.errors import CMRError, PermissionDeniedError
from cmr_async.models.requests import BulkSummary
from cmr_async.preflight.plan import Plan


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Any:
    def show(
        summary: BulkSummary, *, plan: Plan | None = None, report: dict[str, Any] | None = None, **more: Any
    ) -> Any:
        settings: dict[str, Any] = {"source": "orders.csv", "confirm": True, "simulator": False, "output": None}
        show_summary(RunReport(summary=summary, **(report or {})), plan or Plan(orders=3), **{**settings, **more})
        return capsys.readouterr().out.splitlines()[1:]

    return show


def test_a_paid_run_without_a_journal_says_that_the_file_is_done(lines: Any) -> None:
    assert lines(BulkSummary(accepted=3)) == [
        "3 paid orders accepted of 3 orders.",
        "Accepted means queued: the rest usually takes 10 to 90 seconds by the help centre, and can still fail.",
        "Do not send the file again.",
    ]


def test_drafts_are_reviewed_next(lines: Any) -> None:
    assert lines(BulkSummary(accepted=3), confirm=False) == [
        "3 drafts accepted of 3 orders.",
        "Drafts are not charged until they are processed. How long they live is not documented.",
    ]


def test_when_nothing_was_ordered_the_same_command_can_be_run_again(lines: Any) -> None:
    report = {"errors": {PermissionDeniedError, CMRError}, "stopped": "the API refused.", "next_row": 2}
    assert lines(BulkSummary(rejected=1), report=report) == [
        "0 paid orders accepted of 3 orders.",
        "  1 refused: by our reading nothing was bought.",
        "  2 not started.",
        "The run stopped early: the API refused.",
        "403: not for this user, or not in this state. The user id must be one that the API returned.",
        "Nothing was ordered: correct the cause and run the same command again.",
        "The first order that was not started begins at row 2.",
    ]


def test_unknown_orders_are_looked_up_before_anything_else(lines: Any) -> None:
    assert lines(BulkSummary(accepted=1, unknown=1, not_sent=1), output=Path("results.csv"))[-3:] == [
        "Do not send the unknown orders again: look them up in the Partner Dashboard first.",
        "Results: results.csv",
        (
            "To go on, take the accepted and unknown orders (results.csv lists them) out of orders.csv first: "
            "sent again, they would be ordered twice."
        ),
    ]


def test_with_a_journal_the_same_command_goes_on(lines: Any) -> None:
    report = {"left_alone": 1, "reasons": Counter(["not available"])}
    assert lines(BulkSummary(rejected=1, skipped=2), report=report, journal="run.db") == [
        "0 paid orders accepted of 3 orders.",
        "  1 refused: by our reading nothing was bought.",
        "  1 skipped: accepted in an earlier run.",
        "  1 skipped: refused in an earlier run, or being sent by another one.",
        "  1 x not available",
        "Orders that were refused are planned again by name: `cmr orders resubmit run.db`.",
        "To go on, run the same command again: what the journal run.db knows as accepted is skipped.",
    ]


def test_processed_drafts_need_nothing_more(lines: Any) -> None:
    assert lines(BulkSummary(accepted=3), processed=True, journal="run.db") == [
        "The processing of 3 drafts accepted of 3 drafts."
    ]
