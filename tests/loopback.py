"""A raw loopback server that misbehaves on demand and counts what it received: the truth about the wire.

It speaks just enough HTTP to know where a request ends. Each request takes the next act of the script; after its
last act the server answers well.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import attrs


@attrs.frozen(kw_only=True)
class Received:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    #: Number of the connection that it came on.
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@attrs.define(eq=False)
class Connection:
    """What an act may do."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    #: Set when the client has gone away.
    gone: asyncio.Event


#: What the server does with a request once it has read it (or its head only).
Act = Callable[[Connection], Awaitable[None]]


def envelope(status: int, message: str = "said", data: Any = None, **extra: Any) -> bytes:
    return json.dumps({"status": status, "message": message, "data": data, **extra}).encode()


ACCEPTED = envelope(200, "Order created", {"orderId": "RJK7NR2W194HAGHGTX75D391P3NB"})


def answer(status: int = 200, body: bytes = ACCEPTED, **headers: str) -> Act:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]

    async def act(connection: Connection) -> None:
        connection.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await connection.writer.drain()

    return act


def answer_after(event: asyncio.Event) -> Act:
    """Answer well once the event is set."""

    async def act(connection: Connection) -> None:
        await event.wait()
        await answer()(connection)

    return act


async def close_before_reading(connection: Connection) -> None:
    connection.writer.close()


close_before_reading.head_only = True  # type: ignore[attr-defined]


async def close_after_reading(connection: Connection) -> None:
    connection.writer.close()


def _reset(connection: Connection) -> None:
    raw = connection.writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.writer.transport.abort()


async def reset_after_head(connection: Connection) -> None:
    _reset(connection)


reset_after_head.head_only = True  # type: ignore[attr-defined]


async def reset_after_reading(connection: Connection) -> None:
    _reset(connection)


async def stall(connection: Connection) -> None:
    await connection.gone.wait()


async def stall_after_head(connection: Connection) -> None:
    connection.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await connection.writer.drain()
    await connection.gone.wait()


async def cut(connection: Connection) -> None:
    """An answer that says it is longer than it is."""
    connection.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + ACCEPTED[:40])
    await connection.writer.drain()
    connection.writer.close()


def cut_after(status: int, body: bytes, size: int) -> Act:
    """An answer of which only so many bytes of the body come."""

    async def act(connection: Connection) -> None:
        connection.writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:size])
        await connection.writer.drain()
        connection.writer.close()

    return act


async def cut_chunked(connection: Connection) -> None:
    connection.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n28\r\n" + ACCEPTED[:40] + b"\r\n")
    await connection.writer.drain()
    connection.writer.close()


class Loopback:
    """The server: `async with Loopback(act, act) as server`."""

    def __init__(self, *script: Act, tls: ssl.SSLContext | None = None) -> None:
        self.script = list(script)
        #: Every request whose head came in, in order.
        self.received: list[Received] = []
        #: How many connections were made.
        self.connections = 0
        #: Set when a request has come in.
        self.arrived = asyncio.Event()
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def base_url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/api/v1/integration"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def count(self, requests: int) -> None:
        """Wait until so many requests have come in."""
        while len(self.received) < requests:
            self.arrived.clear()
            await self.arrived.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self._open.add(writer)
        try:
            while not writer.is_closing():
                if not await self._serve_one(reader, writer, number):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return False
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        act = self.script.pop(0) if self.script else answer()
        body = b""
        if not getattr(act, "head_only", False):
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.received.append(Received(method=method, target=target, headers=headers, body=body, connection=number))
        self.arrived.set()
        gone = asyncio.Event()
        watch = asyncio.ensure_future(self._watch(reader, gone)) if act in {stall, stall_after_head} else None
        try:
            await act(Connection(reader, writer, gone))
        finally:
            if watch is not None:
                watch.cancel()
        return headers.get("connection", "").lower() != "close" and watch is None

    async def _watch(self, reader: asyncio.StreamReader, gone: asyncio.Event) -> None:
        with suppress(ConnectionError):
            await reader.read(1)
        gone.set()
