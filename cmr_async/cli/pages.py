"""The pages of the documentation that come with the package, and which of them an error points to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import (
    APIError,
    CMRError,
    EndpointNotConfiguredError,
    JournalError,
    OrderFileError,
    StillWaitingError,
    TransportError,
    ValidationError,
)

#: Page to what it is about.
PAGES: Mapping[str, str] = {
    "command-line": "the commands, their options, profiles and exit codes",
    "order-files": "files as people save them: formats, columns, encodings, what is refused",
    "orders": "the fields of an order, and what is checked before it is sent",
    "money-safety": "how nothing is bought twice, and what cannot be proved",
    "outcomes": "accepted, rejected, unknown, not sent: what they mean",
    "journal": "the file that records a run: copies, backups, other accounts",
    "pacing": "five requests a second, over tasks, processes and hosts",
    "connections": "time limits, proxies, certificates, your own sessions",
    "bulk": "many orders from Python",
    "blocking": "the client without asyncio",
    "waiting": "what becomes of accepted orders: domains, mailboxes, failures",
    "uploads": "order files in a web service",
    "webhooks": "verifying what the API sends, and reading it",
    "simulator": "trying everything without an account",
}
_PAGES_OF_ERRORS: tuple[tuple[type[CMRError], str], ...] = (
    (OrderFileError, "order-files"),
    (JournalError, "journal"),
    (ValidationError, "orders"),
    (EndpointNotConfiguredError, "orders"),
    (StillWaitingError, "waiting"),
    (TransportError, "connections"),
    (APIError, "outcomes"),
)
#: In an installed package, and in a checkout.
_FOLDERS = (Path(__file__).parents[1] / "docs", Path(__file__).parents[2] / "docs")


def page_of(error: CMRError) -> str:
    """Return the page that says more about an error."""
    return next((page for kind, page in _PAGES_OF_ERRORS if isinstance(error, kind)), "command-line")


def page_text(page: str) -> str:
    """Return a page as Markdown."""
    file = next(path for folder in _FOLDERS if (path := folder / f"{page}.md").is_file())
    return file.read_text(encoding="utf-8").rstrip()
