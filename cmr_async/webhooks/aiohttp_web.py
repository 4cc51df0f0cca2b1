"""A receiver in aiohttp.web: the raw body in, the status and the text out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from .receiver import Receiver

__all__ = ["answer", "routes"]


async def answer(receiver: Receiver, request: web.Request) -> web.Response:
    """Take the delivery that a request brings.

    Raises:
        web.HTTPRequestEntityTooLarge: The body is longer than `client_max_size` of the application.
    """
    reply = await receiver.receive(await request.read(), request.headers)
    return web.Response(status=reply.status, text=reply.text)


def routes(receiver: Receiver, path: str) -> list[web.RouteDef]:
    """Return the route of a receiver."""
    return [web.post(path, receiver.aiohttp_handler)]
