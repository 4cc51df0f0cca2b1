"""A loopback server that behaves like the API and keeps its own ledger: what was bought, and how often."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Self
from urllib.parse import parse_qs, urlsplit

BASE = "/api/v1/integration"
KEY = "the-right-key"
PROCESS = "/orders/process"
USER = "BVZGM5TE9BMP3PP0VWGW943RGV1B"


class Ledger:
    """The server: `with Ledger() as api`. It is never asked what it did by the code under test."""

    def __init__(self) -> None:
        #: How often each domain was paid for.
        self.bought: Counter[str] = Counter()
        #: Domains of the drafts that exist, by order id.
        self.drafts: dict[str, list[str]] = {}
        #: POST requests that came in, by path below the base.
        self.posts: Counter[str] = Counter()
        #: Orders that the wallet still pays for.
        self.wallet = 1_000
        #: Domains that cannot be had.
        self.unavailable: set[str] = set()
        #: Domains whose orders are refused.
        self.refused: set[str] = set()
        #: Users that belong to the key.
        self.users = {USER}
        #: Path at which drafts are processed, below the base.
        self.process_path = PROCESS
        self._ids = 0
        self._lock = threading.Lock()
        ledger = self

        class Handler(_Handler):
            api = ledger

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{BASE}"

    def answer(self, path: str, key: str | None, user_id: str, body: dict[str, Any]) -> tuple[int, str, Any]:
        """Return status, message and data; what is bought is in the ledger before the answer goes out."""
        with self._lock:
            self.posts[path.removeprefix(BASE)] += 1
            if path not in {f"{BASE}/orders/json", BASE + self.process_path}:
                return 404, "Not found", None
            if key != KEY:
                return 401, "Invalid API Key", None
            if user_id not in self.users:
                return 403, "The user does not belong to this key", None
            domains = self.drafts.get(body.get("orderId", ""), [])
            if path == f"{BASE}/orders/json":
                domains = [entry["domain"] for entry in body["domains"]]
            if self.refused & {*domains}:
                return 422, f"{domains[0]} is refused", None
            pays = path == BASE + self.process_path or body["confirm"]
            if pays and self.wallet < 1:
                return 402, "Insufficient wallet balance", None
            return 200, "Order created", self._take(domains, body.get("orderId"), pays=pays)

    def _take(self, domains: list[str], order_id: str | None, *, pays: bool) -> dict[str, Any]:
        if order_id is None:
            self._ids += 1
            order_id = f"ORDER{self._ids}"
        if not pays:
            self.drafts[order_id] = domains
            return {"orderId": order_id}
        self.drafts.pop(order_id, None)
        self.wallet -= 1
        self.bought.update({*domains} - self.unavailable)
        return {"orderId": order_id, "unavailableDomains": sorted({*domains} & self.unavailable)}


class _Handler(BaseHTTPRequestHandler):
    api: ClassVar[Ledger]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        url = urlsplit(self.path)
        if not url.path.startswith(BASE.rpartition("/v1")[0]):
            self.api.posts["elsewhere"] += 1
            self._send(404, b"<h1>Not Found</h1>", "text/html")
            return
        user_id = parse_qs(url.query).get("userId", [body.get("userId", "")])[0]
        status, message, data = self.api.answer(url.path, self.headers.get("cmr-x-api-key"), user_id, body)
        self._send(status, json.dumps({"status": status, "message": message, "data": data}).encode())

    def do_GET(self) -> None:
        """Answer what `cmr doctor` asks for."""
        right = self.headers.get("cmr-x-api-key") == KEY and self.path.startswith(f"{BASE}/subscriptions")
        status = 200 if right else 404
        self._send(status, json.dumps({"status": status, "message": "", "data": {"subscriptions": []}}).encode())

    def _send(self, status: int, answer: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass
