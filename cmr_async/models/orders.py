"""Orders: what `POST /orders/json` takes and answers.

Source: the page "Creates order json" (reference, section 2). Field names are the page's in snake_case; the wire
uses the page's own. `None` is left out of a request, everything else is sent as given, also empty text. `extra` sends
fields that the page does not document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from immutabledict import immutabledict

from .common import NO_FIELDS, BillingCycle, Envelope, ServiceProvider, freeze


def _domains(value: Iterable[DomainRegistration]) -> tuple[DomainRegistration, ...]:
    return tuple(value)


def _mailboxes(value: Mapping[str, Iterable[Mailbox]]) -> immutabledict[str, tuple[Mailbox, ...]]:
    return immutabledict({domain: tuple(boxes) for domain, boxes in value.items()})


@attrs.frozen(kw_only=True)
class DomainRegistration:
    """A domain to register."""

    #: The domain's name, `example.com`; an international name is sent as punycode.
    domain: str
    #: For how many years to register it. The page requires the field and states no limits; this SDK sends 1 or more.
    years: int = 1
    #: Where the domain forwards to; the page's sample is a host name. `None` leaves it out.
    forward_to: str | None = None
    #: Fields that the SDK does not know, by their names on the wire; sent beside the others, and in no repr.
    extra: Mapping[str, Any] = attrs.field(default=NO_FIELDS, converter=freeze, repr=False)


@attrs.frozen(kw_only=True)
class Mailbox:
    """A mailbox to create on a domain."""

    #: The local part of the address: `john` for `john@example.com`.
    username: str
    #: First name of the mailbox user.
    first_name: str
    #: Last name of the mailbox user.
    last_name: str
    #: URL of the user's picture; `None` leaves it out.
    profile_picture: str | None = None
    #: Enrol the mailbox in warmup when it is provisioned; charged with the mailbox. `None`: the API's `false`.
    on_warmup: bool | None = None
    #: Fields that the SDK does not know, by their names on the wire; sent beside the others, and in no repr.
    extra: Mapping[str, Any] = attrs.field(default=NO_FIELDS, converter=freeze, repr=False)


@attrs.frozen(kw_only=True)
class GoogleOAuth:
    """Google-specific OAuth configuration; Google mailboxes need one. Every field is optional on the page."""

    #: The Google OAuth URL; it is in no repr.
    google_oauth_route: str | None = attrs.field(default=None, repr=False)
    #: Client id of your platform.
    client_id: str | None = None
    #: Name shown in the Google Admin Console after the client id is entered.
    app_name: str | None = None


@attrs.frozen(kw_only=True)
class Order:
    """One order: domains to register and mailboxes to create, for one user."""

    #: Domains to register; without any the field is left out.
    domains: tuple[DomainRegistration, ...] = attrs.field(default=(), converter=_domains)
    #: Domain name to the mailboxes to create on it; without any domain the field is left out. Kept as an immutable
    #: mapping, so that an order can be hashed.
    mailboxes: Mapping[str, tuple[Mailbox, ...]] = attrs.field(factory=dict, converter=_mailboxes)
    #: Billing cycle; `None` leaves it out (the API's default is not documented).
    billing_cycle: BillingCycle | str | None = None
    #: `True` spends money: the order is queued for processing at once. `False` makes a draft. Always sent.
    confirm: bool = False
    #: Who hosts the mailboxes; `None` leaves it out.
    service_provider: ServiceProvider | str | None = None
    #: OAuth route by which Microsoft mailboxes are exported; they need it. What it looks like is not documented. It is
    #: in no repr.
    microsoft_oauth_route: str | None = attrs.field(default=None, repr=False)
    #: Google OAuth configuration; Google mailboxes need it.
    google: GoogleOAuth | None = None
    #: Renew the MAILBOXES automatically (not the domains); `None` leaves it out.
    auto_renew: bool | None = None
    #: Fields that the SDK does not know, by their names on the wire; sent beside the others, and in no repr. To send
    #: an empty group rather than leave it out: `extra={"mailboxes": {}}`, or `"domains": []`.
    extra: Mapping[str, Any] = attrs.field(default=NO_FIELDS, converter=freeze, repr=False)

    @property
    def domain_names(self) -> tuple[str, ...]:
        """Every domain of the order once: those to register, then those that only get mailboxes."""
        return tuple(dict.fromkeys([*(entry.domain for entry in self.domains), *self.mailboxes]))

    @property
    def mailbox_count(self) -> int:
        """How many mailboxes the order creates."""
        return sum(map(len, self.mailboxes.values()))

    @property
    def warmup_count(self) -> int:
        """How many of the mailboxes start warmup."""
        return sum([box.on_warmup is True for boxes in self.mailboxes.values() for box in boxes])


@attrs.frozen(kw_only=True)
class MailboxOrder:
    """Mailboxes for a domain that CMR has already; the domain is not registered again (reference, section 10.1).

    Give exactly one of `subscription_id` and `domain_id`.
    """

    #: Id of the domain's active subscription, which the mailboxes join; `None` leaves it out.
    subscription_id: str | None = None
    #: Id of the domain when its subscription was cancelled: a new one is made. `None` leaves it out.
    domain_id: str | None = None
    #: Domain name to the mailboxes to create on it. Kept as an immutable mapping, so that an order can be hashed.
    mailboxes: Mapping[str, tuple[Mailbox, ...]] = attrs.field(factory=dict, converter=_mailboxes)
    #: Billing cycle; `None` leaves it out (the API's default is not documented).
    billing_cycle: BillingCycle | str | None = None
    #: `True` spends money: the order is queued for processing at once. `False` makes a draft. Always sent.
    confirm: bool = False
    #: Renew the new subscription automatically; documented together with `domain_id` only. `None` leaves it out.
    auto_renew: bool | None = None
    #: Fields that the SDK does not know, by their names on the wire; sent beside the others, and in no repr.
    extra: Mapping[str, Any] = attrs.field(default=NO_FIELDS, converter=freeze, repr=False)

    @property
    def domains(self) -> tuple[DomainRegistration, ...]:
        """The domains to register: none, whatever the order."""
        return ()

    @property
    def domain_names(self) -> tuple[str, ...]:
        """Every domain that gets mailboxes."""
        return tuple(self.mailboxes)

    @property
    def mailbox_count(self) -> int:
        """How many mailboxes the order creates."""
        return sum(map(len, self.mailboxes.values()))

    @property
    def warmup_count(self) -> int:
        """How many of the mailboxes start warmup."""
        return sum([box.on_warmup is True for boxes in self.mailboxes.values() for box in boxes])


@attrs.frozen(kw_only=True)
class OrderCreated:
    """The API accepted an order. With `confirm=True` it is queued, not done: provisioning results come later."""

    #: The order's id, opaque; what `GET /orders/status` and webhooks correlate by.
    order_id: str
    #: What the API said in words.
    message: str = ""
    #: `ACT_...` id of the asynchronous action; only in the newer generation of answers.
    action_id: str | None = None
    #: Domains that could not be had; only in the newer generation. The shape of its items is not documented.
    unavailable_domains: tuple[Any, ...] = ()
    #: Every field of the answer that the SDK does not know, under its wire name; in no repr.
    extra: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    #: The raw envelope that this was read from.
    envelope: Envelope | None = attrs.field(default=None, repr=False, eq=False)
