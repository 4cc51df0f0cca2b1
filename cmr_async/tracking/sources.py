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
from ..pipeline import Pipeline, Stall
from .pages import Pages
from .rows import Row, page_length, read_rows, total_pages
from .settings import TrackingSettings

logger: logging.Logger = logging.getLogger("cmr_async")

#: Rows of a page: the most that the help centre allows (reference, section 7).
PAGE_SIZE = 100
_MAILBOXES = "mailboxes.list"
#: Lists of all users, the one that says most first. That of the mailboxes has no documented shape.
_LISTS = (_MAILBOXES, "subscriptions.list")
#: Answers that say that a list cannot be had, now or later.
_NO_LIST = (NotFoundError, PermissionDeniedError, BadRequestError, UnprocessableError)
#: How many answers in a row must be of no use until the list is given up: one may be a proxy's.
_USELESS_AT_MOST = 3


async def ask(
    pipeline: Pipeline,
    name: str,
    *,
    subject: str,
    again_in: float,
    user_id: str | None = None,
    query: Mapping[str, str | None] | None = None,
) -> Envelope | CMRError:
    """Make one call that only reads, and return its answer or what went wrong, which may be better the next time.

    What went wrong is told as the client's stall until something is answered.

    Args:
        pipeline: Of the client.
        name: Row of the endpoint table.
        subject: Names what the call is about.
        again_in: Seconds until the next call.
        user_id: Goes where the row says.
        query: Further query parameters.

    Raises:
        AuthenticationError: The key is wrong.
        CMRError: The client is closed, or the journal that keeps its pace cannot be used.
    """
    try:
        answer = await pipeline.call(name, subject=subject.__str__, user_id=user_id, query=query)
    except AuthenticationError:
        raise
    except (APIError, InvalidResponseError, NotSentError, TransportError) as error:
        pipeline.refusals[:] = [Stall(message=f"{str(error).rstrip('.')}; asking again", left=again_in)]
        return error
    pipeline.refusals.clear()
    return answer


@attrs.define(eq=False)
class Lists:
    """The lists that show domains and mailboxes of all users, of which one is read, page by page."""

    _pipeline: Pipeline
    _settings: TrackingSettings
    _names: list[str] = attrs.field(factory=lambda: list(_LISTS), init=False)
    _pages: Pages = attrs.field(factory=lambda: Pages(PAGE_SIZE), init=False)
    _shown: set[tuple[ProvisionKind, str]] = attrs.field(factory=set, init=False)
    #: How many answers in a row said nothing.
    _useless: int = attrs.field(default=0, init=False)
    #: Page and names of the full page that was read last of a list that does not say how many pages it has.
    _full: tuple[int, list[str]] = attrs.field(default=(0, []), init=False)

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
            again_in=self._settings.read_every,
            query={"page": str(page), "limit": str(PAGE_SIZE)},
        )
        if isinstance(answer, _NO_LIST) and page > 1:  # the list may have become shorter
            self._start_again()
            return []
        if isinstance(answer, _NO_LIST):
            self._count_useless(answer.message)
            return []
        if isinstance(answer, CMRError) and not isinstance(answer, InvalidResponseError):
            return []
        data = fields_of(answer)
        rows = read_rows(data, self._settings, mailboxes=self._names[0] == _MAILBOXES)
        total = pages_of(answer)
        if isinstance(answer, CMRError) or (not rows and total is None and data and page == 1):
            self._count_useless("its answers cannot be understood")
            return []
        self._useless = 0
        is_full = page_length(data) >= PAGE_SIZE
        self._note(page, self._guess(page, rows, is_full=is_full) if total is None else max(1, total), rows, is_open)
        return [row for row in rows if is_open(row)]

    def _guess(self, page: int, rows: list[Row], *, is_full: bool) -> int:
        """Return how many pages to expect of a list that does not say it: one more, as long as they are full."""
        if not is_full:
            return page
        names = [row.name for row in rows]
        (before, known), self._full = self._full, (page, names)
        if known == names and before != page:  # every page is the same: the list has no pages
            return 1
        return max(page + 1, self._pages.total)

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

    def _count_useless(self, why: str) -> None:
        self._useless += 1
        if self._useless >= _USELESS_AT_MOST:
            name, self._useless = self._names.pop(0), 0
            self._start_again()
            logger.info("%s tells nothing about orders that are waited for (%s)", name, why)

    def _start_again(self) -> None:
        """Forget what was read, and go on with the first page."""
        self._pages, self._shown, self._full = Pages(PAGE_SIZE), set(), (0, [])


def pages_of(answer: Envelope | CMRError) -> int | None:
    """Return how many pages a list has, wherever in its answer that stands; `None`: it does not say it."""
    return None if isinstance(answer, CMRError) else total_pages(answer.data, answer.extra, size=PAGE_SIZE)


def fields_of(answer: Envelope | CMRError) -> Any:
    """Return the data of an answer; `None` if there is none."""
    return None if isinstance(answer, CMRError) else answer.data
