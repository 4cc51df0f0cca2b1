"""A client that does not stay until its request is whole."""

from __future__ import annotations

import asyncio


async def leave_in_mid_body(port: int) -> None:
    """Send a part of a body to a server on this machine, once its handler waits for the body, and leave."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    writer.write(b"a part")
    writer.close()
    await writer.wait_closed()
