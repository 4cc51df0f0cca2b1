"""What commands that spend money share: limits, and the question."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import pytest
import typer

from cmr_async.cli.exit_codes import ExitCode
from cmr_async.cli.ordering.spending import ask, read_budget
from cmr_async.preflight.plan import Plan

PLAN = Plan(orders=3, domains=3, mailboxes=1, cost=Decimal(30), affordable=2, affordable_cost=Decimal(20))


def test_limits_are_read_with_their_prices(tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"domain": 7}')
    budget = read_budget(5, " $40.50", prices)
    assert (budget.max_orders, budget.max_spend, budget.prices.domain) == (5, Decimal("40.50"), Decimal(7))
    assert read_budget(None, None, None).max_spend is None


@pytest.mark.parametrize("text", ["lots", "-1", "NaN", "Infinity", ""])
def test_what_is_no_amount_is_no_limit_either(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no amount of dollars"):
        read_budget(None, text, None)


class Keyboard(io.StringIO):
    """Standard input with somebody in front of it."""

    def isatty(self) -> bool:
        return True


def test_a_yes_lets_the_run_begin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard("y\n"))
    ask(PLAN, can_answer=True)
    *notes, question = capsys.readouterr().err.splitlines()
    assert "Spend money on 3 orders, 3 domains, 1 mailbox, at most the first 2 orders, about $20.00?" in question
    assert notes == [
        "The wallet must hold enough for all of it: the API's page asks for that before an order is paid.",
        "Accepted is not done: charge and provisioning can still fail afterwards, domain by domain.",
    ]


def test_the_life_of_a_draft_is_not_promised(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard("y\n"))
    ask(PLAN, can_answer=True, noun="draft")
    assert "How long a draft lives is not documented: one may be refused by now.\n" in capsys.readouterr().err


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_anything_else_ends_the_command(
    answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Keyboard(answer))
    with pytest.raises(typer.Exit) as ended:
        ask(PLAN, can_answer=True)
    assert ended.value.exit_code is ExitCode.REJECTED
    assert capsys.readouterr().err.endswith("Nothing was sent.\n")


@pytest.mark.parametrize(("can_answer", "keyboard"), [(False, Keyboard("y\n")), (True, io.StringIO("y\n"))])
def test_whoever_cannot_answer_must_have_said_yes_before(
    can_answer: bool,
    keyboard: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.stdin", keyboard)
    with pytest.raises(typer.Exit) as ended:
        ask(PLAN, can_answer=can_answer)
    assert ended.value.exit_code is ExitCode.USAGE
    assert "nobody can be asked here: add --yes" in capsys.readouterr().err
