"""Python SDK for the Cold Mail Reseller API: it never places an order twice and never loses track of one."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from . import errors as errors
    from .bulk import BulkRun, BulkSummary, OrderOutcome, OrderRequest, OrderState
    from .bulk.evidence import Finding
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
        ProvisioningError,
        RateLimitError,
        ServerError,
        StillWaitingError,
        TransportError,
        UnprocessableError,
        ValidationError,
    )
    from .journal.journal import Journal
    from .journal.records import Claim, JournalEntry, JournalEvent
    from .journal.states import Step, StepState
    from .journal.tracking import TrackingRecords
    from .models import (
        BillingCycle,
        DomainRegistration,
        Envelope,
        GoogleOAuth,
        Mailbox,
        MailboxOrder,
        Order,
        OrderCreated,
        ServiceProvider,
    )
    from .models.checks import OrderPreflight, WorkspaceCheck, WorkspaceFinding
    from .models.progress import OrderProgress, OrderToken
    from .models.requests import Verdict
    from .models.tracking import Provision, ProvisionKind, ProvisionState, Sighting, StoredDelivery
    from .pipeline import Stall
    from .simulator import Simulator
    from .sync import BlockingBulkRun, BlockingIterator, Client, use_uvloop
    from .sync.receiver import BlockingReceiver
    from .tracking.settings import TrackingSettings
    from .transport.transport import Timeouts

__all__ = [
    "APIError",
    "Account",
    "AsyncClient",
    "AuthenticationError",
    "BadRequestError",
    "BillingCycle",
    "BlockingBulkRun",
    "BlockingIterator",
    "BlockingReceiver",
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
    "MailboxOrder",
    "NotFoundError",
    "NotSentError",
    "Order",
    "OrderCreated",
    "OrderFileChangedError",
    "OrderFileError",
    "OrderOutcome",
    "OrderPlacedError",
    "OrderPreflight",
    "OrderProgress",
    "OrderRequest",
    "OrderState",
    "OrderToken",
    "OrderWarning",
    "OutcomeUnknownError",
    "Pace",
    "PermissionDeniedError",
    "ProcessEndpoint",
    "Provision",
    "ProvisionKind",
    "ProvisionState",
    "ProvisioningError",
    "RateLimitError",
    "RetryPolicy",
    "ServerError",
    "ServiceProvider",
    "Sighting",
    "Simulator",
    "Stall",
    "Step",
    "StepState",
    "StillWaitingError",
    "StoredDelivery",
    "Timeouts",
    "TrackingRecords",
    "TrackingSettings",
    "TransportError",
    "UnprocessableError",
    "ValidationError",
    "Verdict",
    "WorkspaceCheck",
    "WorkspaceFinding",
    "__version__",
    "use_uvloop",
]

#: Module to its names here. Each is loaded when it is first asked for: `cmr --help` does not wait for aiohttp, nor an
#: async service for the blocking twin.
_HOMES = {
    ".bulk": ("BulkRun", "BulkSummary", "OrderOutcome", "OrderRequest", "OrderState"),
    ".bulk.evidence": ("Finding",),
    ".client": ("AsyncClient",),
    ".core.account": ("Account",),
    ".core.pacing": ("Pace",),
    ".core.processing": ("ProcessEndpoint",),
    ".core.retry": ("RetryPolicy",),
    ".errors": (
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
    ),
    ".journal.journal": ("Journal",),
    ".journal.records": ("Claim", "JournalEntry", "JournalEvent"),
    ".journal.states": ("Step", "StepState"),
    ".journal.tracking": ("TrackingRecords",),
    ".models": (
        "BillingCycle",
        "DomainRegistration",
        "Envelope",
        "GoogleOAuth",
        "Mailbox",
        "MailboxOrder",
        "Order",
        "OrderCreated",
        "ServiceProvider",
    ),
    ".models.checks": ("OrderPreflight", "WorkspaceCheck", "WorkspaceFinding"),
    ".models.progress": ("OrderProgress", "OrderToken"),
    ".models.requests": ("Verdict",),
    ".models.tracking": ("Provision", "ProvisionKind", "ProvisionState", "Sighting", "StoredDelivery"),
    ".pipeline": ("Stall",),
    ".simulator": ("Simulator",),
    ".sync": ("BlockingBulkRun", "BlockingIterator", "Client", "use_uvloop"),
    ".sync.receiver": ("BlockingReceiver",),
    ".tracking.settings": ("TrackingSettings",),
    ".transport.transport": ("Timeouts",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Return a public name, from the module where it lives."""
    if name == "errors":
        return import_module(".errors", __name__)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_HOME[name], __name__), name)
    return found


def __dir__() -> list[str]:
    return [*__all__, "errors"]
