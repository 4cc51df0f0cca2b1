"""A loopback server that answers every request with one prepared order answer, as cheaply as asyncio can.

Run as a process of its own, so that a benchmark measures the client. Prints its port. It parses only what it needs
to know where a request ends, so it is no HTTP server for anything else.
"""

from __future__ import annotations

import asyncio
import re

_BODY = b'{"status":200,"message":"Order created","data":{"orderId":"RJK7NR2W194HAGHGTX75D391P3NB"}}'
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY) + _BODY
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


class _Answers(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end)
            whole = end + 4 + (int(length.group(1)) if length else 0)
            if len(self._buffer) < whole:
                return
            self._buffer = self._buffer[whole:]
            self._transport.write(_ANSWER)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Answers, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
