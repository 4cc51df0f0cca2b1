"""Start and stop a simulator on a port of its own."""

from __future__ import annotations

import asyncio
import warnings
from threading import Thread
from typing import Self

import attrs
from aiohttp import web

from ..settings import MachineClock, Settings
from ..shop.faults import FaultScript
from ..shop.records import WebhookDelivery
from ..shop.state import SimulatorState
from .app import API_BASE, application
from .limits import is_loopback
from .sender import Sender

#: What an address that other machines can reach means.
EXPOSED = "other machines may reach it, and whoever does can read its ledger and counts without a key."

#: Seconds that an answer under way may hold up the shutdown; a stalled one would hold it up for ever.
_SHUTDOWN_SECONDS = 0.05


@attrs.define
class _Listener:
    """The part of a simulator that starting and closing it changes."""

    #: What listens; `None`: nothing does.
    runner: web.AppRunner | None = None
    #: What sends webhooks; `None`: nothing does.
    sender: Sender | None = None
    #: Base URL of the last start; empty before the first one.
    base_url: str = ""
    #: The loop and its thread, while a plain `with` block runs.
    loop: asyncio.AbstractEventLoop | None = None
    thread: Thread | None = None


@attrs.frozen(kw_only=True, eq=False)
class Simulator(Settings):
    """A simulator of the API on a port of its own.

    Use it as `async with Simulator(wallet=1000) as sim:`, or, without an event loop, as `with Simulator() as sim:`;
    `sim.base_url` and `sim.api_key` are what a client needs.

    Args:
        host: Address to listen on; loopback by default, because the simulator is not made for other machines.
        port: Port to listen on; 0 takes a free one.
        settings: See `Settings`.

    Raises:
        ValueError: A setting is out of range.

    Warns:
        UserWarning: At the start, when other machines can reach the host.
    """

    #: Address to listen on.
    host: str = "127.0.0.1"
    #: Port to listen on; 0 takes a free one.
    port: int = 0
    #: Users, orders, wallet, ledger and request counts as they are now.
    state: SimulatorState = attrs.field(init=False, default=attrs.Factory(SimulatorState, takes_self=True))
    _listener: _Listener = attrs.field(init=False, factory=_Listener)

    def __repr__(self) -> str:
        """Show the address and nothing else, so that the key stays out."""
        return f"<Simulator {self._listener.base_url or 'not started'}>"

    @property
    def faults(self) -> FaultScript:
        """Faults to come: `sim.faults.add(FaultRule(kind="reset"))`."""
        return self.state.faults

    @property
    def deliveries(self) -> tuple[WebhookDelivery, ...]:
        """Every attempt to deliver a webhook so far, in the sequence in which they ended."""
        return tuple(self.state.outbox.deliveries)

    @property
    def base_url(self) -> str:
        """Base URL of the API, such as `http://127.0.0.1:40123/api/v1/integration`.

        Raises:
            RuntimeError: The simulator was not started.
        """
        if not self._listener.base_url:
            raise RuntimeError(
                "The simulator was not started: use `async with Simulator() as sim` or `await sim.start()`."
            )
        return self._listener.base_url

    @property
    def admin_url(self) -> str:
        """Base URL of the simulator's own routes, `/ledger`, `/requests` and `/deliveries`."""
        return self.base_url.removesuffix(API_BASE) + "/_simulator"

    async def start(self) -> None:
        """Listen. A simulator that was closed may be started again; it keeps its state.

        Raises:
            RuntimeError: It is running already.
            OSError: The port is taken.

        Warns:
            UserWarning: Other machines can reach the address, and everybody there can read the ledger.
        """
        if self._listener.runner is not None:
            raise RuntimeError("The simulator is running already.")
        if not is_loopback(self.host):  # first, because a warning may be an error
            warnings.warn(f"The simulator listens on {self.host}: {EXPOSED}", stacklevel=2)
        # No access log: nothing that a request carries is written down.
        runner = web.AppRunner(
            application(self.state, bound=self.host), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS
        )
        try:
            await runner.setup()
            await web.TCPSite(runner, self.host, self.port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._listener.runner = runner
        if self.webhook_url is not None:
            self._listener.sender = Sender(self.state)
            if isinstance(self.clock, MachineClock):
                self._listener.sender.watch_clock()
        port = runner.addresses[0][1]
        host = f"[{self.host}]" if ":" in self.host else self.host
        self._listener.base_url = f"http://{host}:{port}{API_BASE}"

    async def deliver_due(self) -> tuple[WebhookDelivery, ...]:
        """Send the webhooks that are due, and wait until each is answered or given up for now.

        On the machine's clock they are sent anyway as they become due; with a `clock` of your own nothing else sends
        them. Call it on the event loop that the simulator was started on.

        Returns:
            The attempts that ended meanwhile; empty without a `webhook_url`.

        Raises:
            RuntimeError: The simulator is not running.
        """
        if self._listener.runner is None:
            raise RuntimeError("The simulator is not running.")
        before = len(self.state.outbox.deliveries)
        if self._listener.sender is not None:
            await self._listener.sender.deliver_due()
        return self.deliveries[before:]

    async def close(self) -> None:
        """Stop listening and sending, and drop open connections; harmless when it is not running."""
        runner, self._listener.runner = self._listener.runner, None
        sender, self._listener.sender = self._listener.sender, None
        if sender is not None:
            await sender.close()
        if runner is not None:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __enter__(self) -> Self:
        """Start on an event loop in a thread of its own, for code that has none."""
        loop = self._listener.loop = asyncio.new_event_loop()
        thread = self._listener.thread = Thread(target=loop.run_forever, name="cmr-simulator", daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.start(), loop).result()
        except BaseException:
            self._stop_thread()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._listener.loop is not None:
            asyncio.run_coroutine_threadsafe(self.close(), self._listener.loop).result()
        self._stop_thread()

    def _stop_thread(self) -> None:
        loop, thread = self._listener.loop, self._listener.thread
        self._listener.loop = self._listener.thread = None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(_end_others(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def _end_others() -> None:
    """End what still runs on the loop, such as an answer that stalls: asyncio complains about tasks that are left."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
