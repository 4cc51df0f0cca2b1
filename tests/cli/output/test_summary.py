"""The last lines of a run: counts, reasons, and what to do next."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cmr_async.cli.exit_codes import ExitCode
from cmr_async.cli.output.summary import show_summary
from cmr_async.errors import AuthenticationError, CMRError, InsufficientBalanceError, PermissionDeniedError
from cmr_async.models.requests import BulkSummary
from cmr_async.preflight.plan import Plan
from cmr_async.report.run_report import RunReport


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Any:
    def show(
        summary: BulkSummary, *, plan: Plan | None = None, report: dict[str, Any] | None = None, **more: Any
    ) -> Any:
        settings: dict[str, Any] = {
            "source": "orders.csv",
            "confirm": True,
            "simulator": False,
            "output": None,
            "code": ExitCode.ACCEPTED,
        }
        show_summary(RunReport(summary=summary, **(report or {})), plan or Plan(orders=3), **{**settings, **more})
        return capsys.readouterr().err.splitlines()[1:]

    return show


def test_a_paid_run_says_what_acceptance_means_and_without_a_journal_that_the_file_is_done(lines: Any) -> None:
    said = [
        "3 paid orders accepted of 3 orders.",
        "Accepted means queued: the rest usually takes 10 to 90 seconds by the help centre, and can still fail.",
    ]
    assert lines(BulkSummary(accepted=3)) == [*said, "Do not send the file again."]
    assert lines(BulkSummary(accepted=3), journal="run.db") == said


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
    report = {"left_alone": 1, "reasons": Counter(["not available"]), "next_row": 7}
    found = lines(BulkSummary(rejected=1, skipped=2), plan=Plan(orders=4), report=report, journal="run.db")
    assert found == [
        "0 paid orders accepted of 4 orders.",
        "  1 refused: by our reading nothing was bought.",
        "  1 skipped: accepted in an earlier run.",
        "  1 skipped: refused in an earlier run, or being sent by another one.",
        "  1 not started.",
        "  1 x not available",
        (
            "Orders that were refused are left as they are: correct their rows, or send them as they are with "
            "--retry-rejected."
        ),
        "To go on, run the same command again: what the journal run.db has settled is skipped.",
        "The first order that was not started begins at row 7.",
    ]


GOES_ON = "To go on, run the same command again: what the journal run.db has settled is skipped."


@pytest.mark.parametrize(
    ("summary", "report", "goes_on"),
    [
        (BulkSummary(accepted=1, rejected=2), {}, False),
        (BulkSummary(accepted=1, unknown=2), {}, False),
        (BulkSummary(accepted=1, skipped=2), {"left_alone": 2}, False),
        (BulkSummary(accepted=2, not_sent=1), {"absent": 1}, False),
        (BulkSummary(accepted=2, not_sent=1), {}, True),
        (BulkSummary(accepted=1, rejected=1), {}, True),
        (BulkSummary(rejected=3), {"stopped": "the first 3 orders were refused in the same way"}, True),
    ],
)
def test_the_same_command_is_advised_only_if_it_would_send_something(
    summary: BulkSummary, report: dict[str, Any], goes_on: bool, lines: Any
) -> None:
    assert (GOES_ON in lines(summary, report=report, journal="run.db")) is goes_on


@pytest.mark.parametrize(
    ("settled", "said"),
    [
        ({"rejected": 2}, ["  2 skipped: refused in an earlier run."]),
        ({"sent": 2}, ["  2 skipped: being sent by another run."]),
        (
            {"rejected": 1, "sent": 1, "accepted": 1},
            ["  1 skipped: refused in an earlier run.", "  1 skipped: being sent by another run."],
        ),
        ({}, ["  2 skipped: refused in an earlier run, or being sent by another one."]),
    ],
)
def test_what_was_refused_is_told_from_what_is_being_sent(settled: dict[str, int], said: list[str], lines: Any) -> None:
    plan = Plan(orders=3, settled=settled)
    found = lines(BulkSummary(skipped=3), plan=plan, report={"left_alone": 2}, journal="run.db")
    assert [line for line in found if "skipped: " in line and "accepted in" not in line] == said
    refused = "Orders that were refused are left as they are" in "".join(found)
    assert refused is (settled != {"sent": 2})


@pytest.mark.parametrize(
    ("error", "stopped", "advice"),
    [
        (AuthenticationError, "the API refused the key (401): look at CMR_API_KEY", "The API does not take this key: "),
        (InsufficientBalanceError, "the wallet does not hold enough (402): top it up", "The wallet is too low: "),
    ],
)
def test_a_wrong_key_or_an_empty_wallet_is_said_once(
    error: type[CMRError], stopped: str, advice: str, lines: Any
) -> None:
    report = {"errors": {error}, "stopped": stopped, "reasons": Counter(["refused with 401: no"])}
    found = lines(BulkSummary(not_sent=1), report=report, journal="run.db")
    assert found[3] == "  1 x refused with 401: no"
    assert found[4].startswith(advice)
    assert "stopped early" not in "".join(found)


def test_where_nothing_was_accepted_nothing_is_said_of_acceptance(lines: Any) -> None:
    assert lines(BulkSummary(skipped=3), journal="run.db") == [
        "0 paid orders accepted of 3 orders.",
        "  3 skipped: accepted in an earlier run.",
    ]


def test_processed_drafts_need_nothing_more(lines: Any) -> None:
    assert lines(BulkSummary(accepted=3), processed=True, journal="run.db") == ["3 of 3 drafts processed."]


def test_orders_that_were_taken_in_part_are_named_and_nothing_is_promised(lines: Any) -> None:
    report = {"incomplete": 2, "unavailable": ["taken.com", "gone.com"]}
    assert lines(BulkSummary(accepted=3), report=report, journal="run.db") == [
        "3 paid orders accepted of 3 orders.",
        "2 orders accepted without some of their domains: taken.com, gone.com. The API calls them unavailable.",
    ]
    one = lines(BulkSummary(accepted=3), report={"incomplete": 1, "unavailable": [f"d{n}.com" for n in range(10)]})
    assert one[1].startswith("1 order accepted without some of its domains: d0.com, ")
    assert one[1].endswith(", d9.com, .... The API calls them unavailable.")


def test_settled_unknowns_are_counted_as_what_they_are(lines: Any) -> None:
    report = {"placed": 1, "absent": 1}
    assert lines(BulkSummary(skipped=2, not_sent=1), report=report, journal="my run.db") == [
        "0 paid orders accepted of 3 orders.",
        "  1 not placed, by the evidence that was found.",
        "  1 skipped: accepted in an earlier run.",
        "  1 skipped: found placed after an earlier run.",
        (
            "What was found absent can be sent: `cmr orders resubmit 'my run.db' --all-absent`, then the same command "
            "again."
        ),
    ]


def test_what_the_journal_does_not_know_is_said(lines: Any) -> None:
    report = {"unrecorded": 2, "stopped": "the disk is full."}
    found = lines(BulkSummary(accepted=2), report=report, journal="run.db")
    assert (
        "2 orders could not be written into the journal, which will show them as unknown: keep the lines above that "
        'begin with "not written down".'
    ) in found
    assert "The run stopped early: the disk is full." in found


def test_the_user_whose_orders_were_held_back_is_named(lines: Any) -> None:
    summary = BulkSummary(accepted=1, not_sent=2, held_users=("U1", "U2"))
    found = lines(summary, report={"errors": {PermissionDeniedError}}, journal="run.db")
    assert found[2:] == [
        "403: not for this user, or not in this state. The user id must be one that the API returned.",
        "Further orders were held back of U1, U2; those of other users were not.",
        "To go on, run the same command again: what the journal run.db has settled is skipped.",
    ]
    many = BulkSummary(accepted=1, not_sent=2, held_users=tuple(f"U{n}" for n in range(11)))
    assert "Further orders were held back of U0, U1, U2, U3, U4, U5, U6, U7, U8, U9, ...; those" in "".join(lines(many))


def test_settings_are_named_where_a_refusal_shows_that_one_is_wrong(lines: Any) -> None:
    report = {"errors": {AuthenticationError, InsufficientBalanceError}, "foreign_answers": 2}
    found = "\n".join(lines(BulkSummary(not_sent=3), report=report, journal="run.db"))
    for setting in ("CMR_API_KEY", "CMR_KEY_HEADER", "CMR_BASE_URL", "top it up"):
        assert setting in found
    assert "resubmit" not in found
    assert "run the same command again" in found


def test_processing_that_was_refused_is_planned_again_by_a_line_that_works_as_it_is(lines: Any) -> None:
    found = lines(BulkSummary(skipped=3), report={"left_alone": 1}, journal="run.db", processed=True)
    assert (
        "Orders that were refused are left as they are: `cmr orders resubmit run.db --all-rejected --step process` "
        "plans them again."
    ) in found
