"""Feeds of a run: where its items come from, the caller's requests or the accepted drafts of a journal."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from typing import TYPE_CHECKING

import attrs

from ..core.order.checked import CheckedOrder
from ..errors import ConfigurationError, Fault, ValidationError
from ..journal.states import Step, StepState
from ..models.requests import OrderRequest
from .sending import Item, check

if TYPE_CHECKING:
    from ..journal.journal import Journal
    from ..journal.records import JournalEntry

#: An order to send; one that was checked before, as those of a file are, is not checked again.
Request = OrderRequest | CheckedOrder
#: What a run takes: any iterable or async iterable of requests.
Requests = Iterable[Request] | AsyncIterable[Request]

#: Orders that are written into a journal in one transaction: a commit costs more than planning some of them ahead.
_PLANNED_AT_ONCE = 64
_END = object()


class RequestFeed:
    """The caller's requests, from any kind of iterable: pulled, checked and, with a journal, planned."""

    def __init__(self, requests: Requests, journal: Journal | None) -> None:
        """Prepare to pull; nothing is pulled yet."""
        self._journal = journal
        self._async: AsyncIterator[Request] | None = None
        self._plain: Iterator[Request] | None = None
        self._index = 0
        self._failure: Exception | None = None
        #: There is nothing more to pull.
        self.ended: bool = False
        if isinstance(requests, AsyncIterable):
            self._async = aiter(requests)
        else:
            self._plain = iter(requests)

    async def pull(self, room: int) -> list[Item]:
        """Return the next items, at most `room` of them; with a journal a whole batch, planned in one transaction."""
        items: list[Item] = []
        ahead = room if self._journal is None else _PLANNED_AT_ONCE
        most = 1 if self._async is not None else ahead  # what an async input does not have yet is not waited for
        while len(items) < most and not self.ended and self._failure is None:
            try:
                request = await self._next()
            except Exception as failure:  # noqa: BLE001 - raised by the next pull: what came before it is not lost
                self._failure = failure
            else:
                if request is None:
                    self.ended = True
                else:
                    items.append(check(self._index, request))
                    self._index += 1
        if self._failure is not None and not items:
            raise self._failure
        return items if self._journal is None else await _plan(self._journal, items)

    async def close(self) -> None:
        """Close the caller's generator, which may hold a file or a database cursor."""
        if self._async is not None and hasattr(self._async, "aclose"):
            await self._async.aclose()
        elif isinstance(self._plain, Generator):
            self._plain.close()

    async def _next(self) -> Request | None:
        request = await anext(self._async, _END) if self._async is not None else next(self._plain or iter(()), _END)
        if isinstance(request, OrderRequest | CheckedOrder):
            return request
        if request is _END:
            return None
        message = f"must be an OrderRequest, not {type(request).__name__}"
        raise ValidationError(faults=(Fault(f"requests[{self._index}]", message),))


async def _plan(journal: Journal, items: list[Item]) -> list[Item]:
    """Write items into the journal and return them with what it says; one that contradicts it is refused."""
    sound = [item for item in items if item.refused is None]
    if not sound:
        return items
    try:
        entries = await journal.add([item.checked for item in sound], start=sound[0].index)
    except ValidationError as error:  # a known key with another order, or a reference that cannot be a key
        if len(sound) == 1:
            return [attrs.evolve(item, refused=error) if item is sound[0] else item for item in items]
        return [planned for item in items for planned in await _plan(journal, [item])]
    known = dict(zip((item.index for item in sound), entries, strict=True))
    return [attrs.evolve(item, entry=known.get(item.index)) for item in items]


class DraftFeed:
    """The accepted drafts of a journal whose processing was not sent yet."""

    def __init__(self, references: Iterable[str] | None, journal: Journal | None) -> None:
        """Prepare to pull; nothing is planned yet."""
        if journal is None:
            raise ConfigurationError("Drafts are processed from a journal: name the one that they were made with.")
        self._journal = journal
        self._keys = None if references is None else frozenset(references)
        self._entries: AsyncGenerator[JournalEntry, None] | None = None
        self._index = 0
        #: There is nothing more to pull.
        self.ended: bool = False

    async def pull(self, room: int) -> list[Item]:
        """Plan the processing of all drafts at the first call, then return it step by step."""
        if self._entries is None:
            await self._journal.add_processing(self._keys)
            self._entries = self._journal.entries(step=Step.PROCESS)
        items: list[Item] = []
        while len(items) < room:
            entry = await anext(self._entries, None)
            if entry is None:
                self.ended = True
                break
            wanted = self._keys is None or entry.key in self._keys
            if wanted and entry.state is not StepState.ACCEPTED:
                request = entry.request  # it was checked when it was created
                items.append(
                    Item(index=self._index, checked=CheckedOrder(request=request, order=request.order), entry=entry)
                )
                self._index += 1
        return items

    async def close(self) -> None:
        """Close the journal's list of drafts."""
        if self._entries is not None:
            await self._entries.aclose()


#: Yields the items of a run as there is room for them.
Feed = RequestFeed | DraftFeed
