"""Sending one order of a run: claim it when its slot has come, send it once, and record its outcome."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from ..core.endpoints import require_path
from ..core.order.checked import CheckedOrder, check_request
from ..core.printable import printable
from ..drain import Guard
from ..errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    ClientStateError,
    CMRError,
    ConfigurationError,
    ConflictError,
    InsufficientBalanceError,
    JournalError,
    NotFoundError,
    NotSentError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UnprocessableError,
    ValidationError,
)
from ..journal.states import CLAIMABLE, Step, StepState
from ..models import Envelope, OrderCreated
from ..models.requests import OrderOutcome, OrderRequest, OrderState, Verdict
from ..pipeline import Pipeline
from ..resources.orders import process_order, send_order, unavailable_name
from .settled import replaced, settled_outcome

if TYPE_CHECKING:
    from ..journal.journal import Journal
    from ..journal.records import Claim, JournalEntry

logger: logging.Logger = logging.getLogger("cmr_async")

_CLAIM_LOST = (
    "this process lost its claim to it while it waited, and another run on the journal may have taken it over. Leave "
    "it to the journal."
)
#: Characters of an unavailable domain whose name cannot be told.
_SHOWN = 200
#: Refusals that may be the conflict of an order with itself.
_SELF_CONFLICTS = (BadRequestError, ConflictError, UnprocessableError)
#: The same of a processing: a draft that was processed is none any more, or its state forbids it.
_DONE_BEFORE = (*_SELF_CONFLICTS, NotFoundError, PermissionDeniedError)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Item:
    """One order of the input, checked, with what the journal says about it."""

    #: Position in the input, from 0.
    index: int
    #: The order, checked.
    checked: CheckedOrder
    #: The journal's entry; `None` without a journal.
    entry: JournalEntry | None = None
    #: Why it must not be sent, found before anything was.
    refused: CMRError | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Ended:
    """How one order of a run ended."""

    outcome: OrderOutcome
    #: The step of the journal that was sent; `None` if none was, or without a journal.
    entry: JournalEntry | None = None
    #: Why the journal does not know the outcome; `None`: it does.
    journal_error: JournalError | None = None


def check(index: int, request: OrderRequest | CheckedOrder) -> Item:
    """Check one order of the input, unless it was checked before."""
    checked = request if isinstance(request, CheckedOrder) else check_request(request)
    refused = ValidationError(faults=checked.faults) if checked.faults else None
    return Item(index=index, checked=checked, refused=refused)


class _TakenError(CMRError):
    """Another run has claimed the step, or it has ended meanwhile."""


class OrderGuard(Guard):
    """Lets an order of a run go only under a claim of the journal that is still held as the head goes out."""

    def __init__(
        self,
        item: Item,
        *,
        veto: Callable[[OrderRequest], str | None] = lambda _: None,
        departed: Callable[[Item], None] = lambda _: None,
    ) -> None:
        """Guard one order.

        Args:
            item: The order.
            veto: Asked before the order is claimed and as its head goes out: why it is not sent.
            departed: Called as its head goes out.
        """
        super().__init__()
        self._item = item
        self._veto = veto
        self._departed = departed
        #: Journal and step under whose claim the order goes; `None`: there is no journal.
        self.step: tuple[Journal, JournalEntry] | None = None
        #: The claim under which the order is being sent.
        self.held: Claim | None = None
        #: Requests that the journal has counted.
        self.counted: int = 0

    async def claim(self) -> None:
        """Claim the step, unless the run has stopped."""
        if reason := super().veto() or self._veto(self._item.checked.request):
            raise NotSentError(f"This order was not sent: {reason}")
        if self.step is not None and self.held is None:
            journal, entry = self.step
            self.held = await journal.claim(entry.key, step=entry.step, fingerprint=entry.fingerprint)
            if self.held is None:
                raise _TakenError

    def veto(self) -> str | None:
        """Return why the order may not leave: the run stopped, or the claim was lost on the way to the wire."""
        if self.step is not None and self.held is not None and not self.step[0].holds(self.held):
            return _CLAIM_LOST
        return super().veto() or self._veto(self._item.checked.request)

    def leaves(self) -> None:
        """Note that the order goes out."""
        super().leaves()
        self._departed(self._item)

    async def give_back(self, error: CMRError) -> None:
        """Record that an attempt did nothing: another run may send the order while this one waits."""
        if self.step is not None and self.held is not None:
            held, self.held = self.held, None
            attempts, self.counted = error.attempts - self.counted, error.attempts
            await self.step[0].record(held, StepState.NOT_SENT, message=str(error), attempts=attempts)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class OrderSender:
    """Sends orders, one call each; failures are returned, not raised."""

    pipeline: Pipeline
    journal: Journal | None = None
    #: Send orders again that were refused in earlier runs.
    retry_rejected: bool = False
    #: Seconds to wait for each answer; `None`: the client's setting.
    timeout: float | None = None
    #: Seconds within which each request must leave; `None`: no limit.
    send_within: float | None = None

    async def send(self, item: Item, guard: OrderGuard) -> Ended:
        """Send one order and return how it ended. Run it in a task of its own, which `guard.abandon` may end."""
        if item.refused is not None:
            return Ended(outcome=_outcome(item, OrderState.REJECTED, error=item.refused))
        try:
            if self.journal is not None and item.entry is not None:
                return await self._send_once(item, guard, self.journal, item.entry)
            created, error = await self._result(item, guard)
        except JournalError as broken:
            return Ended(outcome=_outcome(item, OrderState.NOT_SENT, error=broken), journal_error=broken)
        except ConfigurationError as unset:
            return Ended(outcome=_outcome(item, OrderState.NOT_SENT, error=unset))
        return Ended(outcome=_outcome(item, _state(error), created=created, error=error))

    async def _send_once(self, item: Item, guard: OrderGuard, journal: Journal, entry: JournalEntry) -> Ended:
        """Claim, send, record: whoever gets the claim owns the only send."""
        entry = await self.step_to_send(item.checked, journal, entry)
        if entry.state not in CLAIMABLE:
            return Ended(outcome=settled_outcome(item.index, item.checked, entry, journal))
        guard.step = (journal, entry)
        created, error = await self._result(item, guard)
        if isinstance(error, _TakenError):
            now = await journal.get(entry.key, step=entry.step) or entry
            if other := replaced(entry, now, journal):
                return Ended(outcome=_outcome(item, OrderState.REJECTED, error=other))
            return Ended(outcome=settled_outcome(item.index, item.checked, now, journal))
        if isinstance(error, _DONE_BEFORE if entry.step is Step.PROCESS else _SELF_CONFLICTS):
            error = await _doubt_conflict(journal, entry, error)
        outcome = _outcome(item, _state(error), created=created, error=error)
        failure = None if guard.held is None else await _record(journal, guard, guard.held, outcome)
        return Ended(outcome=outcome, entry=entry, journal_error=failure)

    async def step_to_send(self, checked: CheckedOrder, journal: Journal, entry: JournalEntry) -> JournalEntry:
        """Return the step that an order is about now: for a paid order whose draft exists, its processing.

        Raises:
            EndpointNotConfiguredError: The draft exists, and the path to process it is not set.
        """
        if entry.step is Step.CREATE and checked.order.confirm and not entry.confirm and _is_draft(entry):
            paid = await journal.get(entry.key, step=Step.PROCESS)
            if paid is None or paid.state in CLAIMABLE:
                require_path(self.pipeline.endpoints["orders.process"])
                await journal.add_processing([entry.key])
                paid = await journal.get(entry.key, step=Step.PROCESS)
            entry = paid or entry
        if entry.state is StepState.REJECTED and self.retry_rejected:
            entry = await journal.resubmit(entry.key, step=entry.step, reason="refused orders were asked for again")
        return entry

    async def _result(self, item: Item, guard: OrderGuard) -> tuple[OrderCreated | None, CMRError | None]:
        """Make the call and return its result or its error, also when the task is cancelled meanwhile."""
        try:
            return await self._call(item, guard), None
        except JournalError:
            raise
        except CMRError as error:
            return None, error
        except asyncio.CancelledError:
            return None, NotSentError("The run was left before this order was sent. Sending it again is safe.")

    async def _call(self, item: Item, guard: OrderGuard) -> OrderCreated:
        entry = guard.step[1] if guard.step is not None else None
        limits = {"timeout": self.timeout, "send_within": self.send_within}
        if entry is None or entry.step is Step.CREATE:
            return await send_order(self.pipeline, item.checked, guard=guard, **limits)
        if entry.order_id is None:
            raise NotSentError(f"{entry.key} has no order id, so its draft cannot be processed.")
        user_id = item.checked.request.user_id
        envelope = await process_order(self.pipeline, entry.order_id, user_id=user_id, guard=guard, **limits)
        return _processed(entry.order_id, envelope)


def _is_draft(entry: JournalEntry) -> bool:
    """Tell whether the create step left a draft: accepted, or found to be placed by its evidence."""
    placed = entry.state is StepState.UNKNOWN and entry.verdict is Verdict.PLACED
    return entry.order_id is not None and (entry.state is StepState.ACCEPTED or placed)


async def _doubt_conflict(journal: Journal, entry: JournalEntry, error: APIError) -> CMRError:
    """Return a refusal as unknown when the same order was unknown before: it may be the conflict with itself."""
    history = await journal.history(entry.key, step=entry.step)
    if all(event.change not in {StepState.UNKNOWN, "late:unknown"} for event in history):
        return error
    doubtful = OutcomeUnknownError(
        f"{error.message} The same order was unknown before, so the conflict may be with itself: do not send it "
        "again; run `cmr orders reconcile`.",
        status=error.status,
        api_message=error.api_message,
    )
    doubtful.attempts = error.attempts
    doubtful.__cause__ = error
    return doubtful


async def _record(journal: Journal, guard: OrderGuard, claim: Claim, outcome: OrderOutcome) -> JournalError | None:
    """Write the outcome of a claim into the journal; return why it could not be written."""
    created, error = outcome.created, outcome.error
    status = error.status if isinstance(error, APIError | OutcomeUnknownError) else None
    if created is not None and created.envelope is not None:
        status = created.envelope.status
    try:
        with suppress(asyncio.CancelledError):  # the journal writes it all the same
            await journal.record(
                claim,
                StepState(outcome.state.value),
                order_id=outcome.order_id,
                action_id=created.action_id if created else None,
                status=status,
                message=str(error) if error else (created.message if created else ""),
                body_excerpt=error.body_excerpt if isinstance(error, OutcomeUnknownError) else "",
                attempts=outcome.attempts - guard.counted,
                unavailable=outcome.unavailable_domains,
            )
    except JournalError as failure:
        ended = outcome.state.value + (f", order id {outcome.order_id}" if outcome.order_id else "")
        message = (
            f"{claim.key} ended as {ended}, but this could not be written down: {failure.message} The journal will "
            "show it as unknown."
        )
        logger.error("%s", printable(message))  # noqa: TRY400 - the traceback of a full disk says nothing more
        unrecorded = JournalError(message)
        unrecorded.__cause__ = failure
        return unrecorded
    return None


def _state(error: CMRError | None) -> OrderState:
    """Return the state of an order that ended with this error, or without one."""
    match error:
        case None:
            return OrderState.ACCEPTED
        case OutcomeUnknownError():
            return OrderState.UNKNOWN
        case NotSentError() | RateLimitError() | ClientStateError() | ConfigurationError():
            return OrderState.NOT_SENT  # the last two are raised before anything is sent
        case AuthenticationError() | InsufficientBalanceError() | PermissionDeniedError():
            return OrderState.NOT_SENT  # refused for the account: nothing was bought, and the order is not at fault
        case ServerError():
            return OrderState.UNKNOWN
        case APIError() | ValidationError():
            return OrderState.REJECTED
        case _:  # nobody foresaw it, so it proves nothing
            return OrderState.UNKNOWN


def _outcome(
    item: Item, state: OrderState, *, created: OrderCreated | None = None, error: CMRError | None = None
) -> OrderOutcome:
    order_id = error.order_id if isinstance(error, OutcomeUnknownError) else None
    answered = created.envelope.attempts if created is not None and created.envelope is not None else 0
    return OrderOutcome(
        index=item.index,
        request=item.checked.request,
        state=state,
        order_id=created.order_id if created else order_id,
        created=created,
        error=error,
        attempts=error.attempts if error else answered,
        cautions=item.checked.cautions,
        unavailable_domains=unavailable_names(created.unavailable_domains) if created else (),
    )


def _processed(order_id: str, envelope: Envelope) -> OrderCreated:
    """Return the answer to the processing of a draft in the form of an order's."""
    return OrderCreated(order_id=order_id, message=envelope.message, action_id=envelope.action_id, envelope=envelope)


def unavailable_names(items: Iterable[Any]) -> tuple[str, ...]:
    """Return the names of unavailable domains; of an item without one, the item."""
    return tuple(unavailable_name(item) or orjson.dumps(item, default=str).decode()[:_SHOWN] for item in items)
