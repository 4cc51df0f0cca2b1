"""Take deliveries: each genuine event has its effect once, whatever is sent twice, out of order, or cut short.

The effect of an event and the note that it was taken are one transaction of the journal's database, and the API is
answered with 2xx after its commit. A process that dies before leaves neither, and the API sends the event again; one
that dies after leaves both, and the event is a duplicate when it comes again.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterable
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

import attrs

from ..errors import ConfigurationError, JournalError
from ..models.tracking import Sighting, StoredDelivery
from .events import Event, WebhookEvent
from .headers import Headers
from .parse import parse
from .refusal import Refusal, RefusalReason
from .scheme import SignatureScheme
from .sightings import sightings_of
from .stored import stored
from .verify import LONGEST_BODY, Keys, Secrets, VerifiedDelivery, verify_with

if TYPE_CHECKING:
    from aiohttp import web
    from sqlalchemy import Connection

E = TypeVar("E", bound=WebhookEvent)

#: What is done with an event, in the transaction that takes its delivery.
Handler: TypeAlias = "Callable[[E, Connection], object]"

logger: logging.Logger = logging.getLogger("cmr_async")

#: Refusals with which the body is wrong, and not the proof that it is genuine.
_BAD_REQUEST = frozenset({RefusalReason.NOT_AN_OBJECT, RefusalReason.BODY_NOT_BYTES})
_NOT_A_KIND = "Handlers are for classes of events, such as MailboxCreated: got {!r:.60}."
_NOT_PLAIN = (
    "A handler of webhooks is a plain function (event, transaction), without async and yield: it runs inside a "
    "transaction of the database, which must not wait for anything else. Write down there what is to be done, and do "
    "it afterwards."
)
_NO_JOURNAL = "A receiver takes deliveries into a journal, such as `Journal('run.db')`: got {}."
_KINDS_OF_FUNCTIONS = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)


class DeliveryRecords(Protocol):
    """Takes deliveries; `Journal.tracking` is one."""

    async def take(
        self,
        delivery: StoredDelivery,
        sightings: Iterable[Sighting] = ...,
        effect: Callable[[Connection], object] | None = ...,
    ) -> bool:
        """Take a delivery once, in one transaction; `False`: it was taken before."""


class DeliveryJournal(Protocol):
    """What a `Receiver` needs of a journal; an open `Journal` is one."""

    @property
    def tracking(self) -> DeliveryRecords:
        """What takes the deliveries."""


@attrs.frozen(kw_only=True)
class Reply:
    """What to answer to a delivery, and what became of it."""

    #: HTTP status: 200 for an event that was taken, now or before; 401 for a delivery that is not genuine or not of
    #: this time; 413 for a body that is too long; 400 for one that is no event; 500 if the handler or the database
    #: failed, so that the API sends it again.
    status: int
    #: The body of the answer, plain text: `taken`, `duplicate`, `failed`, or the reason of a refusal. It tells a
    #: stranger nothing more.
    text: str
    #: The event; `None` for a refusal.
    event: Event | None = None
    #: Why the delivery was not taken; `None` if it is genuine.
    refusal: Refusal | None = None
    #: What the handler raised, or a `JournalError`; `None` if nothing did. A `SystemExit`, a `StopIteration` and the
    #: like are the cause of a `RuntimeError`. In no repr: it may show what the event holds.
    error: Exception | None = attrs.field(default=None, repr=False)

    @property
    def is_duplicate(self) -> bool:
        """Whether the event was taken before, so that nothing was done now."""
        return self.text == _DUPLICATE


_TAKEN, _DUPLICATE, _FAILED = "taken", "duplicate", "failed"
#: The answer to a body that aiohttp could not read; there is no `Reply` then.
_UNREADABLE = "unreadable_body"


class Receiver:
    """Takes deliveries of webhooks: verifies them, calls the handler of each event once, and says what to answer.

    A handler is a plain function `handler(event, transaction)`. `transaction` is the SQLAlchemy connection of the
    transaction that takes the delivery: what the handler writes through it is committed together with the note that the
    event was taken, or not at all. It must not commit or roll back, and runs a statement that may fail within
    `with transaction.begin_nested():`. It should do nothing but write: it runs in the journal's thread, holds the
    database meanwhile, and may run again if the database could not commit. If it raises, nothing is written, the answer
    is 500, and the API sends the event again.

    The domains and mailboxes that an event is about are noted in the same transaction, so that the order in which
    events arrive does not matter to what the journal knows in the end.
    """

    def __init__(
        self,
        journal: DeliveryJournal,
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
            journal: The open journal that deliveries are taken into. Use one for all that comes: an event that
                another journal has taken is new to this one.
            keys: The Partner API key, or several while one takes the place of another; see `verify`.
            fallback: The handler of every event that has none of its own, also of those that this version does not
                know. `lambda event, transaction: None` takes them without an effect.
            scheme: How deliveries are signed; `None`: as the API's help centre says.
            max_body: Longest body in bytes.
            now: Returns the time in seconds since 1970, for tests.
            on_reply: A plain function that is called with every `Reply`, for logs, counts, or a service that collects
                errors (`reply.error`). What it raises is logged and changes no answer.

        Raises:
            ConfigurationError: There is no usable key, or another argument has the wrong type.
        """
        self._secrets = Secrets(keys)
        del keys  # a traceback with locals would show them
        if not callable(getattr(getattr(journal, "tracking", None), "take", None)):
            raise ConfigurationError(_NO_JOURNAL.format(type(journal).__name__))
        if not callable(now):
            raise ConfigurationError("now is a function that returns the seconds since 1970.")
        if on_reply is not None and (not callable(on_reply) or _does_nothing(on_reply)):
            raise ConfigurationError("on_reply is a plain function (reply), without async and yield.")
        self._journal = journal
        self._scheme = SignatureScheme() if scheme is None else scheme
        self._max_body = max_body
        self._now = now
        self._on_reply = on_reply
        self._handlers: dict[type, Callable[[Any, Any], object]] = {}
        self._fallback = _plain(fallback)
        self._verify(b"", {}, None)  # which raises what is wrong with the settings

    def on(self, kind: type[E]) -> Callable[[Callable[[E, Connection], object]], Callable[[E, Connection], object]]:
        """Let a function handle the events of one class: `@receiver.on(MailboxCreated)`.

        Args:
            kind: A class of events, or a base class such as `SubscriptionEvent`; of several that fit an event, the
                most special one counts.

        Returns:
            A decorator, which returns the function as it is.

        Raises:
            ConfigurationError: It is no class of events, it has a handler already, or the handler is no plain function
                but a coroutine or a generator.
        """
        if not (isinstance(kind, type) and issubclass(kind, WebhookEvent)):
            raise ConfigurationError(_NOT_A_KIND.format(kind))

        def add(handler: Callable[[E, Connection], object]) -> Callable[[E, Connection], object]:
            if kind in self._handlers:
                raise ConfigurationError(f"{kind.__name__} has a handler already.")
            self._handlers[kind] = _plain(handler)
            return handler

        return add

    async def receive(self, body: bytes, headers: Headers) -> Reply:
        """Take a delivery, and say what to answer. Whatever a stranger sends, nothing is raised.

        Args:
            body: The body of the request as the bytes that came, not decompressed, decoded or parsed.
            headers: The headers of the request, in any form that frameworks have them in.

        Returns:
            The answer, after the commit. Send its status and text as they are.
        """
        reply = await self._take(body, headers)
        if self._on_reply is not None:
            try:
                result = self._on_reply(reply)
                if not isinstance(result, asyncio.Future):  # a task goes on by itself
                    _expect_done(result)
            except Exception as error:  # noqa: BLE001 - the event was taken or not, whatever is done with the news
                logger.error("webhook: on_reply failed with %s", _named(error))  # noqa: TRY400 - as in `_take`
        return reply

    async def _take(self, body: bytes, headers: Headers) -> Reply:
        delivery = self._verify(body, headers, self._now())
        if isinstance(delivery, Refusal):
            return _refused(delivery)
        event = parse(delivery)
        if isinstance(event, Refusal):
            return _refused(event)
        handler = self._handler(event)

        def effect(transaction: Connection) -> None:
            _expect_done(handler(event, transaction))

        try:
            is_new = await self._journal.tracking.take(stored(event, delivery.body), sightings_of(event), effect)
        except Exception as error:  # noqa: BLE001 - whatever it is, the API has to send the event again
            # No traceback, and no text but that of a journal: both may show what the event holds, such as a password
            logger.error("webhook %s %s: not taken, %s", event.name, event.event_id, _named(error))  # noqa: TRY400
            return Reply(status=500, text=_FAILED, event=event, error=error)
        return Reply(status=200, text=_TAKEN if is_new else _DUPLICATE, event=event)

    def _verify(self, body: bytes, headers: Headers, now: float | None) -> VerifiedDelivery | Refusal:
        return verify_with(self._secrets, body, headers, now=now, scheme=self._scheme, max_body=self._max_body)

    def _handler(self, event: Event) -> Callable[[Any, Any], object]:
        for kind in type(event).__mro__:
            if kind in self._handlers:
                return self._handlers[kind]
        return self._fallback

    async def aiohttp_handler(self, request: web.Request) -> web.Response:
        """Take a delivery in aiohttp.web: `app.router.add_post("/webhooks/cmr", receiver.aiohttp_handler)`.

        A body that cannot be read, because it is packed wrongly or the client leaves, is answered with 400.

        Raises:
            aiohttp.web.HTTPRequestEntityTooLarge: The body is longer than `client_max_size` of the application.
        """
        from aiohttp import web  # noqa: PLC0415 - other frameworks need no server of aiohttp

        try:
            body = await request.read()
        except (web.RequestPayloadError, OSError):  # the client left, or packed it wrongly
            request.content.feed_eof()  # else aiohttp reads on after the answer, and logs a traceback
            logger.warning("webhook refused: %s", _UNREADABLE)
            return web.Response(status=400, text=_UNREADABLE)
        reply = await self.receive(body, request.headers)
        return web.Response(status=reply.status, text=reply.text)

    def routes(self, path: str) -> list[web.RouteDef]:
        """Return the route for aiohttp.web: `app.add_routes(receiver.routes("/webhooks/cmr"))`.

        Args:
            path: The path that the URL in the Partner Dashboard has.
        """
        from aiohttp import web  # noqa: PLC0415 - as above

        return [web.post(path, self.aiohttp_handler)]


def _plain(handler: Callable[[E, Connection], object]) -> Callable[[E, Connection], object]:
    if not callable(handler):
        raise ConfigurationError(f"A handler of webhooks is a function (event, transaction): got {handler!r:.60}.")
    if _does_nothing(handler):
        raise ConfigurationError(_NOT_PLAIN)
    return handler


def _does_nothing(function: object) -> bool:
    """Tell whether a function does nothing when it is called, but returns a coroutine or a generator."""
    of_object = getattr(function, "__call__", None)  # noqa: B004 - an instance of a class with this method
    return any(is_kind(it) for it in (function, of_object) for is_kind in _KINDS_OF_FUNCTIONS)


def _expect_done(result: object) -> None:
    """Refuse the coroutine or generator of a function that does not say what it is, such as a lambda."""
    if isinstance(result, Awaitable | Generator | AsyncGenerator):
        if isinstance(result, Coroutine | Generator):
            result.close()
        raise ConfigurationError(_NOT_PLAIN)


def _refused(refusal: Refusal) -> Reply:
    logger.warning("webhook refused: %s", refusal.reason.value)
    status = 401
    if refusal.reason is RefusalReason.BODY_TOO_LONG:
        status = 413
    elif refusal.reason in _BAD_REQUEST:
        status = 400
    return Reply(status=status, text=refusal.reason.value, refusal=refusal)


def _named(error: BaseException) -> str:
    """Return the class of an error and where it was raised; of a journal's own also the text, which shows no event."""
    places = [f"{Path(frame.f_code.co_filename).name}:{line}" for frame, line in walk_tb(error.__traceback__)]
    named = f"{type(error).__name__} ({places[-1]})" if places else type(error).__name__
    return f"{named}: {error}" if isinstance(error, JournalError) else named
