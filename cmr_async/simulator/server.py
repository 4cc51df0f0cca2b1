"""Start and stop the simulator on a real port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self, Unpack

from aiohttp import web

from .app import API_BASE, application
from .faults import FaultScript
from .settings import Settings
from .state import SimulatorState

__all__ = ["Simulator", "serve"]

#: How long an answer under way may hold up the shutdown, in seconds; stalled ones would hold it up for ever.
_SHUTDOWN_SECONDS = 0.05


class Simulator:
    """A simulator of the API on a port of its own.

    Args:
        host: address to listen on; loopback unless told otherwise, because nothing here is meant for others.
        port: port to listen on; 0 takes a free one.
        settings: see `cmr_async.simulator.Settings`.

    Raises:
        ValueError: a setting is out of range.

    Example:
        ```python
        async with Simulator(wallet=1000) as sim:
            print(sim.base_url, sim.api_key)
        ```
    """

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, **settings: Unpack[Settings]) -> None:
        self._host = host
        self._port = port
        self._state = SimulatorState(**settings)
        self._runner: web.AppRunner | None = None
        self._base_url = ""

    def __repr__(self) -> str:
        """Name the address and nothing else: the key stays out."""
        return f"<Simulator {self._base_url or 'not started'}>"

    @property
    def state(self) -> SimulatorState:
        """Users, orders, wallet, ledger and request counts."""
        return self._state

    @property
    def faults(self) -> FaultScript:
        """Misbehaviour to come: `sim.faults.add(FaultRule(kind="reset"))`."""
        return self._state.faults

    @property
    def api_key(self) -> str:
        """The key that requests must carry."""
        return self._state.api_key

    @property
    def base_url(self) -> str:
        """Base URL of the API, such as `http://127.0.0.1:40123/api/v1/integration`.

        Raises:
            RuntimeError: the simulator was not started.
        """
        if not self._base_url:
            raise RuntimeError(
                "the simulator was not started: use `async with Simulator() as sim` or `await sim.start()`"
            )
        return self._base_url

    @property
    def admin_url(self) -> str:
        """Base URL of the simulator's own routes, `/ledger` and `/requests`."""
        return self.base_url.removesuffix(API_BASE) + "/_simulator"

    async def start(self) -> None:
        """Listen. A simulator that was closed may be started again and keeps its state.

        Raises:
            RuntimeError: it is running already.
            OSError: the port is taken.
        """
        if self._runner is not None:
            raise RuntimeError("the simulator is running already")
        # No access log: nothing that a request carries is written down.
        runner = web.AppRunner(application(self._state), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        try:
            await runner.setup()
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        port = runner.addresses[0][1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        self._base_url = f"http://{host}:{port}{API_BASE}"

    async def close(self) -> None:
        """Stop listening and drop open connections; harmless when it is not running."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()


async def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    on_ready: Callable[[Simulator], object] | None = None,
    **settings: Unpack[Settings],
) -> None:
    """Run a simulator until the task is cancelled; nothing is printed.

    Args:
        host: address to listen on.
        port: port to listen on; 0 takes a free one.
        on_ready: called once with the simulator when it listens.
        settings: see `cmr_async.simulator.Settings`.

    Raises:
        OSError: the port is taken.
        ValueError: a setting is out of range.
    """
    async with Simulator(host=host, port=port, **settings) as sim:
        if on_ready is not None:
            on_ready(sim)
        await asyncio.Event().wait()
