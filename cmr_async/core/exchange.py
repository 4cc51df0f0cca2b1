"""One HTTP exchange as values: what leaves, what comes back, and how far it got."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Any

import attrs

from .endpoints import Endpoint
from .json_object import read_json_object
from .redact import Redactor

#: Characters of an id: a longer one proves nothing, and would be kept in journals and messages for ever.
LONGEST_ID = 256
_NO_KEY = Redactor()


class Phase(IntEnum):
    """How far an attempt got; it only grows."""

    #: No byte of the request has left.
    NOT_SENT = 0
    #: The head is on its way: the server may have seen the request.
    HEAD_SENT = 1
    #: Status and headers of an answer were read.
    STATUS_SEEN = 2
    #: The whole answer was read.
    COMPLETE = 3


# Not frozen: an attrs class that is costs twice as much to make, and every call makes one of each
@attrs.define(kw_only=True, eq=False)
class Request:
    """One request, ready for the wire. Never changed after it is made."""

    #: Row of the endpoint table.
    endpoint: Endpoint
    #: Names what it is about, for messages: `The order for example.com`. Called only when there is one.
    subject: Callable[[], str]
    #: Query parameters, in order.
    query: Mapping[str, str] = attrs.field(factory=dict)
    #: JSON body, or `None`.
    body: bytes | None = attrs.field(default=None, repr=False)
    #: This very request can take money (a draft of a spending endpoint does not).
    pays: bool = False
    #: Seconds to wait for the answer once the head is out; `None`: the client's setting.
    timeout: float | None = None
    #: The order that it is about, which its answer may name; `None`: it is not about one that exists.
    order_id: str | None = None


@attrs.define(kw_only=True, eq=False)
class Exchange:
    """What became of one attempt. Never changed after it is made."""

    #: How far it got.
    phase: Phase
    #: HTTP status; `None` before one was seen.
    status: int | None = None
    #: Response headers; looked up by names in lower case.
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    #: What was read of the body, up to the size cap.
    body: bytes = attrs.field(default=b"", repr=False)
    #: Why it ended early, in words; `None` when the phase is `COMPLETE`.
    failure: str | None = None
    #: The exception that ended it, without its request; `None` when none did.
    cause: HTTPLayerError | None = None
    #: Its task was cancelled meanwhile, so no other attempt may follow.
    cancelled: bool = False
    #: The answer was longer than the client reads, so the body is its beginning.
    too_long: bool = False
    #: Knows the key that was sent.
    redactor: Redactor = attrs.field(default=_NO_KEY, repr=False)

    def json_object(self) -> dict[str, Any] | None:
        """Return the body as a JSON object without the key; `None` if it is none, or one that was made to do harm.

        The bounds are those of `read_json_object`.
        """
        value = read_json_object(self.body)
        if value is None:
            return None
        found: dict[str, Any] = self.redactor.without_key(value, self.body)
        return found


class HTTPLayerError(Exception):
    """Stands for an exception of the HTTP layer, as the cause of an error of ours: its class and text, and no more.

    The exception itself holds the request with the key, and so do the frames of its traceback. Where the lines of the
    traceback tell something, they are a note.
    """
