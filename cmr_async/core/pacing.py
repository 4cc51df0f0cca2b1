"""The pace: when the next request of a key may leave, as arithmetic on a clock that the caller reads.

The API allows 5 requests a second (reference, section 6). Evenly spaced slots keep every rolling second within that
limit, but only with a gap above 200 ms: exactly 200 ms lets a sixth request in, 203 ms does not.
"""

from __future__ import annotations

import hashlib
import threading

__all__ = ["DEFAULT_GAP", "Pacer", "pace_name", "renew_locks", "shared_pacer"]

#: Seconds between two requests: 98.5 % of 5 requests a second.
DEFAULT_GAP = 0.203
#: A 429 widens the gap by this factor ...
_WIDER = 1.25
#: ... for so many seconds: someone else spends from the same limit.
_WIDER_FOR = 30.0


class Pacer:
    """Hands out time slots to any number of threads and event loops at once.

    It never sleeps and never reads a clock: callers pass `now` (`time.monotonic()`) and wait themselves.
    """

    def __init__(self) -> None:
        """Make a pacer whose first slot is free at once."""
        self._lock = threading.Lock()
        self._next = float("-inf")
        self._paused_until = float("-inf")
        self._wider_until = float("-inf")

    def reserve(self, now: float, gap: float = DEFAULT_GAP) -> float:
        """Take the next free slot and return the seconds to wait for it.

        Args:
            now: Reading of the clock, in seconds.
            gap: Seconds until the slot after this one; 0 turns pacing off (pauses after a 429 still hold).
        """
        with self._lock:
            slot = max(self._next, self._paused_until, now)
            self._next = slot + (gap * _WIDER if slot < self._wider_until else gap)
            return slot - now

    def pause(self, now: float, seconds: float) -> None:
        """Hold all slots back for some seconds, after the API refused a request with 429."""
        with self._lock:
            self._paused_until = max(self._paused_until, now + seconds)
            self._wider_until = max(self._wider_until, self._paused_until + _WIDER_FOR)

    def paused_for(self, now: float) -> float:
        """Seconds that the current pause still lasts; 0 without one.

        A waiter whose slot came up during a pause reserves another one.
        """
        return max(0.0, self._paused_until - now)

    def renew_lock(self) -> None:
        """Replace the lock; see `renew_locks`."""
        self._lock = threading.Lock()


_pacers: dict[str, Pacer] = {}
_registry_lock = threading.Lock()


def pace_name(origin: str, api_key: str) -> str:
    """Return the name of the pace of a key: a fingerprint that does not reveal the key."""
    return hashlib.sha256(f"{origin}\n{api_key}".encode()).hexdigest()


def shared_pacer(name: str) -> Pacer:
    """Return the one pacer that every client of this process with this pace shares."""
    with _registry_lock:
        return _pacers.setdefault(name, Pacer())


def renew_locks() -> None:
    """Replace all locks in a forked child: a thread that exists only in the parent may hold the inherited copies."""
    global _registry_lock  # noqa: PLW0603 - a lock copied by a fork cannot be released, only replaced
    _registry_lock = threading.Lock()
    for pacer in _pacers.values():
        pacer.renew_lock()
