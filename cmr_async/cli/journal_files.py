"""`cmr journal export` and `cmr journal report`: a journal as CSV, JSON lines, or one HTML page."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import ConfigurationError
from .exits import plain_errors

if TYPE_CHECKING:
    from ..bulk.journal import Entry

__all__ = ["check_page", "export", "read_steps", "report", "write_page"]

Location = Annotated[
    str, typer.Argument(metavar="JOURNAL", help="A journal: a path (SQLite) or a URL (postgresql://...).")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the --output file if it exists.")]


def export(
    journal: Location,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .csv or .jsonl file.")],
    overwrite: Overwrite = False,
) -> None:
    """Write every step of JOURNAL into a file, one a line."""
    with plain_errors():
        from ..bulk.report import write_entries  # noqa: PLC0415 - fast help, and an extra
        from ..bulk.results import ResultFormat  # noqa: PLC0415

        ending = output.suffix.lower().lstrip(".")
        if ending not in set(ResultFormat):
            raise ConfigurationError(f"{output}: a journal is written as .csv or .jsonl; give the file such a name.")
        _, entries = asyncio.run(read_steps(journal))
        try:
            with output.open("w" if overwrite else "x", encoding="utf-8", newline="") as file:
                write_entries(entries, file, format=ResultFormat(ending))
        except OSError as error:
            raise _unwritable(output, error) from None
        _done(len(entries), output)


def report(
    journal: Location,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .html file to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Write JOURNAL as one HTML page: totals, orders over time, and a table, unknown orders first."""
    with plain_errors():
        check_page(output)
        name, entries = asyncio.run(read_steps(journal))
        write_page(output, entries, title=name, overwrite=overwrite)
        _done(len(entries), output)


def check_page(output: Path) -> None:
    """Make sure that a page has the name of one.

    Raises:
        ConfigurationError: It has not.
    """
    if output.suffix.lower() not in {".html", ".htm"}:
        raise ConfigurationError(f"{output}: a report is an HTML page; give the file a name that ends in .html.")


def write_page(output: Path, entries: list[Entry], *, title: str, overwrite: bool) -> None:
    """Write the HTML page about the steps of a journal.

    Raises:
        ConfigurationError: The file exists, or cannot be written.
    """
    from ..bulk.report import report_page  # noqa: PLC0415 - fast help

    try:
        with output.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(report_page(entries, title=title, now=time.time()))
    except OSError as error:
        raise _unwritable(output, error) from None


async def read_steps(location: str) -> tuple[str, list[Entry]]:
    """Return the name of a journal, and all its steps.

    Raises:
        JournalError: There is no such journal, or it cannot be read.
    """
    from ..bulk.journal import Journal, Step  # noqa: PLC0415 - fast help, and an extra

    async with Journal.open(location, create=False) as journal:
        return journal.name, [entry for step in Step async for entry in journal.entries(step=step)]


def _unwritable(output: Path, error: OSError) -> ConfigurationError:
    if isinstance(error, FileExistsError):
        return ConfigurationError(f"{output} exists. Choose another name, or say --overwrite.")
    return ConfigurationError(f"{output} cannot be written: {error.strerror}")


def _done(steps: int, output: Path) -> None:
    from .display import counted, printable, say  # noqa: PLC0415 - fast help

    say(f"{counted(steps, 'step')} written to {printable(str(output))}.")
