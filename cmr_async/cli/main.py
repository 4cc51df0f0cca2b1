"""The entry point of `cmr`: runs the command line, or says in one line why it does not."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from io import TextIOWrapper
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..core.redact import Redactor

#: Characters of an error's text that are shown.
_LONGEST = 300


def run() -> None:
    """Run the command line."""
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):  # a letter that a legacy encoding lacks must not end a run of paid orders
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        Path.cwd()
    except OSError as error:
        sys.stderr.write(f"cmr: the current folder cannot be used ({error.strerror}): change to another one.\n")
        raise SystemExit(2) from None
    try:
        from .app import app  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich", "click"}:
            raise
        sys.stderr.write('cmr needs its extra: pip install "cmr-async[cli]"\n')
        raise SystemExit(2) from None
    # Without -v nothing is logged: what has to be known is said by the commands
    logging.getLogger("cmr_async").addHandler(logging.NullHandler())
    try:
        app()
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        from .exit_codes import ExitCode  # noqa: PLC0415 - imports typer
        from .streams import voice  # noqa: PLC0415 - a command starts quickly

        if voice.verbose:
            sys.stderr.write(_redactor().text(traceback.format_exc()))
        sys.stderr.write(f"cmr: {_unforeseen(error)}\n")
        raise SystemExit(ExitCode.UNKNOWN) from None


def _open_closed_streams() -> None:
    """Give the command a stream for each that it was started without (`cmr ... >&-`): one that takes nothing.

    Else files and connections would get the numbers of the standard streams.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDONLY)  # so that what is written there fails, and is told elsewhere
            setattr(sys, name, open(nowhere, mode, encoding="utf-8", errors="replace"))  # noqa: PTH123, SIM115


def _unforeseen(error: Exception) -> str:
    """Return one line about an error that no command turned into a message: what, and where it was raised."""
    from ..core.printable import printable  # noqa: PLC0415 - not needed otherwise, and a command starts quickly

    place = error.__traceback__
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
        place = error.__traceback__ or place
    said = printable(_redactor().excerpt(str(error).encode("utf-8", "replace"), _LONGEST))
    places = [f" ({Path(frame.f_code.co_filename).name}:{line})" for frame, line in walk_tb(place)]
    return (
        f"an error that nobody foresaw: {type(error).__name__}{', ' if said else ''}{said}{''.join(places[-1:])}. "
        "If this was a run, some orders may have been placed: see its journal. "
        "For a report of the error: -v shows where it comes from."
    )


def _redactor() -> Redactor:
    """Return what masks the key and other secrets."""
    from ..core.redact import Redactor  # noqa: PLC0415 - as above

    return Redactor(os.environ.get("CMR_API_KEY", ""))
