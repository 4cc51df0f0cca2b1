"""Reconciliation: look for the effects of unknown orders, and write down what they prove.

No endpoint lists orders, so their effects are looked for: domains and subscriptions of the user, the order's status
where its id is known, webhook events, those that a receiver took into the journal included. What they prove is decided
in `evidence`. A verdict belongs to the attempt that was looked at: the order is read again right before the look-ups,
and the verdict is written only if it still stands as it was then.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs

from ..errors import ClientStateError, CMRError, ConfigurationError, JournalError, NotFoundError
from ..journal.records import JournalEntry, StillOwnedError
from ..journal.states import Step, StepState
from ..models import Envelope
from ..models.requests import Verdict
from ..models.tracking import StoredDelivery
from ..pipeline import Pipeline
from ..resources.domains import Domains
from ..resources.orders import Orders
from ..resources.subscriptions import Subscriptions
from ..resources.users import Users
from .answers import event_data, event_domains, is_last_page, names_user, read_domains, read_subscriptions
from .evidence import Evidence, Finding, Rivals, events_since_send, is_draft, is_order_event, relevant, weigh

if TYPE_CHECKING:
    from ..journal.journal import Journal

#: Seconds after its send before an order can be called absent. Provisioning normally takes 10 to 90 (reference, 2.4).
DEFAULT_SETTLE = 900.0
#: Orders for which the journal is searched for rivals at once: the look-ups for them take less than a minute.
_AT_ONCE = 50
#: Pages of subscriptions that are read for one domain, which normally has one.
_MOST_PAGES = 100

#: What is said about an order that somebody else changed during the look-ups.
CHANGED = "changed meanwhile: look again"


@attrs.frozen(kw_only=True)
class Reconciler:
    """Looks for the effects of unknown orders."""

    #: Makes the look-ups.
    pipeline: Pipeline
    #: Seconds that must have passed since the send before an order can be absent.
    settle: float = DEFAULT_SETTLE
    #: Webhook events, as CMR delivered them, beside those that the journal keeps.
    events: tuple[Mapping[str, Any], ...] = ()

    async def find(self, journal: Journal, *, references: Iterable[str] | None = None) -> AsyncGenerator[Finding, None]:
        """Look up the unknown orders of a journal, write each verdict down and yield what was found.

        Args:
            journal: An open journal.
            references: Keys of the orders to look up; `None`: all of them.
        """
        unknown = await _unknown(journal, references)
        taken = _TakenDeliveries(journal, unknown)
        for start in range(0, len(unknown), _AT_ONCE):
            some = unknown[start : start + _AT_ONCE]
            rivals = await _rivals(journal, some)
            for listed in some:
                yield await self._look(journal, listed, rivals.get(listed.key, Rivals()), taken)

    async def _look(self, journal: Journal, listed: JournalEntry, rivals: Rivals, taken: _TakenDeliveries) -> Finding:
        entry = await journal.get(listed.key, step=listed.step)
        if entry is None or entry.state is not StepState.UNKNOWN:
            return Finding(entry=entry or listed, verdict=None, evidence=CHANGED)
        if entry.verdict is Verdict.PLACED:  # a proof stays one, whatever becomes of the domain
            return Finding(entry=entry, verdict=entry.verdict, evidence=entry.evidence, order_id=entry.order_id)
        now = await journal.now()  # before the look-ups, since what they show can be older than their end
        evidence = await self._gather(entry, rivals, taken)
        finding = weigh(entry, evidence, now=now, settle=self.settle, rivals=rivals)
        return finding if finding.verdict is None else await _write(journal, finding, finding.verdict)

    async def _gather(self, entry: JournalEntry, rivals: Rivals, taken: _TakenDeliveries) -> Evidence:
        failures: list[str] = []
        user_id, order_id = entry.user_id, entry.order_id
        asks_status = order_id is not None and entry.step is Step.CREATE
        known = asks_status and await self._status_known(order_id or "", user_id, failures)
        user = await _or_none(Users(self.pipeline).get(user_id), "GET /users", failures)
        domains = await _or_none(Domains(self.pipeline).by_user(user_id), "GET /domains/by-user", failures)
        subscriptions = {domain: await self._subscriptions(domain, failures) for domain in entry.domains}
        events = (*self.events, *events_since_send(await taken.so_far(), entry))
        return Evidence(
            user_exists=user is not None and names_user(user.data, user_id),
            listed=None if domains is None else read_domains(domains.data, domains.extra),
            subscriptions={domain: rows for domain, (rows, _) in subscriptions.items()},
            all_subscriptions=all(is_whole for _, is_whole in subscriptions.values()),
            events=relevant(events, entry, rivals),
            status_known=known,
            failures=tuple(failures),
        )

    async def _status_known(self, order_id: str, user_id: str, failures: list[str]) -> bool:
        try:
            answer = await Orders(self.pipeline).status(order_id, user_id=user_id)
        except NotFoundError:
            return False
        except CMRError as error:
            failures.append(f"GET /orders/status failed ({error.message})")
            return False
        if answer.data is None:
            failures.append("GET /orders/status answered without data")
        return answer.data is not None

    async def _subscriptions(self, domain: str, failures: list[str]) -> tuple[tuple[Mapping[str, Any], ...], bool]:
        """Return the subscriptions of a domain, and whether these are all."""
        found: list[Mapping[str, Any]] = []
        for page in range(1, _MOST_PAGES + 1):
            call = Subscriptions(self.pipeline).list(domain=domain, page=page if page > 1 else None)
            answer = await _or_none(call, f"GET /subscriptions for {domain}", failures)
            rows = None if answer is None else read_subscriptions(answer.data)
            if answer is None or rows is None:
                break
            found += rows
            is_last = is_last_page(answer.data, page=page, rows=len(rows), seen=len(found), beside=answer.extra)
            if is_last is not False:
                return tuple(found), is_last is True
        return tuple(found), False


class _TakenDeliveries:
    """The webhook deliveries of a journal that may be about some orders; each is read once."""

    def __init__(self, journal: Journal, entries: Iterable[JournalEntry]) -> None:
        self._journal = journal
        self._names: set[str | None] = set()
        for entry in entries:
            self._names |= {*entry.domains, entry.order_id, entry.action_id}
        self._names.discard(None)
        self._found: list[StoredDelivery] = []
        self._read_to = 0

    async def so_far(self) -> list[StoredDelivery]:
        """Return those that have come by now."""
        async for delivery in self._journal.tracking.deliveries(after=self._read_to):
            self._read_to = delivery.number
            if is_order_event(delivery.content) and self._names_one(delivery.content):
                self._found.append(delivery)
        return self._found

    def _names_one(self, event: Mapping[str, Any]) -> bool:
        data = event_data(event)
        ids = {value for value in (data.get("orderId"), data.get("actionId")) if isinstance(value, str)}
        return not self._names.isdisjoint(ids | event_domains(event))


async def resubmit_all(
    journal: Journal, which: Literal["absent", "rejected", "drafts"], *, step: Step, reason: str
) -> list[str]:
    """Plan every order of one kind again; see `Bulk.resubmit_all`.

    Raises:
        ConfigurationError: There is no such kind.
        JournalError: The journal could not be written.
    """
    if which not in {"absent", "rejected", "drafts"}:
        raise ConfigurationError(f"{which!r} is no kind of orders to plan again: absent, rejected or drafts.")
    state = StepState.REJECTED if which == "rejected" else StepState.UNKNOWN
    verdict = Verdict.ABSENT if which == "absent" else None
    planned: list[str] = []
    async for entry in journal.entries(state=state, step=step, verdict=verdict):
        if which == "drafts" and not (is_draft(entry) and entry.verdict is None):
            continue
        try:
            await journal.resubmit(entry.key, step=step, reason=reason, second_draft=which == "drafts")
        except StillOwnedError:
            continue
        except JournalError:
            if _is_same(await journal.get(entry.key, step=step), entry):
                raise
        else:
            planned.append(entry.key)
    return planned


async def _write(journal: Journal, finding: Finding, verdict: Verdict) -> Finding:
    entry = finding.entry
    try:
        written = await journal.verdict(entry, verdict, finding.evidence, order_id=finding.order_id)
    except StillOwnedError as error:
        return attrs.evolve(finding, verdict=None, evidence=error.message)
    except JournalError:
        standing = await journal.get(entry.key, step=entry.step)
        if _is_same(standing, entry):
            raise
        if standing is not None and standing.token == entry.token and standing.verdict is verdict:
            written = standing  # another reconciliation came to the same verdict
        else:
            return Finding(entry=standing or entry, verdict=None, evidence=CHANGED)
    return attrs.evolve(finding, entry=written)


def _is_same(one: JournalEntry | None, other: JournalEntry) -> bool:
    return one is not None and (one.state, one.token, one.verdict) == (other.state, other.token, other.verdict)


async def _unknown(journal: Journal, references: Iterable[str] | None) -> list[JournalEntry]:
    if references is None:
        return [entry for step in Step async for entry in journal.entries(state=StepState.UNKNOWN, step=step)]
    entries = [await journal.get(key, step=step) for key in dict.fromkeys(references) for step in Step]
    return [entry for entry in entries if entry is not None and entry.state is StepState.UNKNOWN]


async def _rivals(journal: Journal, unknown: list[JournalEntry]) -> Mapping[str, Rivals]:
    """Return, for each unknown key, what other orders of the journal may have left the same traces."""
    by_trace: dict[tuple[str, str], list[JournalEntry]] = {}
    for entry in unknown:
        for domain in entry.domains:
            by_trace.setdefault((entry.user_id, domain), []).append(entry)
    found: dict[str, Rivals] = {}
    for state in (StepState.ACCEPTED, StepState.UNKNOWN, StepState.SENT):
        async for other in journal.entries(state=state):
            for domain in other.domains:
                for entry in by_trace.get((other.user_id, domain), ()):
                    if entry.key != other.key:
                        known = found.get(entry.key, Rivals())
                        ids = known.order_ids | ({other.order_id} if other.order_id else set())
                        found[entry.key] = Rivals(domains=known.domains | {domain}, order_ids=ids)
    return found


async def _or_none(call: Awaitable[Envelope], name: str, failures: list[str]) -> Envelope | None:
    try:
        return await call
    except ClientStateError:
        raise
    except CMRError as error:
        failures.append(f"{name} failed ({error.message})")
        return None
