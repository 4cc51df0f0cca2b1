"""An API with a ledger, for drills: it answers as it is told, and compares its ledger with the journal."""

from __future__ import annotations

import sqlite3
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import orjson

from cmr_async import AsyncClient, RetryPolicy
from cmr_async.transport.transport import Timeouts
from tests.fakes import USER
from tests.loopback import Act, Connection, Loopback, Received, answer, envelope, reset_after_reading

#: Answers that prove that nothing was bought, after which an order may be sent again, by this run or by a later one.
_HARMLESS = {"429", "401", "402", "403"}
#: Answers to an order that was not placed.
_REFUSED = {*_HARMLESS, "400", "reset before"}
_STEPS = "SELECT key, step, state, verdict, order_id, body, confirm FROM cmr_steps JOIN cmr_orders USING (key)"


class Broken(Exception):  # noqa: N818 - no error of the drill
    """A promise of the package does not hold."""


class Shop:
    """The server: `async with shop.open()`, then clients of `shop.client()`; `check` compares ledger and journal."""

    def __init__(self, journal: Path, *plan: str) -> None:
        """Answer as planned, one order after the other, and after that always well.

        Args:
            journal: The journal of the orders.
            plan: For each order `ok`, or what goes wrong: `lost`, `late`, `500`, `307`, `429 bare`, `400 bare`, after
                the order was placed; `reset before`, `429`, `400`, `401` and so on, before.
        """
        self.journal = journal
        self.plan = deque(plan)
        #: Ids of the paid orders of each domain.
        self.paid: dict[str, list[str]] = {}
        #: Domains of drafts, by order id.
        self.drafts: dict[str, str] = {}
        #: Requests of each domain and step that came in, and how many of them are allowed.
        self.posts: Counter[tuple[str, str]] = Counter()
        self.allowed: Counter[tuple[str, str]] = Counter()
        #: Promises that were broken as a request came in.
        self.broken: list[str] = []
        self.server = Loopback(*[self._act] * 500)
        self._ids = 0

    def client(self, *, read: float = 30.0, drain: float = 15.0, **settings: Any) -> AsyncClient:
        """Make a client of this API, without a pace."""
        return AsyncClient(
            "key",
            self.server.base_url,
            gap=0,
            timeouts=Timeouts(read=read, drain=drain),
            retry=RetryPolicy(time_budget=5.0, initial=0.001),
            endpoints={"orders.process": "/orders/process"},
            **settings,
        )

    async def _act(self, connection: Connection) -> None:
        request = self.server.received[-1]
        if request.method == "GET":
            await answer(200, self._look_up(request))(connection)
            return
        kind = self.plan.popleft() if self.plan else "ok"
        earlier = [other.connection for other in self.server.received[:-1]]
        if request.connection in earlier:
            self.broken.append("an order was sent over a connection that was used before")
        order_id = self._take(request, kind)
        await _reply(kind, order_id)(connection)

    def _look_up(self, request: Received) -> bytes:
        if "/users" in request.target:
            return envelope(200, data={"userId": USER})
        if "/domains/by-user" in request.target:
            return envelope(200, data=[{"domain": domain} for domain in self.paid])
        return envelope(200, data={"subscriptions": []})

    def _take(self, request: Received, kind: str) -> str:
        """Put an order into the ledger, unless it is refused; return its id."""
        body = request.json
        step = "process" if "orderId" in body else "create"
        domain = self.drafts.get(body["orderId"], "none") if step == "process" else body["domains"][0]["domain"]
        self.posts[domain, step] += 1
        self.allowed[domain, step] += kind in _HARMLESS
        self._compare(domain, step, request.body)
        self._ids += 1
        order_id = body.get("orderId") or f"ORDER{self._ids:023d}"
        if kind in _REFUSED:
            return str(order_id)
        if step == "process" or body["confirm"]:
            self.paid.setdefault(domain, []).append(order_id)
        else:
            self.drafts[order_id] = domain
        return str(order_id)

    def _compare(self, domain: str, step: str, body: bytes) -> None:
        """See whether the journal on disk knows of the request that comes in."""
        try:
            rows = [row for row in self.entries() if row["domain"] == domain and row["step"] == step]
        except Broken as error:
            self.broken.append(f"{domain} ({step}) is sent before its claim is committed: {error}")
            return
        if [row["state"] for row in rows] != ["sent"]:
            found = [row["state"] for row in rows]
            self.broken.append(f"{domain} ({step}) is sent, and in the journal it is {found or 'missing'}")
        elif step == "create" and rows[0]["body"].encode() != body:
            self.broken.append(f"{domain} is sent with another body than the journal has")

    def entries(self) -> list[dict[str, Any]]:
        """Return the steps in the journal, as they are committed on disk.

        Raises:
            Broken: Something is not committed.
        """
        with closing(sqlite3.connect(self.journal, timeout=1.0)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                rows = [dict(row) for row in connection.execute(_STEPS)]
            except sqlite3.OperationalError as error:
                raise Broken(f"the journal is held: {error}") from error
        return [row | {"domain": orjson.loads(row["body"])["domains"][0]["domain"]} for row in rows]

    def states(self) -> list[str]:
        """Return the states of the steps, in the order of their domains."""
        return [row["state"] for row in sorted(self.entries(), key=lambda row: (row["domain"], row["step"]))]

    def check(self) -> None:
        """Compare the ledger with the journal.

        Raises:
            Broken: A promise does not hold.
        """
        broken = [*self.broken, *self._of_the_ledger(), *self._of_the_journal()]
        if broken:
            raise Broken("; ".join(broken))

    def _of_the_ledger(self) -> Iterable[str]:
        for domain, ids in self.paid.items():
            if len(ids) > 1:
                yield f"{domain} was paid {len(ids)} times"
        for (domain, step), count in self.posts.items():
            if count > 1 + self.allowed[domain, step]:
                yield f"{domain} ({step}) was sent {count} times"

    def _of_the_journal(self) -> Iterable[str]:
        for row in self.entries():
            domain, state = row["domain"], row["state"]
            is_paid = row["confirm"] or row["step"] == "process"
            placed = (
                self.paid.get(domain, []) if is_paid else [name for name, of in self.drafts.items() if of == domain]
            )
            is_harmless = state in {"planned", "not_sent", "rejected"} or row["verdict"] == "absent"
            if state == "accepted" and placed != [row["order_id"]]:
                yield f"{domain} is accepted as {row['order_id']}, and was placed as {placed}"
            if is_harmless and placed:
                yield f"{domain} is {row['verdict'] or state}, and was placed as {placed}"
            if state == "sent":
                yield f"{domain} has no outcome"


def _reply(kind: str, order_id: str) -> Act:
    match kind.split():
        case ["ok"]:
            return answer(200, envelope(200, data={"orderId": order_id}))
        case ["lost"] | ["reset", "before"]:
            return reset_after_reading
        case ["late"]:
            return _wait_for_the_end
        case [status, "bare"]:
            return answer(int(status), b'{"error": "no envelope"}')
        case ["307"]:
            return answer(307, envelope(307), Location="/api/v1/integration/orders/json")
        case [status]:
            return answer(int(status), envelope(int(status)), Retry_After="0")
        case _:
            raise ValueError(kind)


async def _wait_for_the_end(connection: Connection) -> None:
    with suppress(ConnectionError):
        await connection.reader.read(1)
