"""What becomes of an accepted order: its domains and mailboxes, as webhooks and lists tell it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs


class ProvisionKind(StrEnum):
    """What an order provides."""

    #: A domain, which is registered or was there before.
    DOMAIN = "domain"
    #: A mailbox on a domain.
    MAILBOX = "mailbox"


class ProvisionState(StrEnum):
    """Where a domain or a mailbox of an order stands."""

    #: It was ordered, and nothing says that it is done.
    WAITING = "waiting"
    #: The API says that it failed.
    FAILED = "failed"
    #: It is there and can be used.
    ACTIVE = "active"


@attrs.frozen(kw_only=True)
class Sighting:
    """What one source says about one domain or mailbox of an order."""

    #: The order's id.
    order_id: str
    #: What it is.
    kind: ProvisionKind = attrs.field(converter=ProvisionKind)
    #: The domain in lower case and punycode, or the mailbox's address in lower case. `*@example.com` stands for all
    #: mailboxes of a domain, of which nobody says which.
    name: str
    #: Where it stands.
    state: ProvisionState = attrs.field(converter=ProvisionState)
    #: Id of the user who owns it; `None` if the source does not say.
    user_id: str | None = None
    #: The API's own word for where it stands, such as `CREATING_PASSWORD`; `None` without one.
    status: str | None = None
    #: Why it failed, in the API's words; empty if it says nothing.
    reason: str = ""
    #: Its own id; `None` if the source does not say.
    object_id: str | None = None
    #: The subscription that pays for it; `None` if the source does not say.
    subscription_id: str | None = None


@attrs.frozen(kw_only=True)
class Provision(Sighting):
    """What is known about one domain or mailbox of an order, from all sources together."""

    #: When that changed last, UTC epoch in seconds by the journal's clock.
    changed_at: float = 0.0


@attrs.frozen(kw_only=True)
class StoredDelivery:
    """A webhook delivery that was taken, as a journal keeps it: without any secret."""

    #: Its `eventId`, or `sha256:` and the hash of its body where it has none.
    id: str
    #: The event's name; empty if it has none.
    name: str
    #: When it was taken, UTC epoch in seconds by the journal's clock.
    at: float = 0.0
    #: The event as a JSON object with its documented fields, passwords and unknown fields left out; in no repr.
    content: Mapping[str, Any] = attrs.field(repr=False)
    #: Its position among the deliveries of the journal, growing; 0 before it is stored.
    number: int = 0


#: A later word of this list wins over an earlier one, whichever comes first: deliveries come twice and out of order.
_RANK = {state: rank for rank, state in enumerate(ProvisionState)}


def join(known: Sighting, new: Sighting) -> Sighting:
    """Return what two sightings of the same object say together.

    The state that results does not depend on which of them came first, nor on how often each one comes: what is active
    was seen to be there, which outweighs a failure, and both outweigh "not yet".

    Args:
        known: What was known.
        new: What is said now; of two with the same state the newer status counts.
    """
    ahead = _RANK[new.state] > _RANK[known.state]
    level = new.state is known.state
    return attrs.evolve(
        known,
        state=new.state if ahead else known.state,
        status=(new.status if ahead else (new.status or known.status) if level else known.status),
        reason=new.reason if ahead else (known.reason or new.reason) if level else known.reason,
        user_id=known.user_id or new.user_id,
        object_id=known.object_id or new.object_id,
        subscription_id=known.subscription_id or new.subscription_id,
    )
