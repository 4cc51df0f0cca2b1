"""How waiting works: when to look first, how often, and which words of the API mean what."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from ..core.retry import is_duration
from ..errors import ConfigurationError


def _words(words: Iterable[str]) -> frozenset[str]:
    if isinstance(words, str):
        raise ConfigurationError("active, failed and done take several words each: a tuple, or a set.")
    return frozenset(word.upper() for word in words)


@attrs.frozen(kw_only=True)
class TrackingSettings:
    """How waiting works.

    Raises:
        ConfigurationError: A time is no duration, or words are no collection.
    """

    #: Seconds after an order was accepted before it is looked for; default 10, the shortest time that the help centre
    #: gives for provisioning.
    first_look: float = 10.0
    #: Seconds between two reads, whatever number of orders is waited for; default 4, which is 5 % of what the API
    #: allows. Reads let orders go first.
    read_every: float = 4.0
    #: Seconds after an order was accepted before it is looked up by itself, because no list has shown it;
    #: default 90, the longest time that the help centre gives. An order that a list shows as not done is looked up
    #: when twice that time is over. Further looks come twice as late each, up to an hour.
    single_look: float = 90.0
    #: Words of the API that mean "it can be used", in any case. `ACTIVE` is documented for domains and mailboxes.
    active: frozenset[str] = attrs.field(default=("ACTIVE",), converter=_words)
    #: Words that mean "it will not come", in any case. The API's words are not documented; the defaults are those that
    #: the dashboard shows for orders (reference, section 13).
    failed: frozenset[str] = attrs.field(default=("FAILED", "REFUND", "REFUNDED"), converter=_words)
    #: Words of `GET /orders/status` that mean "done", for orders of which neither domains nor mailboxes are known.
    #: Default: none, because no source says what they are; the dashboard shows `Paid` for orders that succeeded.
    done: frozenset[str] = attrs.field(default=(), converter=_words)

    def __attrs_post_init__(self) -> None:
        for name in ("first_look", "read_every", "single_look"):
            if not is_duration(getattr(self, name), zero=name == "first_look"):
                least = "0 or more" if name == "first_look" else "more than 0"
                raise ConfigurationError(f"{name} must be {least} seconds: got {getattr(self, name)!r:.40}.")
