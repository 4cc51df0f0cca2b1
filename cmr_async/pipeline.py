"""The path that every call takes: pace, send, judge, and repeat where the endpoint's row allows it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from random import Random
from time import monotonic

import attrs

from .core.account import Account
from .core.endpoints import Endpoint, require_path
from .core.exchange import Exchange, Request
from .core.judge import Judgement, Outcome, judge
from .core.pacing import Slot
from .core.retry import RetryPolicy, is_duration, may_repeat
from .drain import Background, Guard
from .errors import APIError, CMRError, ConfigurationError, NotSentError, RateLimitError
from .models import Envelope
from .slots import Slots
from .transport.transport import Timeouts, Transport

logger: logging.Logger = logging.getLogger("cmr_async")

#: Seconds without a connection, or without an answer, after which a call counts as stalled.
_PATIENCE = 2.0


@attrs.frozen(kw_only=True)
class Stall:
    """Why calls that are under way get nowhere."""

    #: What holds them up and what is done about it: `cannot connect to 127.0.0.1:8025 (Connection refused); retrying`.
    message: str
    #: Seconds for which that goes on at most.
    left: float


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Pipeline:
    """Everything that a call needs, shared by all resources of a client."""

    transport: Transport
    endpoints: Mapping[str, Endpoint]
    slots: Slots
    retry: RetryPolicy
    timeouts: Timeouts = attrs.field(factory=Timeouts)
    clock: Callable[[], float] = monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    rng: Random = attrs.field(factory=Random, repr=False)
    #: Name of the pace of this key, a fingerprint; see `core.pacing.pace_name`.
    pace_name: str = ""
    #: Whose orders these are; a journal serves one account. `None`: it is not known.
    account: Account | None = None
    #: Calls that may outlive their callers.
    background: Background = attrs.field(factory=Background, repr=False)
    #: Calls that have no outcome yet.
    under_way: set[_Departure] = attrs.field(factory=set, repr=False)
    #: The last refusal of what is asked again and again, such as the lists of those who wait; none while answers come.
    refusals: list[Stall] = attrs.field(factory=list, repr=False)

    async def call(
        self,
        name: str,
        *,
        subject: Callable[[], str],
        user_id: str | None = None,
        query: Mapping[str, str | None] | None = None,
        body: bytes | None = None,
        path: str | None = None,
        pays: bool = False,
        order_id: str | None = None,
        timeout: float | None = None,
        send_within: float | None = None,
        guard: Guard | None = None,
    ) -> Envelope:
        """Make one call and return the API's envelope.

        Args:
            name: Row of the endpoint table.
            subject: Names what the call is about, for messages: `The order for example.com`.
            user_id: Goes where the row says.
            query: Further query parameters; `None` values are left out.
            body: JSON body.
            path: Path below the base URL, where ids stand in it; `None`: that of the row.
            pays: This very request can take money.
            order_id: The order that the call is about: an answer that names another one proves nothing.
            timeout: Seconds to wait for an answer; `None`: the client's setting.
            send_within: Seconds within which the request must leave, waits for the pace included; `None`: no limit.
            guard: Of a caller that runs the call in a task that it sees through itself; `None`: done here.

        Raises:
            APIError: The API refused; for 429 only after the time budget was used up.
            NotSentError: The request could not leave within the time budget.
            OutcomeUnknownError: An order may have been placed.
            OrderPlacedError: The caller was cancelled, and the order was placed all the same.
            TransportError: A repeatable call got no answer within the time budget.
            ServerError: The API failed until the time budget was used up.
            InvalidResponseError: What came was not an answer of the API.
            EndpointNotConfiguredError: The path is not documented and was not set.
            ConfigurationError: A time is no duration.
            ClientStateError: The client is closed or belongs to another event loop.
        """
        check_duration("timeout", timeout)
        check_duration("send_within", send_within)
        endpoint = self.endpoints[name]
        require_path(endpoint)  # before a slot is taken for it
        if path is not None:
            endpoint = attrs.evolve(endpoint, path=path)
        self.transport.check_usable()
        parameters = {"userId": user_id} if user_id is not None and endpoint.takes_user_id else {}
        if query is not None:
            parameters |= {key: value for key, value in query.items() if value is not None}
        request = Request(
            endpoint=endpoint,
            subject=subject,
            query=parameters,
            body=body,
            pays=pays,
            timeout=timeout,
            order_id=order_id,
        )
        if endpoint.repeatable or guard is not None:
            return await self._within(send_within, request, guard or Guard())
        guard = Guard()
        return await self.background.see_through(
            self._within(send_within, request, guard),
            guard,
            subject=subject,
            order_id=lambda envelope: proven_id(endpoint, envelope),
            drain=self.timeouts.drain,
        )

    async def _within(self, seconds: float | None, request: Request, guard: Guard) -> Envelope:
        """Make the attempts; end them if no request has left in time."""
        departure = _Departure(request, guard, self.clock)
        self.under_way.add(departure)
        try:
            if seconds is None:
                return await self._attempts(request, departure)
            async with asyncio.timeout(seconds) as limit:
                departure.limit(limit)
                return await self._attempts(request, departure)
        except TimeoutError:
            why = f" ({departure.failure})" if departure.failure else ""
            late = NotSentError(f"{request.subject()} was not sent: it could not leave within {seconds:g} s{why}.")
            late.attempts = departure.attempts
            raise late from None
        finally:
            self.under_way.discard(departure)

    def stall(self) -> Stall | None:
        """Return why calls that are under way, or are made again and again, get nowhere; `None`: no sign of that."""
        now, calls = self.clock(), list(self.under_way)  # a copy: another thread may ask
        failed = [call for call in calls if call.failure]
        if failed:
            first = min(failed, key=lambda call: call.tried_until)
            return Stall(message=f"{first.failure}; retrying", left=max(0.0, first.tried_until - now))
        late = [call for call in calls if call.began is not None and now - call.began >= _PATIENCE]
        connecting = [call.tried_until for call in late if call.left is None]
        if connecting:
            message = f"no connection to {self.transport.host} yet; trying"
            return Stall(message=message, left=max(0.0, min(connecting) - now))
        waiting = [call.left + (call.timeout or self.timeouts.read) for call in late if call.left is not None]
        if waiting:
            requests = "1 request" if len(waiting) == 1 else f"{len(waiting):,} requests"
            return Stall(message=f"no answer to {requests} yet; waiting", left=max(0.0, min(waiting) - now))
        return next(iter(self.refusals), None)

    async def _attempts(self, request: Request, departure: _Departure) -> Envelope:
        guard = departure.guard
        waits: Iterator[float] | None = None
        reads = request.endpoint.repeatable
        slot = await self.slots.wait(reads=reads, claim=guard.claim)
        started = self.clock()
        departure.tried_until = started + self.retry.time_budget
        while True:
            departure.begin()
            try:
                exchange = await self.transport.send(request, leaving=departure.allow)
            except NotSentError as held:
                held.attempts = departure.attempts
                raise
            departure.attempts += 1
            attempts = departure.attempts
            judgement = judge(request, exchange)
            guard.in_flight = judgement.outcome in {Outcome.ACCEPTED, Outcome.UNKNOWN}
            self._log(request, exchange, judgement, attempts)
            if judgement.envelope is not None:
                return judgement.envelope if attempts == 1 else attrs.evolve(judgement.envelope, attempts=attempts)
            error = judgement.error or CMRError(f"{request.subject()} has no outcome.")
            error.attempts = attempts
            may_go_on = not (guard.abandoned or exchange.cancelled or judgement.final)
            if not may_go_on or not may_repeat(judgement.outcome, request.endpoint):
                raise error
            departure.start_again("" if judgement.outcome is Outcome.THROTTLED else _words(exchange))
            waits = waits or self.retry.waits(self.rng)
            wait = await self._wait_before_repeat(slot, judgement.outcome, error, next(waits))
            if not self.retry.allows(self.clock() - started, wait):
                raise error
            await guard.give_back(error)
            if judgement.outcome is not Outcome.THROTTLED:  # the pause of the pace holds a throttled call back
                await self.sleep(wait)
            # Only a journal's claim comes between the slot and the send
            next_slot = await self.slots.wait_again(reads=reads, latest=started + self.retry.time_budget)
            if next_slot is None:
                raise error
            slot = next_slot
            await guard.claim()

    async def _wait_before_repeat(self, slot: Slot, outcome: Outcome, error: CMRError, jittered: float) -> float:
        if outcome is not Outcome.THROTTLED:
            return jittered
        asked = error.retry_after if isinstance(error, RateLimitError) else None
        # Others are held back no longer than this call would wait
        paused = await self.slots.refused(slot, None if asked is None else min(asked, self.retry.time_budget))
        return paused if asked is None else asked

    def _log(self, request: Request, exchange: Exchange, judgement: Judgement, attempt: int) -> None:
        """Log one attempt by an allow-list: no header, no body, no query."""
        if judgement.outcome is Outcome.ACCEPTED:
            level = logging.DEBUG
        else:
            level = logging.WARNING if judgement.outcome is Outcome.UNKNOWN else logging.INFO
        if logger.isEnabledFor(level):
            code = exchange.status or (judgement.error.status if isinstance(judgement.error, APIError) else None)
            logger.log(
                level,
                "%s attempt=%d phase=%s status=%s outcome=%s failure=%s",
                request.endpoint.name,
                attempt,
                exchange.phase.name.lower(),
                code,
                judgement.outcome.value,
                exchange.failure,
            )


class _Departure:
    """Decides as the head of a request is about to go out whether it may, and ends a call that leaves too late."""

    __slots__ = (
        "_clock",
        "_latest",
        "_limit",
        "_request",
        "attempts",
        "began",
        "failure",
        "guard",
        "left",
        "tried_until",
    )

    def __init__(self, request: Request, guard: Guard, clock: Callable[[], float]) -> None:
        """Prepare a call."""
        self.guard = guard
        self._request = request
        self._clock = clock
        self._limit: asyncio.Timeout | None = None
        self._latest: float | None = None
        #: Until when attempts are started.
        self.tried_until = clock()
        #: When the attempt under way began, and when its head went out; `None`: it has not.
        self.began: float | None = None
        self.left: float | None = None
        #: Attempts that ended.
        self.attempts = 0
        #: Why the attempt before it did nothing; empty: there was none, or the pace holds the call back.
        self.failure = ""

    @property
    def timeout(self) -> float | None:
        """Seconds to wait for the answer; `None`: the client's setting."""
        return self._request.timeout

    def limit(self, limit: asyncio.Timeout) -> None:
        """Let `limit` end the call unless a request leaves before."""
        self._limit, self._latest = limit, limit.when()

    def begin(self) -> None:
        """Note that an attempt begins."""
        self.began, self.left = self._clock(), None

    def allow(self) -> None:
        """Let the head go out.

        Raises:
            NotSentError: It must not, and no byte of it has left.
        """
        if reason := self.guard.veto():
            raise NotSentError(f"{self._request.subject()} was not sent: {reason}")
        if self._limit is not None:
            if self._limit.expired():
                raise NotSentError(f"{self._request.subject()} was not sent: its time was over.")
            self._limit.reschedule(None)
        self.guard.leaves()
        self.left, self.failure = self._clock(), ""

    def start_again(self, failure: str) -> None:
        """Note why an attempt did nothing, and apply the limit to the next one."""
        self.began, self.failure = None, failure
        if self._limit is not None:
            self._limit.reschedule(self._latest)


def _words(exchange: Exchange) -> str:
    """Return how an attempt failed, without the class of an exception."""
    failure = exchange.failure or f"HTTP {exchange.status}"
    return failure.partition("Error: ")[2] or failure


def check_duration(name: str, seconds: float | None) -> None:
    """Refuse a time limit that is no duration.

    Raises:
        ConfigurationError: It is not more than 0 and finite.
    """
    if seconds is not None and not is_duration(seconds):
        raise ConfigurationError(f"{name} must be more than 0 seconds: got {seconds!r:.40}.")


def proven_id(endpoint: Endpoint, envelope: Envelope) -> str | None:
    """Return the order id of an answer, if the endpoint's answers have one."""
    data = envelope.data if isinstance(envelope.data, Mapping) else {}
    value = data.get(endpoint.proof) if endpoint.proof else None
    return value if isinstance(value, str) else None
