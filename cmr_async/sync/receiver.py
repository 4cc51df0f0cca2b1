"""The blocking form of the receiver of webhooks, for Flask, Django and whatever else has no event loop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Self, TypeVar

from ..errors import ClientStateError, ConfigurationError
from ..models.tracking import Sighting, StoredDelivery
from ..webhooks import Event, Receiver, Reply, SignatureScheme, WebhookEvent
from ..webhooks.headers import Headers
from ..webhooks.receiver import Handler
from ..webhooks.verify import LONGEST_BODY, Keys
from .portal import Portal, current_portal, running_portal

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ..journal.journal import Journal

E = TypeVar("E", bound=WebhookEvent)


class BlockingReceiver:
    """The blocking twin of `webhooks.Receiver`: `reply = receiver.receive(body, headers)`, from any thread.

    It opens its journal with the first genuine delivery, once in each process: make it at the top of a module, also
    where a server forks its workers afterwards. Handlers run in a thread of the journal, not in the one that calls
    `receive`. The journal is closed by `close()`, at the end of a `with` block, or when the process ends.
    """

    def __init__(
        self,
        journal: str | os.PathLike[str],
        *,
        keys: Keys,
        fallback: Handler[Event],
        scheme: SignatureScheme | None = None,
        max_body: int = LONGEST_BODY,
        now: Callable[[], float] = time.time,
        on_reply: Callable[[Reply], object] | None = None,
    ) -> None:
        """Make a receiver; add handlers with `on`.

        Args:
            journal: A path (`run.db`, SQLite) or a URL (`postgresql://...`); needs the extra `journal`.
            keys: As in `webhooks.Receiver`, like everything below.
            fallback: The handler of every event that has none of its own.
            scheme: How deliveries are signed.
            max_body: Longest body in bytes.
            now: Returns the time in seconds since 1970, for tests.
            on_reply: Called with every `Reply`, in the thread of the event loop.

        Raises:
            ConfigurationError: There is no usable key, or another argument has the wrong type.
        """
        self._closed = False
        try:
            self._journal = _JournalOfProcess(journal)
            self._receiver = Receiver(
                self._journal,
                keys=keys,
                fallback=fallback,
                scheme=scheme,
                max_body=max_body,
                now=now,
                on_reply=on_reply,
            )
        except ConfigurationError:
            del keys  # a traceback with locals would show them
            raise

    def on(self, kind: type[E]) -> Callable[[Callable[[E, Connection], object]], Callable[[E, Connection], object]]:
        """Let a function handle the events of one class; see `webhooks.Receiver.on`."""
        return self._receiver.on(kind)

    def receive(self, body: bytes, headers: Headers) -> Reply:
        """Take a delivery, and say what to answer, after the commit; see `webhooks.Receiver.receive`.

        Raises:
            ClientStateError: The receiver is closed, the interpreter is exiting, or the call was made in the thread
                that runs the event loop.
        """
        if self._closed:
            raise ClientStateError("This receiver is closed. Make a new one.")
        return running_portal().call(self._receiver.receive, body, headers)

    def close(self) -> None:
        """Close the journal, if it was opened in this process."""
        self._closed = True
        portal = current_portal()
        if portal is not None:
            portal.call(self._journal.close, portal)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _JournalOfProcess:
    """A journal that is opened on the portal of this process when it is first needed; used on its loop only."""

    def __init__(self, location: str | os.PathLike[str]) -> None:
        if not isinstance(location, str | os.PathLike):
            raise ConfigurationError(f"journal is the path or the URL of a journal: got {type(location).__name__}.")
        self._location = location
        #: The portal that it was opened on, which a forked child does not have, and its opening.
        self._opened: tuple[Portal, asyncio.Task[Journal]] | None = None

    @property
    def tracking(self) -> Self:
        """What takes deliveries."""
        return self

    async def take(
        self,
        delivery: StoredDelivery,
        sightings: Iterable[Sighting] = (),
        effect: Callable[[Connection], object] | None = None,
    ) -> bool:
        """Take a delivery; see `Journal.tracking`."""
        portal = running_portal()
        if self._opened is None or self._opened[0] is not portal or _has_failed(self._opened[1]):
            self._opened = portal, portal.loop.create_task(self._open(portal))
        # Others wait for the same opening, so a caller that leaves must not end it
        journal = await asyncio.shield(self._opened[1])
        return await journal.tracking.take(delivery, sightings, effect)

    async def _open(self, portal: Portal) -> Journal:
        from ..journal.journal import Journal  # noqa: PLC0415 - needs an extra

        journal = Journal(self._location)
        await journal.start()
        portal.clients.add(journal)  # which are closed when the process ends
        return journal

    async def close(self, portal: Portal) -> None:
        """Close it, if it was opened on this portal."""
        opened, self._opened = self._opened, None
        if opened is not None and opened[0] is portal:
            await asyncio.wait([opened[1]])
            if not _has_failed(opened[1]):
                await portal.close(opened[1].result())


def _has_failed(opening: asyncio.Task[Journal]) -> bool:
    return opening.done() and (opening.cancelled() or opening.exception() is not None)
