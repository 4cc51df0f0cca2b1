"""Before and after money is spent, people read what the sources say of it, and what they do not say."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest

from cmr_async.cli.exit_codes import ExitCode
from cmr_async.cli.ordering.spending import ask
from cmr_async.cli.output.summary import show_summary
from cmr_async.models.requests import BulkSummary
from cmr_async.preflight.plan import Plan
from cmr_async.report.run_report import RunReport

PLAN = Plan(orders=1, domains=1, affordable=1, affordable_cost=Decimal(15))


class Keyboard(io.StringIO):
    """Standard input with somebody in front of it who says yes."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard("y\n"))


@pytest.mark.usefixtures("somebody")
def test_the_question_tells_of_the_balance_and_of_what_can_still_fail(capsys: pytest.CaptureFixture[str]) -> None:
    ask(PLAN, can_answer=True)
    shown = capsys.readouterr().err
    assert "The wallet must hold enough for all of it" in shown
    assert "charge and provisioning can still fail afterwards" in shown
    assert "draft" not in shown


@pytest.mark.usefixtures("somebody")
def test_the_question_about_drafts_tells_that_their_life_is_not_documented(capsys: pytest.CaptureFixture[str]) -> None:
    ask(PLAN, can_answer=True, noun="draft", asked_by="processing")
    assert "How long a draft lives is not documented" in capsys.readouterr().err


def last_line(capsys: pytest.CaptureFixture[str], *, confirm: bool) -> str:
    report = RunReport(summary=BulkSummary(accepted=1))
    show_summary(
        report,
        PLAN,
        source="a.csv",
        confirm=confirm,
        simulator=False,
        output=None,
        journal="run.db" if confirm else None,
        code=ExitCode.ACCEPTED,
    )
    return capsys.readouterr().err


def test_accepted_drafts_are_not_said_to_wait_for_ever(capsys: pytest.CaptureFixture[str]) -> None:
    shown = last_line(capsys, confirm=False)
    assert "Drafts are not charged until they are processed. How long they live is not documented." in shown


def test_accepted_orders_are_said_to_take_what_the_help_centre_says_and_that_they_can_fail(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = last_line(capsys, confirm=True)
    assert "usually takes 10 to 90 seconds by the help centre, and can still fail" in shown


def test_that_nothing_was_bought_is_called_a_reading(capsys: pytest.CaptureFixture[str]) -> None:
    report = RunReport(summary=BulkSummary(rejected=1))
    show_summary(report, PLAN, source="a.csv", confirm=True, simulator=False, output=None, code=ExitCode.REJECTED)
    assert "1 refused: by our reading nothing was bought." in capsys.readouterr().err
