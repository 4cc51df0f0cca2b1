"""Many orders: a bounded fan-out over the one path that single orders take. A failed item is a value.

Orders are pulled from the input as there is room for them and given out as they complete, so that memory does not
grow with their number. Nothing new starts unless the caller asks for the next outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from types import TracebackType
from typing import Self

from ..core.exchange import CallCancelled
from ..core.validation import inspect_order
from ..core.wire import read_order_created
from ..errors import (
    APIError,
    AuthenticationError,
    CMRError,
    Fault,
    InsufficientBalanceError,
    NotSentError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    ValidationError,
)
from ..models import OrderCreated
from ..resources.orders import Orders
from .items import BulkSummary, OrderOutcome, OrderRequest, OrderState

__all__ = ["BulkRun", "Requests"]

#: What a run takes: any iterable or async iterable of requests.
Requests = Iterable[OrderRequest] | AsyncIterable[OrderRequest]

#: Refusals that every later order would meet as well.
_STOPPING = (AuthenticationError, InsufficientBalanceError, PermissionDeniedError)


class BulkRun:
    """A run of orders: iterate it to make it go, read `summary` at any time.

    Leaving the loop early stops the run: what has not gone out is not sent, what has gone out gets a bounded
    drain, and its outcomes are in `drained`.
    """

    def __init__(
        self, orders: Orders, requests: Requests, *, concurrency: int = 8, stop_after_unknown: int = 3
    ) -> None:
        """Prepare a run; nothing is sent before the first outcome is asked for. See `Bulk.submit`."""
        self._orders = orders
        self._source = requests
        self._concurrency = concurrency
        self._stop_after = stop_after_unknown
        self._counts = dict.fromkeys(OrderState, 0)
        self._in_doubt_in_a_row = 0
        self._stopped: str | None = None
        self._puller: asyncio.Task[OrderRequest | None] | None = None
        self._outcomes = self._run()
        #: Outcomes that came in while the run was being left early; at most as many as the concurrency.
        self.drained: list[OrderOutcome] = []

    def __aiter__(self) -> Self:
        """Return the run."""
        return self

    async def __anext__(self) -> OrderOutcome:
        """Return the next outcome, in the order of completion."""
        return await self._outcomes.__anext__()

    async def __aenter__(self) -> Self:
        """Return the run."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the run and drain what is in flight."""
        await self.aclose()

    async def aclose(self) -> None:
        """Stop the run: drain what is in flight, start nothing more."""
        await self._outcomes.aclose()

    def stop(self, reason: str = "stopped by the caller") -> None:
        """Start no further order; those in flight finish and are still given out."""
        if self._stopped is None:
            self._stopped = reason
            if self._puller is not None:
                self._puller.cancel()

    @property
    def summary(self) -> BulkSummary:
        """Counts so far."""
        return BulkSummary(**{state.value: n for state, n in self._counts.items()}, stopped=self._stopped)

    async def _run(self) -> AsyncGenerator[OrderOutcome, None]:
        source = _Source(self._source)
        running: set[asyncio.Task[OrderOutcome]] = set()
        loop = asyncio.get_running_loop()
        index = 0
        try:
            while True:
                while self._stopped is None and self._puller is None and len(running) < self._concurrency:
                    if source.lazy:
                        self._puller = loop.create_task(source.pull())
                        break
                    request = source.next()
                    if request is None:
                        break
                    running.add(loop.create_task(self._place(index, request)))
                    index += 1
                waiting = running if self._puller is None else running | {self._puller}
                if not waiting:
                    return
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if self._puller in done:
                    pulled, self._puller = self._puller, None
                    if not pulled.cancelled() and (request := pulled.result()) is not None:
                        running.add(loop.create_task(self._place(index, request)))
                        index += 1
                for task in [task for task in running if task in done]:
                    running.discard(task)
                    yield self._count(task.result())
        finally:
            await self._leave(running)

    async def _place(self, index: int, request: OrderRequest) -> OrderOutcome:
        """Send one order and say how it ended; never raises what belongs to the order alone."""
        findings = inspect_order(request.order)
        faults = findings.faults
        if not isinstance(request.user_id, str) or not request.user_id.strip():
            faults = (Fault("user_id", "must be the id of a user, as the API returned it"), *faults)
        if faults:
            return OrderOutcome(
                index=index, request=request, state=OrderState.REJECTED, error=ValidationError(faults=faults)
            )
        created: OrderCreated | None = None
        error: CMRError | None = None
        try:
            created = await self._orders.send_checked(findings.order, user_id=request.user_id)
        except CMRError as raised:
            error = raised
        except asyncio.CancelledError as cancelled:
            learned = cancelled.__cause__
            if not isinstance(learned, CallCancelled):
                error = NotSentError("The run was left before this order was sent. Sending it again is safe.")
            else:
                created = read_order_created(learned.envelope) if learned.envelope else None
                error = learned.error
        return OrderOutcome(
            index=index,
            request=request,
            state=_state(error),
            order_id=created.order_id if created else None,
            created=created,
            error=error,
            attempts=error.attempts if error else _attempts(created),
            cautions=findings.cautions,
        )

    def _count(self, outcome: OrderOutcome) -> OrderOutcome:
        self._counts[outcome.state] += 1
        if outcome.state in {OrderState.UNKNOWN, OrderState.NOT_SENT}:
            self._in_doubt_in_a_row += 1
        elif outcome.state is not OrderState.SKIPPED:
            self._in_doubt_in_a_row = 0
        if isinstance(outcome.error, _STOPPING):
            self.stop(f"the API refused with {outcome.error.status}, which the next orders would meet as well")
        elif self._in_doubt_in_a_row >= self._stop_after:
            self.stop(f"{self._in_doubt_in_a_row} orders in a row without a clear outcome")
        return outcome

    async def _leave(self, running: set[asyncio.Task[OrderOutcome]]) -> None:
        """Cancel what is under way: an order that has gone out is drained by the transport, the others never go."""
        pulling = {self._puller} if self._puller is not None else set()
        self._puller = None
        tasks: set[asyncio.Task[OrderOutcome] | asyncio.Task[OrderRequest | None]] = {*running, *pulling}
        if not tasks:
            return
        self.stop("left early")
        for task in tasks:
            task.cancel()
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError:
            for task in tasks:  # a second cancellation: what is not known by now stays unknown
                task.cancel()
            await asyncio.wait(tasks)
            raise
        finally:
            self.drained += [self._count(task.result()) for task in running if task.done() and not task.cancelled()]


class _Source:
    """The input, whatever kind of iterable it is."""

    def __init__(self, requests: Requests) -> None:
        self._async: AsyncIterator[OrderRequest] | None = None
        self._plain: Iterator[OrderRequest] | None = None
        if isinstance(requests, AsyncIterable):
            self._async = aiter(requests)
        else:
            self._plain = iter(requests)

    @property
    def lazy(self) -> bool:
        """The next item has to be awaited."""
        return self._async is not None

    def next(self) -> OrderRequest | None:
        """Return the next item of a plain iterable, or `None` after the last."""
        return next(self._plain, None) if self._plain is not None else None

    async def pull(self) -> OrderRequest | None:
        """Return the next item of an async iterable, or `None` after the last."""
        if self._async is None:
            return None
        item = await anext(self._async, None)
        if item is None:
            self._async = None
        return item


def _state(error: CMRError | None) -> OrderState:
    match error:
        case None:
            return OrderState.ACCEPTED
        case OutcomeUnknownError():
            return OrderState.UNKNOWN
        case NotSentError() | RateLimitError():
            return OrderState.NOT_SENT
        case APIError() | ValidationError():
            return OrderState.REJECTED
        case _:  # a client that is closed or wrongly configured raises before it sends
            return OrderState.NOT_SENT


def _attempts(created: OrderCreated | None) -> int:
    return created.envelope.attempts if created is not None and created.envelope is not None else 0
