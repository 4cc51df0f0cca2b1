"""The chart of a report: accepted orders over time, with labels that keep their size on a narrow screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

#: Orders a second that the API allows one key.
_PACE = 5
#: Units of the drawing, which is stretched to whatever room there is; the labels stand beside it, as text of the page.
_WIDTH, _HEIGHT = 1_000, 200
#: Points of the curve.
_POINTS = 500


def chart(done: Sequence[float], *, first_sent: float | None) -> str:
    """Draw accepted orders over time, next to the pace of the API, as a figure of HTML.

    Args:
        done: When orders were accepted, in seconds since the epoch, sorted.
        first_sent: When the first order was sent; `None`: not known.
    """
    if not done:
        return "<p>No order is accepted yet.</p>"
    start = min(done[0], first_sent or done[0])
    span, total = max(done[-1] - start, 1.0), len(done)

    def point(seconds: float, count: float) -> str:
        return f"{_WIDTH * seconds / span:.1f},{_HEIGHT - _HEIGHT * count / total:.1f}"

    step = max(1, -(-total // _POINTS))
    shown = sorted({*range(0, total, step), total - 1})
    line = " ".join([point(0, 0), *(point(done[index] - start, index + 1) for index in shown)])
    reached = min(span, total / _PACE)
    pace = f"{point(0, 0)} {point(reached, reached * _PACE)}"
    middle = f'<span class="middle">{total // 2:,}</span>' if total % 2 == 0 else ""
    return (
        '<figure class="chart">'
        f'<div class="counts"><span>{total:,}</span>{middle}<span>0</span></div>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{total:,} accepted orders over time">'
        f'<polyline class="pace" points="{pace}"/><polyline class="line" points="{line}"/></svg>'
        f'<div class="times"><span>{_date_and_time(start)}</span>'
        f'<span class="middle">{_date_and_time(start + span / 2)}</span><span>{_date_and_time(done[-1])}</span></div>'
        '<figcaption><span class="key"><span class="line-key"></span>accepted orders</span> '
        f'<span class="key"><span class="pace-key"></span>{_PACE} a second, the limit of the API</span></figcaption>'
        "</figure>"
    )


def _date_and_time(at: float) -> str:
    """Return a time that may only be broken into two lines between date and time."""
    date, _, time = time_text(at).partition(" ")
    return f"<b>{date}</b> <b>{time}</b>"


def time_text(at: float | None) -> str:
    """Return a time in UTC, to the second; empty without one."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
