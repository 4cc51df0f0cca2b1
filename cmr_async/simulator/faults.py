"""Scripted misbehaviour: which requests go wrong, how, and how often; `misbehave.py` carries it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import attrs

__all__ = ["KINDS", "FaultRule", "FaultScript"]

#: `reset`: the body is read, then the connection is reset (RST).
#: `close_before_answer`: the body is read, then the connection is closed without a byte of an answer.
#: `close_unread`: the connection is closed as soon as the head is read; the body is not waited for.
#: `stall`: the body is read, then nothing, until the client goes away or the simulator closes.
#: `delay`: the answer comes `seconds` later (real seconds) and is otherwise untouched.
#: `cut`: the answer's head promises a whole body, half of it comes, then the connection is closed.
#: `status`: another answer is given in place of the API's: `status`, `headers`, and an envelope or `body`.
KINDS = ("reset", "close_before_answer", "close_unread", "stall", "delay", "cut", "status")


@attrs.frozen(kw_only=True)
class FaultRule:
    """One scripted misbehaviour.

    With `after_processing` the request is handled first (the order is placed, the wallet is charged) and the
    answer is what goes wrong; only a request that was answered with 2xx counts as processed. Without it the
    request goes wrong before the key, the rate limit and the order are looked at, and nothing is processed
    (`delay` apart, which waits first and processes then).
    """

    #: One of `KINDS`.
    kind: str = attrs.field(validator=attrs.validators.in_(KINDS))
    #: HTTP status of `status`, and of a `cut` answer that was not processed (give 200 for that one).
    status: int = 500
    #: For `status` without `body`: True gives the API's envelope, False an HTML page like a proxy's.
    envelope: bool = True
    #: `message` of that envelope.
    message: str = "Simulated fault"
    #: Extra headers of the `status` answer, such as `Retry-After` or `Location`.
    headers: Mapping[str, str] = attrs.field(factory=dict)
    #: Exact body of the `status` or `cut` answer; it is sent as JSON when `envelope`, else as HTML.
    body: bytes | None = None
    #: How many matching requests go wrong; None for all.
    times: int | None = 1
    #: How many matching requests pass first.
    skip: int = 0
    #: Process the request, then spoil the answer.
    after_processing: bool = False
    #: HTTP method to match; None for any.
    method: str | None = None
    #: Path below the API base to match, such as `/orders/json`; None for any.
    path: str | None = None
    #: Length of a `delay` in real seconds.
    seconds: float = 0.05

    def matches(self, method: str, path: str, *, processed: bool) -> bool:
        """Tell whether a request at this point of its handling is meant."""
        return self.after_processing == processed and self.method in (None, method) and self.path in (None, path)


@attrs.define(kw_only=True)
class FaultScript:
    """The faults still to come, a part of `SimulatorState`; `sim.faults` is this object."""

    _waiting: list[FaultRule] = attrs.field(factory=list, init=False)
    _fired: Counter[str] = attrs.field(factory=Counter, init=False)

    @property
    def waiting(self) -> tuple[FaultRule, ...]:
        """Faults that can still fire, oldest first."""
        return tuple(self._waiting)

    @property
    def fired(self) -> dict[str, int]:
        """How many faults fired, by kind."""
        return dict(self._fired)

    def add(self, fault: FaultRule) -> None:
        """Put a fault behind those that wait; the first that matches a request fires."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Forget the faults that wait; the counts stay."""
        self._waiting.clear()

    def take(self, method: str, path: str, *, processed: bool) -> FaultRule | None:
        """Find the fault for a request and use it up once.

        Args:
            method: HTTP method.
            path: path below the API base.
            processed: False on arrival, True after the API's answer was made.

        Returns:
            The fault that fires, or None.
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
