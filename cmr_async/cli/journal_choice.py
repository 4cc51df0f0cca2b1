"""Which journal a run uses: the one that was named, or for paid orders one beside their file.

Without a journal, a run that was killed cannot go on without the risk of buying something twice.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from ..errors import ConfigurationError

__all__ = ["STDIN_JOURNAL", "choose_journal", "find_journal", "journal_beside"]

#: For orders from a pipe, which has no name.
STDIN_JOURNAL = "cmr-orders.journal.db"


def journal_beside(file: str) -> Path:
    """Return where the journal of a file is by default: `orders.csv.journal.db` for `orders.csv`."""
    return Path(f"{file}.journal.db") if file != "-" and Path(file).is_file() else Path(STDIN_JOURNAL)


def choose_journal(file: str, *, named: str | None, without: bool, pays: bool) -> str | None:
    """Return the journal that a run writes; `None`: none.

    Args:
        file: The file of orders; `-` for standard input.
        named: The journal that the user named.
        without: The user wants none.
        pays: The run spends money, so it has a journal even if none was named.

    Raises:
        ConfigurationError: The options contradict each other, or the journal cannot be made.
    """
    _must_agree(named, without=without)
    if named is not None or without or not pays or not _installed():
        return named
    default = journal_beside(file)
    if not default.exists() and not os.access(default.parent, os.W_OK):
        raise ConfigurationError(
            f"The journal {default} cannot be made: its folder is read-only. Name another place with --journal, or "
            "go without one with --no-journal."
        )
    return str(default)


def find_journal(file: str, *, named: str | None, without: bool) -> str | None:
    """Return the journal to look into: the one that was named, or the one beside the file if it is there.

    Raises:
        ConfigurationError: The options contradict each other.
    """
    _must_agree(named, without=without)
    default = journal_beside(file)
    return named if named is not None or without or not (_installed() and default.exists()) else str(default)


def _must_agree(named: str | None, *, without: bool) -> None:
    if named is not None and without:
        raise ConfigurationError("--journal names a journal and --no-journal wants none: say one of them.")


def _installed() -> bool:
    return find_spec("sqlalchemy") is not None
