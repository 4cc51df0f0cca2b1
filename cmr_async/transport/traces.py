"""What aiohttp tells about a request while it runs: how far it got, and the headers of its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace

import aiohttp

from .attempt import Attempt


async def _on_request_start(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    if isinstance(context.trace_request_ctx, Attempt):
        context.trace_request_ctx.connecting()


async def _on_request_headers_sent(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    if isinstance(context.trace_request_ctx, Attempt):  # aiohttp calls this before it writes the first byte
        context.trace_request_ctx.head_goes_out()


def watch_attempts() -> aiohttp.TraceConfig:
    """Return the trace that tells each attempt how far its request got."""
    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(_on_request_start)
    trace.on_request_headers_sent.append(_on_request_headers_sent)
    return trace


def watch_answers(seen: Callable[[Mapping[str, str]], None]) -> aiohttp.TraceConfig:
    """Return a trace, for `trace_configs`, that shows the headers of each answer."""
    trace = aiohttp.TraceConfig()

    async def on_request_end(_: aiohttp.ClientSession, __: object, end: aiohttp.TraceRequestEndParams) -> None:
        seen(end.response.headers)

    trace.on_request_end.append(on_request_end)
    return trace
