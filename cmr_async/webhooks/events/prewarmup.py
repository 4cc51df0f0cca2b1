"""Events about orders of mailboxes that are warmed up already. One order can send a success and a failure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

import attrs

from ...models.common import NO_FIELDS, ServiceProvider, freeze
from .event import WebhookEvent


@attrs.frozen(kw_only=True)
class PrewarmedMailbox:
    """A mailbox that is warmed up already. Its credentials are in no repr."""

    #: The mailbox's id.
    mailbox_id: str | None = None
    #: The mailbox's address.
    email: str | None = None
    #: First name of the mailbox user.
    first_name: str | None = None
    #: Last name of the mailbox user.
    last_name: str | None = None
    #: URL of the user's picture.
    profile_picture: str | None = None
    #: Whether the mailbox administers its workspace; one of each domain does.
    is_admin: bool | None = None
    #: Since when it is being warmed up, with its time zone.
    warming_up_from: datetime | None = None
    #: When its subscription ends unless it is renewed, with its time zone.
    expiry_date: datetime | None = None
    #: Password of the mailbox.
    password: str | None = attrs.field(default=None, repr=False)
    #: App password, for SMTP and IMAP.
    app_password: str | None = attrs.field(default=None, repr=False)
    #: Secret of the second factor.
    authenticator_secret: str | None = attrs.field(default=None, repr=False)
    #: Every other field, under its wire name, and those of an unexpected shape; in no repr.
    extra: Mapping[str, Any] = attrs.field(default=NO_FIELDS, converter=freeze, repr=False)


@attrs.frozen(kw_only=True)
class PrewarmedDomain:
    """A domain of an order of pre-warmed mailboxes, with its own subscription."""

    #: The domain's name.
    domain: str | None = None
    #: The subscription that pays for the mailboxes of this domain.
    subscription_id: str | None = None
    #: The mailboxes (`preWarmedUpMailboxes`).
    mailboxes: tuple[PrewarmedMailbox, ...] = ()
    #: Every other field, under its wire name, and those of an unexpected shape; in no repr.
    extra: Mapping[str, Any] = attrs.field(default=NO_FIELDS, converter=freeze, repr=False)


@attrs.frozen(kw_only=True)
class PrewarmupOrderSuccess(WebhookEvent):
    """Mailboxes were assigned, with their credentials."""

    #: The event's name on the wire.
    name: ClassVar[Literal["prewarmup.order.success"]] = "prewarmup.order.success"

    #: The order.
    order_id: str | None = None
    #: Who hosts the mailboxes.
    service_provider: ServiceProvider | str | None = None
    #: The domains and their mailboxes.
    mailbox_details: tuple[PrewarmedDomain, ...] = ()


@attrs.frozen(kw_only=True)
class PrewarmupOrderFailed(WebhookEvent):
    """Domains of the order got no mailboxes: none are left, the wallet is short, or the domain is restricted.

    It names the failed domains only. No source shows its fields; if it has the form of a success, they are read.
    """

    #: The event's name on the wire.
    name: ClassVar[Literal["prewarmup.order.failed"]] = "prewarmup.order.failed"

    #: The order.
    order_id: str | None = None
    #: Who was to host the mailboxes.
    service_provider: ServiceProvider | str | None = None
    #: The failed domains, should they come in the form of a success; else empty.
    mailbox_details: tuple[PrewarmedDomain, ...] = ()
    #: Why, in the API's words.
    reason: str | None = None
