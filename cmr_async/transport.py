"""One HTTP exchange with the API over aiohttp: the only client-side module that knows sockets.

It reports how far each attempt got and decides nothing. What it guards: the key goes to the configured origin
only, redirects are never followed, a paying request has a connection of its own, and a request whose head has gone
out is not dropped when its caller is cancelled before a bounded drain had its chance to learn the answer.
"""

from __future__ import annotations

import asyncio
import os
import ssl as ssl_module
from collections.abc import Mapping
from functools import lru_cache
from types import SimpleNamespace

import aiohttp
import attrs
from yarl import URL

from .core.endpoints import require_path
from .core.exchange import CallCancelled, Exchange, Phase, Request
from .errors import ClientStateError, ConfigurationError

__all__ = ["Timeouts", "Transport", "trace_config"]

#: Sessions inherited over a fork. Their sockets belong to the parent: they are kept here for ever, because
#: closing them, or even collecting them, would write to connections that the parent is using.
_inherited: list[object] = []


@attrs.frozen(kw_only=True)
class Timeouts:
    """Seconds that the parts of one attempt may take. The clock starts when the pace has let the attempt go."""

    #: To get a connection: DNS, TCP and TLS.
    connect: float = 10.0
    #: From the head of the request to the last byte of the answer.
    read: float = 120.0
    #: After a cancellation, to learn the answer to a request that has gone out.
    drain: float = 15.0

    def __attrs_post_init__(self) -> None:
        """Refuse numbers that are no durations."""
        for field in attrs.fields(Timeouts):
            if not 0 < getattr(self, field.name) < float("inf"):
                raise ConfigurationError(f"Timeouts.{field.name} must be more than 0 seconds.")


class _Attempt:
    """The one mutable record of an attempt, passed through aiohttp as `trace_request_ctx`."""

    __slots__ = ("deadline", "phase", "read_timeout")

    def __init__(self, read_timeout: float) -> None:
        self.phase = Phase.NOT_SENT
        self.read_timeout = read_timeout
        self.deadline: asyncio.Timeout | None = None

    def head_goes_out(self) -> None:
        self.phase = Phase.HEAD_SENT
        if self.deadline is not None and not self.deadline.expired():
            self.deadline.reschedule(asyncio.get_running_loop().time() + self.read_timeout)


class _PhaseTrace(aiohttp.TraceConfig):
    """Tells an `_Attempt` that its head goes out. aiohttp calls this before it writes the first byte."""

    def __init__(self) -> None:
        super().__init__()
        self.on_request_headers_sent.append(_on_request_headers_sent)


async def _on_request_headers_sent(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    attempt = context.trace_request_ctx
    if isinstance(attempt, _Attempt):
        attempt.head_goes_out()


def trace_config() -> aiohttp.TraceConfig:
    """Return the trace that a session of your own needs: `ClientSession(trace_configs=[trace_config()])`.

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
            session: The caller's session; the caller closes it. See `trace_config`.
            connector: The caller's connector; the caller closes it.
            proxy: URL of an HTTP proxy.
            ssl: `False` skips the check of certificates; a context sets its own rules.
            trust_env: Take proxies from the environment.
            max_body: Bytes of an answer that are read at most.
        """
        self._base = URL(base_url)
        self._headers = dict(headers)
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
        self._closed = False
        self._traced = session is None or any(isinstance(one, _PhaseTrace) for one in session.trace_configs)
        self._url = lru_cache(maxsize=1024)(self._make_url)

    async def send(self, request: Request) -> Exchange:
        """Run one attempt and report how far it got; transport failures are values, not exceptions.

        Raises:
            ClientStateError: The client is closed, or belongs to another event loop.
            EndpointNotConfigured: The path of the endpoint is not known.
            CallCancelled: Cancelled after the head of an order had gone out; carries the exchange.
            asyncio.CancelledError: Cancelled before that.
        """
        session = self._session(request)
        url = self._url(require_path(request.endpoint), tuple(request.query.items()))
        attempt = _Attempt(request.timeout or self._timeouts.read)
        if request.endpoint.repeatable:
            return await self._exchange(session, url, request, attempt)
        return await self._exchange_to_the_end(session, url, request, attempt)

    async def close(self) -> None:
        """Close the sessions that the transport owns; a given session or connector stays open."""
        self._closed = True
        if self._pid != os.getpid():
            self._leave_to_parent()
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
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise ClientStateError(
                "This client belongs to another event loop (a second asyncio.run, or another thread). "
                "Make one AsyncClient for each loop, or use the blocking Client, which works from any thread."
            )

    def _leave_to_parent(self) -> None:
        """After a fork: keep the parent's sessions and loop untouched and start anew."""
        _inherited.extend((self._kept, self._fresh, self._loop))
        self._kept = self._fresh = self._loop = None
        self._pid = os.getpid()
        if self._given_session is not None or self._given_connector is not None:
            self._closed = True
            raise ClientStateError(
                "This client was made before a fork, around a session or connector of your own, whose sockets "
                "belong to the parent process. Make a new client in the child."
            )

    def _session(self, request: Request) -> aiohttp.ClientSession:
        self.check_usable()
        if self._given_session is not None:
            return self._given_session
        if request.pays and self._given_connector is None:
            # A connection of its own: a kept one may be closed by the server just as the order goes out
            if self._fresh is None:
                self._fresh = self._open(aiohttp.TCPConnector(limit=0, force_close=True, ttl_dns_cache=300))
            return self._fresh
        if self._kept is None:
            self._kept = self._open(self._given_connector or aiohttp.TCPConnector(limit=0, ttl_dns_cache=300))
        return self._kept

    def _open(self, connector: aiohttp.BaseConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            connector_owner=connector is not self._given_connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[_PhaseTrace()],
            trust_env=self._trust_env,
            timeout=aiohttp.ClientTimeout(total=None),
        )

    def _make_url(self, path: str, query: tuple[tuple[str, str], ...]) -> URL:
        url = self._base.with_path(self._base.path.rstrip("/") + path)
        return url.with_query(query) if query else url

    async def _exchange_to_the_end(
        self, session: aiohttp.ClientSession, url: URL, request: Request, attempt: _Attempt
    ) -> Exchange:
        task = asyncio.get_running_loop().create_task(self._exchange(session, url, request, attempt))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._phase(attempt) is Phase.NOT_SENT:
                task.cancel()
                await asyncio.wait({task})
                # Between the first look and the cancellation nothing else ran, so nothing has left since
                raise
        try:
            await asyncio.wait({task}, timeout=self._timeouts.drain)
        finally:
            # Also on a second cancellation, which leaves at once: what is not known by now is unknown
            if task.done() and not task.cancelled():
                exchange = task.result()
            else:
                task.cancel()
                exchange = Exchange(phase=Phase.HEAD_SENT, failure="cancelled before the answer came")
            raise CallCancelled(exchange)  # noqa: B012 - a CancelledError replaces a CancelledError

    def _phase(self, attempt: _Attempt) -> Phase:
        return attempt.phase if self._traced else max(attempt.phase, Phase.HEAD_SENT)

    async def _exchange(
        self, session: aiohttp.ClientSession, url: URL, request: Request, attempt: _Attempt
    ) -> Exchange:
        status: int | None = None
        headers: Mapping[str, str] = {}
        body = bytearray()
        failure: str | None
        try:
            async with asyncio.timeout(self._timeouts.connect) as attempt.deadline:
                if not self._traced:
                    attempt.head_goes_out()
                async with session.request(
                    request.endpoint.method,
                    url,
                    data=request.body,
                    headers=self._headers,
                    allow_redirects=False,
                    raise_for_status=False,
                    proxy=self._proxy,
                    ssl=self._ssl,
                    timeout=_NO_TIMEOUT,
                    trace_request_ctx=attempt,
                ) as response:
                    attempt.phase = Phase.STATUS_SEEN
                    status = response.status
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    failure = await _read_body(response, body, self._max_body)
                    if failure is None:
                        attempt.phase = Phase.COMPLETE
        except TimeoutError:
            failure = "no connection in time" if attempt.phase is Phase.NOT_SENT else "no answer in time"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = _describe(error)
        return Exchange(
            phase=self._phase(attempt), status=status, headers=headers, body=bytes(body), failure=failure
        )


#: aiohttp's own limits are off: the attempt's deadline knows when the head went out, they do not.
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)


async def _read_body(response: aiohttp.ClientResponse, body: bytearray, limit: int) -> str | None:
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            del body[limit:]
            response.close()
            return f"an answer of more than {limit} bytes"
    return None


def _describe(error: Exception) -> str:
    """Name a transport error without the request: aiohttp's texts may hold URLs, and its attributes the headers."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{type(error).__name__}: cannot connect to {error.host}:{error.port} ({error.os_error.strerror})"
    return type(error).__name__

