"""One HTTP exchange with the API over aiohttp.

It reports how far each attempt got and decides nothing. It sends the key to the configured origin only and follows no
redirects. There are no tasks here: whoever wants an answer after a cancellation runs `send` in a task that outlives the
caller.
"""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from collections.abc import Callable, Mapping
from functools import lru_cache

import aiohttp
import attrs
from yarl import URL

from ..core.account import ApiKey
from ..core.endpoints import require_path
from ..core.exchange import Exchange, Phase, Request
from ..core.redact import Redactor
from ..core.retry import is_duration
from ..errors import ConfigurationError, NotSentError
from .attempt import Attempt, describe
from .sessions import Sessions

#: Bytes of an answer that are read at most: a whole list of domains takes a tenth of it.
DEFAULT_MAX_ANSWER = 1024 * 1024


@attrs.frozen(kw_only=True)
class Timeouts:
    """Seconds that the parts of one attempt may take, counted from the moment its slot of the pace has come."""

    #: To get a connection: DNS, TCP and TLS.
    connect: float = 10.0
    #: From the head of the request to the last byte of the answer.
    read: float = 120.0
    #: After a cancellation or a `close()`, to learn the answer to an order that has gone out.
    drain: float = 15.0

    def __attrs_post_init__(self) -> None:
        """Refuse numbers that cannot be durations."""
        for field in attrs.fields(Timeouts):
            if not is_duration(getattr(self, field.name)):
                raise ConfigurationError(f"Timeouts.{field.name} must be more than 0 seconds.")


class Transport:
    """Sends requests, each on the session that is meant for it, and reports how far they got."""

    def __init__(
        self,
        *,
        base_url: str,
        headers: Mapping[str, str],
        timeouts: Timeouts,
        sessions: Sessions,
        key: ApiKey | None = None,
        key_header: str = "",
        proxy: str | None = None,
        proxy_headers: Mapping[str, str] | None = None,
        ssl: ssl_module.SSLContext | bool = True,
        max_answer: int = DEFAULT_MAX_ANSWER,
    ) -> None:
        """Make a transport; nothing is opened before the first request.

        Args:
            base_url: Origin and path prefix of the API.
            headers: Sent with every request.
            timeouts: Limits of each attempt.
            sessions: What the requests go over; they are closed with the transport.
            key: The key, which is also masked where an answer repeats it.
            key_header: The header that carries it.
            proxy: URL of an HTTP proxy.
            proxy_headers: Headers for the proxy.
            ssl: `False` skips the check of certificates; a context sets its own rules.
            max_answer: Bytes of an answer that are read at most.
        """
        self._base = URL(base_url)
        self._headers = dict(headers)
        self._redactor = Redactor()
        self._key = key
        self._key_header = key_header
        if key is not None:
            self._use(key)
        self._timeouts = timeouts
        self._sessions = sessions
        self._proxy = proxy
        self._proxy_headers = proxy_headers
        self._ssl = ssl
        self._max_answer = max_answer
        # aiohttp limits the way to a connection; the attempt limits the rest, since it knows when that began
        self._limits = aiohttp.ClientTimeout(total=None, connect=timeouts.connect)
        self._url = lru_cache(maxsize=1024)(self._make_url)

    async def send(self, request: Request, *, leaving: Callable[[], None] | None = None) -> Exchange:
        """Run one attempt and report how far it got; transport failures are returned, not raised.

        A task that is cancelled after the head of a request that must not be repeated has gone out gets the exchange
        as far as it came, instead of the cancellation.

        Args:
            request: What to send.
            leaving: Called as the head is about to go out. What it raises ends the attempt before any byte of the
                request has left, and comes out of here unchanged. Not called for a repeatable request on a session
                of the caller's.

        Raises:
            ClientStateError: The client is closed, or belongs to another event loop.
            EndpointNotConfiguredError: The path of the endpoint is not known.
            ConfigurationError: The caller's factory made a connector that keeps connections.
            NotSentError: There is no key any more.
            asyncio.CancelledError: The task was cancelled before the head went out, or the request is repeatable.
        """
        session = self._sessions.session_for(request.endpoint)
        self._renew_key(request)
        url = self._url(require_path(request.endpoint), tuple(request.query.items()))
        attempt = Attempt(request.timeout or self._timeouts.read, self._redactor, leaving)
        try:
            await self._exchange(session, url, request, attempt)
        except asyncio.CancelledError:
            if attempt.phase is Phase.NOT_SENT or request.endpoint.repeatable:
                raise
            attempt.fail("cancelled before the answer came")
            attempt.cancelled = True
            return attempt.exchange()
        if attempt.refusal is not None:
            raise attempt.refusal.with_traceback(None)  # aiohttp's frames hold the key
        return attempt.exchange()

    def _renew_key(self, request: Request) -> None:
        refusal = ""
        try:
            if self._key is not None and self._key.renew():
                self._use(self._key)
        except ConfigurationError as error:
            refusal = error.message
        if refusal:  # not raised above: the frames of the other error hold what the function returned
            raise NotSentError(f"{request.subject()} was not sent: {refusal}")

    def _use(self, key: ApiKey) -> None:
        self._headers = {**self._headers, self._key_header: key.text}  # a new one: others may be under way
        self._redactor = key.redactor

    @property
    def host(self) -> str:
        """Host and port that requests go to."""
        return f"{self._base.host}:{self._base.port}"

    def check_usable(self) -> None:
        """Raise when the client cannot be used here.

        Raises:
            ClientStateError: It is closed, or belongs to another event loop.
        """
        self._sessions.check_usable()

    def refuse_more(self) -> None:
        """Take no further requests; those under way go on until `close`."""
        self._sessions.refuse_more()

    async def close(self) -> None:
        """Close the sessions of its own, with the requests under way; a given one stays open."""
        await self._sessions.close()

    def _make_url(self, path: str, query: tuple[tuple[str, str], ...]) -> URL:
        url = self._base.with_path(self._base.path.rstrip("/") + path)
        return url.with_query(query) if query else url

    async def _exchange(self, session: aiohttp.ClientSession, url: URL, request: Request, attempt: Attempt) -> None:
        # A caller's session has no trace that starts the clock
        limit = None if self._sessions.is_watched(session) else self._timeouts.connect + attempt.limit
        attempt.phase = Phase.HEAD_SENT
        try:
            async with (
                asyncio.timeout(limit) as attempt.timeout,
                session.request(
                    request.endpoint.method,
                    url,
                    data=request.body,
                    headers=self._headers,  # not the session's own, which aiohttp shows to proxies as well
                    timeout=self._limits,
                    allow_redirects=False,
                    raise_for_status=False,
                    proxy=self._proxy,
                    proxy_headers=self._proxy_headers,
                    ssl=self._ssl,
                    trace_request_ctx=attempt,
                ) as response,
            ):
                attempt.phase = Phase.STATUS_SEEN
                attempt.status, attempt.headers = response.status, response.headers
                attempt.failure = await _read_body(response, attempt.body, self._max_answer)
                attempt.too_long = attempt.failure is not None
                if attempt.failure is None:
                    attempt.phase = Phase.COMPLETE
        except aiohttp.ConnectionTimeoutError as error:
            attempt.fail("no connection in time", error)
        except TimeoutError as error:
            attempt.fail("no answer in time", error)
        except Exception as error:  # noqa: BLE001 - whatever it was: how far the request got is what counts
            attempt.fail(describe(error), error)


async def _read_body(response: aiohttp.ClientResponse, body: bytearray, limit: int) -> str | None:
    while chunk := await response.content.readany():
        body += chunk
        if len(body) > limit:
            del body[limit:]
            response.close()
            return f"an answer of more than {limit} bytes"
    return None
