"""The endpoints, one function each: read the query and the body, ask the state, make the answer."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from .answers import (
    domain_item,
    ledger_row,
    order_created,
    order_status_data,
    page_of,
    request_counts,
    subscription_item,
    user_data,
)
from .bodies import read_mailbox_order, read_order, read_profile
from .limits import read_body
from .records import Refusal
from .state import SimulatorState

__all__ = ["STATE", "add_routes", "json_answer"]

#: Where the application keeps its state.
STATE = web.AppKey("state", SimulatorState)

_USERS_LIMIT = 20
_SUBSCRIPTIONS_LIMIT = 50
_MOST_LIMIT = 100
#: The API's own limit is UNKNOWN; the numbers of pages after this one would not fit into JSON some day.
_MOST_PAGE = 1_000_000_000


def add_routes(app: web.Application, base: str, state: SimulatorState) -> None:
    """Serve the documented endpoints below `base`, and the simulator's own below `/_simulator`."""
    app.router.add_post(f"{base}/orders/json", create_order)
    app.router.add_post(f"{base}/orders/create-mailbox-order/json", create_mailbox_order)
    app.router.add_get(f"{base}/orders/status", order_status, allow_head=False)
    app.router.add_post(f"{base}{state.settings.endpoints['orders.process']}", process_order)
    app.router.add_get(f"{base}/users/list", list_users, allow_head=False)
    app.router.add_get(f"{base}/users", user_details, allow_head=False)
    app.router.add_post(f"{base}/users", create_user)
    app.router.add_get(f"{base}/domains/by-user", domains_by_user, allow_head=False)
    app.router.add_post(f"{base}/domains/has-workspace", has_workspace)
    app.router.add_get(f"{base}/subscriptions", subscriptions, allow_head=False)
    app.router.add_get("/_simulator/ledger", ledger, allow_head=False)
    app.router.add_get("/_simulator/requests", requests, allow_head=False)


async def create_order(request: web.Request) -> web.Response:
    """Create an order: `POST /orders/json?userId=` (section 2)."""
    state = request.app[STATE]
    user_id = _required(request, "userId")
    state.user(user_id)
    order = state.create_order(user_id, read_order(await _json_body(request), strict=state.settings.strict))
    return json_answer(order_created(order, state.settings.generation))


async def create_mailbox_order(request: web.Request) -> web.Response:
    """Order mailboxes: `POST /orders/create-mailbox-order/json?userId=` (section 10.1)."""
    state = request.app[STATE]
    user_id = _required(request, "userId")
    state.user(user_id)
    order = state.create_order(user_id, read_mailbox_order(await _json_body(request), strict=state.settings.strict))
    return json_answer(order_created(order, state.settings.generation))


async def process_order(request: web.Request) -> web.Response:
    """Process the Order: path and parameters are UNKNOWN; the ids are in the path, the query, or the body."""
    state = request.app[STATE]
    body = await _json_body(request) if request.body_exists else {}
    fields = body if isinstance(body, dict) else {}
    user_id = _required(request, "userId", fields)
    order_id = _required(request, "orderId", fields)
    order = state.process_order(user_id, order_id)
    return json_answer(order_created(order, state.settings.generation))


async def order_status(request: web.Request) -> web.Response:
    """Get Order Status: `GET /orders/status?userId=&orderId=`."""
    state = request.app[STATE]
    order = state.order(_required(request, "userId"), _required(request, "orderId"))
    return _success("Order status fetched successfully", order_status_data(order, state.now))


async def list_users(request: web.Request) -> web.Response:
    """Retrieve all users: `GET /users/list`; page parameters and shape are those of the subscriptions."""
    users = list(request.app[STATE].users.values())
    page, pagination = page_of(users, *_page(request, _USERS_LIMIT))
    data = {"users": [user_data(user) for user in page], "pagination": pagination}
    return _success("Users fetched successfully", data)


async def user_details(request: web.Request) -> web.Response:
    """Get User Details: `GET /users?userId=`."""
    user = request.app[STATE].user(_required(request, "userId"))
    return _success("User details fetched successfully", user_data(user))


async def create_user(request: web.Request) -> web.Response:
    """Create User: `POST /users` (section 10.2)."""
    state = request.app[STATE]
    user = state.create_user(read_profile(await _json_body(request), strict=state.settings.strict))
    return _success("User created", {"id": user.user_id})


async def domains_by_user(request: web.Request) -> web.Response:
    """Get Domains For User: `GET /domains/by-user?userId=`; a wrong userId gives an empty list."""
    state = request.app[STATE]
    user_id = _required(request, "userId")
    now = state.now
    data = [domain_item(order, provision, now) for order, provision in state.registrations(user_id)]
    return _success("Domains fetched successfully", data)


async def has_workspace(request: web.Request) -> web.Response:
    """Check If Workspace Exists: `POST /domains/has-workspace`, for one domain or several.

    Only the answer to one domain without a workspace is documented; the others are the simulator's choice.
    """
    state = request.app[STATE]
    body = await _json_body(request)
    fields: dict[str, Any] = body if isinstance(body, dict) else {}
    if "domains" not in fields:
        if state.has_workspace(_domain_name(fields)):
            raise Refusal("Workspace already exists", status=409)
        return _success("Workspace not exists", None)
    entries = fields["domains"] if isinstance(fields["domains"], list) else []
    names = [_domain_name(entry if isinstance(entry, dict) else {}) for entry in entries]
    found = [{"domainName": name, "hasWorkspace": state.has_workspace(name)} for name in names]
    return _success("Workspaces checked", found)


def _domain_name(fields: dict[str, Any]) -> str:
    name = fields.get("domainName")
    if not isinstance(name, str) or not name:
        raise Refusal("Please provide a domainName")
    return name


async def subscriptions(request: web.Request) -> web.Response:
    """Get All Subscriptions: `GET /subscriptions` (section 10.9)."""
    state = request.app[STATE]
    status = request.query.get("status")
    wanted = request.query.get("componentSubscriptionId")
    rows = [
        subscription_item(order, provision, state.mailboxes_of(provision), state.settings.prices)
        for order, provision in state.subscriptions(request.query.get("domain") or None)
    ]
    rows = [
        row
        for row in rows
        if (not status or row["subscriptionStatus"] == status) and (not wanted or row["subscriptionId"] == wanted)
    ]
    page, pagination = page_of(rows, *_page(request, _SUBSCRIPTIONS_LIMIT))
    return _success("Subscriptions fetched successfully", {"subscriptions": page, "pagination": pagination})


async def ledger(request: web.Request) -> web.Response:
    """Show every charge and the wallet; simulator only, so that another process can audit a run."""
    state = request.app[STATE]
    rows = [ledger_row(entry) for entry in state.ledger]
    return json_answer({"wallet": str(state.wallet), "orders": len(state.orders), "entries": rows})


async def requests(request: web.Request) -> web.Response:
    """Show how many requests came, and how densely; simulator only."""
    return json_answer(request_counts(request.app[STATE].requests))


def json_answer(document: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return an answer with a JSON document."""
    return web.Response(status=status, body=orjson.dumps(document), content_type="application/json", headers=headers)


def _success(message: str, data: object) -> web.Response:
    return json_answer({"status": 200, "message": message, "data": data})


def _required(request: web.Request, name: str, fields: dict[str, Any] | None = None) -> str:
    value = request.match_info.get(name) or request.query.get(name) or (fields or {}).get(name)
    if not isinstance(value, str) or not value:
        article = "an" if name[0] in "aeio" else "a"
        raise Refusal(f"Please provide {article} {name}")
    return value


async def _json_body(request: web.Request) -> object:
    try:
        return orjson.loads(await read_body(request))
    except orjson.JSONDecodeError:
        raise Refusal("The request body is not valid JSON") from None


def _page(request: web.Request, default_limit: int) -> tuple[int, int]:
    return _positive(request, "page", 1, _MOST_PAGE), _positive(request, "limit", default_limit, _MOST_LIMIT)


def _positive(request: web.Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name)
    if not text:
        return default
    digits = text.lstrip("0") if text.isascii() and text.isdigit() else ""
    if not digits or len(digits) > len(str(most)) or int(digits) > most:
        raise Refusal(f"{name} must be a number from 1 to {most}")
    return int(digits)
