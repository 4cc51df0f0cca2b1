"""The provider: what it has bought, and what it answers. Its ledger is the truth that the journal is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import orjson

from tests.world.network import Sent
from tests.world.provisioning import provided

#: Who orders.
USER = "BVZGM5TE9BMP3PP0VWGW943RGV1B"

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

    def serve(self, sent: Sent, fault: str, *, epoch: float, stale: float = 0.0) -> Reply | None:
        """Do what a request asks for, unless the fault comes before that; return the answer, `None` for a stall.

        What becomes of orders is read from a copy that is some seconds old.
        """
        if fault in _INSTEAD:
            return _INSTEAD[fault]
        status, message, data = self._do(sent, epoch, stale)
        answer = _answer(status, message, data)
        match fault:
            case "cut":
                return Reply(answer[:-9], cuts=True)
            case "slow":
                return Reply(answer, delay=12.0)
            case "late":  # after the client has given up
                return Reply(answer, delay=100.0)
            case _:
                return _AFTER.get(fault, Reply(answer))

    def arrive(self, sent: Sent, *, epoch: float) -> None:
        """Let a request have its effect, though nobody waits for the answer any more."""
        self._do(sent, epoch)

    def entries(self, domain: str, *kinds: str) -> list[Entry]:
        """Return what was done for a domain."""
        return [entry for entry in self.done if entry.domain == domain and entry.what in kinds]

    def _do(self, sent: Sent, epoch: float, stale: float = 0.0) -> tuple[int, str, Any]:
        became = {each["orderId"]: each for each in provided(self.done, epoch - stale)}
        match sent.path.removeprefix("/api"):
            case "/orders/json":
                return self._create(orjson.loads(sent.body), epoch)
            case "/orders/process":
                return self._process(orjson.loads(sent.body)["orderId"], epoch)
            case "/orders/status":
                known = [entry for entry in self.done if entry.order_id == sent.query["orderId"]]
                if not known:
                    return 404, "Order not found", None
                domains = [became[sent.query["orderId"]]] if sent.query["orderId"] in became else []
                return 200, "Order status", {"orderId": known[0].order_id, "domains": domains}
            case "/mailboxes" | "/mailboxes/single":
                return 200, "Mailboxes", [each["mailbox"] for each in became.values()]
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
                    {
                        "subscriptionId": f"S{number}",
                        "domain": entry.domain,
                        "userId": USER,
                        "periodStart": _iso(entry.at),
                    }
                    for number, entry in enumerate(self.done)
                    if entry.what != "draft" and sent.query.get("domain") in {entry.domain, None}
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


#: What happens to a request that has no effect; `None`: there is no answer.
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
#: What happens after a request had its effect, instead of the answer.
_AFTER: Mapping[str, Reply | None] = {
    "reset after": Reply(resets=True),
    "stall after": None,
    "500 after": Reply(_answer(500, "Internal server error")),
    "429 bare after": Reply(_raw(429, b"slow down", kind="text/plain")),
    "400 bare after": Reply(_raw(400, b"<html>bad request</html>", kind="text/html")),
    "302 after": Reply(_raw(302, b"", more="Location: http://127.0.0.1:1/api/orders/json\r\n")),
    "307 after": Reply(_raw(307, b"", more="Location: http://127.0.0.1:1/api/orders/json\r\n")),
    "garbage": Reply(_raw(200, b'{"status": 200, "data": {"ord')),
    "contradiction": Reply(_raw(200, b'{"status": 422, "message": "Refused", "data": null}')),
}
#: What can go wrong with one request, before or after it has its effect, or instead of it.
FAULTS = (*_INSTEAD, *_AFTER, "cut", "slow", "late")
