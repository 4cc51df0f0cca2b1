"""Input and output of a bulk run: requests, outcomes, and the summary."""

from __future__ import annotations

from enum import StrEnum

import attrs

from ..errors import CMRError, Fault
from . import MailboxOrder, Order, OrderCreated


@attrs.frozen(kw_only=True)
class OrderRequest:
    """One order of a bulk run."""

    #: Id of the user who will own the domains and mailboxes, as the API returned it.
    user_id: str
    #: The order itself, which also tells the endpoint; its own `confirm` decides whether it spends money.
    order: Order | MailboxOrder
    #: The caller's own name for this order; `None`: the journal uses a hash of user and order.
    reference: str | None = None


class OrderState(StrEnum):
    """How one order of a bulk run ended."""

    #: The API took the order and gave it an id.
    ACCEPTED = "accepted"
    #: The API, or the validation before it, refused the order: nothing was bought.
    REJECTED = "rejected"
    #: The order may have been placed: never send it again without evidence.
    UNKNOWN = "unknown"
    #: The order provably did not reach the API: it may be sent again.
    NOT_SENT = "not_sent"
    #: The journal says that this order was dealt with before.
    SKIPPED = "skipped"


class Verdict(StrEnum):
    """What the evidence says about an unknown order."""

    #: It happened.
    PLACED = "placed"
    #: It did not happen. Only then may it be planned again, by name.
    ABSENT = "absent"
    #: The evidence contradicts itself. A person has to look.
    CONFLICT = "conflict"


@attrs.frozen(kw_only=True)
class OrderOutcome:
    """How one order ended, also when it failed."""

    #: Position of the order in the input, from 0.
    index: int
    #: The order as it was given.
    request: OrderRequest
    #: How it ended.
    state: OrderState
    #: The order's id; `None` unless the API gave one.
    order_id: str | None = None
    #: The whole answer; `None` unless the order was accepted in this run.
    created: OrderCreated | None = None
    #: Why it was not accepted; `None` for an accepted order.
    error: CMRError | None = None
    #: How many HTTP requests were started for this order.
    attempts: int = 0
    #: What deserved a look in the order although it was sent.
    cautions: tuple[Fault, ...] = ()
    #: Domains that the API took the order without, as far as their names can be told.
    unavailable_domains: tuple[str, ...] = ()
    #: What the evidence says about an order that was unknown in an earlier run; `None` without a verdict.
    verdict: Verdict | None = None


@attrs.frozen(kw_only=True)
class BulkSummary:
    """Counts of a bulk run, by outcome."""

    #: Orders that the API took.
    accepted: int = 0
    #: Orders that were refused; by our reading of a refusal nothing was bought.
    rejected: int = 0
    #: Orders that may have been placed.
    unknown: int = 0
    #: Orders that provably did not reach the API.
    not_sent: int = 0
    #: Orders that a journal says were dealt with before.
    skipped: int = 0
    #: Why the run stopped before the end of its input; `None`: it did not.
    stopped: str | None = None
    #: Users whose further orders were not sent, because the API refused several of them in a row with 403.
    held_users: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All orders that have an outcome."""
        return self.accepted + self.rejected + self.unknown + self.not_sent + self.skipped
