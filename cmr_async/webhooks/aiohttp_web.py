"""A receiver in aiohttp.web: the body that it is given, what it replies as a response, and its route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

__all__ = ["UNREADABLE", "read_body", "response", "route"]

#: What reading a body raises if the client leaves, or packed it wrongly.
UNREADABLE = (web.RequestPayloadError, OSError)


async def read_body(request: web.Request) -> bytes | None:
    """Return the body of a request; `None` if it cannot be read.

    Raises:
        aiohttp.web.HTTPRequestEntityTooLarge: It is longer than `client_max_size` of the application.
    """
    try:
        return await request.read()
    except UNREADABLE:
        request.content.feed_eof()  # else aiohttp reads on after the answer, and logs a traceback
        return None


def response(status: int, text: str) -> web.Response:
    """Return the answer to a delivery."""
    return web.Response(status=status, text=text)


def route(path: str, handler: Callable[[web.Request], Awaitable[web.Response]]) -> web.RouteDef:
    """Return the route that deliveries come by."""
    return web.post(path, handler)
