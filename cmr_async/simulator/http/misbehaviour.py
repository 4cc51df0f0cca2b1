"""What a scripted fault does on the wire: connections that are cut, answers that never come, answers of others."""

from __future__ import annotations

import asyncio
import socket
import struct

import orjson
from aiohttp import web

from ..shop.faults import FaultRule
from .limits import read_body

_PROXY_PAGE = b"<html><body><h1>%d</h1></body></html>"


async def misbehave(fault: FaultRule, request: web.Request, answer: web.Response | None) -> web.StreamResponse | None:
    """Carry out a fault.

    Args:
        fault: The fault that fires.
        request: The request; its body may be unread.
        answer: The API's own answer when the request was processed, else `None`.

    Returns:
        The answer to send instead of the API's; after a close or reset it goes nowhere. `None` after a `delay`: handle
        the request as usual.
    """
    if fault.kind == "close_unread":
        return _close(request)
    await read_body(request)
    if fault.kind == "close_before_answer":
        return _close(request)
    if fault.kind == "reset":
        return _reset(request)
    if fault.kind == "stall":
        # Ends by cancellation when the client goes away or the simulator closes.
        await asyncio.Event().wait()
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
        return answer
    if fault.kind == "cut":
        return await _cut(request, _replacement(fault) if answer is None or fault.body is not None else answer)
    return _replacement(fault)


def _replacement(fault: FaultRule) -> web.Response:
    if fault.body is not None:
        body = fault.body
    elif fault.envelope:
        body = orjson.dumps({"status": fault.status, "message": fault.message, "data": None})
    else:
        body = _PROXY_PAGE % fault.status
    content_type = "application/json" if fault.envelope else "text/html"
    headers = {"Content-Type": content_type, **fault.headers}
    return web.Response(status=fault.status, body=body, headers=headers)


def _close(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        # With a linger time of zero, closing resets the connection.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()


async def _cut(request: web.Request, whole: web.Response) -> web.StreamResponse:
    body = whole.body if isinstance(whole.body, bytes) else b""
    part = web.StreamResponse(status=whole.status, headers=whole.headers)
    part.content_length = len(body)
    await part.prepare(request)
    await part.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return part
