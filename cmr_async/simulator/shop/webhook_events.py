"""The events that a charged order leads to, and their JSON (`api/reference.md` sections 9.3 to 9.5).

Passwords and the like are made up, and say so. Where the reference calls a payload not visible, the fields are the
simulator's choice: those that it expects.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import orjson

from ...core.order.prices import PriceList
from ..settings import WebhookEnvelopes
from .answers import domain_expiry, iso, subscription_end
from .records import Provision, SimulatedMailbox, SimulatedOrder, SimulatedUser

#: Why a registration fails; "domain taken" is documented, the words are the simulator's.
DOMAIN_FAILED = "The domain is not available"
#: Why an order of mailboxes fails: the one reason whose words are documented.
MAILBOXES_FAILED = "Workspace validation failed"


@attrs.frozen(kw_only=True)
class SimulatedEvent:
    """Something that became of an order."""

    #: Name on the wire, such as `mailbox.created`.
    name: str
    #: Simulated epoch seconds at which it happens.
    at: float
    #: The owner of the order.
    user: SimulatedUser = attrs.field(repr=False)
    #: The order.
    order: SimulatedOrder = attrs.field(repr=False)
    #: What became of the domain that it is about.
    provision: Provision = attrs.field(repr=False)
    #: The mailbox that it is about, if it is about one.
    mailbox: SimulatedMailbox | None = attrs.field(default=None, repr=False)


def events_of(user: SimulatedUser, order: SimulatedOrder, provision: Provision) -> Iterator[SimulatedEvent]:
    """Yield what becomes of one domain of a charged order, in the documented sequence (section 9.4)."""

    def event(name: str, at: float, mailbox: SimulatedMailbox | None = None) -> SimulatedEvent:
        return SimulatedEvent(name=name, at=at, user=user, order=order, provision=provision, mailbox=mailbox)

    if provision.registered:
        yield event(f"domain.order.{'failed' if provision.failed else 'success'}", provision.registered_at)
    if provision.failed or not provision.mailboxes:
        return
    yield event(f"mailbox.order.{'failed' if provision.mailboxes_failed else 'success'}", provision.taken_at)
    if provision.mailboxes_failed:
        return
    for mailbox in provision.mailboxes:
        yield event("mailbox.created", mailbox.ready_at, mailbox)
        if mailbox.warmup_at is not None:
            yield event("mailbox.warmup.started", mailbox.warmup_at, mailbox)


def event_body(event: SimulatedEvent, event_id: str, *, prices: PriceList, envelopes: WebhookEnvelopes) -> bytes:
    """Return the JSON of an event.

    Args:
        event: The event.
        event_id: Its id.
        prices: What things cost.
        envelopes: `documentation` for `event`, `eventId` and `data`; `help-centre` for the variants of its samples: a
            `domain.order.success` that lists domains, and warmups with `eventType`, both without an id.
    """
    data = _data(event, prices)
    document: dict[str, Any] = {"event": event.name, "eventId": event_id, "data": data}
    if envelopes == "help-centre" and event.name == "mailbox.warmup.started":
        document = {"eventType": event.name, "data": data}
    elif envelopes == "help-centre" and event.name == "domain.order.success":
        domains = [{"domain": event.provision.domain, "status": "ACTIVE"}]
        document = {"event": event.name, "data": {"actionId": event.order.action_id, "domains": domains}}
    return orjson.dumps(document)


def _data(event: SimulatedEvent, prices: PriceList) -> dict[str, Any]:
    order, provision, mailbox = event.order, event.provision, event.mailbox
    user = {"userId": order.user_id, "userEmail": event.user.profile["email"]}
    if mailbox is not None:
        if event.name == "mailbox.created":
            return _created(order, mailbox)
        return {
            **user,
            "mailboxId": mailbox.mailbox_id,
            "email": mailbox.email,
            "domain": provision.domain,
            "workspaceType": order.body.service_provider,
        }
    domain = {"domainId": provision.domain_id, "domainName": provision.domain}
    if event.name == "domain.order.failed":
        return {**user, "orderId": order.order_id, "domainName": provision.domain, "reason": DOMAIN_FAILED}
    if event.name == "domain.order.success":
        return {
            **user,
            "orderId": order.order_id,
            **domain,
            "creationTime": iso(order.created_at, timespec="seconds"),
            "expiryDate": domain_expiry(order, provision, timespec="seconds"),
            "price": float(prices.cost(domains=[(provision.domain, provision.years)], mailboxes=0, warmups=0)),
        }
    if event.name == "mailbox.order.failed":
        failed = {"orderId": order.order_id, "workspaceType": order.body.service_provider, "reason": MAILBOXES_FAILED}
        return {**domain, **user, **failed}
    warmups = sum(one.warmup_at is not None for one in provision.mailboxes)
    return {
        **domain,
        **user,
        "subscriptionId": provision.subscription_id,
        "orderId": order.order_id,
        "workspaceType": order.body.service_provider,
        "creationTime": iso(order.created_at, timespec="seconds"),
        "expiryDate": subscription_end(provision, timespec="seconds"),
        "price": float(prices.cost(domains=(), mailboxes=len(provision.mailboxes), warmups=warmups)),
        "quantity": len(provision.mailboxes),
    }


def _created(order: SimulatedOrder, mailbox: SimulatedMailbox) -> dict[str, Any]:
    return {
        "userId": order.user_id,
        "orderId": order.order_id,
        "mailboxId": mailbox.mailbox_id,
        "email": mailbox.email,
        "firstName": mailbox.first_name,
        "lastName": mailbox.last_name,
        "password": f"not-a-real-password-{mailbox.mailbox_id[:4]}",
        "appPassword": "fake fake fake fake",
        "authenticatorSecret": "made up made up",
    }
