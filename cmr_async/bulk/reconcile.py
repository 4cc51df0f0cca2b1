"""Reconciliation: find out what became of unknown orders, from every trace that the API documents.

No endpoint lists orders, so the effects of an order are looked for: domains and subscriptions of the user, the
order's status where its id is known, webhook events. One trace proves that an order was placed. That it was not
placed is only concluded when every look-up succeeds and finds nothing, after a time to settle.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import ClientStateError, CMRError, NotFoundError
from ..journal.records import JournalEntry, Step, StepState, Verdict
from ..models import Envelope
from ..pipeline import Pipeline
from ..resources.domains import Domains
from ..resources.orders import Orders
from ..resources.subscriptions import Subscriptions
from ..resources.users import Users

if TYPE_CHECKING:
    from ..journal.journal import Journal

__all__ = ["DEFAULT_SETTLE", "Evidence", "Finding", "Reconciler", "weigh"]

#: Seconds after its send before an order can be called absent. Provisioning normally takes 10 to 90 (reference, 2.4).
DEFAULT_SETTLE = 900.0
#: How far the API's clock and ours may be apart, in seconds, when a time decides.
_CLOCK_SLACK = 300.0
#: Events that only an order that was placed can cause (reference, section 9.5).
_ORDER_EVENTS = ("domain.order.", "mailbox.order.", "mailbox.created")


@attrs.frozen(kw_only=True)
class Evidence:
    """What the look-ups for one order found."""

    #: `GET /users?userId=` succeeded, so that an empty list of domains means something.
    user_exists: bool = False
    #: Every text in the user's list of domains; `None`: it could not be read to its end.
    listed: frozenset[str] | None = None
    #: Domain to the subscriptions that it has, as the API gives them; `None`: they could not be read.
    subscriptions: Mapping[str, tuple[Mapping[str, Any], ...]] | None = None
    #: Events that name the order, or its user and one of its domains.
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
    #: What the evidence says; `None`: it does not say enough yet, and the journal stays as it is.
    verdict: Verdict | None
    #: The evidence in words.
    evidence: str
    #: The order's id when the evidence names it.
    order_id: str | None = None


@attrs.frozen(kw_only=True)
class Reconciler:
    """Looks for the effects of unknown orders."""

    #: Makes the look-ups.
    pipeline: Pipeline
    #: Seconds that must have passed since the send before an order can be absent.
    settle: float = DEFAULT_SETTLE
    #: Webhook events, as CMR delivered them.
    events: tuple[Mapping[str, Any], ...] = ()

    async def find(self, journal: Journal, *, now: float) -> AsyncGenerator[Finding, None]:
        """Look up every unknown order of a journal, write its verdict down and yield what was found.

        Args:
            journal: An open journal.
            now: The time, UTC epoch in seconds.
        """
        unknown = [entry for step in Step async for entry in journal.entries(state=StepState.UNKNOWN, step=step)]
        rivals = await _rivals(journal, unknown)
        for entry in unknown:
            others = rivals.get(entry.key, ())
            known_ids = {other.order_id for other in others if other.order_id is not None}
            shared = frozenset(domain for other in others for domain in other.domains)
            evidence = await self._gather(entry, known_ids=known_ids, shared=shared)
            finding = weigh(entry, evidence, now=now, settle=self.settle, shared=shared)
            if finding.verdict is not None:
                written = await journal.verdict(entry, finding.verdict, finding.evidence, order_id=finding.order_id)
                finding = attrs.evolve(finding, entry=written)
            yield finding

    async def _gather(self, entry: JournalEntry, *, known_ids: set[str], shared: frozenset[str]) -> Evidence:
        failures: list[str] = []
        known = entry.order_id is not None and await self._status_known(entry.order_id, entry.user_id, failures)
        exists = await _or_none(Users(self.pipeline).get(entry.user_id), "GET /users", failures) is not None
        answer = await _or_none(Domains(self.pipeline).by_user(entry.user_id), "GET /domains/by-user", failures)
        subscriptions: dict[str, tuple[Mapping[str, Any], ...]] | None = {}
        for domain in entry.domains:
            call = Subscriptions(self.pipeline).list(domain=domain)
            rows = _subscriptions(await _or_none(call, f"GET /subscriptions for {domain}", failures))
            if rows is None or subscriptions is None:
                subscriptions = None
                break
            subscriptions[domain] = rows
        return Evidence(
            user_exists=exists,
            listed=_texts_of_whole_list(answer),
            subscriptions=subscriptions,
            events=tuple(
                event
                for event in self.events
                if _data(event).get("orderId") not in known_ids and _names(event, entry, shared=shared)
            ),
            status_known=known,
            failures=tuple(failures),
        )

    async def _status_known(self, order_id: str, user_id: str, failures: list[str]) -> bool:
        try:
            await Orders(self.pipeline).status(order_id, user_id=user_id)
        except NotFoundError:
            return False
        except CMRError as error:
            failures.append(f"GET /orders/status failed ({error.message})")
            return False
        return True


def weigh(
    entry: JournalEntry, evidence: Evidence, *, now: float, settle: float, shared: frozenset[str] = frozenset()
) -> Finding:
    """Return what the evidence proves about an unknown order.

    Args:
        entry: The unknown order.
        evidence: What the look-ups brought.
        now: The time, UTC epoch in seconds.
        settle: Seconds that must have passed since the send before an order can be absent.
        shared: Domains of this order that another order of the journal names too.
    """
    for_certain = [f"the webhook event {_event_name(event)} names it" for event in evidence.events]
    if evidence.status_known and entry.step is Step.CREATE:
        for_certain.append("GET /orders/status knows its id")
    if for_certain:
        ids = (_data(event).get("orderId") for event in evidence.events)
        order_id = next((value for value in ids if isinstance(value, str)), entry.order_id)
        return Finding(entry=entry, verdict=Verdict.PLACED, evidence="; ".join(for_certain), order_id=order_id)
    signs = tuple(_signs(entry, evidence))
    if signs:
        words = "; ".join(sign.words for sign in signs)
        contested = sorted({sign.domain for sign in signs} & shared)
        if contested:
            words += f"; another order of this journal names {', '.join(contested)} too"
        sound = any(sign.domain not in shared for sign in signs) and not any(sign.foreign for sign in signs)
        return Finding(entry=entry, verdict=Verdict.PLACED if sound else Verdict.CONFLICT, evidence=words)
    waited = now - entry.sent_at if entry.sent_at is not None else 0.0
    if waited < settle:
        return Finding(
            entry=entry,
            verdict=None,
            evidence=f"no trace {waited:.0f} s after the send; absent only when there is none after {settle:.0f} s",
        )
    missing = tuple(_missing(evidence))
    if missing:
        return Finding(entry=entry, verdict=None, evidence="; ".join(missing))
    draft = (
        "" if entry.confirm or entry.step is Step.PROCESS else "; a draft itself cannot be looked up, and costs nothing"
    )
    return Finding(
        entry=entry,
        verdict=Verdict.ABSENT,
        evidence=f"{waited:.0f} s after the send the user exists, has none of {', '.join(entry.domains)}, "
        f"and there is no subscription for them{draft}",
    )


@attrs.frozen(kw_only=True)
class _Sign:
    """A trace that an order leaves on a domain."""

    domain: str
    words: str
    #: It belongs to another user.
    foreign: bool = False


def _signs(entry: JournalEntry, evidence: Evidence) -> Iterator[_Sign]:
    registered = {registration.domain for registration in entry.order.domains}
    for domain in entry.domains:
        # A domain that the order does not register was there before
        if domain in registered and evidence.listed is not None and domain in evidence.listed:
            yield _Sign(domain=domain, words=f"GET /domains/by-user lists {domain}")
        for subscription in (evidence.subscriptions or {}).get(domain, ()):
            name = f"{domain} has the subscription {subscription.get('subscriptionId', 'without an id')}"
            owner = subscription.get("userId")
            if owner not in {None, entry.user_id}:
                yield _Sign(domain=domain, words=f"{name}, which belongs to user {owner}", foreign=True)
            elif not _is_older(subscription.get("periodStart"), than=entry.sent_at):
                yield _Sign(domain=domain, words=name)


def _missing(evidence: Evidence) -> Iterator[str]:
    yield from evidence.failures
    if not evidence.user_exists:
        yield "the user could not be looked up, so that an empty list of domains proves nothing"
    if evidence.listed is None:
        yield "the user's list of domains could not be read to its end"
    if evidence.subscriptions is None:
        yield "the subscriptions could not be read to their end"


async def _or_none(call: Awaitable[Envelope], name: str, failures: list[str]) -> Envelope | None:
    try:
        return await call
    except ClientStateError:
        raise
    except CMRError as error:
        failures.append(f"{name} failed ({error.message})")
        return None


def _texts_of_whole_list(answer: Envelope | None) -> frozenset[str] | None:
    """Return every text in an answer whose shape is not documented; `None` when there may be more of it."""
    if answer is None or not isinstance(answer.data, (list, dict)):
        return None
    texts: set[str] = set()
    waiting: list[Any] = [answer.data]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if _has_more_pages(value):
                return None
            texts.update(str(key).lower() for key in value)  # a map may be keyed by domain
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, str):
            texts.add(value.lower())
    return frozenset(texts)


def _subscriptions(answer: Envelope | None) -> tuple[Mapping[str, Any], ...] | None:
    data = answer.data if answer is not None and isinstance(answer.data, dict) else {}
    rows = data.get("subscriptions")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    pagination = data.get("pagination")
    return None if isinstance(pagination, dict) and _has_more_pages(pagination) else tuple(rows)


def _has_more_pages(value: Mapping[str, Any]) -> bool:
    # `nextPage` is 2 in a sample with one page, so only the count of pages tells (reference, section 7)
    pages = value.get("totalPages", 1)
    return not (isinstance(pages, int) and pages <= 1)


def _is_older(start: object, *, than: float | None) -> bool:
    """Tell whether a time of the API lies before a send; an unreadable one does not."""
    if not isinstance(start, str) or than is None:
        return False
    try:
        return datetime.fromisoformat(start).timestamp() < than - _CLOCK_SLACK
    except ValueError:
        return False


async def _rivals(journal: Journal, unknown: list[JournalEntry]) -> Mapping[str, tuple[JournalEntry, ...]]:
    """Return, for each unknown key, the other orders of the journal that may have left the same traces."""
    by_trace: dict[tuple[str, str], list[JournalEntry]] = {}
    for entry in unknown:
        for domain in entry.domains:
            by_trace.setdefault((entry.user_id, domain), []).append(entry)
    found: dict[str, list[JournalEntry]] = {}
    for state in (StepState.ACCEPTED, StepState.UNKNOWN, StepState.SENT) if unknown else ():
        async for other in journal.entries(state=state):
            for domain in other.domains:
                for entry in by_trace.get((other.user_id, domain), ()):
                    if entry.key != other.key:
                        found.setdefault(entry.key, []).append(other)
    return {key: tuple(others) for key, others in found.items()}


def _names(event: Mapping[str, Any], entry: JournalEntry, *, shared: frozenset[str]) -> bool:
    """Tell whether a webhook event can only come from this order."""
    data = _data(event)
    if not _event_name(event).startswith(_ORDER_EVENTS):
        return False
    if entry.order_id is not None and data.get("orderId") == entry.order_id:
        return True
    if entry.action_id is not None and data.get("actionId") == entry.action_id:
        return True
    if data.get("userId") != entry.user_id or _is_older(data.get("creationTime"), than=entry.sent_at):
        return False
    domain = data.get("domainName", data.get("domain"))
    return entry.order_id is None and domain in entry.domains and domain not in shared


def _event_name(event: Mapping[str, Any]) -> str:
    return str(event.get("event", event.get("eventType", "")))


def _data(event: Mapping[str, Any]) -> Mapping[str, Any]:
    data = event.get("data")
    return data if isinstance(data, dict) else {}
