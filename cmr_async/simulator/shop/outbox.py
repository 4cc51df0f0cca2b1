"""Decide which webhook is sent when, without any I/O: `http/sender.py` asks what is due and tells what was answered.

Documented (section 9.1): a delivery that is not answered with 2xx is made again after about 30 seconds and after about
5 minutes, then it has failed. Whether the first of these "attempts" is the first delivery or a first repeat is unclear;
here it is the first delivery, so there are three in all, and each pause counts from the attempt before.
"""

from __future__ import annotations

import heapq
import random

import attrs

from ..settings import Settings
from .provisioning import Draw
from .records import WebhookDelivery
from .webhook_events import SimulatedEvent, event_body

#: Simulated seconds between an attempt and the next one.
_PAUSES = (30.0, 300.0)
_SUCCESS = range(200, 300)


@attrs.frozen(kw_only=True)
class PendingDelivery:
    """A delivery that waits for its time, or is on its way."""

    #: The event.
    event: SimulatedEvent
    #: Its id, the same in every attempt and every copy.
    event_id: str
    #: Which attempt it is, from 1 on.
    attempt: int


def _own_draw(outbox: Outbox) -> Draw:
    # A generator of its own: webhooks change no id and no time of an order
    return Draw(outbox.settings, random.Random(f"webhooks {outbox.settings.seed}"))  # noqa: S311 - nothing secret


@attrs.define
class Outbox:
    """The deliveries of one simulator that are still to come, and those that were made."""

    #: What was set.
    settings: Settings
    #: Every attempt that was made, in the sequence in which they ended.
    deliveries: list[WebhookDelivery] = attrs.field(factory=list, init=False, repr=False)
    #: Ids of the events that are lost: they are never sent.
    lost: list[str] = attrs.field(factory=list, init=False, repr=False)

    _draw: Draw = attrs.field(init=False, repr=False, default=attrs.Factory(_own_draw, takes_self=True))
    _queue: list[tuple[float, int, PendingDelivery]] = attrs.field(factory=list, init=False, repr=False)
    _added: int = attrs.field(default=0, init=False, repr=False)

    def add(self, event: SimulatedEvent) -> None:
        """Plan the deliveries of an event: one, or none if it is lost, or two if it is duplicated."""
        event_id = self._draw.new_id()
        chance = self._draw.rng.random
        if chance() < self.settings.webhook_losses:
            self.lost.append(event_id)
            return
        for _ in range(2 if chance() < self.settings.webhook_duplicates else 1):
            later = self.settings.webhook_shuffle * chance()
            self._push(event.at + later, PendingDelivery(event=event, event_id=event_id, attempt=1))

    def take_due(self, now: float) -> list[PendingDelivery]:
        """Return the deliveries that are due, in the sequence of their times, and forget them."""
        due = []
        while self._queue and self._queue[0][0] <= now:
            due.append(heapq.heappop(self._queue)[2])
        return due

    def put_back(self, pending: PendingDelivery, now: float) -> None:
        """Let a delivery that was cut short be due again."""
        self._push(now, pending)

    def record(self, pending: PendingDelivery, status: int | None, now: float) -> None:
        """Note what became of an attempt, and plan the next one if there is one.

        Args:
            pending: The delivery.
            status: HTTP status of the answer; `None` if there was none in time.
            now: Simulated epoch seconds.
        """
        outcome = "delivered"
        if status not in _SUCCESS:
            outcome = "retried" if pending.attempt <= len(_PAUSES) else "failed"
        if outcome == "retried":
            self._push(now + _PAUSES[pending.attempt - 1], attrs.evolve(pending, attempt=pending.attempt + 1))
        self.deliveries.append(
            WebhookDelivery(
                event_id=pending.event_id,
                event=pending.event.name,
                order_id=pending.event.order.order_id,
                attempt=pending.attempt,
                time=now,
                status=status,
                outcome=outcome,
            )
        )

    def body(self, pending: PendingDelivery) -> bytes:
        """Return the JSON of a delivery."""
        settings = self.settings
        return event_body(pending.event, pending.event_id, prices=settings.prices, envelopes=settings.webhook_envelopes)

    def _push(self, due: float, pending: PendingDelivery) -> None:
        # The number keeps the sequence of what is due at the same time
        self._added += 1
        heapq.heappush(self._queue, (due, self._added, pending))
