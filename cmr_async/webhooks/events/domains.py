"""Events about domains and their DNS records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal

import attrs

from ...models.common import NO_FIELDS, freeze
from .event import WebhookEvent


@attrs.frozen(kw_only=True)
class OrderedDomain:
    """A domain in an event that lists several."""

    #: The domain's name.
    domain: str | None = None
    #: Its status, such as `ACTIVE`.
    status: str | None = None
    #: Every other field, under its wire name, and those of an unexpected shape; in no repr.
    extra: Mapping[str, Any] = attrs.field(default=NO_FIELDS, converter=freeze, repr=False)


@attrs.frozen(kw_only=True)
class DomainEvent(WebhookEvent):
    """What events about a domain have."""

    #: The domain's name (`domainName`, in some events `domain`).
    domain: str | None = None
    #: The domain's id.
    domain_id: str | None = None


@attrs.frozen(kw_only=True)
class DomainOrderSuccess(DomainEvent):
    """A domain was registered and is active. The mailboxes of its order come next.

    The documentation shows one domain an event. A sample of the help centre lists them in `domains` instead, without
    an order id.
    """

    #: The event's name on the wire.
    name: ClassVar[Literal["domain.order.success"]] = "domain.order.success"

    #: The order that the domain belongs to.
    order_id: str | None = None
    #: When the domain was registered, with its time zone.
    creation_time: datetime | None = None
    #: When the registration ends, with its time zone.
    expiry_date: datetime | None = None
    #: What it cost, presumably in US dollars: no source names a currency.
    price: Decimal | None = None
    #: The domains of the form that lists them; else empty.
    domains: tuple[OrderedDomain, ...] = ()

    @property
    def domain_names(self) -> tuple[str, ...]:
        """The names of the domains in either form, each once."""
        names = (self.domain, *(one.domain for one in self.domains))
        return tuple(dict.fromkeys(name for name in names if name is not None))


@attrs.frozen(kw_only=True)
class DomainOrderFailed(DomainEvent):
    """A domain was not registered: it is taken, restricted, the wallet is short, or its workspace was refused.

    No events about its mailboxes follow. Only `reason` is documented; the other fields are those of a success.
    """

    #: The event's name on the wire.
    name: ClassVar[Literal["domain.order.failed"]] = "domain.order.failed"

    #: The order that the domain belongs to.
    order_id: str | None = None
    #: Why, in the API's words, such as `Workspace validation failed`.
    reason: str | None = None
    #: The domains, should the event list them like a success; else empty.
    domains: tuple[OrderedDomain, ...] = ()


@attrs.frozen(kw_only=True)
class DomainRenewalSuccess(DomainEvent):
    """The registration of a domain was renewed. No source shows its fields."""

    #: The event's name on the wire.
    name: ClassVar[Literal["domain.renewal.success"]] = "domain.renewal.success"

    #: When the registration ends now, with its time zone.
    expiry_date: datetime | None = None
    #: What it cost, presumably in US dollars: no source names a currency.
    price: Decimal | None = None


@attrs.frozen(kw_only=True)
class DomainRenewalFailed(DomainEvent):
    """The registration of a domain could not be renewed. No source shows its fields."""

    #: The event's name on the wire.
    name: ClassVar[Literal["domain.renewal.failed"]] = "domain.renewal.failed"

    #: Why, in the API's words.
    reason: str | None = None


@attrs.frozen(kw_only=True)
class DomainGracePeriod(DomainEvent):
    """The registration of a domain has expired; for 7 days it can still be renewed. No source shows its fields."""

    #: The event's name on the wire.
    name: ClassVar[Literal["domain.grace_period"]] = "domain.grace_period"

    #: When the registration ended, with its time zone.
    expiry_date: datetime | None = None


@attrs.frozen(kw_only=True)
class DomainExpired(DomainEvent):
    """The days of grace are over: the API cannot renew the domain any more. No source shows its fields."""

    #: The event's name on the wire.
    name: ClassVar[Literal["domain.expired"]] = "domain.expired"

    #: When the registration ended, with its time zone.
    expiry_date: datetime | None = None


@attrs.frozen(kw_only=True)
class DnsRecordUpdated(DomainEvent):
    """A change of DNS or of forwarding was applied.

    The help centre says that it tells the action, the domain, the user and the record, and does not show how: what is
    not read is in `extra`.
    """

    #: The event's name on the wire.
    name: ClassVar[Literal["dns-record.updated"]] = "dns-record.updated"
