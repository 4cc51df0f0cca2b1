"""Sending one order of a run: check it, claim it, send it once, and record its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from ..core.checked import CheckedOrder, check_request
from ..errors import (
    APIError,
    ClientStateError,
    CMRError,
    ConfigurationError,
    ConflictError,
    JournalError,
    NotSentError,
    OutcomeUnknownError,
    RateLimitError,
    ServerError,
    ValidationError,
)
from ..journal.records import CLAIMABLE, Claim, JournalEntry, Step, StepState
from ..models import Envelope, OrderCreated
from ..models.requests import OrderOutcome, OrderRequest, OrderState
from ..pipeline import Pipeline, Veto
from ..resources.orders import process_order, send_order

if TYPE_CHECKING:
    from ..journal.journal import Journal

__all__ = ["Item", "OrderSender", "check"]

_CLAIM_LOST = (
    "this process lost its claim to it while it waited, and another run on the journal may have taken it over. Leave "
    "it to the journal."
)


@attrs.frozen(kw_only=True)
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


def check(index: int, request: OrderRequest | CheckedOrder) -> Item:
    """Check one order of the input, unless it was checked before."""
    checked = request if isinstance(request, CheckedOrder) else check_request(request)
    refused = ValidationError(faults=checked.faults) if checked.faults else None
    return Item(index=index, checked=checked, refused=refused)


@attrs.frozen(kw_only=True)
class OrderSender:
    """Sends orders, one call each; failures are returned, not raised."""

    pipeline: Pipeline
    journal: Journal | None = None
    #: Asked about each order right before it is sent; when it gives a reason, nothing of it is sent.
    veto: Callable[[Item], str | None] = lambda _: None

    async def send(self, item: Item) -> OrderOutcome:
        """Send one order and return how it ended; errors that concern only this order become its outcome."""
        if item.refused is not None:
            return _outcome(item, OrderState.REJECTED, error=item.refused)
        if self.journal is None or item.entry is None:
            created, error = await _result_of(self._send(item, lambda: self.veto(item)))
            return _outcome(item, _state(error), created=created, error=error)
        return await self._send_once(item, self.journal, item.entry)

    async def _send_once(self, item: Item, journal: Journal, entry: JournalEntry) -> OrderOutcome:
        """Claim, send, record: whoever gets the claim owns the only send."""
        if entry.state is StepState.UNKNOWN:
            return _outcome(item, OrderState.UNKNOWN, error=_still_unknown(entry, journal), order_id=entry.order_id)
        claim = await journal.claim(entry.key, step=entry.step) if entry.state in CLAIMABLE else None
        if claim is None:
            return _outcome(item, OrderState.SKIPPED, error=_why_skipped(entry), order_id=entry.order_id)
        created, error = await _result_of(
            self._send(item, lambda: self.veto(item) if journal.holds(claim) else _CLAIM_LOST)
        )
        if isinstance(error, ConflictError):
            error = await _doubt_conflict(journal, entry, error)
        state = _state(error)
        with suppress(asyncio.CancelledError):  # the journal writes it all the same, and the outcome is not lost
            await _record(journal, claim, state, created=created, error=error)
        return _outcome(item, state, created=created, error=error)

    async def _send(self, item: Item, veto: Veto) -> OrderCreated:
        entry, user_id = item.entry, item.checked.request.user_id
        if entry is None or entry.step is Step.CREATE:
            return await send_order(self.pipeline, item.checked, veto=veto)
        if entry.order_id is None:
            raise NotSentError(f"{entry.key} has no order id, so its draft cannot be processed.")
        envelope = await process_order(self.pipeline, entry.order_id, user_id=user_id, veto=veto)
        return _processed(entry.order_id, envelope)


def _processed(order_id: str, envelope: Envelope) -> OrderCreated:
    return OrderCreated(order_id=order_id, message=envelope.message, action_id=envelope.action_id, envelope=envelope)


async def _result_of(call: Awaitable[OrderCreated]) -> tuple[OrderCreated | None, CMRError | None]:
    """Wait for a call and return its result or its error, also when the task is cancelled meanwhile."""
    try:
        return await call, None
    except CMRError as error:
        return None, error
    except asyncio.CancelledError:
        return None, NotSentError("The run was left before this order was sent. Sending it again is safe.")


async def _doubt_conflict(journal: Journal, entry: JournalEntry, error: ConflictError) -> CMRError:
    """Return a 409 as unknown when the same order was unknown before: it may be the conflict with itself."""
    history = await journal.history(entry.key, step=entry.step)
    if all(event.change != StepState.UNKNOWN for event in history):
        return error
    doubtful = OutcomeUnknownError(
        f"{error.message} The same order was unknown before, so the conflict may be with itself: do not send it "
        "again; run `cmr orders reconcile`.",
        status=error.status,
    )
    doubtful.attempts = error.attempts
    return doubtful


async def _record(
    journal: Journal, claim: Claim, state: OrderState, *, created: OrderCreated | None, error: CMRError | None
) -> None:
    """Write the outcome of a claim into the journal."""
    status = error.status if isinstance(error, APIError | OutcomeUnknownError) else None
    if created is not None and created.envelope is not None:
        status = created.envelope.status
    try:
        await journal.record(
            claim,
            StepState(state.value),
            order_id=created.order_id if created else None,
            action_id=created.action_id if created else None,
            status=status,
            message=str(error) if error else (created.message if created else ""),
            body_excerpt=error.body_excerpt if isinstance(error, OutcomeUnknownError) else "",
            attempts=error.attempts if error else _attempts(created),
        )
    except JournalError as failure:
        ended = f"{state.value}, order id {created.order_id}" if created else state.value
        raise JournalError(
            f"{claim.key} ended as {ended}, but this could not be written down: {failure.message} The journal will "
            "show it as unknown."
        ) from failure


def _state(error: CMRError | None) -> OrderState:
    """Return the state of an order that ended with this error, or without one."""
    match error:
        case None:
            return OrderState.ACCEPTED
        case OutcomeUnknownError():
            return OrderState.UNKNOWN
        case NotSentError() | RateLimitError() | ClientStateError() | ConfigurationError():
            return OrderState.NOT_SENT  # the last two are raised before anything is sent
        case ServerError():
            return OrderState.UNKNOWN
        case APIError() | ValidationError():
            return OrderState.REJECTED
        case _:  # nobody foresaw it, so it proves nothing
            return OrderState.UNKNOWN


def _outcome(
    item: Item,
    state: OrderState,
    *,
    created: OrderCreated | None = None,
    error: CMRError | None = None,
    order_id: str | None = None,
) -> OrderOutcome:
    return OrderOutcome(
        index=item.index,
        request=item.checked.request,
        state=state,
        order_id=created.order_id if created else order_id,
        created=created,
        error=error,
        attempts=error.attempts if error else _attempts(created),
        cautions=item.checked.cautions,
    )


def _attempts(created: OrderCreated | None) -> int:
    return created.envelope.attempts if created is not None and created.envelope is not None else 0


def _still_unknown(entry: JournalEntry, journal: Journal) -> OutcomeUnknownError:
    verdict = f" The evidence says: {entry.verdict.value}." if entry.verdict else ""
    return OutcomeUnknownError(
        f"{entry.key} may have been placed in an earlier run.{verdict} Do not send it again; "
        f"run `cmr orders reconcile {journal.name}`.",
        status=entry.status,
        body_excerpt=entry.body_excerpt,
        order_id=entry.order_id,
    )


def _why_skipped(entry: JournalEntry) -> CMRError | None:
    match entry.state:
        case StepState.ACCEPTED:
            return None
        case StepState.REJECTED:
            return CMRError(f"{entry.key} was refused in an earlier run: {entry.message}")
        case _:
            return CMRError(f"{entry.key} is being sent by another run.")
