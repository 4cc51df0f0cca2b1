"""What the tracker asks the API: a page of a list, the domains of a user, or one order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ..errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    CMRError,
    InvalidResponseError,
    NotFoundError,
    NotSentError,
    PermissionDeniedError,
    TransportError,
    UnprocessableError,
)
from ..models import Envelope
from ..models.tracking import ProvisionKind, ProvisionState
from ..pipeline import Pipeline
from .pages import Pages
from .rows import Row, read_rows, total_pages
from .settings import TrackingSettings

__all__ = ["PAGE_SIZE", "Lists", "ask", "fields_of"]

logger: logging.Logger = logging.getLogger("cmr_async")

#: Rows of a page: the most that the help centre allows (reference, section 7).
PAGE_SIZE = 100
_MAILBOXES = "mailboxes.list"
#: Lists of all users, the one that says most first. That of the mailboxes has no documented shape.
_LISTS = (_MAILBOXES, "subscriptions.list")
#: Answers that say that a list cannot be had, now or later.
_NO_LIST = (NotFoundError, PermissionDeniedError, BadRequestError, UnprocessableError)
#: How many answers in a row must be unreadable until the list is given up: one may be a proxy's.
_UNREADABLE_AT_MOST = 3


async def ask(
    pipeline: Pipeline,
    name: str,
    *,
    subject: str,
    user_id: str | None = None,
    query: Mapping[str, str | None] | None = None,
) -> Envelope | CMRError:
    """Make one call that only reads, and return its answer or what went wrong, which may be better the next time.

    Raises:
        AuthenticationError: The key is wrong.
        CMRError: The client is closed, or the journal that keeps its pace cannot be used.
    """
    try:
        return await pipeline.call(name, subject=subject.__str__, user_id=user_id, query=query)
    except AuthenticationError:
        raise
    except (APIError, InvalidResponseError, NotSentError, TransportError) as error:
        return error


@attrs.define(eq=False)
class Lists:
    """The lists that show domains and mailboxes of all users, of which one is read, page by page."""

    _pipeline: Pipeline
    _settings: TrackingSettings
    _names: list[str] = attrs.field(factory=lambda: list(_LISTS), init=False)
    _pages: Pages = attrs.field(factory=lambda: Pages(PAGE_SIZE), init=False)
    _shown: set[tuple[ProvisionKind, str]] = attrs.field(factory=set, init=False)
    #: How many answers in a row could not be read.
    _unreadable: int = attrs.field(default=0, init=False)

    @property
    def has_any(self) -> bool:
        """Whether there is a list left that can be read."""
        return bool(self._names)

    async def read(self, is_open: Callable[[Row], bool]) -> list[Row]:
        """Read one page, and return what it says about what is waited for.

        Args:
            is_open: Tells whether a row is about something that is waited for.
        """
        page = self._pages.next()
        answer = await ask(
            self._pipeline,
            self._names[0],
            subject="The list of what was provided",
            query={"page": str(page), "limit": str(PAGE_SIZE)},
        )
        if isinstance(answer, _NO_LIST):
            self._drop(answer.message)
            return []
        if isinstance(answer, CMRError) and not isinstance(answer, InvalidResponseError):
            return []
        data = fields_of(answer)
        rows, total = read_rows(data, self._settings, mailboxes=self._names[0] == _MAILBOXES), total_pages(data)
        if isinstance(answer, CMRError) or (not rows and total is None and data):
            self._unreadable += 1
            if self._unreadable >= _UNREADABLE_AT_MOST:
                self._drop("its answers cannot be understood")
            return []
        self._unreadable = 0
        self._note(page, total or 1, rows, is_open)
        return [row for row in rows if is_open(row)]

    def _note(self, page: int, total: int, rows: list[Row], is_open: Callable[[Row], bool]) -> None:
        ours = [row for row in rows if is_open(row)]
        places = {(row.kind, row.name) for row in ours}
        waiting = sum(row.state is ProvisionState.WAITING for row in ours)
        self._pages.seen(
            page,
            total=total,
            rows=len(rows),
            ours=len(ours),
            open_rows=waiting,
            has_new=bool(places - self._shown),
        )
        self._shown |= places

    def forget(self, places: set[tuple[ProvisionKind, str]]) -> None:
        """Forget names that nobody waits for any more."""
        self._shown -= places

    def _drop(self, why: str) -> None:
        name = self._names.pop(0)
        self._pages, self._shown, self._unreadable = Pages(PAGE_SIZE), set(), 0
        logger.info("%s tells nothing about orders that are waited for (%s)", name, why)


def fields_of(answer: Envelope | CMRError) -> Any:
    """Return the data of an answer; `None` if there is none."""
    return None if isinstance(answer, CMRError) else answer.data
