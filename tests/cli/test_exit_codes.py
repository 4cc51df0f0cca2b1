"""How a command ends."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest
import typer

from cmr_async.cli.exit_codes import ExitCode, exit_code, plain_errors
from cmr_async.errors import ConfigurationError, JournalError
from cmr_async.models.requests import BulkSummary
from cmr_async.report.run_report import RunReport


@pytest.mark.parametrize(
    ("summary", "more", "expected"),
    [
        (BulkSummary(accepted=3), {}, ExitCode.ACCEPTED),
        (BulkSummary(accepted=1, skipped=2), {}, ExitCode.ACCEPTED),
        (BulkSummary(accepted=1, skipped=2), {"placed": 2}, ExitCode.ACCEPTED),
        (BulkSummary(accepted=1, skipped=2), {"left_alone": 1}, ExitCode.REJECTED),
        (BulkSummary(accepted=3), {"incomplete": 1}, ExitCode.REJECTED),
        (BulkSummary(accepted=2, rejected=1), {}, ExitCode.REJECTED),
        (BulkSummary(accepted=2, not_sent=1), {"absent": 1}, ExitCode.REJECTED),
        (BulkSummary(accepted=2), {}, ExitCode.REJECTED),
        (BulkSummary(rejected=2, unknown=1), {}, ExitCode.UNKNOWN),
        (BulkSummary(accepted=3), {"unrecorded": 1}, ExitCode.UNKNOWN),
        (BulkSummary(rejected=2, unknown=1), {"interrupted": True}, ExitCode.UNKNOWN),
        (BulkSummary(rejected=2), {"interrupted": True}, ExitCode.INTERRUPTED),
    ],
)
def test_the_most_severe_outcome_wins(summary: BulkSummary, more: dict[str, Any], expected: ExitCode) -> None:
    assert exit_code(RunReport(summary=summary, **more), planned=3) is expected


@pytest.mark.parametrize(
    ("raised", "code", "line"),
    [
        (ConfigurationError("no key"), ExitCode.USAGE, "cmr: no key\nMore: `cmr docs command-line`\n"),
        (
            JournalError("bad\nand \x1b[2Jso"),
            ExitCode.USAGE,
            "cmr: bad\n  and \\x1b[2Jso\nMore: `cmr docs journal`\n",
        ),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "cmr: interrupted.\n"),
        (typer.Abort(), ExitCode.INTERRUPTED, "cmr: interrupted.\n"),
    ],
)
def test_an_error_is_one_line_and_a_code(
    raised: BaseException, code: ExitCode, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, plain_errors():
        raise raised
    assert ended.value.exit_code is code
    assert capsys.readouterr().err == line


def test_sigterm_ends_a_command_like_ctrl_c_and_means_afterwards_what_it_meant_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(typer.Exit) as ended, plain_errors():
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.exit_code is ExitCode.INTERRUPTED
    assert signal.getsignal(signal.SIGTERM) is before


def test_in_another_thread_signals_are_left_as_they_are() -> None:
    seen: list[object] = []

    def command() -> None:
        with plain_errors():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=command)
    thread.start()
    thread.join(60)
    assert seen == [signal.getsignal(signal.SIGTERM)]
