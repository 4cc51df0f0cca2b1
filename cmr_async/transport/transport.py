"""One HTTP exchange with the API over aiohttp: the only client-side module that knows sockets.

It reports how far each attempt got and decides nothing. It sends the key to the configured origin only and follows no
redirects. What must not be repeated goes over a connection that was opened for it alone, on a session of the SDK's own:
kept connections carry stale answers, middlewares send again, and cookie jars remember. There are no tasks here: whoever
wants an answer after a cancellation runs `send` in a task that outlives the caller.
"""

from __future__ import annotations

import asyncio
import re
import ssl as ssl_module
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace
from weakref import WeakSet

import aiohttp
import attrs
from aiohttp.abc import AbstractResolver
from yarl import URL

from ..core.account import ApiKey
from ..core.endpoints import require_path
from ..core.exchange import Exchange, HTTPLayerError, Phase, Request
from ..core.redact import Redactor
from ..core.retry import is_duration
from ..errors import ClientStateError, ConfigurationError, NotSentError
from ..forks import in_forked_child, leave_to_parent

__all__ = ["DEFAULT_MAX_ANSWER", "Timeouts", "Transport", "watch_answers"]

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


class _Attempt:
    """The one mutable record of an attempt. It is pessimistic: only a watched wait for a connection is `NOT_SENT`."""

    __slots__ = (
        "_connected",
        "_leaving",
        "_redactor",
        "body",
        "cancelled",
        "cause",
        "failure",
        "headers",
        "limit",
        "phase",
        "refusal",
        "status",
        "timeout",
        "too_long",
    )

    def __init__(self, limit: float, redactor: Redactor, leaving: Callable[[], None] | None = None) -> None:
        self.phase = Phase.NOT_SENT
        # Not the response: it holds the trace, which holds this attempt, and only the garbage collector ends a circle
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.body = bytearray()
        self.failure: str | None = None
        self.cause: HTTPLayerError | None = None
        self.cancelled = False
        self.too_long = False
        #: What `leaving` raised.
        self.refusal: BaseException | None = None
        #: Seconds to wait for the answer once the head is out.
        self.limit = limit
        #: Ends the wait for the answer; it starts when the head goes out.
        self.timeout: asyncio.Timeout | None = None
        self._redactor = redactor
        self._leaving = leaving
        self._connected = False

    def __deepcopy__(self, _: object) -> _Attempt:
        """Return the attempt: aioresponses copies what a request is called with, and would copy the loop too."""
        return self

    def connecting(self) -> None:
        """Note that aiohttp looks for a connection. If it had one before, it is sending again, and bytes have left."""
        if not self._connected:
            self.phase = Phase.NOT_SENT

    def head_goes_out(self) -> None:
        """Ask a last time, note that from here on a byte may have left, and start the time to wait for an answer."""
        if self._connected:  # aiohttp is sending a read again by itself, which the pipeline does when it has a slot
            raise aiohttp.ServerDisconnectedError
        if self._leaving is not None:
            try:
                self._leaving()
            except BaseException as refusal:  # aiohttp would make an error of its own of some
                self.refusal = refusal
                raise
        self.phase = Phase.HEAD_SENT
        self._connected = True
        if self.timeout is not None:
            self.timeout.reschedule(asyncio.get_running_loop().time() + self.limit)

    def fail(self, failure: str, error: Exception | None = None) -> None:
        """Note why it ended early."""
        self.failure = failure
        self.cause = None if error is None else _scrubbed(error, self._redactor)

    def exchange(self) -> Exchange:
        """Return what is known by now."""
        return Exchange(
            phase=self.phase,
            status=self.status,
            headers=self.headers,
            body=bytes(self.body),
            failure=None if self.phase is Phase.COMPLETE else self.failure,
            cause=self.cause,
            cancelled=self.cancelled,
            too_long=self.too_long,
            redactor=self._redactor,
        )


async def _on_request_start(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    if isinstance(context.trace_request_ctx, _Attempt):
        context.trace_request_ctx.connecting()


async def _on_request_headers_sent(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    if isinstance(context.trace_request_ctx, _Attempt):  # aiohttp calls this before it writes the first byte
        context.trace_request_ctx.head_goes_out()


def _watch() -> aiohttp.TraceConfig:
    """Return the trace that sees how far a request got."""
    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(_on_request_start)
    trace.on_request_headers_sent.append(_on_request_headers_sent)
    return trace


def watch_answers(seen: Callable[[Mapping[str, str]], None]) -> aiohttp.TraceConfig:
    """Return a trace, for `trace_configs`, that shows the headers of each answer."""
    trace = aiohttp.TraceConfig()

    async def on_request_end(_: aiohttp.ClientSession, __: object, end: aiohttp.TraceRequestEndParams) -> None:
        seen(end.response.headers)

    trace.on_request_end.append(on_request_end)
    return trace


class Transport:
    """Sends requests on sessions that it owns, and repeatable ones on the session or connector that the caller gave."""

    def __init__(
        self,
        *,
        base_url: str,
        headers: Mapping[str, str],
        timeouts: Timeouts,
        key: ApiKey | None = None,
        key_header: str = "",
        session: aiohttp.ClientSession | None = None,
        connector: aiohttp.BaseConnector | None = None,
        connector_factory: Callable[[], aiohttp.BaseConnector] | None = None,
        proxy: str | None = None,
        proxy_headers: Mapping[str, str] | None = None,
        ssl: ssl_module.SSLContext | bool = True,
        resolver: AbstractResolver | None = None,
        local_addr: tuple[str, int] | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        max_answer: int = DEFAULT_MAX_ANSWER,
    ) -> None:
        """Make a transport; nothing is opened before the first request.

        Args:
            base_url: Origin and path prefix of the API.
            headers: Sent with every request.
            timeouts: Limits of each attempt.
            key: The key, which is also masked where an answer repeats it.
            key_header: The header that carries it.
            session: The caller's session, for repeatable requests; the caller closes it.
            connector: The caller's connector, for repeatable requests; the caller closes it.
            connector_factory: Makes the connector of each session of its own.
            proxy: URL of an HTTP proxy.
            proxy_headers: Headers for the proxy.
            ssl: `False` skips the check of certificates; a context sets its own rules.
            resolver: Looks host names up, for connections of its own; the caller closes it.
            local_addr: Host and port to connect from, on connections of its own.
            trace_configs: The caller's traces, for sessions of its own.
            max_answer: Bytes of an answer that are read at most.
        """
        _check_kinds(
            session=(session, aiohttp.ClientSession),
            connector=(connector, aiohttp.BaseConnector),
            resolver=(resolver, AbstractResolver),
            **{f"trace_configs[{at}]": (one, aiohttp.TraceConfig) for at, one in enumerate(trace_configs)},
        )
        self._base = URL(base_url)
        self._headers = dict(headers)
        self._redactor = Redactor()
        self._key = key
        self._key_header = key_header
        if key is not None:
            self._use(key)
        self._timeouts = timeouts
        self._given_session = session
        self._given_connector = connector
        self._make_connector = connector_factory
        self._proxy = proxy
        self._proxy_headers = proxy_headers
        self._ssl = ssl
        self._resolver = resolver
        self._local_addr = local_addr
        self._trace_configs = tuple(trace_configs)
        self._max_answer = max_answer
        self._kept: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        #: A session, connector or resolver of the caller's whose sockets belong to the parent process.
        self._inherited = False
        # aiohttp limits the way to a connection; the attempt limits the rest, since it knows when that began
        self._limits = aiohttp.ClientTimeout(total=None, connect=timeouts.connect)
        self._url = lru_cache(maxsize=1024)(self._make_url)
        _transports.add(self)

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
        session = self._session(request)
        self._renew_key(request)
        url = self._url(require_path(request.endpoint), tuple(request.query.items()))
        attempt = _Attempt(request.timeout or self._timeouts.read, self._redactor, leaving)
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

    def refuse_more(self) -> None:
        """Take no further requests; those under way go on until `close`."""
        self._closed = True

    async def close(self) -> None:
        """Close the sessions that the transport owns, with the requests under way; a given one stays open."""
        self._closed = True
        for session in (self._kept, self._fresh):
            if session is not None:
                await session.close()
        self._kept = self._fresh = None

    def check_usable(self) -> None:
        """Raise when the client cannot be used here.

        Raises:
            ClientStateError: It is closed, or belongs to another event loop.
        """
        if self._closed:
            raise ClientStateError("This client is closed. Make a new one, or keep its `async with` block open.")
        loop = asyncio.get_running_loop()
        if self._inherited:
            raise ClientStateError(
                "This client was made before a fork, around a session, connector or resolver of your own, whose "
                "sockets belong to the parent process. Make a new client in the child."
            )
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise ClientStateError(
                "This client belongs to another event loop (a second asyncio.run, or another thread). "
                "Make one AsyncClient for each loop, or use the blocking Client, which works from any thread."
            )

    def leave_to_parent(self) -> None:
        """In a forked child: keep the parent's sessions and loop untouched and start anew."""
        leave_to_parent(self._kept, self._fresh, self._loop)
        self._kept = self._fresh = self._loop = None
        given = (self._given_session, self._given_connector, self._resolver)
        self._inherited = any(one is not None for one in given)

    def _session(self, request: Request) -> aiohttp.ClientSession:
        self.check_usable()
        if not request.endpoint.repeatable:
            if self._fresh is None:
                self._fresh = self._open(self._own_connector(force_close=True))
            return self._fresh
        if self._given_session is not None:
            return self._given_session
        if self._kept is None:
            self._kept = self._open(self._given_connector or self._own_connector(force_close=False))
        return self._kept

    def _own_connector(self, *, force_close: bool) -> aiohttp.BaseConnector:
        if self._make_connector is None:
            return aiohttp.TCPConnector(
                limit=0,
                force_close=force_close,
                ttl_dns_cache=300,
                resolver=self._resolver,
                local_addr=self._local_addr,
            )
        connector = self._make_connector()
        if not connector.force_close:
            raise ConfigurationError(
                "connector_factory made a connector that keeps connections. An order needs a connection of its own, "
                "because a kept one can carry a stale answer: make it with force_close=True."
            )
        return connector

    def _open(self, connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            connector_owner=connector is not self._given_connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._limits,
            # Ours is the last: nothing else is waited for between its question and the first byte
            trace_configs=[*self._trace_configs, _watch()],
        )

    def _make_url(self, path: str, query: tuple[tuple[str, str], ...]) -> URL:
        url = self._base.with_path(self._base.path.rstrip("/") + path)
        return url.with_query(query) if query else url

    async def _exchange(self, session: aiohttp.ClientSession, url: URL, request: Request, attempt: _Attempt) -> None:
        # A caller's session has no trace that starts the clock
        limit = None if session is not self._given_session else self._timeouts.connect + attempt.limit
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
            attempt.fail(_describe(error), error)


def _check_kinds(**settings: tuple[object, type]) -> None:
    """Refuse objects of aiohttp's that are something else."""
    for name, (value, kind) in settings.items():
        if value is not None and not isinstance(value, kind):
            raise ConfigurationError(f"{name} must be an aiohttp.{kind.__name__}, not {type(value).__name__}.")


async def _read_body(response: aiohttp.ClientResponse, body: bytearray, limit: int) -> str | None:
    while chunk := await response.content.readany():
        body += chunk
        if len(body) > limit:
            del body[limit:]
            response.close()
            return f"an answer of more than {limit} bytes"
    return None


def _describe(error: Exception) -> str:
    """Name a transport error without the request: aiohttp's texts may hold URLs, and its attributes the headers."""
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error.strerror or type(error.os_error).__name__
        return f"{type(error).__name__}: cannot connect to {error.host}:{error.port} ({reason})"
    return type(error).__name__


def _scrubbed(error: Exception, redactor: Redactor) -> HTTPLayerError:
    """Return what may be kept of an exception: no key, no password of a proxy, no query of a URL, no frames."""

    def scrub(text: str) -> str:
        return re.sub(r"\?[^\s'\")]+", "?***", redactor.text(text))

    cause = HTTPLayerError(scrub("".join(traceback.format_exception_only(error)).strip()))
    if not isinstance(error, aiohttp.ClientError | OSError):  # nothing of the network: a fault of some code
        cause.add_note(scrub("".join(traceback.format_exception(error)).strip()))
    return cause


#: Every transport of this process, for a child that may never use the ones it inherits.
_transports: WeakSet[Transport] = WeakSet()


@in_forked_child
def _leave_all_to_parent() -> None:
    for transport in list(_transports):
        transport.leave_to_parent()
