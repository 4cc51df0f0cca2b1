"""One attempt: the record of how far it got, and what may be kept of the error that ended it."""

from __future__ import annotations

import asyncio
import re
import traceback
from collections.abc import Callable, Mapping

import aiohttp

from ..core.exchange import Exchange, HTTPLayerError, Phase
from ..core.redact import Redactor


class Attempt:
    """The one mutable record of an attempt. It is pessimistic: only a watched wait for a connection is `NOT_SENT`."""

    __slots__ = (
        "_connected",
        "_leaving",
        "_redactor",
        "body",
        "cancelled",
        "cause",
        "failure",
        "headers",
        "limit",
        "phase",
        "refusal",
        "status",
        "timeout",
        "too_long",
    )

    def __init__(self, limit: float, redactor: Redactor, leaving: Callable[[], None] | None = None) -> None:
        self.phase: Phase = Phase.NOT_SENT
        # Not the response: it holds the trace, which holds this attempt, and only the garbage collector ends a circle
        self.status: int | None = None
        self.headers: Mapping[str, str] = {}
        self.body: bytearray = bytearray()
        self.failure: str | None = None
        self.cause: HTTPLayerError | None = None
        self.cancelled: bool = False
        self.too_long: bool = False
        #: What `leaving` raised.
        self.refusal: BaseException | None = None
        #: Seconds to wait for the answer once the head is out.
        self.limit: float = limit
        #: Ends the wait for the answer; it starts when the head goes out.
        self.timeout: asyncio.Timeout | None = None
        self._redactor = redactor
        self._leaving = leaving
        self._connected = False

    def __deepcopy__(self, _: object) -> Attempt:
        """Return the attempt: aioresponses copies what a request is called with, and would copy the loop too."""
        return self

    def connecting(self) -> None:
        """Note that aiohttp looks for a connection. If it had one before, it is sending again, and bytes have left."""
        if not self._connected:
            self.phase = Phase.NOT_SENT

    def head_goes_out(self) -> None:
        """Ask a last time, note that from here on a byte may have left, and start the time to wait for an answer."""
        if self._connected:  # aiohttp is sending a read again by itself, which the pipeline does when it has a slot
            raise aiohttp.ServerDisconnectedError
        if self._leaving is not None:
            try:
                self._leaving()
            except BaseException as refusal:  # aiohttp would make an error of its own of some
                self.refusal = refusal
                raise
        self.phase = Phase.HEAD_SENT
        self._connected = True
        if self.timeout is not None:
            self.timeout.reschedule(asyncio.get_running_loop().time() + self.limit)

    def fail(self, failure: str, error: Exception | None = None) -> None:
        """Note why it ended early."""
        self.failure = failure
        self.cause = None if error is None else _scrubbed(error, self._redactor)

    def exchange(self) -> Exchange:
        """Return what is known by now."""
        return Exchange(
            phase=self.phase,
            status=self.status,
            headers=self.headers,
            body=bytes(self.body),
            failure=None if self.phase is Phase.COMPLETE else self.failure,
            cause=self.cause,
            cancelled=self.cancelled,
            too_long=self.too_long,
            redactor=self._redactor,
        )


def describe(error: Exception) -> str:
    """Name a transport error without the request: aiohttp's texts may hold URLs, and its attributes the headers."""
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = error.os_error.strerror or type(error.os_error).__name__
        return f"{type(error).__name__}: cannot connect to {error.host}:{error.port} ({reason})"
    return type(error).__name__


def _scrubbed(error: Exception, redactor: Redactor) -> HTTPLayerError:
    """Return what may be kept of an exception: no key, no password of a proxy, no query of a URL, no frames."""

    def scrub(text: str) -> str:
        return re.sub(r"\?[^\s'\")]+", "?***", redactor.text(text))

    cause = HTTPLayerError(scrub("".join(traceback.format_exception_only(error)).strip()))
    if not isinstance(error, aiohttp.ClientError | OSError):  # nothing of the network: a fault of some code
        cause.add_note(scrub("".join(traceback.format_exception(error)).strip()))
    return cause
