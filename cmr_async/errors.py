"""Every error the SDK raises, as one tree, so that one `except CMRError` catches them all.

Each class takes its message first and everything else as optional keywords, which keeps all of them picklable
(process pools and task queues pass exceptions around). No error holds a key, a header or a request body.
"""

from __future__ import annotations

from typing import Any

import attrs

__all__ = [
    "APIError",
    "AuthenticationError",
    "BadRequestError",
    "CMRError",
    "ClientStateError",
    "ConfigurationError",
    "ConflictError",
    "EndpointNotConfiguredError",
    "Fault",
    "InsufficientBalanceError",
    "InvalidResponseError",
    "JournalConflictError",
    "JournalError",
    "JournalVersionError",
    "NotFoundError",
    "NotSentError",
    "OrderFileChangedError",
    "OrderFileError",
    "OrderPlacedError",
    "OrderWarning",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "ProvisioningError",
    "RateLimitError",
    "ServerError",
    "StillWaitingError",
    "TransportError",
    "UnprocessableError",
    "ValidationError",
]


class CMRError(Exception):
    """Base of every error of this package."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        #: How many HTTP requests were started for the call; 0 when it failed before the first.
        self.attempts = 0

    @property
    def message(self) -> str:
        """What went wrong and what to do next, in words."""
        return str(self.args[0]) if self.args else ""


class ConfigurationError(CMRError):
    """A setting is missing or wrong: nothing was sent. Correct the setting that the message names."""


class EndpointNotConfiguredError(ConfigurationError):
    """The path of this endpoint is not documented; the message says how to set it."""

    def __init__(self, message: str = "", *, endpoint: str = "") -> None:
        super().__init__(message)
        #: Name of the row of the endpoint table, for example `orders.process`.
        self.endpoint = endpoint


class ClientStateError(CMRError, RuntimeError):
    """The client was used after `close()`, or on another event loop than the one it belongs to."""


@attrs.frozen
class Fault:
    """One thing that is wrong with an input, with the place where it is."""

    #: Where: `mailboxes["x.com"][1].username`.
    path: str
    #: What is wrong and what is expected.
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class ValidationError(CMRError, ValueError):
    """The input has faults; nothing was sent. `faults` lists all of them with their paths."""

    def __init__(self, message: str = "", *, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message or "\n".join(map(str, faults)))
        #: All faults of the input, in the order of its fields.
        self.faults = faults


class OrderWarning(UserWarning):
    """Something in an order deserves a look, but the API's page does not forbid it: the order is sent as it is."""


class NotSentError(CMRError):
    """The request never left this machine (DNS, connect, TLS, pool, pacing): it is safe to send it again."""


class TransportError(CMRError):
    """A repeatable call got no answer within its time budget. It spends nothing and may be repeated."""


class InvalidResponseError(CMRError):
    """What answered a repeatable call was not the API, for example the login page of a proxy. Check the base URL."""

    def __init__(self, message: str = "", *, status: int | None = None, body_excerpt: str = "") -> None:
        super().__init__(message)
        #: HTTP status of the answer.
        self.status = status
        #: First bytes of the answer, as text.
        self.body_excerpt = body_excerpt


class OutcomeUnknownError(CMRError):
    """The order may have been placed. Do not send it again: gather evidence first (`cmr orders reconcile`).

    It is deliberately no `TimeoutError`, `OSError` or connection error, so that no retry decorator catches it.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        api_message: str = "",
        body_excerpt: str = "",
        order_id: str | None = None,
    ) -> None:
        super().__init__(message)
        #: The API's own words, when the answer had any; else empty.
        self.api_message = api_message
        #: HTTP status when one was seen, else `None`.
        self.status = status
        #: First bytes of the answer, as text; kept as evidence for `reconcile`.
        self.body_excerpt = body_excerpt
        #: The order's id when it is known all the same, else `None`.
        self.order_id = order_id


class OrderPlacedError(CMRError):
    """The order was placed, although the call was cut short by its caller. Do not send it again.

    A call that is cancelled after its request went out ends with this error, or with `OutcomeUnknownError`, and never
    with a `TimeoutError` or a bare cancellation, which people retry.
    """

    def __init__(self, message: str = "", *, order_id: str | None = None) -> None:
        super().__init__(message)
        #: The order's id; `None` when the answer has none.
        self.order_id = order_id


class APIError(CMRError):
    """The API answered in its own envelope that it refuses the call."""

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        api_message: str = "",
        data: Any = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        #: HTTP status.
        self.status = status
        #: The API's own words: the envelope's `message`.
        self.api_message = api_message
        #: The envelope's `data`, mostly `None` in errors.
        self.data = data
        #: Seconds to wait, from the `Retry-After` header; `None` without one. The API does not document its unit: a
        #: number is read as seconds, as HTTP has it.
        self.retry_after = retry_after


class BadRequestError(APIError):
    """400: malformed, or a field is missing. Correct the request."""


class AuthenticationError(APIError):
    """401: the key is missing, wrong, or belongs to the other environment."""


class InsufficientBalanceError(APIError):
    """402: the wallet does not hold enough. Top it up in the partner dashboard."""


class PermissionDeniedError(APIError):
    """403: the resource does not belong to this user, or its state forbids the operation."""


class NotFoundError(APIError):
    """404: no such resource."""


class ConflictError(APIError):
    """409: a workspace conflict or a duplicate resource."""


class UnprocessableError(APIError):
    """422: the form is right, but a business rule forbids it."""


class RateLimitError(APIError):
    """429: over 5 requests a second for this key; refused, so nothing happened and it may be sent again."""


class ServerError(APIError):
    """5xx in the API's envelope, on a repeatable call; on one that must not be repeated: `OutcomeUnknownError`."""


class ProvisioningError(CMRError):
    """A domain or a mailbox of an accepted order failed. Whether it was charged, or is refunded, no source says."""

    def __init__(self, message: str = "", *, order_id: str = "", name: str = "", reason: str = "") -> None:
        super().__init__(message)
        #: The order's id.
        self.order_id = order_id
        #: The domain or the address; empty: the order as a whole.
        self.name = name
        #: Why, in the API's words; empty if it gave no reason.
        self.reason = reason


class StillWaitingError(CMRError):
    """The time to wait for an order is over. The order goes on: wait again, and do not send it again."""

    def __init__(self, message: str = "", *, progress: Any = None) -> None:
        super().__init__(message)
        #: How far the order is: a `models.progress.OrderProgress`.
        self.progress = progress


class JournalError(CMRError):
    """The journal cannot be used, or forbids what was asked of it: nothing was sent. The message says what to do."""


class JournalConflictError(JournalError, ValidationError):
    """A known key came with another order: nothing was added. `faults` lists the differences."""


class JournalVersionError(JournalError):
    """The journal has a newer or unknown schema: use the version of this package that wrote it."""

    def __init__(self, message: str = "", *, found: str = "", expected: str = "") -> None:
        super().__init__(message)
        #: Schema version of the journal.
        self.found = found
        #: Schema version that this version of the package reads and writes.
        self.expected = expected


class OrderFileError(CMRError):
    """The file cannot be opened, or has none of the known formats. Nothing was sent."""


class OrderFileChangedError(CMRError):
    """The file changed after it was checked: what was checked is not what would be sent."""
