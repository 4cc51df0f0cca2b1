"""How far a run is, by a clock of the test's own: on a terminal a bar, in a pipe a line every few seconds."""

from __future__ import annotations

import io
import re
from typing import Any

import attrs
import pytest
from rich.console import Console

from cmr_async.cli.output.progress import Progress
from cmr_async.models.requests import BulkSummary
from cmr_async.pipeline import Stall
from cmr_async.report.rows import ResultRow
from tests.fakes import Clock

ROW = ResultRow(
    row=2, reference="", user_id="U", domains="a.com", mailboxes=0, confirm=False, state="accepted", order_id="O",
    action_id="", message="", attempts=1,
)  # fmt: skip


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


def ended(progress: Progress, count: int, summary: BulkSummary, **row: Any) -> None:
    for _ in range(count):
        progress.ended(attrs.evolve(ROW, **row), summary)


def test_in_a_pipe_a_line_every_few_seconds_says_rate_time_left_and_counts(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(1200, lines=False, clock=clock) as progress:
        ended(progress, 20, BulkSummary(accepted=17, rejected=1, unknown=1, not_sent=1))
        for _ in range(49):
            clock.now += 0.2
            progress.tick()
        clock.now += 0.2
        progress.tick()
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "20 of 1,200 orders, 4.0 a second, 5 min left: 17 accepted, 1 rejected, 1 unknown, 1 not sent",
        "20 of 1,200 orders, 2.0 a second, 10 min left: 17 accepted, 1 rejected, 1 unknown, 1 not sent",
    ]


def test_before_the_first_order_ends_no_time_is_promised(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(3, lines=False, clock=clock) as progress:
        clock.now += 5
        progress.tick()
    assert capsys.readouterr().err == "0 of 3 orders, 0.0 a second, time left not known yet: none has ended yet\n"


def test_what_the_journal_skips_does_not_count_for_the_rate(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(1000, to_send=100, lines=False, clock=clock) as progress:
        ended(progress, 900, BulkSummary(skipped=900), attempts=0)
        ended(progress, 20, BulkSummary(skipped=900, accepted=20))
        clock.now += 10
        progress.tick()
    assert "920 of 1,000 orders, 2.0 a second, 40 s left: 20 accepted, 900 skipped" in capsys.readouterr().err


def test_a_pause_after_a_429_is_shown(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(3, lines=False, clock=clock) as progress:
        clock.now += 5
        progress.tick(paused=2.25)
        clock.now += 5
        progress.tick(paused=0.0)
    paused, going = capsys.readouterr().err.splitlines()
    assert paused.endswith("; paused 2.2 s after a 429")
    assert "paused" not in going


@pytest.mark.parametrize(
    ("orders", "left"), [(100, "99 s left"), (200, "3 min left"), (5_400, "90 min left"), (9_001, "2 h 30 min left")]
)
def test_long_times_are_told_in_minutes_and_hours(
    clock: Clock, capsys: pytest.CaptureFixture[str], orders: int, left: str
) -> None:
    with Progress(orders, lines=False, clock=clock) as progress:
        progress.EVERY = 1.0
        ended(progress, 1, BulkSummary(accepted=1))
        clock.now += 1
        progress.tick()
    assert f" {left}:" in capsys.readouterr().err


def test_the_bar_shows_the_same(clock: Clock) -> None:
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=200)
    with Progress(10, lines=False, clock=clock, screen=console) as progress:
        ended(progress, 4, BulkSummary(accepted=3, unknown=1))
        clock.now += 2
        progress.tick(paused=1.5)
    text = drawn.getvalue()
    assert "4/10" in text
    assert "2.0 a second, 3 s left: 3 accepted, 1 unknown; paused 1.5 s after a 429" in text


def test_on_a_terminal_lines_do_not_break_the_bar(clock: Clock) -> None:
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=200, highlight=False)
    with Progress(10, lines=True, clock=clock, screen=console) as progress:
        ended(progress, 1, BulkSummary(accepted=1))
        progress.complain("Stopping: [bold]waiting[/bold].")
    assert re.search(r"accepted +O +U +a\.com +0 +-", drawn.getvalue())
    assert "Stopping: [bold]waiting[/bold]." in drawn.getvalue()


def test_in_a_pipe_orders_are_lines_of_the_output_and_problems_are_not(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(10, lines=True, clock=clock) as progress:
        ended(progress, 1, BulkSummary(accepted=1))
        progress.complain("Stopping.")
    assert capsys.readouterr() == ("accepted\tO\tU\ta.com\t0\t-\n", "Stopping.\n")


STALL = Stall(message="cannot connect to h:1 (Connection refused); retrying", left=40.0)


def test_a_run_that_gets_nowhere_says_why_after_two_seconds_and_again_every_few(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(3, lines=False, clock=clock) as progress:
        for _ in range(40):
            clock.now += 0.2
            progress.tick(stall=STALL)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert re.fullmatch(
            r"0 of 3 orders, cannot connect to h:1 \(Connection refused\); retrying until \d\d:\d\d:\d\d", line
        )


def test_an_order_that_ends_meanwhile_shows_that_the_run_gets_on(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(3, lines=False, clock=clock) as progress:
        for _ in range(4):
            clock.now += 1.0
            ended(progress, 1, BulkSummary(accepted=1))
            progress.tick(stall=STALL)
    assert "retrying" not in capsys.readouterr().err


def test_the_bar_says_why_it_stands_still(clock: Clock) -> None:
    drawn = io.StringIO()
    console = Console(file=drawn, force_terminal=True, width=200)
    with Progress(10, lines=False, clock=clock, screen=console) as progress:
        clock.now += 2
        progress.tick(stall=STALL)
    assert "cannot connect to h:1 (Connection refused); retrying until " in drawn.getvalue()
