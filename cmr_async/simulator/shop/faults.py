"""Scripted faults: which requests go wrong, how and how often; `misbehaviour` carries them out on the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import attrs

#: `reset`: the body is read, then the connection is reset (RST).
#: `close_before_answer`: the body is read, then the connection is closed without a byte of an answer.
#: `close_unread`: the connection is closed as soon as the head is read, without waiting for the body.
#: `stall`: the body is read, then nothing happens until the client goes away or the simulator closes.
#: `delay`: the right answer comes `seconds` later (real seconds).
#: `cut`: the head announces a whole answer, half of its body is sent, then the connection is closed.
#: `status`: another answer replaces the API's: `status`, `headers`, and an envelope or `body`.
KINDS = ("reset", "close_before_answer", "close_unread", "stall", "delay", "cut", "status")


@attrs.frozen(kw_only=True)
class FaultRule:
    """One scripted fault.

    With `after_processing` the request is handled first (the order is placed, the wallet is charged) and then the
    answer goes wrong; only a request that was answered with success counts as processed. Without it the request goes
    wrong before its key, the rate limit and the order are checked, and nothing is processed, except after a `delay`.
    """

    #: One of `KINDS`.
    kind: str = attrs.field(validator=attrs.validators.in_(KINDS))
    #: HTTP status of a `status` answer, and of a `cut` answer without processing (where 200 makes sense).
    status: int = 500
    #: For `status` without `body`: whether to answer with the API's envelope, or else with a proxy's HTML page.
    envelope: bool = True
    #: `message` of that envelope.
    message: str = "Simulated fault"
    #: Extra headers of the `status` answer, such as `Retry-After` or `Location`.
    headers: Mapping[str, str] = attrs.field(factory=dict)
    #: Exact body of a `status` or `cut` answer, sent as JSON with `envelope` and as HTML without.
    body: bytes | None = None
    #: How many matching requests go wrong; `None`: all.
    times: int | None = 1
    #: How many matching requests pass before the first one goes wrong.
    skip: int = 0
    #: Whether the request is processed first.
    after_processing: bool = False
    #: HTTP method to match; `None`: any.
    method: str | None = None
    #: Path below the API base to match, such as `/orders/json`; `None`: any.
    path: str | None = None
    #: Length of a `delay`, in real seconds.
    seconds: float = 0.05

    def matches(self, method: str, path: str, *, processed: bool) -> bool:
        """Tell whether the rule is for this request, before or after it was processed."""
        return self.after_processing == processed and self.method in (None, method) and self.path in (None, path)


@attrs.define(kw_only=True)
class FaultScript:
    """The faults of one simulator that are still to come: `sim.faults`."""

    _waiting: list[FaultRule] = attrs.field(factory=list, init=False)
    _fired: Counter[str] = attrs.field(factory=Counter, init=False)

    @property
    def waiting(self) -> tuple[FaultRule, ...]:
        """The faults that can still fire, oldest first."""
        return tuple(self._waiting)

    @property
    def fired(self) -> dict[str, int]:
        """How many faults fired, by kind."""
        return dict(self._fired)

    def add(self, fault: FaultRule) -> None:
        """Add a fault after those that wait; of several that match a request, the oldest fires."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Remove the faults that wait; the counts stay."""
        self._waiting.clear()

    def take(self, method: str, path: str, *, processed: bool) -> FaultRule | None:
        """Return the fault that fires at a request, used up once, or `None`.

        Args:
            method: HTTP method.
            path: Path below the API base.
            processed: False on arrival, True when the API's answer has been made.
        """
        for index, fault in enumerate(self._waiting):
            if not fault.matches(method, path, processed=processed):
                continue
            if fault.skip:
                self._waiting[index] = attrs.evolve(fault, skip=fault.skip - 1)
                continue
            if fault.times is not None:
                if fault.times <= 1:
                    del self._waiting[index]
                else:
                    self._waiting[index] = attrs.evolve(fault, times=fault.times - 1)
            self._fired[fault.kind] += 1
            return fault
        return None
