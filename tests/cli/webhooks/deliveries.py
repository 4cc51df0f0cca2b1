"""Deliveries of the tests of `cmr webhooks`, and a receiver that stands behind a command."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

KEY = "key-of-a-listener"
SECRET = "hunter2-hunter2"
#: An event with a password.
CREATED = orjson.dumps(
    {
        "event": "mailbox.created",
        "eventId": "E1",
        "data": {"orderId": "O1", "userId": "U1", "email": "ada@one.com", "password": SECRET},
    }
)


class Behind:
    """A receiver that answers what it is told to."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.got: list[tuple[bytes, Mapping[str, str]]] = []

    async def take(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        self.got.append((body, headers))
        return self.status, "told"
