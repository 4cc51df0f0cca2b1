"""Python SDK for the Cold Mail Reseller API: it never places an order twice and never loses track of one."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .bulk import BulkRun, BulkSummary, OrderOutcome, OrderRequest, OrderState
from .client import AsyncClient
from .core.account import Account
from .core.pacing import Pace
from .core.processing import ProcessEndpoint
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
    OrderPlacedError,
    OrderWarning,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TransportError,
    UnprocessableError,
    ValidationError,
)
from .journal.states import Step, StepState
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
from .models.requests import Verdict
from .transport import Timeouts

if TYPE_CHECKING:
    from .bulk.reconcile import Finding
    from .journal.journal import Journal
    from .journal.records import Claim, JournalEntry, JournalEvent
    from .models.checks import OrderPreflight, WorkspaceCheck, WorkspaceFinding
    from .simulator import Simulator
    from .sync import BlockingBulkRun, BlockingIterator, Client, use_uvloop

__all__ = [
    "APIError",
    "Account",
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "BillingCycle",
    "BlockingBulkRun",
    "BlockingIterator",
    "BulkRun",
    "BulkSummary",
    "CMRError",
    "Claim",
    "Client",
    "ClientStateError",
    "ConfigurationError",
    "ConflictError",
    "DomainRegistration",
    "EndpointNotConfiguredError",
    "Envelope",
    "Fault",
    "Finding",
    "GoogleOAuth",
    "InsufficientBalanceError",
    "InvalidResponseError",
    "Journal",
    "JournalConflictError",
    "JournalEntry",
    "JournalError",
    "JournalEvent",
    "JournalVersionError",
    "Mailbox",
    "NotFoundError",
    "NotSentError",
    "Order",
    "OrderCreated",
    "OrderFileChangedError",
    "OrderFileError",
    "OrderOutcome",
    "OrderPlacedError",
    "OrderPreflight",
    "OrderRequest",
    "OrderState",
    "OrderWarning",
    "OutcomeUnknownError",
    "Pace",
    "PermissionDeniedError",
    "ProcessEndpoint",
    "RateLimitError",
    "RetryPolicy",
    "ServerError",
    "ServiceProvider",
    "Simulator",
    "Step",
    "StepState",
    "Timeouts",
    "TransportError",
    "UnprocessableError",
    "ValidationError",
    "Verdict",
    "WorkspaceCheck",
    "WorkspaceFinding",
    "__version__",
    "use_uvloop",
]


#: Loaded when they are first asked for: what async services do not need, what is heavy, and what needs an extra.
_LAZY = {
    "BlockingBulkRun": ".sync",
    "BlockingIterator": ".sync",
    "Claim": ".journal.records",
    "Client": ".sync",
    "Finding": ".bulk.reconcile",
    "Journal": ".journal.journal",
    "JournalEntry": ".journal.records",
    "JournalEvent": ".journal.records",
    "OrderPreflight": ".models.checks",
    "Simulator": ".simulator",
    "WorkspaceCheck": ".models.checks",
    "WorkspaceFinding": ".models.checks",
    "use_uvloop": ".sync",
}


def __getattr__(name: str) -> Any:
    """Return a name of `_LAZY`."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name], __name__), name)
