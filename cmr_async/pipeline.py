"""The path that every call takes: pace, send, judge, and repeat where the endpoint's row allows it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from random import Random
from time import monotonic
from typing import Protocol

import attrs

from .core.endpoints import Endpoint, UserIdIn, require_path
from .core.exchange import Exchange, Request
from .core.judge import Judgement, Outcome, judge
from .core.pacing import Pacer, renew_locks
from .core.retry import RetryPolicy, may_repeat
from .errors import APIError, CMRError, ConfigurationError, NotSentError, RateLimitError
from .forks import in_forked_child
from .models import Envelope
from .transport import Transport

__all__ = ["Pipeline", "SharedPace", "Veto"]

logger: logging.Logger = logging.getLogger("cmr_async")

in_forked_child(renew_locks)

#: Asked right before each attempt; when it gives a reason, nothing more is sent.
Veto = Callable[[], str | None]

#: Seconds to hold all requests back after a 429 without a readable `Retry-After`.
_DEFAULT_PAUSE = 1.0


class SharedPace(Protocol):
    """A pace that several processes share."""

    async def wait(self) -> None:
        """Wait for a slot."""

    async def pause(self, seconds: float) -> None:
        """Hold all processes back for some seconds, after a 429."""


@attrs.frozen(kw_only=True)
class Pipeline:
    """Everything that a call needs, shared by all resources of a client."""

    transport: Transport
    endpoints: Mapping[str, Endpoint]
    pacer: Pacer
    gap: float
    retry: RetryPolicy
    clock: Callable[[], float] = monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    rng: Random = attrs.field(factory=Random, repr=False)
    #: Name of the pace of this key, a fingerprint; see `core.pacing.pace_name`.
    pace_name: str = ""
    #: Seconds that a paying request gets to learn its answer after a cancellation or a `close`.
    drain: float = 15.0
    #: Tasks of the paying requests under way.
    under_way: set[asyncio.Task[Exchange]] = attrs.field(factory=set, repr=False, eq=False)
    #: Waited for after the pace of this process, where several processes share one.
    shared: SharedPace | None = None

    async def call(
        self,
        name: str,
        *,
        subject: Callable[[], str],
        user_id: str | None = None,
        query: Mapping[str, str | None] | None = None,
        body: bytes | None = None,
        pays: bool = False,
        timeout: float | None = None,
        veto: Veto | None = None,
    ) -> Envelope:
        """Make one call and return the API's envelope.

        Args:
            name: Row of the endpoint table.
            subject: Names what the call is about, for messages: `The order for example.com`.
            user_id: Goes where the row says.
            query: Further query parameters; `None` values are left out.
            body: JSON body.
            pays: This very request can take money.
            timeout: Seconds to wait for an answer; `None`: the client's setting.
            veto: Asked right before each attempt; when it gives a reason, nothing more is sent.

        Raises:
            APIError: The API refused; for 429 only after the time budget was used up.
            NotSentError: The request could not leave within the time budget.
            OutcomeUnknownError: An order may have been placed.
            TransportError: A repeatable call got no answer within the time budget.
            ServerError: The API failed until the time budget was used up.
            InvalidResponseError: What came was not an answer of the API.
            EndpointNotConfiguredError: The path is not documented and was not set.
            ConfigurationError: The timeout is no duration.
            ClientStateError: The client is closed or belongs to another event loop.
        """
        if timeout is not None and not 0 < timeout < float("inf"):
            raise ConfigurationError(f"timeout must be more than 0 seconds: got {timeout!r}.")
        endpoint = self.endpoints[name]
        require_path(endpoint)  # before a slot is taken for it
        self.transport.check_usable()
        parameters = {} if user_id is None or endpoint.user_id_in is UserIdIn.NOWHERE else {"userId": user_id}
        if query is not None:
            parameters |= {key: value for key, value in query.items() if value is not None}
        request = Request(endpoint=endpoint, subject=subject, query=parameters, body=body, pays=pays, timeout=timeout)
        return await self._attempts(request, veto)

    async def _attempts(self, request: Request, veto: Veto | None) -> Envelope:
        waits: Iterator[float] | None = None
        attempts = 0
        await self._wait_for_slot()
        started = self.clock()
        while True:
            if veto is not None and (reason := veto()):
                held = NotSentError(f"{request.subject()} was not sent: {reason}")
                held.attempts = attempts
                raise held
            attempts += 1
            exchange = await self._send(request)
            judgement = judge(request, exchange)
            self._log(request, exchange, judgement, attempts)
            if judgement.envelope is not None:
                return judgement.envelope if attempts == 1 else attrs.evolve(judgement.envelope, attempts=attempts)
            error = judgement.error or CMRError(f"{request.subject()} has no outcome.")
            error.attempts = attempts
            if exchange.cancelled or not may_repeat(judgement.outcome, request.endpoint):
                raise error
            waits = waits or self.retry.waits(self.rng)
            wait = await self._wait_before_repeat(judgement.outcome, error, next(waits))
            if not self.retry.allows(self.clock() - started, wait):
                raise error
            if judgement.outcome is not Outcome.THROTTLED:  # the shared pause holds a throttled call back
                await self.sleep(wait)
            if not await self._wait_for_slot(started + self.retry.time_budget):
                raise error

    async def _send(self, request: Request) -> Exchange:
        """Run one attempt; a paying one in a task of its own, which outlives a cancelled caller for a drain."""
        if not request.pays:
            return await self.transport.send(request)
        out: list[bool] = []
        task = asyncio.get_running_loop().create_task(self.transport.send(request, leaving=lambda: out.append(True)))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if out:
                with suppress(asyncio.CancelledError):  # a second cancellation leaves at once
                    await asyncio.wait({task}, timeout=self.drain)
            task.cancel()
            while not task.done():
                with suppress(asyncio.CancelledError):  # the transport returns what is known within a few turns
                    await asyncio.wait({task})
            if task.cancelled():
                raise
            return attrs.evolve(task.result(), cancelled=True)

    async def close(self) -> None:
        """Give what is under way the time of a drain to learn its answer, and close the transport."""
        self.transport.refuse_more()
        loop = asyncio.get_running_loop()
        mine = {task for task in self.under_way if task.get_loop() is loop}  # a fork inherits those of its parent
        try:
            if mine:
                await asyncio.wait(mine, timeout=self.drain)
        finally:
            await self.transport.close()

    async def _wait_for_slot(self, latest: float = float("inf")) -> bool:
        """Reserve a slot and wait for it, as the last await before the send; `False` if it lies after `latest`."""
        wait = self.pacer.reserve(self.clock(), self.gap)
        while wait > 0:
            if self.clock() + wait > latest:
                return False
            await self.sleep(wait)
            if not self.pacer.paused_for(self.clock()):
                break
            wait = self.pacer.reserve(self.clock(), self.gap)
        if self.shared is not None:
            await self.shared.wait()
        return self.clock() <= latest

    async def _wait_before_repeat(self, outcome: Outcome, error: CMRError, jittered: float) -> float:
        if outcome is not Outcome.THROTTLED:
            return jittered
        asked = error.retry_after if isinstance(error, RateLimitError) else None
        pause = (_DEFAULT_PAUSE if asked is None else asked) + min(jittered, 0.1)
        self.pacer.pause(self.clock(), min(pause, self.retry.time_budget))
        if self.shared is not None:
            await self.shared.pause(min(pause, self.retry.time_budget))
        return pause

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
