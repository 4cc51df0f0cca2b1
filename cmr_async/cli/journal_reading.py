"""A journal's entries for plain code: read page by page, so that memory does not grow with the journal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..journal.journal import Journal, JournalEntry

__all__ = ["all_steps", "in_pages", "opened_journal"]

_AT_ONCE = 500


@contextmanager
def opened_journal(location: str) -> Iterator[tuple[asyncio.Runner, Journal]]:
    """Open a journal that is there, with a runner for its calls.

    Raises:
        JournalError: There is no such journal, or it cannot be read.
    """
    from ..journal.journal import Journal  # noqa: PLC0415 - fast help, and an extra

    journal = Journal(location, create=False)
    with asyncio.Runner() as runner:
        runner.run(journal.start())
        try:
            yield runner, journal
        finally:
            runner.run(journal.close())


def in_pages(runner: asyncio.Runner, entries: AsyncIterator[JournalEntry]) -> Iterator[JournalEntry]:
    """Give out entries as they are read."""
    while page := runner.run(_page(entries)):
        yield from page


def all_steps(runner: asyncio.Runner, journal: Journal) -> Iterator[JournalEntry]:
    """Give out every step of a journal: the orders, then the processing of its drafts."""
    from ..journal.journal import Step  # noqa: PLC0415 - fast help, and an extra

    for step in Step:
        yield from in_pages(runner, journal.entries(step=step))


async def _page(entries: AsyncIterator[JournalEntry]) -> list[JournalEntry]:
    page: list[JournalEntry] = []
    async for entry in entries:
        page.append(entry)
        if len(page) == _AT_ONCE:
            break
    return page
