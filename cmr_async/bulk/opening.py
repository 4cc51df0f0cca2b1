"""Opening the journal that a caller named, and sharing its pace. The journal's libraries are an extra."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from os import PathLike
from typing import TYPE_CHECKING, Union

import attrs

from ..pipeline import Pipeline

if TYPE_CHECKING:
    from ..journal.journal import Journal

__all__ = ["JournalLike", "opened", "with_shared_pace"]

#: A path (SQLite), a URL (PostgreSQL), an open journal, or none.
JournalLike = Union[str, PathLike[str], "Journal", None]


@asynccontextmanager
async def opened(journal: JournalLike) -> AsyncIterator[Journal | None]:
    """Open the journal that a caller named; one that is open already stays the caller's.

    Raises:
        ConfigurationError: The extra `journal` is not installed, or the location cannot be one.
        JournalError: It cannot be opened.
    """
    if journal is None:
        yield None
        return
    from ..journal.journal import Journal  # noqa: PLC0415 - an extra, and heavy

    if isinstance(journal, Journal):
        yield journal
        return
    async with Journal(journal) as own:
        yield own


def with_shared_pace(pipeline: Pipeline, journal: Journal | None) -> Pipeline:
    """Return a caller that keeps the pace together with every process on the journal."""
    if journal is None or pipeline.gap == 0:
        return pipeline
    return attrs.evolve(pipeline, shared=journal.shared_pace(pipeline.pace_name, pipeline.gap))
