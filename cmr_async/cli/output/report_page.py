"""The HTML report of `cmr`: written from a journal, or from the outcomes of a run that has none."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from ...core.order.prices import PriceList
from ...core.printable import printable
from ...errors import CMRError, ConfigurationError
from ...journal.states import Step
from ...models.requests import OrderOutcome
from ...report.output import OutputFile, expect_writable, unwritable
from ...report.page import ReportPage, mark_of
from ..streams import complain

#: Bytes at the beginning of a page among which its mark is.
_BEGINNING = 8192


class RunPage:
    """The page about one run."""

    def __init__(
        self,
        path: Path,
        *,
        source: str,
        prices: PriceList | None = None,
        overwrite: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Prepare the page, and make sure before anything is sent that it can be written.

        Args:
            path: The `.html` file.
            source: Name of the file of orders.
            prices: The prices of its estimates; `None`: the default ones.
            overwrite: Replace a file that exists.
            clock: Seconds since the epoch.

        Raises:
            ConfigurationError: The name has another ending, the file exists, or its folder cannot be written.
        """
        check_page(path)
        try:
            expect_writable(path, overwrite=overwrite)
        except OSError as error:
            raise unwritable(path, error) from None
        if not os.access(path.parent, os.W_OK):
            raise ConfigurationError(f"{path} cannot be written: its folder is missing or read-only.")
        #: The file.
        self.path: Path = path
        self._overwrite = overwrite
        self._clock = clock
        self._prices = prices
        self._page = ReportPage(title=source, prices=prices, has_journal=False)

    def add(self, outcome: OrderOutcome) -> None:
        """Add an outcome of a run without a journal."""
        self._page.add_outcome(outcome, at=self._clock())

    def write(self, *, journal: str | None) -> bool:
        """Write the page and return whether that worked; if it did not, say why.

        Args:
            journal: Where the run's journal is; `None`: the page shows the outcomes that were added.
        """
        try:
            page = read_page(journal, prices=self._prices) if journal else self._page
            write_page(self.path, page, overwrite=self._overwrite)
        except CMRError as error:
            complain(f"cmr: the report was not written: {printable(error.message)}")
            return False
        return True


def check_page(output: Path) -> None:
    """Check the name of a page.

    Raises:
        ConfigurationError: It does not end in `.html`.
    """
    if output.suffix.lower() not in {".html", ".htm"}:
        raise ConfigurationError(f"{output}: a report is an HTML page; give the file a name that ends in .html.")


def shows_journal(path: Path, location: str) -> bool:
    """Return whether a file is a page about a journal, from which it can be made again at any time."""
    from ...journal.storage.engine import safe_name  # noqa: PLC0415 - needs the extra `journal`

    try:
        with path.open("rb") as file:
            return mark_of(safe_name(location)).encode() in file.read(_BEGINNING)
    except OSError:
        return False


def read_page(location: str, *, prices: PriceList | None = None) -> ReportPage:
    """Return the page about a journal.

    Args:
        location: Where the journal is.
        prices: The prices of its estimates; `None`: the default ones.

    Raises:
        JournalError: There is no such journal, or it cannot be read.
    """
    from ..journal_reading import opened_journal  # noqa: PLC0415 - needs the extra `journal`

    with opened_journal(location) as journal:
        page = ReportPage(title=journal.name, prices=prices)
        for entry in journal.entries(*Step):
            page.add(entry)
    return page


def write_page(output: Path, page: ReportPage, *, overwrite: bool) -> None:
    """Write an HTML page.

    Raises:
        ConfigurationError: The file exists, or cannot be written.
    """
    try:
        with OutputFile(output, overwrite=overwrite) as file:
            file.write(page.html(now=time.time()))
    except OSError as error:
        raise unwritable(output, error) from None
