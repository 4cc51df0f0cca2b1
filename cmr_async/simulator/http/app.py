"""The web application: what happens to every request before and after its endpoint.

In this order: check whom the request is for, count it, apply a fault, check the key, check the rate, run the endpoint,
apply a fault to the answer. Refusals and unknown paths are answered with the API's error envelope.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from ..shop.records import Refusal
from ..shop.state import SimulatorState
from .handlers import STATE, add_routes, json_answer
from .limits import LARGEST_BODY, check_host
from .misbehaviour import misbehave

#: Path that all endpoints are below, as on the real server.
API_BASE = "/api/v1/integration"
#: Header that carries the partner's key (section 3).
API_KEY_HEADER = "cmr-x-api-key"

#: Where the application keeps the address or name that it is bound to.
_BOUND = web.AppKey("bound", str)
_TOO_MANY_REQUESTS = 429
_FIRST_ERROR = 400

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(state: SimulatorState, *, bound: str = "127.0.0.1") -> web.Application:
    """Return an application that serves a state; one state may be served by several applications in turn.

    Args:
        state: What is served.
        bound: Address or name that the application is bound to; besides loopback names, `Host` may be this.
    """
    app = web.Application(middlewares=[_gate], client_max_size=LARGEST_BODY)
    app[STATE] = state
    app[_BOUND] = bound
    add_routes(app, API_BASE, state)
    return app


@web.middleware
async def _gate(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        check_host(request, request.app[_BOUND])
    except Refusal as refusal:
        return _refused(refusal.status, refusal.message, {})
    path = request.path
    if not path.startswith(f"{API_BASE}/"):
        return await _answer(request, handler)
    state = request.app[STATE]
    method, path = request.method, path.removeprefix(API_BASE)
    state.count_arrival(f"{method} {path}" if request.match_info.http_exception is None else "other")
    fault = state.faults.take(method, path, processed=False)
    if fault is not None:
        spoiled = await misbehave(fault, request, None)
        if spoiled is not None:
            return _counted(state, request, spoiled)
    answer = await _answer(request, handler, state)
    if answer.status < _FIRST_ERROR:
        fault = state.faults.take(method, path, processed=True)
        if fault is not None:
            return _counted(state, request, await misbehave(fault, request, answer) or answer)
    return _counted(state, request, answer)


async def _answer(request: web.Request, handler: _Handler, guard: SimulatorState | None = None) -> web.Response:
    try:
        if guard is not None:
            guard.check_key(request.headers.get(API_KEY_HEADER))
            guard.check_rate()
        answer = await handler(request)
    except Refusal as refusal:
        headers = {"Retry-After": "1"} if refusal.status == _TOO_MANY_REQUESTS else {}
        return _refused(refusal.status, refusal.message, headers)
    except web.HTTPException as error:
        # 404 and 405 of the router, 408 and 413 of the body reader.
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return _refused(error.status, error.reason, headers)
    if not isinstance(answer, web.Response):
        raise TypeError("An endpoint must answer with a whole response.")
    return answer


def _refused(status: int, message: str, headers: dict[str, str]) -> web.Response:
    return json_answer({"status": status, "message": message, "data": None}, status, headers)


def _counted(state: SimulatorState, request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    # After a close or a reset there is no answer to count; a cut answer has sent its head and is counted.
    gone = request.transport is None or request.transport.is_closing()
    if not gone or answer.prepared:
        state.count_answer(answer.status)
    return answer
