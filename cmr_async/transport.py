"""One HTTP exchange with the API over aiohttp: the only client-side module that knows sockets.

It reports how far each attempt got and decides nothing. What it guards: the key goes to the configured origin
only, redirects are never followed, and a paying request has a connection of its own and a task of its own: when its
caller is cancelled after the head has gone out, a bounded drain has its chance to learn the answer.
"""

from __future__ import annotations

import asyncio
import os
import ssl as ssl_module
from collections.abc import Mapping
from contextlib import suppress
from contextvars import Context, ContextVar
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import aiohttp
import attrs
from yarl import URL

from .core.endpoints import require_path
from .core.exchange import CallCancelled, Exchange, Phase, Request
from .errors import ClientStateError, ConfigurationError
from .forks import leave_to_parent

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace

__all__ = ["Timeouts", "Transport", "aiohttp_trace_config"]


@attrs.frozen(kw_only=True)
class Timeouts:
    """Seconds that the parts of one attempt may take. The clock starts when the pace has let the attempt go."""

    #: To get a connection: DNS, TCP and TLS.
    connect: float = 10.0
    #: From the head of the request to the last byte of the answer.
    read: float = 120.0
    #: After a cancellation or a `close()`, to learn the answer to an order that has gone out.
    drain: float = 15.0

    def __attrs_post_init__(self) -> None:
        """Refuse numbers that are no durations."""
        for field in attrs.fields(Timeouts):
            if not 0 < getattr(self, field.name) < float("inf"):
                raise ConfigurationError(f"Timeouts.{field.name} must be more than 0 seconds.")


class _Deadlines:
    """When the attempts under way are given up: one timer for all, as one each costs more than judging the answer."""

    def __init__(self) -> None:
        self._due: dict[_Attempt, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def set(self, attempt: _Attempt, seconds: float) -> None:
        """Give an attempt so many seconds from now."""
        loop = asyncio.get_running_loop()
        due = self._due[attempt] = loop.time() + seconds
        if self._timer is None or due < self._timer.when():
            self._arm(loop, due)

    def clear(self, attempt: _Attempt) -> None:
        """The attempt has ended. The timer stays: it will find nothing due, and most often serves the next one."""
        self._due.pop(attempt, None)

    def _arm(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # In an empty context: a copy of this one would keep the attempt alive that is current in it
        self._timer = loop.call_at(due, self._ring, loop, context=Context())

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for attempt in [attempt for attempt, due in self._due.items() if due <= now]:
            self.clear(attempt)
            attempt.expire()
        if self._due:
            self._arm(loop, min(self._due.values()))


class _Attempt:
    """The one mutable record of an attempt. It is pessimistic: only a watched wait for a connection is `NOT_SENT`."""

    __slots__ = ("_connected", "_deadlines", "_limit", "_secret", "body", "expired", "phase", "response", "task")

    def __init__(self, deadlines: _Deadlines, limit: float, secret: bytes) -> None:
        self.phase = Phase.NOT_SENT
        #: The task that makes the attempt.
        self.task: asyncio.Task[Any] | None = None
        self.response: aiohttp.ClientResponse | None = None
        self.body = bytearray()
        #: The answer did not come in time.
        self.expired = False
        self._deadlines = deadlines
        self._limit = limit
        self._secret = secret
        self._connected = False

    def connecting(self) -> None:
        """Aiohttp has begun to look for a connection; a second look is a resend, which has already been seen."""
        if not self._connected:
            self.phase = Phase.NOT_SENT

    def head_goes_out(self) -> None:
        """From here on a byte may have left; the time to wait for an answer begins."""
        self.phase = Phase.HEAD_SENT
        if not self._connected:
            self._connected = True
            self._deadlines.set(self, self._limit)

    def expire(self) -> None:
        """The time is over."""
        self.expired = True
        if self.task is not None:
            self.task.cancel()

    def exchange(self, failure: str | None) -> Exchange:
        """Return what is known by now."""
        response, body = self.response, bytes(self.body)
        if self._secret and self._secret in body:  # a debug page; answers end up in errors and journals
            body = body.replace(self._secret, b"***")
        return Exchange(
            phase=self.phase,
            status=None if response is None else response.status,
            headers={} if response is None else response.headers,
            body=body,
            failure=None if self.phase is Phase.COMPLETE else failure,
        )


#: The attempt that the running task is making, for the connector.
_current: ContextVar[_Attempt] = ContextVar("cmr_async_attempt")


class _Connector(aiohttp.TCPConnector):
    """Tells the current attempt when it waits for a connection and when it has one.

    A trace config says the same and costs five times as much for each request. Should aiohttp ever stop calling
    `connect`, an attempt stays `HEAD_SENT` from its start, so that the mistake is a needless `unknown`.
    """

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        attempt = _current.get()
        attempt.connecting()
        connection = await super().connect(req, traces, timeout)
        attempt.head_goes_out()
        return connection


class _PhaseTrace(aiohttp.TraceConfig):
    """Does what `_Connector` does for a session or connector of the caller's."""

    def __init__(self) -> None:
        super().__init__()
        self.on_request_start.append(_on_request_start)
        self.on_request_headers_sent.append(_on_request_headers_sent)


async def _on_request_start(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    if isinstance(context.trace_request_ctx, _Attempt):
        context.trace_request_ctx.connecting()


async def _on_request_headers_sent(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    if isinstance(context.trace_request_ctx, _Attempt):  # aiohttp calls this before it writes the first byte
        context.trace_request_ctx.head_goes_out()


def aiohttp_trace_config() -> aiohttp.TraceConfig:
    """Return the trace that a session of your own needs: `ClientSession(trace_configs=[aiohttp_trace_config()])`.

    Without it the SDK cannot see how far a request got, and calls every transport error of an order unknown.
    """
    return _PhaseTrace()


class Transport:
    """Sends requests on sessions that it owns, or on one that the caller gave."""

    def __init__(
        self,
        *,
        base_url: str,
        headers: Mapping[str, str],
        timeouts: Timeouts,
        secret: str = "",
        session: aiohttp.ClientSession | None = None,
        connector: aiohttp.BaseConnector | None = None,
        proxy: str | None = None,
        ssl: ssl_module.SSLContext | bool = True,
        trust_env: bool = False,
        max_body: int = 16 * 1024 * 1024,
    ) -> None:
        """Make a transport; nothing is opened before the first request.

        Args:
            base_url: Origin and path prefix of the API.
            headers: Sent with every request; holds the key.
            timeouts: Limits of each attempt.
            secret: The key, which is blotted out where an answer repeats it.
            session: The caller's session; the caller closes it. See `aiohttp_trace_config`.
            connector: The caller's connector; the caller closes it.
            proxy: URL of an HTTP proxy.
            ssl: `False` skips the check of certificates; a context sets its own rules.
            trust_env: Take proxies from the environment.
            max_body: Bytes of an answer that are read at most.
        """
        self._base = URL(base_url)
        self._headers = dict(headers)
        self._secret = secret.encode()
        self._timeouts = timeouts
        self._given_session = session
        self._given_connector = connector
        self._proxy = proxy
        self._ssl = ssl
        self._trust_env = trust_env
        self._max_body = max_body
        self._kept: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid = os.getpid()
        self._deadlines = _Deadlines()
        #: Tasks of the paying requests under way.
        self._paying: set[asyncio.Task[Exchange]] = set()
        self._closed = False
        self._traced = session is not None or connector is not None
        #: aiohttp limits the way to a connection; the rest is limited by the attempt, which knows when it began
        self._limits = aiohttp.ClientTimeout(total=None, connect=timeouts.connect)
        self._url = lru_cache(maxsize=1024)(self._make_url)
        _transports.add(self)

    async def send(self, request: Request) -> Exchange:
        """Run one attempt and report how far it got; transport failures are values, not exceptions.

        Raises:
            ClientStateError: The client is closed, or belongs to another event loop.
            EndpointNotConfiguredError: The path of the endpoint is not known.
            asyncio.CancelledError: The caller was cancelled. When the head of an order had gone out by then, the
                cause is a `CallCancelled` with what the drain learned.
        """
        session = self._session(request)
        url = self._url(require_path(request.endpoint), tuple(request.query.items()))
        attempt = _Attempt(self._deadlines, request.timeout or self._timeouts.read, self._secret)
        try:
            if request.pays:
                return await self._see_through(session, url, request, attempt)
            return await self._exchange(session, url, request, attempt)
        except asyncio.CancelledError:
            if attempt.phase is Phase.NOT_SENT or request.endpoint.repeatable:
                raise
            exchange = attempt.exchange("cancelled before the answer came")
            # Only what the judge reads, as plain values: the cause of an error may be pickled
            headers = {name: exchange.headers[name] for name in ("retry-after", "date") if name in exchange.headers}
            raise asyncio.CancelledError from CallCancelled(attrs.evolve(exchange, headers=headers))

    async def close(self) -> None:
        """Close the sessions that the transport owns; a given session or connector stays open.

        Paying requests that are under way have the time of a drain to learn their answers first.
        """
        self._closed = True
        if self._pid != os.getpid():
            self._leave_to_parent()
            return
        try:
            if self._paying:
                await asyncio.wait(self._paying, timeout=self._timeouts.drain)
        finally:
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
        if self._pid != os.getpid():
            self._leave_to_parent()
            if self._given_session is not None or self._given_connector is not None:
                raise ClientStateError(
                    "This client was made before a fork, around a session or connector of your own, whose sockets "
                    "belong to the parent process. Make a new client in the child."
                )
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise ClientStateError(
                "This client belongs to another event loop (a second asyncio.run, or another thread). "
                "Make one AsyncClient for each loop, or use the blocking Client, which works from any thread."
            )

    def _leave_to_parent(self) -> None:
        """After a fork: keep the parent's sessions and loop untouched and start anew."""
        leave_to_parent(self._kept, self._fresh, self._loop, self._deadlines, self._paying)
        self._kept = self._fresh = self._loop = None
        self._deadlines, self._paying = _Deadlines(), set()
        if self._given_session is None and self._given_connector is None:
            self._pid = os.getpid()

    def _session(self, request: Request) -> aiohttp.ClientSession:
        self.check_usable()
        if self._given_session is not None:
            return self._given_session
        if request.pays and self._given_connector is None:
            # A connection of its own: a kept one may be closed by the server just as the order goes out
            if self._fresh is None:
                self._fresh = self._open(_Connector(limit=0, force_close=True, ttl_dns_cache=300))
            return self._fresh
        if self._kept is None:
            self._kept = self._open(self._given_connector or _Connector(limit=0, ttl_dns_cache=300))
        return self._kept

    def _open(self, connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            connector_owner=connector is not self._given_connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._limits,
            trace_configs=[_PhaseTrace()] if self._traced else None,
            trust_env=self._trust_env,
        )

    def _make_url(self, path: str, query: tuple[tuple[str, str], ...]) -> URL:
        url = self._base.with_path(self._base.path.rstrip("/") + path)
        return url.with_query(query) if query else url

    async def _see_through(
        self, session: aiohttp.ClientSession, url: URL, request: Request, attempt: _Attempt
    ) -> Exchange:
        """Run a paying attempt in a task of its own, which outlives a cancelled caller for as long as the drain."""
        task = asyncio.get_running_loop().create_task(self._exchange(session, url, request, attempt))
        self._paying.add(task)
        task.add_done_callback(self._paying.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if attempt.phase is Phase.NOT_SENT:
                task.cancel()  # there is nothing to learn
            with suppress(asyncio.CancelledError):  # a second cancellation leaves at once
                await asyncio.wait({task}, timeout=self._timeouts.drain)
            task.cancel()
            raise

    async def _exchange(
        self, session: aiohttp.ClientSession, url: URL, request: Request, attempt: _Attempt
    ) -> Exchange:
        task = attempt.task = asyncio.current_task()
        cancelling = task.cancelling() if task is not None else 0
        if session is self._given_session:  # it may be without the trace that starts the clock
            self._deadlines.set(attempt, self._timeouts.connect + (request.timeout or self._timeouts.read))
        token = _current.set(attempt)
        attempt.phase = Phase.HEAD_SENT
        failure: str | None = None
        try:
            async with session.request(
                request.endpoint.method,
                url,
                data=request.body,
                headers=self._headers,  # not the session's own, which aiohttp shows to proxies as well
                timeout=self._limits,
                allow_redirects=False,
                raise_for_status=False,
                proxy=self._proxy,
                ssl=self._ssl,
                trace_request_ctx=attempt if self._traced else None,
            ) as response:
                attempt.phase = Phase.STATUS_SEEN
                attempt.response = response
                failure = await _read_body(response, attempt.body, self._max_body)
                if failure is None:
                    attempt.phase = Phase.COMPLETE
        except asyncio.CancelledError:
            # As asyncio.timeout does: the attempt's own clock cancelled the task, and nobody else
            if not attempt.expired or (task is not None and task.uncancel() > cancelling):
                raise
            failure = "no answer in time"
        except aiohttp.ConnectionTimeoutError:
            failure = "no connection in time"
        except Exception as error:  # noqa: BLE001 - whatever it was: how far the request got is what counts
            failure = _describe(error)
        finally:
            _current.reset(token)
            self._deadlines.clear(attempt)
        return attempt.exchange(failure)


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


#: Every transport of this process, for a child that may never use the ones it inherits.
_transports: WeakSet[Transport] = WeakSet()


def _after_fork_in_child() -> None:
    for transport in list(_transports):
        transport._leave_to_parent()  # noqa: SLF001 - of this module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
