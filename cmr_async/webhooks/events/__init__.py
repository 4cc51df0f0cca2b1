"""The events of webhooks: one frozen class for each name that the sources list, and their union (reference, 9.5)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias, get_args

from .domains import (
    DnsRecordUpdated,
    DomainEvent,
    DomainExpired,
    DomainGracePeriod,
    DomainOrderFailed,
    DomainOrderSuccess,
    DomainRenewalFailed,
    DomainRenewalSuccess,
    OrderedDomain,
)
from .event import UnknownEvent, WebhookEvent
from .mailboxes import (
    MailboxCreated,
    MailboxEvent,
    MailboxExported,
    MailboxOrderFailed,
    MailboxOrderSuccess,
    MailboxUpdated,
    MailboxWarmupRemoved,
    MailboxWarmupStarted,
)
from .prewarmup import PrewarmedDomain, PrewarmedMailbox, PrewarmupOrderFailed, PrewarmupOrderSuccess
from .subscriptions import (
    SubscriptionCancelled,
    SubscriptionEvent,
    SubscriptionExpired,
    SubscriptionPastDue,
    SubscriptionRenewalFailed,
    SubscriptionRenewalSuccess,
    SubscriptionRenewing,
    SubscriptionUpdated,
)

__all__ = [
    "EVENT_TYPES",
    "DnsRecordUpdated",
    "DomainEvent",
    "DomainExpired",
    "DomainGracePeriod",
    "DomainOrderFailed",
    "DomainOrderSuccess",
    "DomainRenewalFailed",
    "DomainRenewalSuccess",
    "Event",
    "MailboxCreated",
    "MailboxEvent",
    "MailboxExported",
    "MailboxOrderFailed",
    "MailboxOrderSuccess",
    "MailboxUpdated",
    "MailboxWarmupRemoved",
    "MailboxWarmupStarted",
    "OrderedDomain",
    "PrewarmedDomain",
    "PrewarmedMailbox",
    "PrewarmupOrderFailed",
    "PrewarmupOrderSuccess",
    "SubscriptionCancelled",
    "SubscriptionEvent",
    "SubscriptionExpired",
    "SubscriptionPastDue",
    "SubscriptionRenewalFailed",
    "SubscriptionRenewalSuccess",
    "SubscriptionRenewing",
    "SubscriptionUpdated",
    "UnknownEvent",
    "WebhookEvent",
]

#: Any event. A `match` over its members is checked to be exhaustive by mypy and pyright.
Event: TypeAlias = (
    DomainOrderSuccess
    | DomainOrderFailed
    | DomainRenewalSuccess
    | DomainRenewalFailed
    | DomainGracePeriod
    | DomainExpired
    | MailboxOrderSuccess
    | MailboxOrderFailed
    | MailboxCreated
    | MailboxUpdated
    | MailboxExported
    | MailboxWarmupStarted
    | MailboxWarmupRemoved
    | SubscriptionRenewing
    | SubscriptionRenewalSuccess
    | SubscriptionRenewalFailed
    | SubscriptionPastDue
    | SubscriptionExpired
    | SubscriptionCancelled
    | SubscriptionUpdated
    | PrewarmupOrderSuccess
    | PrewarmupOrderFailed
    | DnsRecordUpdated
    | UnknownEvent
)

#: Name on the wire to the class of the event, for every event that has a class of its own.
EVENT_TYPES: Mapping[str, type[Event]] = MappingProxyType(
    {kind.name: kind for kind in get_args(Event) if kind is not UnknownEvent}
)
