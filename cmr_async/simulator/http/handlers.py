"""The endpoints, one function each: read the query and the body, ask the state, make the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from ..shop.answers import (
    delivery_row,
    domain_item,
    ledger_row,
    mailbox_item,
    order_created,
    order_status_data,
    pagination,
    request_counts,
    subscription_item,
    user_data,
)
from ..shop.holdings import HeldMailbox
from ..shop.records import OrderBody, Refusal
from ..shop.state import SimulatorState
from ..shop.timeline import Timeline
from .bodies import read_mailbox_order, read_order, read_profile
from .limits import read_body

#: Where the application keeps its state.
STATE = web.AppKey("state", SimulatorState)

_USERS_LIMIT = 20
_MAILBOXES_LIMIT = 20
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
    app.router.add_get(f"{base}/mailboxes", list_mailboxes, allow_head=False)
    app.router.add_get(f"{base}/mailboxes/single", mailboxes_of_user, allow_head=False)
    app.router.add_get(f"{base}/mailboxes/mailbox", mailbox_details, allow_head=False)
    app.router.add_get(f"{base}/subscriptions", subscriptions, allow_head=False)
    app.router.add_get("/_simulator/ledger", ledger, allow_head=False)
    app.router.add_get("/_simulator/deliveries", deliveries, allow_head=False)
    app.router.add_get("/_simulator/requests", requests, allow_head=False)


async def create_order(request: web.Request) -> web.Response:
    """Create an order: `POST /orders/json?userId=` (section 2)."""
    return await _create(request, read_order)


async def create_mailbox_order(request: web.Request) -> web.Response:
    """Order mailboxes: `POST /orders/create-mailbox-order/json?userId=` (section 10.1)."""
    return await _create(request, read_mailbox_order)


async def _create(request: web.Request, read: Callable[..., OrderBody]) -> web.Response:
    state = request.app[STATE]
    user_id = _required(request, "userId")
    state.user(user_id)
    order = state.create_order(user_id, read(await _json_body(request), strict=state.settings.strict))
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
    page, limit = _page(request, _USERS_LIMIT)
    rows = [user_data(user) for user in users[(page - 1) * limit : page * limit]]
    data = {"users": rows, "pagination": pagination(len(users), page, limit)}
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
    data = [domain_item(held, now) for held in state.holdings.registrations(user_id, now)]
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


async def list_mailboxes(request: web.Request) -> web.Response:
    """List the mailboxes of all users: `GET /mailboxes`; pages and shape are the simulator's choice."""
    return _mailboxes(request, request.app[STATE].holdings.mailboxes())


async def mailboxes_of_user(request: web.Request) -> web.Response:
    """List the mailboxes of one user: `GET /mailboxes/single?userId=`; the shape is the simulator's choice."""
    state = request.app[STATE]
    user_id = _required(request, "userId")
    state.user(user_id)
    return _mailboxes(request, state.holdings.mailboxes(user_id))


def _mailboxes(request: web.Request, found: Timeline[HeldMailbox]) -> web.Response:
    page, limit = _page(request, _MAILBOXES_LIMIT)
    now = request.app[STATE].now
    rows = [mailbox_item(held, now) for held in found.page(now, page, limit)]
    data = {"mailboxes": rows, "pagination": pagination(found.count(now), page, limit)}
    return _success("Mailboxes fetched successfully", data)


async def mailbox_details(request: web.Request) -> web.Response:
    """Show one mailbox: `GET /mailboxes/mailbox?mailboxId=`; the shape is the simulator's choice."""
    state = request.app[STATE]
    now = state.now
    held = state.holdings.mailbox(_required(request, "mailboxId"), now)
    return _success("Mailbox fetched successfully", mailbox_item(held, now))


async def subscriptions(request: web.Request) -> web.Response:
    """Get All Subscriptions: `GET /subscriptions` (section 10.9)."""
    state = request.app[STATE]
    page, limit = _page(request, _SUBSCRIPTIONS_LIMIT)
    now = state.now
    found = state.holdings.subscriptions(
        domain=request.query.get("domain") or None,
        subscription_id=request.query.get("componentSubscriptionId") or None,
        status=request.query.get("status") or None,
    )
    rows = [
        subscription_item(held, state.holdings.quantity(held.provision, now), state.settings.prices)
        for held in found.page(now, page, limit)
    ]
    data = {"subscriptions": rows, "pagination": pagination(found.count(now), page, limit)}
    return _success("Subscriptions fetched successfully", data)


async def ledger(request: web.Request) -> web.Response:
    """Show every charge and the wallet; simulator only, so that another process can audit a run."""
    state = request.app[STATE]
    rows = [ledger_row(entry) for entry in state.ledger]
    return json_answer({"wallet": str(state.wallet), "orders": len(state.orders), "entries": rows})


async def deliveries(request: web.Request) -> web.Response:
    """Show every attempt to deliver a webhook, and the events that are lost; simulator only."""
    outbox = request.app[STATE].outbox
    return json_answer({"attempts": [delivery_row(one) for one in outbox.deliveries], "lost": outbox.lost})


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
