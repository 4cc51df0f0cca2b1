"""The pace: when the next request of a key may leave, as arithmetic on a clock that the caller reads.

The API allows 5 requests a second (reference, section 6). Evenly spaced slots keep every rolling second within that
limit, but only with a gap above 200 ms: exactly 200 ms lets a sixth request in, 203 ms does not.

A 429 is a measurement. What got through in the second before it is what the API lets through now: the gap follows it
at once, and one more a second is tried from time to time. A 429 although no more left than the gap allows comes from a
network that moves requests together: the gap is spread by a few percent then.
"""

from __future__ import annotations

import hashlib
import threading

import attrs

#: Seconds between two requests: 98.5 % of 5 requests a second.
DEFAULT_GAP = 0.203

#: Of a measured limit, a gap uses 98.5 %.
_SECOND = 1.015
#: Seconds before a refused request in which others count as of the same second, so much may the network move them.
_LATELY = 1.06
#: Seconds for which slots are known: refusals of that age still tell something. And how many, for other limits.
_KNOWN_FOR, _MOST = 5.0, 100
#: Seconds to wait after a 429 that says nothing, when nothing else is known.
_PAUSE = 1.0

#: Seconds until one more a second is tried; an attempt that fails makes it longer by a factor, up to a maximum.
_PROBE_AFTER, _LONGER, _PROBE_AFTER_AT_MOST = 15.0, 1.6, 60.0
#: Seconds of slots that show whether the API takes one more.
_PROBED = 3.0

#: What a 429 of the network spreads the gap by, what all of them do at most, and what is taken back at a time.
_SPREAD, _SPREAD_AT_MOST, _LESS = 1.02, 1.045, 0.006

#: Of so many slots, calls that read get one while others wait.
_READS_GET_ONE_OF = 25

#: Below this gap, in seconds, nothing is measured: a server of one's own has no such limit.
_SMALLEST = 0.01


@attrs.frozen(kw_only=True)
class Slot:
    """What a schedule answers to somebody who wants to send."""

    #: Seconds to wait.
    wait: float
    #: When the slot is, on the clock of the schedule; `None`: others go first, ask again after the wait.
    at: float | None
    #: The gap that the client was set to, in seconds.
    gap: float
    #: Which spacing it belongs to: after a refusal, slots of before are not used.
    era: int


@attrs.frozen(kw_only=True)
class Pace:
    """How fast a client may send now, as `client.pace` and `run.pace` tell it."""

    #: Seconds between two requests at present; 0: pacing is off.
    gap: float
    #: Requests a second that the API was found to take from all who share this pace; `None`: what the client is set to.
    limit: float | None
    #: Seconds that the pause after a 429 still lasts; 0 without one.
    paused_for: float
    #: Calls of this client that wait for a slot and do not only read: orders and drafts.
    orders_waiting: int = 0
    #: Calls of this client that wait for a slot and only read.
    reads_waiting: int = 0


@attrs.define(kw_only=True)
class Schedule:
    """The slots of one key. It never reads a clock, so that a process and a database can both keep one.

    The times are seconds on one clock that starts at 0 or later.
    """

    #: The next free slot.
    next: float = 0.0
    #: No slot is before this.
    paused_until: float = 0.0
    #: Slots of before the last refusal belong to another era.
    era: int = 0
    #: End of the gap after the last slot of a call that does more than read ...
    busy_until: float = 0.0
    #: ... and the last slot of one that only reads.
    read_at: float = 0.0
    #: The last slots, oldest first, without those that were refused.
    used: list[float] = attrs.field(factory=list)
    #: Refusals of slots up to this one were counted.
    counted: float = -1.0
    #: Requests a second that were found to get through; 0: nothing is known.
    limit: float = 0.0
    #: The limit before the attempt to send more; 0: there is none at present.
    limit_before: float = 0.0
    #: When the first slot of the last attempt was.
    probed_at: float = 0.0
    #: When to try next.
    probe_at: float = 0.0
    #: Seconds from a failed attempt to the next.
    probe_after: float = _PROBE_AFTER
    #: Factor of the gap, for a network that moves requests together.
    spread: float = 1.0
    #: When to spread less.
    narrow_at: float = 0.0
    #: When that was done last.
    narrowed_at: float = 0.0
    #: Seconds from a refusal until then.
    narrow_after: float = _PROBE_AFTER

    def gap(self, gap: float) -> float:
        """Return the present gap for a client that is set to one."""
        if gap < _SMALLEST:
            return gap
        return max(gap, _SECOND / self.limit if self.limit else 0.0) * self.spread

    def reserve(self, now: float, gap: float, *, reads: bool = False) -> Slot:
        """Take the next free slot.

        Args:
            now: Reading of the clock.
            gap: Seconds that the client is set to; 0 turns pacing off (pauses still hold).
            reads: The call only reads: it lets others go first, but for one slot of 25.
        """
        if gap < _SMALLEST:
            slot = max(self.next, self.paused_until, now)
            self.next = slot + gap
            return Slot(wait=slot - now, at=slot, gap=gap, era=self.era)
        self._try_more(now, gap)
        present = self.gap(gap)
        turn = (_READS_GET_ONE_OF - 0.5) * present
        if reads and now < self.busy_until and self.busy_until - self.read_at < turn:
            return Slot(wait=self.busy_until - now, at=None, gap=gap, era=self.era)
        slot = max(self.next, self.paused_until, now)
        self.next = slot + present
        if reads:
            self.read_at = slot
        else:
            self.busy_until = self.next
        self.used = [*(used for used in self.used[-_MOST:] if used > slot - _KNOWN_FOR), slot]
        return Slot(wait=slot - now, at=slot, gap=gap, era=self.era)

    def pause(self, now: float, seconds: float, gap: float, *, last: float = 0.0) -> None:
        """Use no slot for some seconds; those that were handed out for later are handed out anew.

        `last` is the slot of a request that left, if it was refused.
        """
        self.paused_until = max(self.paused_until, now + seconds)
        self.used = [used for used in self.used if used <= now]
        self.next = max(self.paused_until, max([last, *self.used[-1:]]) + self.gap(gap))
        self.era += 1

    def refused(self, now: float, slot: Slot, asked: float | None) -> float:
        """Learn from a 429, and pause; return for how long.

        Args:
            now: Reading of the clock.
            slot: The slot of the request that was refused.
            asked: Seconds that the answer asked to wait; `None`: it did not say, so the pause lasts until the second
                before has room again.
        """
        at = now if slot.at is None else slot.at
        self.used = [used for used in self.used if used != at and used <= now]
        lately = [used for used in self.used if at - _LATELY < used < at]
        if at > self.counted and slot.gap >= _SMALLEST:
            self._learn(now, slot.gap, len(lately))
            self.counted = now
        if asked is None:
            asked = max(0.0, lately[0] + _SECOND - now) if lately else _PAUSE
        self.pause(now, asked, slot.gap, last=min(at, now))
        return asked

    def pace(self, now: float, gap: float) -> Pace:
        """Return how fast a client that is set to a gap may send now."""
        paused_for = max(0.0, self.paused_until - now)
        return Pace(gap=self.gap(gap), limit=self.limit or None, paused_for=paused_for)

    def _learn(self, now: float, gap: float, got_through: int) -> None:
        """Follow what got through in the second before a refusal."""
        if self.limit_before:
            self.limit, self.limit_before = self.limit_before, 0.0
            self.probe_after = min(self.probe_after * _LONGER, _PROBE_AFTER_AT_MOST)
            self.probe_at = now + self.probe_after
        elif got_through >= max(1, round(1 / self.gap(gap))):
            soon = now - self.narrowed_at < _PROBE_AFTER
            self.narrow_after = min(self.narrow_after * _LONGER, _PROBE_AFTER_AT_MOST) if soon else _PROBE_AFTER
            self.narrow_at = now + self.narrow_after
            self.spread = min(self.spread * _SPREAD, _SPREAD_AT_MOST)
        else:
            # Without any, others use the limit, and nobody knows how much of it is left
            self.limit = max(1.0, got_through or 0.5 / self.gap(gap))
            self.probe_after = _PROBE_AFTER
            self.probe_at = now + self.probe_after

    def _try_more(self, now: float, gap: float) -> None:
        """Send a little faster, if it is time to."""
        if self.limit_before and now >= self.probed_at + _PROBED:  # the API takes it
            self.limit_before, self.probe_after = 0.0, _PROBE_AFTER
        if self.limit and now >= self.probe_at:
            self.limit_before = self.limit
            self.limit += max(1.0, self.limit / 5)
            if _SECOND / self.limit <= gap:
                self.limit = 0.0
            self.probed_at = max(self.next, now)
            self.probe_at = self.probed_at + _PROBE_AFTER
        if self.spread > 1 and now >= self.narrow_at:
            self.spread = max(1.0, self.spread - _LESS)
            self.narrowed_at, self.narrow_at = now, now + self.narrow_after


class Pacer:
    """The schedule of this process: any number of threads and event loops may use it at once.

    It never sleeps and never reads a clock: callers pass `now` (`time.monotonic()`) and wait themselves.
    """

    def __init__(self) -> None:
        """Make a pacer whose first slot is free at once."""
        self._lock = threading.Lock()
        self._schedule = Schedule()

    def reserve(self, now: float, gap: float = DEFAULT_GAP, *, reads: bool = False) -> Slot:
        """Take the next free slot; see `Schedule.reserve`."""
        with self._lock:
            return self._schedule.reserve(now, gap, reads=reads)

    def holds(self, slot: Slot) -> bool:
        """Tell whether a slot may be used: no request was refused since it was handed out."""
        return slot.era == self._schedule.era

    def pause(self, now: float, seconds: float, gap: float = DEFAULT_GAP) -> None:
        """Hold all slots back for some seconds, and learn nothing from it."""
        with self._lock:
            self._schedule.pause(now, seconds, gap)

    def refused(self, now: float, slot: Slot, asked: float | None) -> float:
        """Learn from a 429, and hold all slots back; return for how long. See `Schedule.refused`."""
        with self._lock:
            return self._schedule.refused(now, slot, asked)

    def pace(self, now: float, gap: float) -> Pace:
        """Return how fast a client that is set to a gap may send now."""
        with self._lock:
            return self._schedule.pace(now, gap)

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
