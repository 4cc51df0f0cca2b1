"""Reading a journal: the argument that names it, and its steps page by page, so that it need not fit into memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Annotated

import typer

from ..journal.journal import Journal
from ..journal.records import JournalEntry
from ..journal.states import Step, StepState
from .journal_choice import JOURNAL_VARIABLE

#: Steps that are read at once.
_PAGE = 500

#: The argument of every command that works on a journal.
Location = Annotated[
    str,
    typer.Argument(
        metavar="JOURNAL", envvar=JOURNAL_VARIABLE, help="A journal: a path (SQLite) or a URL (postgresql://...)."
    ),
]


class JournalReader:
    """An open journal for code that does not await."""

    def __init__(self, runner: asyncio.Runner, journal: Journal) -> None:
        self._runner = runner
        self._journal = journal
        #: The journal as messages call it.
        self.name: str = journal.name

    def counts(self, step: Step) -> dict[StepState, int]:
        """Return how many steps of a kind are in each state."""
        return self._runner.run(self._journal.counts(step=step))

    def entries(self, *steps: Step, state: StepState | None = None) -> Iterator[JournalEntry]:
        """Yield the steps of these kinds, one kind after the other, all of them or those in one state."""
        for step in steps:
            entries = self._journal.entries(step=step, state=state)
            while page := self._runner.run(_page(entries)):
                yield from page


@contextmanager
def opened_journal(location: str) -> Iterator[JournalReader]:
    """Open a journal that exists.

    Raises:
        JournalError: There is no such journal, or it cannot be read.
    """
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        journal = runner.run(stack.enter_async_context(Journal(location, create=False, look=True)))
        try:
            yield JournalReader(runner, journal)
        finally:
            runner.run(stack.aclose())


async def _page(entries: AsyncIterator[JournalEntry]) -> list[JournalEntry]:
    page: list[JournalEntry] = []
    async for entry in entries:
        page.append(entry)
        if len(page) == _PAGE:
            break
    return page
