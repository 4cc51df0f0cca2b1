"""The two streams of a command: results on standard output, everything else on standard error.

So `cmr ... | cut -f2` gets results and nothing else. With `--json` a result is an object on a line of its own, as
`docs/command-line.schema.json` describes it; with `-q` notes are left out.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import attrs

#: Columns below which text is not folded any further.
_NARROWEST = 20
#: A command or a name in backticks, which is copied and must stay in one piece.
_IN_ONE_PIECE = re.compile("`[^`]*`")
#: The first of two columns, with the space between them.
_FIRST_COLUMN = re.compile(r" *\S+(?: \S+)*  +(?=\S)")
_FIXED_SPACE = "\N{NO-BREAK SPACE}"


@attrs.define
class Voice:
    """How a command talks; set by its options."""

    #: Say nothing but results and problems.
    quiet: bool = False
    #: Show each request, and the traceback of an error that nobody foresaw.
    verbose: bool = False
    #: Results are JSON.
    json: bool = False
    #: Results exist nowhere else: what standard output does not take goes to standard error.
    only_printed: bool = False
    #: Why standard output takes nothing more; `None`: it does.
    lost: OSError | None = None
    #: Lines that standard error has instead.
    unprinted: int = 0

    def reset(self) -> None:
        """Talk as a command without options does."""
        self.quiet = self.verbose = self.json = self.only_printed = False
        self.lost = None
        self.unprinted = 0


#: How the command of this process talks.
voice: Voice = Voice()


def say(text: str) -> None:
    """Print a line of results to standard output."""
    _print(text, sys.stdout)


def emit(kind: str, values: Mapping[str, Any]) -> None:
    """Print a result as an object on a line of its own; `kind` is its `type`."""
    import orjson  # noqa: PLC0415 - for JSON only

    text = orjson.dumps({"type": kind, **values}, option=orjson.OPT_NON_STR_KEYS).decode()
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # JSON has its own way to write such letters
        text = json.dumps(orjson.loads(text), separators=(",", ":"))
    _print(text, sys.stdout, folded=False)


def note(text: str) -> None:
    """Print a line about what goes on to standard error, unless the user wants it quiet."""
    if not voice.quiet:
        _print(text, sys.stderr)


def complain(text: str) -> None:
    """Print a line about a problem to standard error."""
    _print(text, sys.stderr)


def _print(text: str, stream: TextIO, *, folded: bool = True) -> None:
    """Print a text; a reader that went away (`| head`) or a full disk must not end a run of paid orders."""
    if stream is sys.stdout and voice.lost is not None:
        _keep(text)
        return
    shown = text
    if folded and "\t" not in text and stream.isatty():
        shown = _folded(text, shutil.get_terminal_size().columns)
    try:
        stream.write(shown + "\n")
        stream.flush()
    except OSError as error:
        _lose(stream, error)
        if stream is sys.stdout:
            _keep(text)


def _lose(stream: TextIO, error: OSError) -> None:
    """Let a stream that cannot be written lead nowhere, and say so if nobody closed it on purpose."""
    # The interpreter flushes once more when it exits: that must not fail either
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if stream is sys.stdout:
        voice.lost = error
        if not isinstance(error, BrokenPipeError):
            complain(f"cmr: standard output cannot be written any more: {error.strerror}.")


def _keep(text: str) -> None:
    """Print a line that standard output did not take to standard error, if it would be nowhere else."""
    if voice.only_printed:
        voice.unprinted += 1
        complain(f"not printed\t{text}")


def lose_output(error: OSError) -> None:
    """Say that standard output cannot be written any more, and let it lead nowhere."""
    _lose(sys.stdout, error)


def print_output(data: bytes) -> None:
    """Print a file to standard output as it is."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        lose_output(error)


def flush_output() -> None:
    """Write what waits to be written to standard output."""
    stream: TextIO | None = sys.stdout
    try:
        if stream is not None:
            stream.flush()
    except OSError as error:
        lose_output(error)


def output_is_lost() -> bool:
    """Return whether results could not be printed; a reader that went away (`| head`) did not want them."""
    return voice.lost is not None and not isinstance(voice.lost, BrokenPipeError)


def _folded(text: str, width: int) -> str:
    """Fold long lines between words; what is in backticks stays in one piece, as do names and ids."""
    folded = []
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        in_columns = _FIRST_COLUMN.match(line)
        fixed = _IN_ONE_PIECE.sub(lambda found: found[0].replace(" ", _FIXED_SPACE), line.lstrip())
        folded += textwrap.wrap(
            fixed,
            max(width, _NARROWEST),
            initial_indent=indent,
            subsequent_indent=" " * (in_columns.end() if in_columns else len(indent) + 2),
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return "\n".join(folded).replace(_FIXED_SPACE, " ")


def is_terminal() -> bool:
    """Return whether results go to a terminal, as a table for people."""
    return sys.stdout.isatty() and not voice.json


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 order`, `2 orders`, `1,000 mailboxes`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def program() -> str:
    """Return how `cmr` is called where the user stands, for commands that are to be copied.

    `CMR_PROGRAM` says it where it cannot be found out, as in an environment that ends with this command.
    """
    if named := os.environ.get("CMR_PROGRAM"):
        return named
    if "UV_RUN_RECURSION_DEPTH" in os.environ:
        return "uv run cmr"
    typed, found = sys.argv[0], shutil.which("cmr")
    if found is not None and os.path.realpath(found) == os.path.realpath(typed):
        return "cmr"
    return shlex.quote(typed) if Path(typed).stem == "cmr" else f"{shlex.quote(sys.executable)} -m cmr_async"
