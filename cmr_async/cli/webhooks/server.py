"""An HTTP server for a command: it hands every POST to one function, with the body as the bytes that came."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

from ...errors import ConfigurationError
from ...webhooks.verify import LONGEST_BODY

#: Status and text of an answer.
Answer = tuple[int, str]
#: Takes body and headers of a request.
Take = Callable[[bytes, Mapping[str, str]], Awaitable[Answer]]

#: Seconds that answers have when the command ends.
_SECONDS_TO_END = 1.0


@asynccontextmanager
async def serving(take: Take, *, host: str, port: int) -> AsyncGenerator[str, None]:
    """Serve, whatever path a request names, until the block ends.

    Args:
        take: Called with each body, of up to one byte more than a webhook may have, so that it can refuse a longer one.
        host: The address to listen on.
        port: The port; 0 takes a free one.

    Yields:
        The URL to send deliveries to.

    Raises:
        ConfigurationError: It cannot listen there, or the address is empty, which would be every one of the machine.
    """
    if not host.strip():
        raise ConfigurationError("--host is empty: name the address to listen on, such as 127.0.0.1; 0.0.0.0 is all.")

    async def handle(request: web.Request) -> web.Response:
        body = b""
        try:
            while len(body) <= LONGEST_BODY and (part := await request.content.readany()):
                body += part
        except (web.RequestPayloadError, OSError):  # the client left, or packed it wrongly
            return web.Response(status=400, text="unreadable_body")
        status, text = await take(body[: LONGEST_BODY + 1], request.headers)
        return web.Response(status=status, text=text)

    app = web.Application()
    app.router.add_post("/{path:.*}", handle)
    # A signature covers the bytes as they came, so nothing is unpacked
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SECONDS_TO_END, auto_decompress=False)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigurationError(f"cannot listen on {host}:{port}: {error.strerror or 'no such address'}") from None
        bound = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{bound}/"
    finally:
        await runner.cleanup()
