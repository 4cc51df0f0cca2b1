"""Arithmetic of the rate limit: how many requests fall into a rolling second.

Pure functions over a deque of arrival times that the caller owns; no clock is read here.
Source: `api/reference.md` section 6 (5 requests a second per key). Whether the real window rolls is UNKNOWN;
the simulator rolls it, the strictest reading, so a client that passes here passes a fixed window too.
"""

from __future__ import annotations

from collections import deque

__all__ = ["WINDOW_SECONDS", "admit", "count"]

#: Length of the rolling window in seconds.
WINDOW_SECONDS = 1.0


def count(stamps: deque[float], now: float) -> int:
    """Add an arrival at `now` and count the arrivals of the last second, this one included.

    Args:
        stamps: arrival times in seconds, oldest first; changed in place.
        now: the time of this arrival in seconds, never before the last one.

    Returns:
        The number of arrivals in `(now - 1, now]`.
    """
    _forget(stamps, now)
    stamps.append(now)
    return len(stamps)


def admit(stamps: deque[float], now: float, limit: int) -> bool:
    """Decide whether a request at `now` fits under `limit`; a refused request does not use up the window.

    Args:
        stamps: times of the admitted requests in seconds, oldest first; changed in place.
        now: the time of this request in seconds.
        limit: requests allowed in one rolling second.

    Returns:
        True when the request is admitted (and remembered).
    """
    _forget(stamps, now)
    if len(stamps) >= limit:
        return False
    stamps.append(now)
    return True


def _forget(stamps: deque[float], now: float) -> None:
    edge = now - WINDOW_SECONDS
    while stamps and stamps[0] <= edge:
        stamps.popleft()
