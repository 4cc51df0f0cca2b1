"""`--report`: one HTML page about a run, from its journal, or without one from the outcomes as they came."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import CMRError, ConfigurationError
from ..models.requests import OrderOutcome
from ..report.page import ReportPage, entry_of
from .commands.journal import check_page, read_page, write_page
from .display import complain, printable

__all__ = ["RunPage"]


class RunPage:
    """The page about one run."""

    def __init__(self, path: Path, *, source: str, overwrite: bool, clock: Callable[[], float] = time.time) -> None:
        """Prepare the page and make sure that nothing stands in its way, before anything is sent.

        Args:
            path: The `.html` file.
            source: Name of the file of orders.
            overwrite: Replace a file that exists.
            clock: UTC epoch in seconds.

        Raises:
            ConfigurationError: The name has another ending, the file exists, or its folder cannot be written.
        """
        check_page(path)
        if path.exists() and not overwrite:
            raise ConfigurationError(f"{path} exists. Choose another name, or say --overwrite.")
        if not os.access(path.parent, os.W_OK):
            raise ConfigurationError(f"{path} cannot be written: its folder is missing or read-only.")
        #: The file.
        self.path: Path = path
        self._overwrite = overwrite
        self._clock = clock
        self._page = ReportPage(title=source)

    def add(self, outcome: OrderOutcome) -> None:
        """Take an outcome of a run without a journal."""
        self._page.add(entry_of(outcome, at=self._clock()))

    def write(self, *, journal: str | None) -> bool:
        """Write the page and return whether it could be; what keeps it from being written is said.

        Args:
            journal: Where the run's journal is; `None`: the page shows what was added.
        """
        try:
            write_page(self.path, read_page(journal) if journal else self._page, overwrite=self._overwrite)
        except CMRError as error:
            complain(f"cmr: the report was not written: {printable(error.message)}")
            return False
        return True
