"""`cmr journal export` and `cmr journal report`: a journal as CSV, JSON lines, or one HTML page."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import ConfigurationError
from ..exit_codes import plain_errors
from ..journal_reading import all_steps, opened_journal

if TYPE_CHECKING:
    from ...report.page import ReportPage

__all__ = ["check_page", "export", "read_page", "report", "write_page"]

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
        from ...report.rows import ResultFormat, write_entries  # noqa: PLC0415 - fast help

        file_format = ResultFormat.of(output)
        with opened_journal(journal) as (runner, opened):
            try:
                with output.open("w" if overwrite else "x", encoding="utf-8", newline="") as file:
                    count = write_entries(all_steps(runner, opened), file, file_format=file_format)
            except OSError as error:
                raise _unwritable(output, error) from None
        _done(count, output)


def report(
    journal: Location,
    output: Annotated[Path, typer.Option("--output", "-o", help="The .html file to write.")],
    overwrite: Overwrite = False,
) -> None:
    """Write JOURNAL as one HTML page: totals, orders over time, and a table, unknown orders first."""
    with plain_errors():
        check_page(output)
        page = read_page(journal)
        write_page(output, page, overwrite=overwrite)
        _done(page.steps, output)


def check_page(output: Path) -> None:
    """Make sure that a page has the name of one.

    Raises:
        ConfigurationError: It has not.
    """
    if output.suffix.lower() not in {".html", ".htm"}:
        raise ConfigurationError(f"{output}: a report is an HTML page; give the file a name that ends in .html.")


def write_page(output: Path, page: ReportPage, *, overwrite: bool) -> None:
    """Write an HTML page.

    Raises:
        ConfigurationError: The file exists, or cannot be written.
    """
    try:
        with output.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(page.html(now=time.time()))
    except OSError as error:
        raise _unwritable(output, error) from None


def read_page(location: str) -> ReportPage:
    """Return the page about a journal.

    Raises:
        JournalError: There is no such journal, or it cannot be read.
    """
    from ...report.page import ReportPage  # noqa: PLC0415 - fast help

    with opened_journal(location) as (runner, journal):
        page = ReportPage(title=journal.name)
        for entry in all_steps(runner, journal):
            page.add(entry)
    return page


def _unwritable(output: Path, error: OSError) -> ConfigurationError:
    if isinstance(error, FileExistsError):
        return ConfigurationError(f"{output} exists. Choose another name, or say --overwrite.")
    return ConfigurationError(f"{output} cannot be written: {error.strerror}")


def _done(steps: int, output: Path) -> None:
    from ..display import counted, printable, say  # noqa: PLC0415 - fast help

    say(f"{counted(steps, 'step')} written to {printable(str(output))}.")
