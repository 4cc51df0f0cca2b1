"""What the evidence about an unknown order proves: pure functions, because each verdict decides about money.

`placed` takes a trace that only this order can have left, and that is not older than its send. `absent` takes look-ups
that would have shown the order, all of them read to their end, and none of its traces. Everything in between stays
open, or is a conflict that a person has to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from ..core.order.domain_names import normalise_domain
from ..journal.records import JournalEntry
from ..journal.states import Step
from ..models.requests import Verdict
from ..models.tracking import StoredDelivery
from .answers import DomainList, event_addresses, event_data, event_domains, event_name, time_of

#: How far the API's clock and the journal's may be apart, in seconds, when a time decides.
_CLOCK_SLACK = 300.0
#: Events that only an order that was placed can cause (reference, section 9.5).
_ORDER_EVENTS = ("domain.order.", "mailbox.order.", "mailbox.created")
_LOOK = (
    "look for it in the Partner Dashboard, where orders can be searched by domain, and write down what you find with "
    "`Journal.verdict`"
)


@attrs.frozen(kw_only=True)
class Rivals:
    """Other orders of the journal that may have left the same traces."""

    #: Domains of this order that another one of the same user names too.
    domains: frozenset[str] = frozenset()
    #: Ids of those other orders, as far as they are known.
    order_ids: frozenset[str] = frozenset()


@attrs.frozen(kw_only=True)
class Evidence:
    """What the look-ups for one order found."""

    #: `GET /users?userId=` answered with this very user, so that an empty list of domains means something.
    user_exists: bool = False
    #: The user's list of domains; `None`: it could not be read.
    listed: DomainList | None = None
    #: Domain to its subscriptions, as the API gives them.
    subscriptions: Mapping[str, tuple[Mapping[str, Any], ...]] = attrs.field(factory=dict)
    #: Every page of the subscriptions was read.
    all_subscriptions: bool = False
    #: Webhook events that may be about the order.
    events: tuple[Mapping[str, Any], ...] = ()
    #: `GET /orders/status` knows the order's id.
    status_known: bool = False
    #: Look-ups that failed, in words.
    failures: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Finding:
    """What reconciliation says about one unknown order."""

    #: The order as the journal has it.
    entry: JournalEntry
    #: What the evidence says; `None`: it does not say enough, and the journal stays as it is.
    verdict: Verdict | None
    #: The evidence in words.
    evidence: str
    #: The order's id when it is known, or the evidence names it.
    order_id: str | None = None
    #: There is no trace yet, and the order can be called absent only from this time on, UTC epoch in seconds by the
    #: journal's clock; `None`: time alone decides nothing.
    settles_at: float | None = None


@attrs.frozen(kw_only=True)
class _Trace:
    """Something that this order may have left."""

    words: str
    #: Only an order can have left it that was sent when this one was; else a person has to look.
    is_proof: bool
    #: The domain it is about; `None`: it names this order by its id, so that no other one can have left it.
    domain: str | None = None
    #: It belongs to another user.
    is_foreign: bool = False
    #: The order's id that stands beside it.
    order_id: str | None = None


def weigh(
    entry: JournalEntry, evidence: Evidence, *, now: float, settle: float, rivals: Rivals | None = None
) -> Finding:
    """Return what the evidence proves about an unknown order.

    Args:
        entry: The unknown order.
        evidence: What the look-ups brought.
        now: When the look-ups began, UTC epoch in seconds by the journal's clock.
        settle: Seconds that must have passed between the send and the look-ups before an order can be absent.
        rivals: Other orders that may have left the same traces.
    """
    others = rivals or Rivals()
    traces = [*_by_id(entry, evidence), *_by_event(entry, evidence), *_by_domain(entry, evidence, others)]
    if traces:
        return _of_traces(entry, traces, others)
    if hidden := _hidden(entry):
        return Finding(entry=entry, verdict=None, evidence=hidden, order_id=entry.order_id)
    waited = now - entry.sent_at if entry.sent_at is not None else 0.0
    if not waited >= settle:
        return Finding(
            entry=entry,
            verdict=None,
            evidence=f"no trace {waited:.0f} s after the send; absent only when there is none after {settle:.0f} s",
            order_id=entry.order_id,
            settles_at=None if entry.sent_at is None else entry.sent_at + settle,
        )
    if missing := tuple(_missing(entry, evidence)):
        return Finding(entry=entry, verdict=None, evidence="; ".join(missing), order_id=entry.order_id)
    if entry.order_id is not None and entry.step is Step.CREATE:
        words = f"an answer gave it the id {entry.order_id}, and no look-up finds a trace of it: {_LOOK}"
        return Finding(entry=entry, verdict=Verdict.CONFLICT, evidence=words, order_id=entry.order_id)
    return Finding(
        entry=entry,
        verdict=Verdict.ABSENT,
        evidence=f"{waited:.0f} s after the send the user exists, has none of {', '.join(entry.domains)}, "
        "and there is no subscription for them",
        order_id=entry.order_id,
    )


def is_draft(entry: JournalEntry) -> bool:
    """Tell whether a step makes a draft, which costs nothing and leaves no trace."""
    return entry.step is Step.CREATE and not entry.confirm


def is_order_event(event: Mapping[str, Any]) -> bool:
    """Tell whether an event is one that only an order that was placed can cause."""
    return event_name(event).startswith(_ORDER_EVENTS)


def events_since_send(deliveries: Iterable[StoredDelivery], entry: JournalEntry) -> tuple[Mapping[str, Any], ...]:
    """Return the events of deliveries without those that were taken before the order was sent.

    An earlier order for the same domain caused those, unless they name this order by its id.
    """
    return tuple(
        delivery.content
        for delivery in deliveries
        if entry.sent_at is None or delivery.at >= entry.sent_at or _names_id(delivery.content, entry)
    )


def relevant(
    events: tuple[Mapping[str, Any], ...], entry: JournalEntry, rivals: Rivals
) -> tuple[Mapping[str, Any], ...]:
    """Return the events that this order may have caused: they name its id, or one of its domains and no other user."""
    return tuple(
        event
        for event in events
        if is_order_event(event)
        and (
            _names_id(event, entry)
            or (entry.order_id is None and _order_id(event) not in rivals.order_ids and _names_domain(event, entry))
        )
    )


def _of_traces(entry: JournalEntry, traces: list[_Trace], rivals: Rivals) -> Finding:
    words = "; ".join(dict.fromkeys(trace.words for trace in traces))
    contested = sorted({trace.domain for trace in traces if trace.domain} & rivals.domains)
    if contested:
        words += f"; another order of this journal names {', '.join(contested)} too"
    if is_draft(entry) and any(trace.domain for trace in traces):
        words += "; a draft registers nothing, so another order did, or somebody processed this one"
    proofs = [trace for trace in traces if trace.is_proof and trace.domain not in rivals.domains]
    by_id = any(trace.domain is None for trace in proofs)
    is_placed = by_id or (bool(proofs) and not is_draft(entry) and not any(trace.is_foreign for trace in traces))
    order_ids = (trace.order_id for trace in proofs if is_placed)
    return Finding(
        entry=entry,
        verdict=Verdict.PLACED if is_placed else Verdict.CONFLICT,
        evidence=words,
        order_id=next(filter(None, order_ids), entry.order_id),
    )


def _by_id(entry: JournalEntry, evidence: Evidence) -> Iterator[_Trace]:
    for event in evidence.events:
        if _names_id(event, entry):
            words = f"the webhook event {event_name(event)} names it"
            yield _Trace(words=words, is_proof=True, order_id=_order_id(event))
    # The id of a draft is known before it is processed, so it says nothing about its processing
    if evidence.status_known and entry.step is Step.CREATE:
        yield _Trace(words="GET /orders/status knows its id", is_proof=True)


def _by_event(entry: JournalEntry, evidence: Evidence) -> Iterator[_Trace]:
    registered = _registered(entry)
    for event in evidence.events:
        created = time_of(event_data(event).get("creationTime"))
        if _names_id(event, entry) or _is_older(created, entry):
            continue
        for domain in sorted(event_domains(event) & frozenset(entry.domains)):
            # Mailboxes on a domain that was there before can be another order's, unless it is this very address
            is_new = domain in registered or created is not None or bool(event_addresses(event) & _addresses(entry))
            is_own = is_new and event_data(event).get("userId") == entry.user_id
            words = f"the webhook event {event_name(event)} names {'it' if is_own else domain}"
            yield _Trace(words=words, is_proof=is_own, domain=domain, order_id=_order_id(event))


def _by_domain(entry: JournalEntry, evidence: Evidence, rivals: Rivals) -> Iterator[_Trace]:
    registered = _registered(entry)
    for domain in entry.domains:
        # A domain that the order does not register was there before
        mentions = evidence.listed.mentions.get(domain, ()) if evidence.listed and domain in registered else ()
        if mentions:
            words = f"GET /domains/by-user lists {domain}"
            is_new = not any(_is_older(mention.created, entry) for mention in mentions)
            if not is_new:
                words += ", which was there before this order was sent: it is no trace of it, and would hide one"
            order_id = next(filter(None, (mention.order_id for mention in mentions)), None)
            if order_id in rivals.order_ids:
                is_new, words = False, f"{words}, from order {order_id}"
            strange = next(
                (mention.user_id for mention in mentions if mention.user_id not in {None, entry.user_id}), None
            )
            if strange is not None:  # a list that has the domains of all users
                is_new, words = False, f"{words}, which belongs to user {strange}"
            is_foreign = strange is not None
            yield _Trace(words=words, is_proof=is_new, domain=domain, order_id=order_id, is_foreign=is_foreign)
        for row in evidence.subscriptions.get(domain, ()):
            yield from _by_subscription(entry, domain, row, is_new_domain=domain in registered)


def _by_subscription(
    entry: JournalEntry, domain: str, row: Mapping[str, Any], *, is_new_domain: bool
) -> Iterator[_Trace]:
    named = row.get("domain")
    if isinstance(named, str) and normalise_domain(named) != domain:
        return  # the filter by domain did not work
    words = f"{domain} has the subscription {row.get('subscriptionId', 'without an id')}"
    owner = row.get("userId")
    if owner not in {None, entry.user_id}:
        foreign = f"{words}, which belongs to user {owner}"
        yield _Trace(words=foreign, is_proof=False, domain=domain, is_foreign=True)
    elif not _is_older(time_of(row.get("periodStart")), entry):
        if not is_new_domain:
            words += ", whose period can also have begun with a renewal"
        yield _Trace(words=words, is_proof=is_new_domain, domain=domain)


def _hidden(entry: JournalEntry) -> str:
    """Return why no look-up can show that this order is absent; empty: look-ups can."""
    if is_draft(entry):
        return (
            "a draft leaves no trace that can be looked up, so it is never called absent; a second draft costs nothing"
        )
    registered = _registered(entry)
    if unseen := [domain for domain in entry.domains if domain not in registered]:
        return (
            f"it adds mailboxes to {', '.join(unseen)} without registering it, and no look-up shows that it did not: "
            f"{_LOOK}"
        )
    return ""


def _missing(entry: JournalEntry, evidence: Evidence) -> Iterator[str]:
    yield from evidence.failures
    if not evidence.user_exists:
        yield "the user could not be looked up, so that an empty list of domains proves nothing"
    if evidence.listed is None or not evidence.listed.is_whole:
        yield "the user's list of domains could not be read to its end"
    if not evidence.all_subscriptions:
        yield "the subscriptions could not be read to their end"
    if entry.verdict is Verdict.CONFLICT:
        yield f"an earlier look found a trace ({entry.evidence}), and what has vanished is not absent: {_LOOK}"


def _names_id(event: Mapping[str, Any], entry: JournalEntry) -> bool:
    data = event_data(event)
    # That of a processing proves it as well: a draft that was not processed causes no event
    by_order = entry.order_id is not None and data.get("orderId") == entry.order_id
    return by_order or (entry.action_id is not None and data.get("actionId") == entry.action_id)


def _names_domain(event: Mapping[str, Any], entry: JournalEntry) -> bool:
    owner = event_data(event).get("userId")
    return owner in {None, entry.user_id} and bool(event_domains(event) & frozenset(entry.domains))


def _is_older(created: float | None, entry: JournalEntry) -> bool:
    """Tell whether something was there before the order was sent; what has no time is not known to be."""
    return created is not None and entry.sent_at is not None and created < entry.sent_at - _CLOCK_SLACK


def _registered(entry: JournalEntry) -> frozenset[str]:
    return frozenset(registration.domain for registration in entry.order.domains)


def _addresses(entry: JournalEntry) -> frozenset[str]:
    order = entry.order
    return frozenset(f"{box.username}@{domain}".lower() for domain, boxes in order.mailboxes.items() for box in boxes)


def _order_id(event: Mapping[str, Any]) -> str | None:
    value = event_data(event).get("orderId")
    return value if isinstance(value, str) and value else None
