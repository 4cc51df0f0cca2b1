"""The provider: what it has bought, and what it answers. Its ledger is the truth that the journal is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import orjson

from tests.fakes import USER
from tests.world.network import Sent

__all__ = ["FAULTS", "Api", "Entry"]

_HEADERS = (
    "HTTP/1.1 {status} Said\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}Connection: close\r\n\r\n"
)


@attrs.frozen
class Entry:
    """One thing that the provider did: made a draft, or bought an order."""

    #: `draft`, `order` or `processing`.
    what: str
    domain: str
    order_id: str
    at: float


@attrs.frozen
class Reply:
    """What comes back: bytes, or the end of the connection; nothing at all is a stall."""

    data: bytes = b""
    #: Seconds that the answer takes beyond those of the way.
    delay: float = 0.0
    resets: bool = False
    #: The connection ends after the bytes.
    cuts: bool = False


class Api:
    """The state of the provider; a snapshot of it is the tuple of what it did."""

    def __init__(self, done: tuple[Entry, ...] = ()) -> None:
        self.done = done

    def serve(self, sent: Sent, fault: str, *, epoch: float) -> Reply | None:
        """Do what a request asks for, unless the fault comes before that; return the answer, `None` for a stall."""
        if fault in _INSTEAD:
            return _INSTEAD[fault]
        status, message, data = self._do(sent, epoch)
        answer = _answer(status, message, data)
        if fault in _AFTER:
            return _AFTER[fault]
        if fault == "cut":
            return Reply(answer[:-9], cuts=True)
        # The client waits for the first, and has given up before the second comes
        return Reply(answer, delay={"slow": 12.0, "late": 100.0}.get(fault, 0.0))

    def arrive(self, sent: Sent, *, epoch: float) -> None:
        """Let a request have its effect, though nobody waits for the answer any more."""
        self._do(sent, epoch)

    def entries(self, domain: str, *kinds: str) -> list[Entry]:
        """Return what was done for a domain."""
        return [entry for entry in self.done if entry.domain == domain and entry.what in kinds]

    def _do(self, sent: Sent, epoch: float) -> tuple[int, str, Any]:
        match sent.path.removeprefix("/api"):
            case "/orders/json":
                return self._create(orjson.loads(sent.body), epoch)
            case "/orders/process":
                return self._process(orjson.loads(sent.body)["orderId"], epoch)
            case "/orders/status":
                known = [entry for entry in self.done if entry.order_id == sent.query["orderId"]]
                if not known:
                    return 404, "Order not found", None
                return 200, "Order status", {"orderId": known[0].order_id, "domains": []}
            case "/users":
                return 200, "User", {"userId": sent.query["userId"]}
            case "/domains/by-user":
                rows = [
                    {"domainName": entry.domain, "creationTime": _iso(entry.at)}
                    for entry in self.done
                    if entry.what != "draft"
                ]
                return 200, "Domains fetched successfully", rows
            case "/subscriptions":
                rows = [
                    {"subscriptionId": f"S{number}", "domain": entry.domain, "userId": USER}
                    for number, entry in enumerate(self.done)
                    if entry.what != "draft" and entry.domain == sent.query.get("domain")
                ]
                pages = {"totalSearchedCount": len(rows), "currentPage": 1, "nextPage": 2, "totalPages": 1}
                return 200, "Subscriptions", {"subscriptions": rows, "pagination": pages}
            case path:
                raise AssertionError(f"the world has no {path}")

    def _create(self, order: Any, epoch: float) -> tuple[int, str, Any]:
        order_id = f"ORDER{len(self.done) + 1:023d}"
        what = "order" if order["confirm"] else "draft"
        self.done += (Entry(what, order["domains"][0]["domain"], order_id, epoch),)
        return 200, "Order created and queued for processing", {"orderId": order_id, "unavailableDomains": []}

    def _process(self, order_id: str, epoch: float) -> tuple[int, str, Any]:
        drafts = [entry for entry in self.done if entry.order_id == order_id and entry.what == "draft"]
        if not drafts:
            return 404, "Order not found", None
        self.done += (Entry("processing", drafts[0].domain, order_id, epoch),)
        return 200, "Order is being processed", {"orderId": order_id}


def _answer(status: int, message: str, data: Any = None, *, more: str = "") -> bytes:
    return _raw(status, orjson.dumps({"status": status, "message": message, "data": data}), more=more)


def _raw(status: int, body: bytes, *, kind: str = "application/json", more: str = "") -> bytes:
    return _HEADERS.format(status=status, kind=kind, length=len(body), more=more).encode() + body


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat()


#: What comes back for a request that has no effect.
_INSTEAD: Mapping[str, Reply | None] = {
    "reset before": Reply(resets=True),
    "stall before": None,
    "500 before": Reply(_answer(500, "Internal server error")),
    "502 page": Reply(_raw(502, b"<html>bad gateway</html>", kind="text/html")),
    "429": Reply(_answer(429, "Too many requests", more="Retry-After: 1\r\n")),
    "429 bare": Reply(_raw(429, b"slow down", kind="text/plain")),
    "400 bare": Reply(_raw(400, b"<html>bad request</html>", kind="text/html")),
    **{str(status): Reply(_answer(status, f"Refused with {status}")) for status in (400, 401, 402, 403, 409)},
}
#: What comes back in place of the true answer after a request had its effect.
_AFTER: Mapping[str, Reply | None] = {
    "reset after": Reply(resets=True),
    "stall after": None,
    "500 after": Reply(_answer(500, "Internal server error")),
    "garbage": Reply(_raw(200, b'{"status": 200, "data": {"ord')),
}
#: All that can go wrong with one request.
FAULTS = (*_INSTEAD, *_AFTER, "cut", "slow", "late")
