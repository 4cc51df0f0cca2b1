"""AsyncClient: settings, lifecycle, and one attribute per API group."""

from __future__ import annotations

import re
import ssl as ssl_module
from collections.abc import Callable, Mapping, Sequence
from os import environ
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

from yarl import URL

from ._version import __version__
from .bulk import Bulk
from .bulk.single import create_once
from .core.account import Account
from .core.endpoints import DEFAULT_BASE_URL, resolve
from .core.pacing import DEFAULT_GAP, pace_name, shared_pacer
from .core.processing import ProcessEndpoint
from .core.retry import RetryPolicy
from .errors import ConfigurationError
from .pipeline import Pipeline
from .resources.domains import Domains
from .resources.orders import Orders
from .resources.subscriptions import Subscriptions
from .resources.users import Users
from .transport import Timeouts, Transport

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

__all__ = ["AsyncClient"]

_NO_PIPELINE = cast("Pipeline", None)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: Headers that say who calls, where the request ends, what it means or what may answer: they are the SDK's.
_OWN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
    }
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class _Key(str):
    """A key that no traceback or repr shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class AsyncClient:
    """Asynchronous client of the Cold Mail Reseller API.

    One client serves any number of tasks of one event loop. Every client of a process with the same key shares
    one pace. Use it as `async with AsyncClient() as cmr:` or call `close()`.
    """

    # On the class, the groups of calls belong to no client: `create_autospec(AsyncClient)` finds their methods here

    #: Calls about orders.
    orders: Orders = Orders(_NO_PIPELINE)
    #: Calls about users.
    users: Users = Users(_NO_PIPELINE)
    #: Calls about domains.
    domains: Domains = Domains(_NO_PIPELINE)
    #: Calls about subscriptions.
    subscriptions: Subscriptions = Subscriptions(_NO_PIPELINE)
    #: Many orders at once.
    bulk: Bulk = Bulk(_NO_PIPELINE)
    #: For a repr while the settings are checked.
    _base_url: str = "not made"

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        key_header: str | None = None,
        gap: float = DEFAULT_GAP,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        endpoints: Mapping[str, str | ProcessEndpoint] | None = None,
        session: aiohttp.ClientSession | None = None,
        connector: aiohttp.BaseConnector | None = None,
        connector_factory: Callable[[], aiohttp.BaseConnector] | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        proxy_headers: Mapping[str, str] | None = None,
        ssl: ssl_module.SSLContext | bool = True,
        trust_env: bool = False,
        resolver: AbstractResolver | None = None,
        local_addr: tuple[str, int] | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        allow_plain_http: bool = False,
    ) -> None:
        """Make a client. Nothing is sent or opened before the first call.

        Args:
            api_key: Partner key; else the environment variable `CMR_API_KEY`.
            base_url: Base URL of the API; else `CMR_BASE_URL`; else production.
            key_header: Header that carries the key; else `CMR_KEY_HEADER`; else `cmr-x-api-key`. The sandbox
                takes `cmr-x-sandbox-api-key`; its base URL is not documented.
            gap: Seconds between two requests of this key, default 0.203 (98.5 % of 5 a second); 0 turns pacing
                off. All clients of a process with this key wait for one another.
            timeouts: Limits of each attempt.
            retry: How long repeatable attempts are repeated.
            endpoints: Paths of endpoints that are not documented, for example
                `{"orders.process": "/orders/process"}`; a `ProcessEndpoint` says where the ids go as well.
            session: Your own aiohttp session, for calls that may be repeated (those that read); you close it. Orders
                and the processing of drafts never use it: each goes over a connection of its own, on a session of
                the SDK's, which the settings below shape.
            connector: Your own aiohttp connector, for the same calls; you close it.
            connector_factory: Makes an aiohttp connector, for what the settings below cannot say. Called on the
                client's event loop, once for each session of the SDK's, also after a fork; the SDK closes what it
                makes. It must make a new one each time, with `force_close=True`. Default: a `TCPConnector`.
            headers: Further headers of each request, for example for a gateway. Default: none. Names that would
                change the call (`Content-Type`, `Authorization`, `Cookie`, the key's, ...) are refused.
            proxy: URL of an HTTP proxy, `http://user:password@host:port`. Default: none.
            proxy_headers: Headers for the proxy alone. Default: none.
            ssl: An `ssl.SSLContext`, or `False` to skip the check of certificates. Default: `True`, checked by the
                certificates of this machine.
            trust_env: Take proxies from the environment (`HTTPS_PROXY`, ...), on sessions of the SDK's. Default:
                `False`.
            resolver: Looks host names up, on sessions of the SDK's; you close it. Default: aiohttp's own.
            local_addr: Host and port to connect from, on sessions of the SDK's; port 0: any. Default: the system
                chooses.
            trace_configs: Your aiohttp traces, run on sessions of the SDK's. They see the headers, the key included.
                Default: none.
            allow_plain_http: Allow `http://` to other hosts than this one. The key is then readable on the way.

        Raises:
            ConfigurationError: A setting is missing or wrong; the message says which and how to set it.
        """
        key = _Key(environ.get("CMR_API_KEY", "") if api_key is None else api_key)
        del api_key  # tracebacks can show locals
        url = base_url or environ.get("CMR_BASE_URL") or DEFAULT_BASE_URL
        header = key_header or environ.get("CMR_KEY_HEADER") or "cmr-x-api-key"
        _check_key(key)
        origin = _check_base_url(url, allow_plain_http=allow_plain_http)
        if session is not None and connector is not None:
            raise ConfigurationError("session and connector are for the same calls: give one of them.")
        if connector_factory is not None and (resolver is not None or local_addr is not None):
            raise ConfigurationError("With connector_factory, resolver and local_addr are set on what it makes.")
        if not 0 <= gap < float("inf"):
            raise ConfigurationError(f"gap must be 0 or more seconds: got {gap!r}.")
        self._base_url = url
        self._transport = Transport(
            base_url=url,
            headers={
                "User-Agent": f"cmr-async/{__version__}",
                **_check_headers(headers or {}, header),
                header: key,
                "Content-Type": "application/json",
                "Accept": "application/json",
            },
            timeouts=timeouts or Timeouts(),
            secret=key,
            session=session,
            connector=connector,
            connector_factory=connector_factory,
            proxy=proxy,
            proxy_headers=proxy_headers,
            ssl=ssl,
            trust_env=trust_env,
            resolver=resolver,
            local_addr=local_addr,
            trace_configs=trace_configs,
        )
        name = pace_name(origin, key)
        pipeline = Pipeline(
            transport=self._transport,
            endpoints=resolve(endpoints or {}),
            pacer=shared_pacer(name),
            gap=gap,
            retry=retry or RetryPolicy(),
            timeouts=timeouts or Timeouts(),
            pace_name=name,
            account=Account.of(origin, key),
        )
        self._pipeline = pipeline
        self.orders = Orders(pipeline, create_once)
        self.users = Users(pipeline)
        self.domains = Domains(pipeline)
        self.subscriptions = Subscriptions(pipeline)
        self.bulk = Bulk(pipeline)

    def __repr__(self) -> str:
        """Name the client without its key."""
        return f"<{type(self).__name__} {self._base_url}>"

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        await self.close()

    async def close(self) -> None:
        """Close the connections that the client owns; calls after it raise `ClientStateError`.

        Orders that are under way get their answers first, for at most `Timeouts.drain` (15 s).
        """
        self._transport.refuse_more()
        try:
            await self._pipeline.background.finish(within=self._pipeline.timeouts.drain)
        finally:
            await self._transport.close()


def _check_key(key: str) -> None:
    if not key:
        raise ConfigurationError(
            "No API key: pass api_key=... or set CMR_API_KEY. "
            "The key is in the Partner Dashboard under Settings, Integrations; the simulator needs none of yours."
        )
    if not isinstance(key, str) or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("The API key must be printable ASCII without spaces; it was not used.")


def _check_base_url(url: str, *, allow_plain_http: bool) -> str:
    try:
        parsed = URL(url)
    except ValueError:
        raise ConfigurationError("The base URL cannot be read as a URL.") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.query_string or parsed.user:
        raise ConfigurationError("The base URL must be like https://host/prefix, without user, password and query.")
    if parsed.scheme == "http" and parsed.host not in _LOOPBACK and not allow_plain_http:
        raise ConfigurationError(
            f"http://{parsed.host} would show the key to everyone on the way: use https, or allow_plain_http=True."
        )
    return str(parsed.origin())


def _check_headers(headers: Mapping[str, str], key_header: str) -> dict[str, str]:
    """Return the caller's headers with their names in one form; no message shows a value, which may be secret."""
    checked = {}
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"headers: {name!r} is no name of a header.")
        title = name.title()
        if name.lower() in {key_header.lower(), *_OWN_HEADERS}:
            raise ConfigurationError(f"headers: {title} is the SDK's own, because it would change the call.")
        if title in checked:
            raise ConfigurationError(f"headers: {title} is there twice.")
        if not isinstance(value, str) or not value.isascii() or not (value.isprintable() or not value):
            raise ConfigurationError(f"headers: the value of {title} must be printable ASCII text.")
        checked[title] = value
    return checked
