"""Python SDK for the Cold Mail Reseller API: orders that are never placed twice and never lost from sight."""

from typing import TYPE_CHECKING, Any

from ._version import __version__
from .bulk import BulkRun, BulkSummary, OrderOutcome, OrderRequest, OrderState
from .client import AsyncClient
from .core.retry import RetryPolicy
from .errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ClientStateError,
    CMRError,
    ConfigurationError,
    ConflictError,
    EndpointNotConfiguredError,
    Fault,
    InsufficientBalanceError,
    InvalidResponseError,
    JournalConflictError,
    JournalError,
    JournalVersionError,
    NotFoundError,
    NotSentError,
    OrderFileChangedError,
    OrderFileError,
    OrderWarning,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TransportError,
    UnprocessableError,
    ValidationError,
)
from .models import (
    BillingCycle,
    DomainRegistration,
    Envelope,
    GoogleOAuth,
    Mailbox,
    Order,
    OrderCreated,
    ServiceProvider,
)
from .transport import Timeouts, aiohttp_trace_config

if TYPE_CHECKING:
    from .sync import Client

__all__ = [
    "APIError",
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "BillingCycle",
    "BulkRun",
    "BulkSummary",
    "CMRError",
    "Client",
    "ClientStateError",
    "ConfigurationError",
    "ConflictError",
    "DomainRegistration",
    "EndpointNotConfiguredError",
    "Envelope",
    "Fault",
    "GoogleOAuth",
    "InsufficientBalanceError",
    "InvalidResponseError",
    "JournalConflictError",
    "JournalError",
    "JournalVersionError",
    "Mailbox",
    "NotFoundError",
    "NotSentError",
    "Order",
    "OrderCreated",
    "OrderFileChangedError",
    "OrderFileError",
    "OrderOutcome",
    "OrderRequest",
    "OrderState",
    "OrderWarning",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "RateLimitError",
    "RetryPolicy",
    "ServerError",
    "ServiceProvider",
    "Timeouts",
    "TransportError",
    "UnprocessableError",
    "ValidationError",
    "__version__",
    "aiohttp_trace_config",
]


def __getattr__(name: str) -> Any:
    """Load the blocking client when it is first asked for: async services never need it."""
    if name == "Client":
        from .sync import Client  # noqa: PLC0415 - see above

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
