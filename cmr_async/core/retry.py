"""Whether an attempt may be repeated, and when: decided by how far the request got, never by an exception's class."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from random import Random

import attrs

from ..errors import ConfigurationError
from .endpoints import Endpoint
from .judge import Outcome


def is_duration(seconds: object, *, zero: bool = False) -> bool:
    """Tell whether something is a finite number of seconds, more than 0 or also 0."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return False
    return (seconds >= 0 if zero else seconds > 0) and seconds < float("inf")


def may_repeat(outcome: Outcome, endpoint: Endpoint) -> bool:
    """Tell whether the SDK may send again after this outcome.

    A refusal (429) and a request that never left are repeatable everywhere: we take both as proof that nothing
    happened. An unknown outcome is repeatable only where the endpoint's row says that doing it twice changes nothing.
    """
    if outcome in {Outcome.THROTTLED, Outcome.NOT_SENT}:
        return True
    return outcome is Outcome.UNKNOWN and endpoint.repeatable


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How long and how densely repeatable attempts are repeated. Checked when it is made.

    The help centre suggests a first wait of about 5 seconds after a 500 or 503. Ours is shorter, because after those
    only calls that read are repeated; `RetryPolicy(initial=5.0)` does as the help centre says.
    """

    #: Seconds from the first attempt within which the last one may start; 0 means no repetition.
    time_budget: float = attrs.field(default=60.0)
    #: Upper bound of the first wait, in seconds; it doubles each time.
    initial: float = attrs.field(default=0.5)
    #: Upper bound of every wait, in seconds.
    maximum: float = attrs.field(default=30.0)

    def __attrs_post_init__(self) -> None:
        """Refuse numbers that cannot be a schedule."""
        for name in ("time_budget", "initial", "maximum"):
            value = getattr(self, name)
            if not is_duration(value, zero=True):
                raise ConfigurationError(f"RetryPolicy.{name} must be 0 or more seconds: got {value!r:.40}.")

    def waits(self, rng: Random) -> Iterator[float]:
        """Yield the wait before each repetition, in seconds: exponential bounds, full jitter below them."""
        import backoff  # noqa: PLC0415 - only a repetition needs it, and it costs import time

        if self.initial == 0:  # backoff would double for ever, and overflow
            yield from repeat(0.0)
        bounds = backoff.expo(base=2, factor=self.initial, max_value=self.maximum)
        next(bounds)  # backoff's generators take their first value by send()
        for bound in bounds:
            yield rng.uniform(0, bound)

    def allows(self, elapsed: float, wait: float) -> bool:
        """Tell whether an attempt after `wait` more seconds still starts within the budget."""
        return self.time_budget > 0 and elapsed + wait <= self.time_budget
