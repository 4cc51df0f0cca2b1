"""A network in memory: what aiohttp writes reaches the provider, and what that answers reaches aiohttp's parser.

A connection is an `asyncio.Transport` that is joined to aiohttp's own protocol. Each request that arrives, and each
answer, is an event of the world, so that a process can die between any two of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import attrs
from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    from tests.world.process import Process


@attrs.frozen
class Sent:
    """One request, as it went over the wire."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes

    @property
    def spends(self) -> bool:
        """Whether its arrival changes something at the provider."""
        return self.path.startswith("/api/orders/") and self.method == "POST"


class Line(asyncio.Transport):
    """The client's end of one connection."""

    def __init__(self, process: Process, protocol: ResponseHandler, began: float) -> None:
        super().__init__()
        #: When its connection was asked for, right after the slot of its request had come.
        self.began = began
        self._process = process
        self._protocol = protocol
        self._written = bytearray()
        self._is_closed = False

    def write(self, data: Any) -> None:
        if self._is_closed:
            return
        self._written += data
        head, end, body = bytes(self._written).partition(b"\r\n\r\n")
        if end and len(body) >= _length(head):
            self._written.clear()
            self._process.world.send(self._process, self, _read(head, body))

    def deliver(self, answer: bytes) -> None:
        """Give the client bytes of an answer."""
        if not self._is_closed:
            self._protocol.data_received(answer)

    def drop(self, error: OSError | None = None) -> None:
        """End the connection, as the other side does."""
        if not self._is_closed:
            self._is_closed = True
            self._protocol.connection_lost(error)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._process.loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._is_closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def get_write_buffer_size(self) -> int:
        return 0

    def is_reading(self) -> bool:
        return True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def can_write_eof(self) -> bool:
        return False


class Connector(aiohttp.BaseConnector):
    """Makes connections to the provider of a world."""

    def __init__(self, process: Process) -> None:
        super().__init__(force_close=True, limit=0)
        self._process = process

    async def _create_connection(self, req: Any, traces: Any, timeout: Any) -> ResponseHandler:
        world = self._process.world
        began = world.now
        await asyncio.sleep(world.draw.connecting())
        if world.draw.refuses():
            raise aiohttp.ClientConnectorError(req.connection_key, ConnectionRefusedError(111, "refused"))
        factory: Callable[[], ResponseHandler] = self._factory
        protocol = factory()
        protocol.connection_made(Line(self._process, protocol, began))
        return protocol


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _read(head: bytes, body: bytes) -> Sent:
    method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
    parts = urlsplit(target)
    return Sent(method, parts.path, dict(parse_qsl(parts.query)), body)
