"""What is drawn in a world: how long things take, and what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import attrs

from tests.world.network import Sent


@attrs.frozen(kw_only=True)
class Weather:
    """How likely which fault is."""

    #: The share of requests of which something goes wrong.
    rate: float = 0.35
    #: The faults and their weights.
    faults: Mapping[str, float] = attrs.field(factory=dict)
    #: The share of connections that are refused.
    refused: float = 0.05
    #: The share of commits that the disk refuses.
    full: float = 0.0
    #: The share of deliveries of webhooks whose handler fails, and of answers to them that are lost.
    delivery: float = 0.0
    #: The share of answers about what became of orders that come from an old copy.
    stale: float = 0.0


CALM = Weather(rate=0.0, refused=0.0)


class Draw:
    """The one source of chance in a world."""

    def __init__(self, seed: str, weather: Weather, most_faults: int | None = None) -> None:
        self.rng = Random(seed)
        #: Faults that may still happen; `None`: any number.
        self._left = float("inf") if most_faults is None else most_faults
        self.weather = weather
        self._faults = [*weather.faults]
        self._weights = [*weather.faults.values()]

    def calm_down(self) -> None:
        """Let nothing go wrong from now on."""
        self.weather = CALM

    def way(self) -> float:
        """Seconds that bytes are under way."""
        return self.rng.choice((0.0, 0.001, 0.02, 0.3)) * self.rng.random()

    def working(self) -> float:
        """Seconds that the journal's thread takes for a part of a job."""
        return self.rng.choice((0.0, 0.0001, 0.0004)) * self.rng.random()

    def connecting(self) -> float:
        """Seconds until there is a connection; some take longer than the client waits."""
        if self.weather.refused and self.rng.random() < 0.03:
            return 6.0
        return self.way()

    def refuses(self) -> bool:
        """Whether a connection is refused."""
        return self._happens(self.weather.refused)

    def disk_is_full(self) -> bool:
        """Whether the disk refuses a commit."""
        return self._happens(self.weather.full)

    def delivery_fails(self) -> bool:
        """Whether a handler fails, or an answer to a delivery is lost."""
        return self._happens(self.weather.delivery)

    def staleness(self) -> float:
        """How many seconds old the copy is that a request is answered from."""
        return 10.0 * self.rng.random() if self._happens(self.weather.stale) else 0.0

    def fault(self, sent: Sent) -> str:
        """Return what goes wrong with a request; empty if nothing does."""
        if not self._faults or not self._happens(self.weather.rate if sent.spends else self.weather.rate / 4):
            return ""
        fault = self.rng.choices(self._faults, self._weights)[0]
        self._left -= 1
        return fault if self._left >= 0 else ""

    def _happens(self, share: float) -> bool:
        return share > 0 and self.rng.random() < share
