"""The sessions of a client: whose connection a request goes over, and where and how long they may be used.

What must not be repeated goes over a connection that was opened for it alone, on a session of the SDK's own: kept
connections carry stale answers, middlewares send again, and cookie jars remember.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from weakref import WeakSet

import aiohttp
from aiohttp.abc import AbstractResolver

from ..core.endpoints import Endpoint
from ..errors import ClientStateError, ConfigurationError
from ..forks import in_forked_child, leave_to_parent
from .traces import watch_attempts


class Sessions:
    """Opens a session when it is first needed: one for what may be repeated, one for what must not be."""

    def __init__(
        self,
        *,
        session: aiohttp.ClientSession | None = None,
        connector: aiohttp.BaseConnector | None = None,
        connector_factory: Callable[[], aiohttp.BaseConnector] | None = None,
        resolver: AbstractResolver | None = None,
        local_addr: tuple[str, int] | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
    ) -> None:
        """Open nothing yet.

        Args:
            session: The caller's session, for repeatable requests; the caller closes it.
            connector: The caller's connector, for repeatable requests; the caller closes it.
            connector_factory: Makes the connector of each session of its own.
            resolver: Looks host names up, for connections of its own; the caller closes it.
            local_addr: Host and port to connect from, on connections of its own.
            trace_configs: The caller's traces, for sessions of its own.

        Raises:
            ConfigurationError: An object is not of the class of aiohttp's that it has to be.
        """
        _check_kinds(
            session=(session, aiohttp.ClientSession),
            connector=(connector, aiohttp.BaseConnector),
            resolver=(resolver, AbstractResolver),
            **{f"trace_configs[{at}]": (one, aiohttp.TraceConfig) for at, one in enumerate(trace_configs)},
        )
        self._given_session = session
        self._given_connector = connector
        self._make_connector = connector_factory
        self._resolver = resolver
        self._local_addr = local_addr
        self._trace_configs = tuple(trace_configs)
        self._kept: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        #: A session, connector or resolver of the caller's whose sockets belong to the parent process.
        self._inherited = False
        _all.add(self)

    def session_for(self, endpoint: Endpoint) -> aiohttp.ClientSession:
        """Return the session that a request to an endpoint goes over.

        Raises:
            ClientStateError: The client is closed, or belongs to another event loop.
            ConfigurationError: The caller's factory made a connector that keeps connections.
        """
        self.check_usable()
        if not endpoint.repeatable:
            if self._fresh is None:
                self._fresh = self._open(self._own_connector(force_close=True))
            return self._fresh
        if self._given_session is not None:
            return self._given_session
        if self._kept is None:
            self._kept = self._open(self._given_connector or self._own_connector(force_close=False))
        return self._kept

    def is_watched(self, session: aiohttp.ClientSession) -> bool:
        """Tell whether a session has the trace that sees how far a request gets; the caller's has none."""
        return session is not self._given_session

    def refuse_more(self) -> None:
        """Take no further requests; those under way go on until `close`."""
        self._closed = True

    async def close(self) -> None:
        """Close the sessions of its own, with the requests under way; a given one stays open."""
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
            # Ours is the last: nothing else is waited for between its question and the first byte
            trace_configs=[*self._trace_configs, watch_attempts()],
        )


def _check_kinds(**settings: tuple[object, type]) -> None:
    """Refuse objects of aiohttp's that are something else."""
    for name, (value, kind) in settings.items():
        if value is not None and not isinstance(value, kind):
            raise ConfigurationError(f"{name} must be an aiohttp.{kind.__name__}, not {type(value).__name__}.")


#: All of this process, for a child that may never use the ones it inherits.
_all: WeakSet[Sessions] = WeakSet()


@in_forked_child
def _leave_all_to_parent() -> None:
    for sessions in list(_all):
        sessions.leave_to_parent()
