"""A receiver in aiohttp.web: what it replies as a response, and its route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

__all__ = ["response", "route"]


def response(status: int, text: str) -> web.Response:
    """Return the answer to a delivery."""
    return web.Response(status=status, text=text)


def route(path: str, handler: Callable[[web.Request], Awaitable[web.Response]]) -> web.RouteDef:
    """Return the route that deliveries come by."""
    return web.post(path, handler)
