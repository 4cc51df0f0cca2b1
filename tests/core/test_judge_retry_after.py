"""The wait that a 429 asks for: seconds or a date, and never an error, whatever the header holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmr_async.core.judge import retry_after


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2", 2.0),
        ("0.5", 0.5),
        (" 3 ", 3.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("nan", None),
        ("inf", None),
        ("1e999", None),
        ("soon", None),
        ("", None),
        ("Mon, 99 Foo 2024", None),
        ("Mon, 23 Nov 2026 12:00:07 +99999999999999999999", None),
        ("Mon, 23 Nov 99999999999999 12:00:07 GMT", None),
    ],
)
def test_retry_after_in_seconds(text: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": text}) == seconds


def test_retry_after_is_none_without_the_header() -> None:
    assert retry_after({}) is None


@pytest.mark.parametrize(
    ("date", "until", "seconds"),
    [
        ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2015 07:28:30 GMT", "Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:30 -0000", None),
    ],
)
def test_retry_after_as_a_date_is_measured_by_the_servers_clock(date: str, until: str, seconds: float | None) -> None:
    assert retry_after({"retry-after": until, "date": date}) == seconds


def test_retry_after_as_a_date_without_the_servers_clock_uses_ours() -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    latest = (until - datetime.now(UTC)).total_seconds()
    seconds = retry_after({"retry-after": format_datetime(until, usegmt=True)})
    assert seconds is not None
    assert (until - datetime.now(UTC)).total_seconds() <= seconds <= latest


@given(st.text(), st.none() | st.text())
def test_retry_after_never_raises_and_is_never_negative(text: str, date: str | None) -> None:
    seconds = retry_after({"retry-after": text} if date is None else {"retry-after": text, "date": date})
    assert seconds is None or 0 <= seconds < float("inf")
