"""Count requests and enforce the rate limit of 5 requests a second (`api/reference.md` section 6).

Whether the real API counts in a rolling or a fixed second is UNKNOWN. The simulator's second rolls, which is stricter:
a client that is never refused here would not be refused by a fixed second either.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

import attrs

from .records import RequestCounts

_SECOND = 1.0


@attrs.define(kw_only=True)
class Traffic:
    """The requests to one simulator, counted. Callers pass `now`, a time in seconds that never goes back."""

    _arrivals: deque[float] = attrs.field(factory=deque, init=False)
    _admitted: deque[float] = attrs.field(factory=deque, init=False)
    _most_in_one_second: int = attrs.field(default=0, init=False)
    _by_endpoint: Counter[str] = attrs.field(factory=Counter, init=False)
    _by_status: Counter[int] = attrs.field(factory=Counter, init=False)

    def count_arrival(self, endpoint: str, now: float) -> None:
        """Count a request whose head was read, before anything decides about it."""
        self._by_endpoint[endpoint] += 1
        _keep_last_second(self._arrivals, now)
        self._arrivals.append(now)
        self._most_in_one_second = max(self._most_in_one_second, len(self._arrivals))

    def count_answer(self, status: int) -> None:
        """Count an answer."""
        self._by_status[status] += 1

    def admit(self, now: float, limit: int) -> bool:
        """Tell whether a request is within the limit of a second; a refused one does not count against it."""
        _keep_last_second(self._admitted, now)
        if len(self._admitted) >= limit:
            return False
        self._admitted.append(now)
        return True

    def counts(self, by_fault: Mapping[str, int]) -> RequestCounts:
        """Return all counts, those of the faults that fired included."""
        return RequestCounts(
            total=self._by_endpoint.total(),
            by_endpoint=dict(self._by_endpoint),
            by_status=dict(self._by_status),
            by_fault=by_fault,
            most_in_one_second=self._most_in_one_second,
        )


def _keep_last_second(moments: deque[float], now: float) -> None:
    while moments and moments[0] <= now - _SECOND:
        moments.popleft()
