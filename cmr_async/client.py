"""AsyncClient: settings, lifecycle, and one attribute per API group."""

from __future__ import annotations

import ssl as ssl_module
from collections.abc import Callable, Mapping, Sequence
from os import PathLike, environ
from random import Random
from time import monotonic, time
from typing import TYPE_CHECKING, Self, cast

from ._version import __version__
from .bulk import Bulk
from .bulk.single import create_once
from .core.account import Account, ApiKey, SecretText
from .core.endpoints import DEFAULT_BASE_URL, resolve
from .core.pacing import DEFAULT_GAP, Pace, Pacer, pace_name, shared_pacer
from .core.processing import ProcessEndpoint
from .core.retry import RetryPolicy
from .pipeline import Pipeline, Stall
from .resources.domains import Domains
from .resources.orders import Orders
from .resources.subscriptions import Subscriptions
from .resources.users import Users
from .settings import (
    check_base_url,
    check_connections,
    check_flags,
    check_gap,
    check_headers,
    check_key_header,
    check_kind,
    check_proxy,
    check_proxy_headers,
    check_size,
    check_ssl,
    without_frames,
)
from .slots import Slots
from .tracking.settings import TrackingSettings
from .tracking.waiting import Waiting
from .transport.sessions import Sessions
from .transport.transport import DEFAULT_MAX_ANSWER, Timeouts, Transport

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

    from .journal.pace import StoredPace

_NO_PIPELINE = cast("Pipeline", None)


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
        api_key: str | SecretText | Callable[[], str | SecretText] | None = None,
        base_url: str | None = None,
        *,
        key_header: str | None = None,
        gap: float = DEFAULT_GAP,
        leave_room: float = 0.0,
        pace: str | PathLike[str] | None = None,
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
        max_answer: int = DEFAULT_MAX_ANSWER,
        tracking: TrackingSettings | None = None,
        _clock: Callable[[], float] = monotonic,
        _wall_clock: Callable[[], float] = time,
        _rng: Random | None = None,
        _pacer: Pacer | None = None,
    ) -> None:
        """Make a client. Nothing is sent or opened before the first call.

        Args:
            api_key: Partner key, as text, as an object with `get_secret_value()`, or a function that returns one of
                these: it is asked at once and for each request, so that the key can change (pace and journals stay
                those of the first). Else the environment variable `CMR_API_KEY`.
            base_url: Base URL of the API; else `CMR_BASE_URL`; else production.
            key_header: Header that carries the key; else `CMR_KEY_HEADER`; else `cmr-x-api-key`. The sandbox
                takes `cmr-x-sandbox-api-key`; its base URL is not documented.
            gap: Seconds between two requests of this key, default 0.203 (98.5 % of 5 a second); 0 turns pacing
                off. All clients of a process with this key wait for one another.
            leave_room: Requests a second to leave to other programs that use the key, default 0.
            pace: Where all clients of this key keep one pace: a path, such as `pace.db`, for those of one machine; a
                URL of PostgreSQL for those of many; else `CMR_PACE`. Needs the extra `journal` or `postgres`. Default:
                clients of this process share one, and so do the runs on one journal.
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
            proxy: URL of an HTTP proxy, `http://user:password@host:port`. With a base URL of plain `http`, whose
                key it would read, it needs `allow_plain_http`. Default: none.
            proxy_headers: Headers for the proxy alone. Default: none.
            ssl: An `ssl.SSLContext`, or `False` to skip the check of certificates, which warns once. Default: `True`,
                checked by the certificates of this machine.
            trust_env: Take the proxy from the environment (`HTTPS_PROXY`, `NO_PROXY`), as it is when the client is
                made; never credentials from `.netrc`. Default: `False`.
            resolver: Looks host names up, on sessions of the SDK's; you close it. Default: aiohttp's own.
            local_addr: Host and port to connect from, on sessions of the SDK's; port 0: any. Default: the system
                chooses.
            trace_configs: Your aiohttp traces, run on sessions of the SDK's. They see the headers, the key included.
                Default: none.
            allow_plain_http: Allow `http://` to other hosts than this one, and through a proxy. The key is then
                readable on the way.
            max_answer: Bytes of an answer that are read at most, after decompression; default 1 MiB. An order whose
                answer is longer is unknown.
            tracking: How `orders.wait`, `orders.wait_all` and `bulk.track` wait.

        Raises:
            ConfigurationError: A setting is missing or wrong; the message says which and how to set it.
        """
        try:
            check_flags(trust_env=trust_env, allow_plain_http=allow_plain_http)
            key = ApiKey(environ.get("CMR_API_KEY", "") if api_key is None else api_key)
            header = check_key_header(key_header or environ.get("CMR_KEY_HEADER") or "cmr-x-api-key")
            base = check_base_url(
                base_url or environ.get("CMR_BASE_URL") or DEFAULT_BASE_URL, allow_plain_http=allow_plain_http
            )
            check_connections(session, connector, connector_factory, resolver, local_addr)
            timeouts = Timeouts() if timeouts is None else check_kind("timeouts", timeouts, Timeouts, "a Timeouts")
            if tracking is not None:
                check_kind("tracking", tracking, TrackingSettings, "a TrackingSettings")
            retry = RetryPolicy() if retry is None else check_kind("retry", retry, RetryPolicy, "a RetryPolicy")
            transport = Transport(
                base_url=str(base),
                headers={
                    "User-Agent": f"cmr-async/{__version__}",
                    **check_headers(headers, header),
                    "Content-Type": "application/json",
                    "Accept": "application/json",
                },
                timeouts=timeouts,
                sessions=Sessions(
                    session=session,
                    connector=connector,
                    connector_factory=connector_factory,
                    resolver=resolver,
                    local_addr=local_addr,
                    trace_configs=check_kind("trace_configs", trace_configs, Sequence, "a sequence"),
                ),
                key=key,
                key_header=header,
                proxy=check_proxy(proxy, base, trust_env=trust_env, allow_plain_http=allow_plain_http),
                proxy_headers=check_proxy_headers(proxy_headers),
                ssl=check_ssl(ssl, base),
                max_answer=check_size("max_answer", max_answer),
            )
            origin = str(base.origin())
            name = pace_name(origin, key.text)
            stored_pace = open_pace(pace or environ.get("CMR_PACE") or None, name)
            pipeline = Pipeline(
                transport=transport,
                endpoints=resolve(
                    {} if endpoints is None else check_kind("endpoints", endpoints, Mapping, "a mapping")
                ),
                slots=Slots(_pacer or shared_pacer(name), check_gap(gap, leave_room), clock=_clock, shared=stored_pace),
                retry=retry,
                timeouts=timeouts,
                clock=_clock,
                rng=_rng or Random(),  # noqa: S311 - it spreads repetitions
                pace_name=name,
                account=Account.of(origin, key.text),
            )
        except Exception as error:  # noqa: BLE001 - the frames of any error hold what the client was given
            raise without_frames(error) from None
        finally:  # tracebacks can show what the frames hold
            del api_key, base_url, key_header, headers, proxy, proxy_headers, pace
        self._base_url = str(base)
        self._transport = transport
        self._stored_pace = stored_pace
        self._pipeline = pipeline
        self._waiting = waiting = Waiting(pipeline, tracking, wall_clock=_wall_clock)
        self.orders = Orders(pipeline, create_once, waiting)
        self.users = Users(pipeline)
        self.domains = Domains(pipeline)
        self.subscriptions = Subscriptions(pipeline)
        self.bulk = Bulk(pipeline, waiting)

    def __repr__(self) -> str:
        """Name the client without its key."""
        return f"<{type(self).__name__} {self._base_url}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def pace(self) -> Pace:
        """How fast requests may leave now: the gap, the limit that was measured, the pause, and how many wait."""
        return self._pipeline.slots.pace()

    @property
    def stall(self) -> Stall | None:
        """Why calls under way get nowhere (no connection, no answer) and for how long; `None`: no sign of that."""
        return self._pipeline.stall()

    async def close(self) -> None:
        """Close the connections that the client owns; calls after it raise `ClientStateError`.

        Orders that are under way get their answers first, for at most `Timeouts.drain` (15 s).
        """
        self._transport.refuse_more()
        try:
            await self._waiting.close()
            await self._pipeline.background.finish(within=self._pipeline.timeouts.drain)
        finally:
            await self._transport.close()
            if self._stored_pace is not None:
                await self._stored_pace.close()


def open_pace(location: str | PathLike[str] | None, name: str) -> StoredPace | None:
    """Return the pace in a database; `None` without one."""
    if location is None:
        return None
    from .journal.pace import StoredPace  # noqa: PLC0415 - an extra, and heavy

    return StoredPace(location, name)
