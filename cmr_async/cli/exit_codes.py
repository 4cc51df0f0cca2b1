"""The exit codes of `cmr`, and errors that end it with one line instead of a traceback."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING

import typer

from ..core.printable import printable_lines
from ..errors import CMRError
from .streams import complain, voice

if TYPE_CHECKING:
    from ..report.run_report import RunReport


class ExitCode(IntEnum):
    """The exit codes that a script can rely on."""

    #: Every order was accepted (or the file is good, when nothing was to be sent).
    ACCEPTED = 0
    #: Some orders were refused, not sent, or taken without some of their domains, and none is in doubt; the API refused
    #: what was asked; the user did not want to spend the money; or standard output could not be written.
    REJECTED = 1
    #: The command line or the input is wrong; nothing was sent.
    USAGE = 2
    #: Some orders may or may not have been placed; or an error that nobody foresaw ended the command.
    UNKNOWN = 3
    #: Ctrl-C or SIGTERM, and no order is in doubt.
    INTERRUPTED = 130


#: The last lines of a help page.
EXIT_CODES = """\b
Exit codes:
  0    every order was accepted, or the file is good and nothing was to be sent
  1    some orders were refused, not sent, or taken without some of their domains, none is in doubt;
       or you did not want to spend the money, or standard output could not be written
  2    the command line or the input is wrong; nothing was sent
  3    some orders may or may not have been placed, or could not be written down: do not send them again
  130  interrupted by Ctrl-C or SIGTERM; no order is in doubt"""


def exit_code(report: RunReport, *, planned: int) -> ExitCode:
    """Return the exit code of a run; the most severe outcome wins.

    Args:
        report: What the run left.
        planned: Orders of the file.
    """
    summary = report.summary
    if summary.unknown or report.unrecorded or voice.unprinted:
        return ExitCode.UNKNOWN
    if report.interrupted:
        return ExitCode.INTERRUPTED
    if summary.rejected or summary.not_sent or report.left_alone or report.incomplete or summary.total < planned:
        return ExitCode.REJECTED
    return ExitCode.ACCEPTED


@contextmanager
def plain_errors(
    *, otherwise: ExitCode = ExitCode.USAGE, usage: tuple[type[CMRError], ...] = (CMRError,)
) -> Iterator[None]:
    """Turn an error of the SDK, or Ctrl-C before anything was sent, into a few words and the right exit code.

    Args:
        otherwise: The exit code of errors that are no fault of the command line or the input.
        usage: Errors that are.
    """
    try:
        with _sigterm_as_ctrl_c():
            yield
    except (KeyboardInterrupt, typer.Abort):
        complain("cmr: interrupted.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except CMRError as error:
        from .pages import page_of  # noqa: PLC0415 - few commands need it

        complain(f"cmr: {printable_lines(error.message)}\nMore: `cmr docs {page_of(error)}`")
        raise typer.Exit(ExitCode.USAGE if isinstance(error, usage) else otherwise) from None


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end the block like Ctrl-C; signals are handled in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)
