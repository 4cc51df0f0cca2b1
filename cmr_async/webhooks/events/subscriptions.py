"""Events about subscriptions, which pay for the mailboxes of a domain."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

import attrs

from ...models.common import ServiceProvider
from .event import WebhookEvent


@attrs.frozen(kw_only=True)
class SubscriptionEvent(WebhookEvent):
    """What events about a subscription have. An older version of the documentation has five of these fields only."""

    #: The subscription's id.
    subscription_id: str | None = None
    #: Its status, such as `ACTIVE`, `RENEWING`, `PAST_DUE`, `CANCELLED` or `EXPIRED`.
    subscription_status: str | None = None
    #: The domain whose mailboxes it pays for.
    domain: str | None = None
    #: That domain's id.
    domain_id: str | None = None
    #: Who hosts the mailboxes (`workspaceType`).
    service_provider: ServiceProvider | str | None = None
    #: How many mailboxes.
    quantity: int | None = None
    #: When the period that is paid for began, with its time zone.
    period_start: datetime | None = None
    #: When that period ends, with its time zone.
    period_end: datetime | None = None
    #: Whether it is renewed by itself.
    auto_renew: bool | None = None
    #: What the API says about it in words.
    description: str | None = None


@attrs.frozen(kw_only=True)
class SubscriptionRenewing(SubscriptionEvent):
    """The renewal of a subscription has begun."""

    #: The event's name on the wire.
    name: ClassVar[Literal["subscription.renewing"]] = "subscription.renewing"


@attrs.frozen(kw_only=True)
class SubscriptionRenewalSuccess(SubscriptionEvent):
    """A subscription was renewed."""

    #: The event's name on the wire.
    name: ClassVar[Literal["subscription.renewal.success"]] = "subscription.renewal.success"


@attrs.frozen(kw_only=True)
class SubscriptionRenewalFailed(SubscriptionEvent):
    """The renewal is blocked, because the domain has expired or is in its days of grace: renew the domain first.

    One article of the help centre says that a payment failed. The sources say that a reason comes with it and do not
    name its field.
    """

    #: The event's name on the wire.
    name: ClassVar[Literal["subscription.renewal.failed"]] = "subscription.renewal.failed"

    #: Why, in the API's words.
    reason: str | None = None


@attrs.frozen(kw_only=True)
class SubscriptionPastDue(SubscriptionEvent):
    """The payment of a renewal failed, or the period ended without one. It can be mended for 7 days."""

    #: The event's name on the wire.
    name: ClassVar[Literal["subscription.past_due"]] = "subscription.past_due"


@attrs.frozen(kw_only=True)
class SubscriptionExpired(SubscriptionEvent):
    """The 7 days are over and the mailboxes are deactivated. It is not sent while `autoRenew` is on."""

    #: The event's name on the wire.
    name: ClassVar[Literal["subscription.expired"]] = "subscription.expired"


@attrs.frozen(kw_only=True)
class SubscriptionCancelled(SubscriptionEvent):
    """A subscription was cancelled by a call, for good."""

    #: The event's name on the wire.
    name: ClassVar[Literal["subscription.cancelled"]] = "subscription.cancelled"


@attrs.frozen(kw_only=True)
class SubscriptionUpdated(SubscriptionEvent):
    """A subscription was changed: it has reached the price that holds from 12 months on."""

    #: The event's name on the wire.
    name: ClassVar[Literal["subscription.updated"]] = "subscription.updated"
