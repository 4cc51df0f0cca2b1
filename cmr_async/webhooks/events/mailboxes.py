"""Events about orders of mailboxes, mailboxes, their warmup and their export."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal

import attrs

from ...models.common import NO_FIELDS, ServiceProvider, freeze
from .event import WebhookEvent


@attrs.frozen(kw_only=True)
class MailboxOrderSuccess(WebhookEvent):
    """The provider took the order of the mailboxes on a domain. They are being created: a `MailboxCreated` each."""

    #: The event's name on the wire.
    name: ClassVar[Literal["mailbox.order.success"]] = "mailbox.order.success"

    #: The order that the mailboxes belong to.
    order_id: str | None = None
    #: The domain's name.
    domain: str | None = None
    #: The domain's id.
    domain_id: str | None = None
    #: The subscription that pays for the mailboxes.
    subscription_id: str | None = None
    #: Who hosts the mailboxes (`workspaceType`).
    service_provider: ServiceProvider | str | None = None
    #: When the order was placed, with its time zone.
    creation_time: datetime | None = None
    #: When the subscription ends unless it is renewed, with its time zone.
    expiry_date: datetime | None = None
    #: What it cost, presumably in US dollars: no source names a currency.
    price: Decimal | None = None
    #: How many mailboxes.
    quantity: int | None = None


@attrs.frozen(kw_only=True)
class MailboxOrderFailed(WebhookEvent):
    """The provider did not take the order of the mailboxes on a domain. No source shows its fields."""

    #: The event's name on the wire.
    name: ClassVar[Literal["mailbox.order.failed"]] = "mailbox.order.failed"

    #: The order that the mailboxes belong to.
    order_id: str | None = None
    #: The domain's name.
    domain: str | None = None
    #: The domain's id.
    domain_id: str | None = None
    #: The subscription, if there is one.
    subscription_id: str | None = None
    #: Who was to host the mailboxes (`workspaceType`).
    service_provider: ServiceProvider | str | None = None
    #: Why, in the API's words.
    reason: str | None = None


@attrs.frozen(kw_only=True)
class MailboxEvent(WebhookEvent):
    """What events about one mailbox have."""

    #: The mailbox's id.
    mailbox_id: str | None = None
    #: The mailbox's address.
    email: str | None = None
    #: The domain's name.
    domain: str | None = None
    #: Who hosts the mailbox (`workspaceType`).
    service_provider: ServiceProvider | str | None = None


@attrs.frozen(kw_only=True)
class MailboxCreated(MailboxEvent):
    """A mailbox is ready for use.

    The documentation says that its credentials come with it and does not show their names; these are the names that
    pre-warmed mailboxes have. The credentials are in no repr.
    """

    #: The event's name on the wire.
    name: ClassVar[Literal["mailbox.created"]] = "mailbox.created"

    #: The order that the mailbox belongs to.
    order_id: str | None = None
    #: The domain's id.
    domain_id: str | None = None
    #: The subscription that pays for the mailbox.
    subscription_id: str | None = None
    #: First name of the mailbox user.
    first_name: str | None = None
    #: Last name of the mailbox user.
    last_name: str | None = None
    #: URL of the user's picture.
    profile_picture: str | None = None
    #: Whether the mailbox administers its workspace.
    is_admin: bool | None = None
    #: Password of the mailbox.
    password: str | None = attrs.field(default=None, repr=False)
    #: App password, for SMTP and IMAP.
    app_password: str | None = attrs.field(default=None, repr=False)
    #: Secret of the second factor.
    authenticator_secret: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class MailboxUpdated(MailboxEvent):
    """The name, the user name or the picture of a mailbox was changed."""

    #: The event's name on the wire.
    name: ClassVar[Literal["mailbox.updated"]] = "mailbox.updated"

    #: The fields that changed and their new values, under their wire names; in no repr.
    updated_fields: Mapping[str, Any] = attrs.field(default=NO_FIELDS, converter=freeze, repr=False)


@attrs.frozen(kw_only=True)
class MailboxExported(MailboxEvent):
    """The export of a mailbox to a sending platform is done. No source shows its fields."""

    #: The event's name on the wire.
    name: ClassVar[Literal["mailbox.exported"]] = "mailbox.exported"

    #: The order that the mailbox belongs to.
    order_id: str | None = None


@attrs.frozen(kw_only=True)
class MailboxWarmupStarted(MailboxEvent):
    """The warmup of a mailbox is active."""

    #: The event's name on the wire.
    name: ClassVar[Literal["mailbox.warmup.started"]] = "mailbox.warmup.started"


@attrs.frozen(kw_only=True)
class MailboxWarmupRemoved(MailboxEvent):
    """The warmup of a mailbox was ended for good. A pause sends no event."""

    #: The event's name on the wire.
    name: ClassVar[Literal["mailbox.warmup.removed"]] = "mailbox.warmup.removed"
