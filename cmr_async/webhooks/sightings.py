"""What an event says about the domains and mailboxes of an order: what waits for them learns it from here."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.order.domain_names import normalise_domain
from ..models.tracking import ProvisionKind, ProvisionState, Sighting
from .events import (
    DomainOrderFailed,
    DomainOrderSuccess,
    Event,
    MailboxCreated,
    MailboxOrderFailed,
    MailboxOrderSuccess,
)

#: What the API calls a domain that is registered (reference, section 13).
_ACTIVE = "ACTIVE"
#: Characters of an e-mail address, at most.
_LONGEST_ADDRESS = 320


def sightings_of(event: Event) -> tuple[Sighting, ...]:
    """Return what an event says about single domains and mailboxes of an order.

    Args:
        event: Any event. Those of domain and mailbox orders, and of created mailboxes, say something.

    Returns:
        One sighting for each object; none where the event has no order id, or no usable name.
    """
    match event:
        case DomainOrderSuccess():
            return tuple(_registered(event))
        case DomainOrderFailed():
            return tuple(_not_registered(event))
        case MailboxOrderSuccess():
            return tuple(_ordered(event))
        case MailboxOrderFailed():
            return tuple(_not_ordered(event))
        case MailboxCreated():
            return tuple(_created(event))
        case _:
            return ()


# An event without an order id is no sighting: domains are bought again after they expire, and mailboxes are added to
# domains of earlier orders, so a name alone does not say whose order it belongs to. Reconciliation, which weighs times
# and users as well, still reads such an event.


def _registered(event: DomainOrderSuccess) -> Iterator[Sighting]:
    listed = {one.domain: one.status for one in event.domains if one.domain is not None}
    for text in event.domain_names:
        status = listed.get(text)
        is_active = status is None or status.upper() == _ACTIVE
        state = ProvisionState.ACTIVE if is_active else ProvisionState.WAITING
        yield from _domain(event, text, state, status=status, is_named_alone=text == event.domain)


def _not_registered(event: DomainOrderFailed) -> Iterator[Sighting]:
    names = (event.domain, *(one.domain for one in event.domains))
    for text in dict.fromkeys(name for name in names if name is not None):
        reason = event.reason or ""
        yield from _domain(event, text, ProvisionState.FAILED, reason=reason, is_named_alone=text == event.domain)


def _ordered(event: MailboxOrderSuccess) -> Iterator[Sighting]:
    """The provider took the order, for which the domain has to be there; its mailboxes are still being made."""
    yield from _domain(event, event.domain or "", ProvisionState.ACTIVE, subscription_id=event.subscription_id)


def _not_ordered(event: MailboxOrderFailed) -> Iterator[Sighting]:
    """No source says that the event names single mailboxes, so it stands for all of the domain."""
    name = normalise_domain(event.domain or "")
    if event.order_id is not None and name is not None:
        yield Sighting(
            order_id=event.order_id,
            kind=ProvisionKind.MAILBOX,
            name=f"*@{name}",
            state=ProvisionState.FAILED,
            user_id=event.user_id,
            reason=event.reason or "",
            subscription_id=event.subscription_id,
        )


def _created(event: MailboxCreated) -> Iterator[Sighting]:
    """A mailbox that is there proves that its domain is."""
    local, _, host = (event.email or "").strip().rpartition("@")
    name = normalise_domain(host)
    if event.order_id is None or name is None or not local or not _is_plain(local):
        return
    yield Sighting(
        order_id=event.order_id,
        kind=ProvisionKind.MAILBOX,
        name=f"{local.lower()}@{name}",
        state=ProvisionState.ACTIVE,
        user_id=event.user_id,
        object_id=event.mailbox_id,
        subscription_id=event.subscription_id,
    )
    yield from _domain(event, name, ProvisionState.ACTIVE, subscription_id=event.subscription_id)


def _domain(
    event: DomainOrderSuccess | DomainOrderFailed | MailboxOrderSuccess | MailboxCreated,
    text: str,
    state: ProvisionState,
    *,
    status: str | None = None,
    reason: str = "",
    subscription_id: str | None = None,
    is_named_alone: bool = True,
) -> Iterator[Sighting]:
    """Yield what an event says about a domain, if it can be told which; `domainId` is the id of the one named alone."""
    name = normalise_domain(text)
    if event.order_id is not None and name is not None:
        yield Sighting(
            order_id=event.order_id,
            kind=ProvisionKind.DOMAIN,
            name=name,
            state=state,
            user_id=event.user_id,
            status=status,
            reason=reason,
            object_id=event.domain_id if is_named_alone else None,
            subscription_id=subscription_id,
        )


def _is_plain(local: str) -> bool:
    return len(local) <= _LONGEST_ADDRESS and local.isprintable() and " " not in local and "*" not in local
