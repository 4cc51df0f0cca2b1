"""The settings of a signature: their documented defaults, what they read, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest

from cmr_async.errors import ConfigurationError
from cmr_async.webhooks import SignatureEncoding, SignatureScheme, TimestampUnit

DIGEST = bytes(range(224, 256))
HEX = DIGEST.hex()
BASE64 = "4OHi4+Tl5ufo6err7O3u7/Dx8vP09fb3+Pn6+/z9/v8="


def test_the_defaults_are_the_plain_reading_of_the_sources() -> None:
    assert SignatureScheme() == SignatureScheme(
        signed_content="{body}",
        encoding=SignatureEncoding.AUTO,
        prefix=None,
        timestamp_unit=TimestampUnit.AUTO,
        tolerance=300.0,
        signature_header="cmr-x-signature",
        timestamp_header="cmr-x-timestamp",
    )


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"signed_content": "{timestamp}"}, "signed_content"),
        ({"signed_content": "{body}{body}"}, "signed_content"),
        ({"signed_content": ""}, "signed_content"),
        ({"signed_content": b"{body}"}, "signed_content"),
        ({"encoding": "hex"}, "encoding"),
        ({"prefix": ""}, "prefix"),
        ({"prefix": 5}, "prefix"),
        ({"timestamp_unit": "seconds"}, "timestamp_unit"),
        ({"tolerance": -1}, "tolerance"),
        ({"tolerance": True}, "tolerance"),
        ({"tolerance": float("inf")}, "tolerance"),
        ({"signature_header": " "}, "signature_header"),
        ({"signature_header": "a\nb"}, "signature_header"),
        ({"timestamp_header": None}, "timestamp_header"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_an_error_that_names_it(settings: Any, name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        SignatureScheme(**settings)


@pytest.mark.parametrize(
    ("encoding", "text", "is_read"),
    [
        (SignatureEncoding.AUTO, HEX, True),
        (SignatureEncoding.AUTO, HEX.upper(), True),
        (SignatureEncoding.AUTO, BASE64, True),
        (SignatureEncoding.AUTO, f"sha256={HEX}", True),
        (SignatureEncoding.AUTO, f"v1={HEX}", False),
        (SignatureEncoding.AUTO, HEX + "00", False),
        (SignatureEncoding.AUTO, BASE64[:-4], False),
        (SignatureEncoding.AUTO, "é" * 64, False),
        (SignatureEncoding.HEX, HEX, True),
        (SignatureEncoding.HEX, BASE64, False),
        (SignatureEncoding.BASE64, BASE64, True),
        (SignatureEncoding.BASE64, HEX, False),
    ],
)
def test_a_signature_is_read_as_32_bytes_or_not_at_all(
    encoding: SignatureEncoding, text: str, *, is_read: bool
) -> None:
    assert SignatureScheme(encoding=encoding).signature(text) == (DIGEST if is_read else None)


def test_a_prefix_that_is_set_has_to_be_there() -> None:
    scheme = SignatureScheme(prefix="v1=")
    assert scheme.signature(f"v1={HEX}") == DIGEST
    assert scheme.signature(HEX) is None
    assert scheme.signature(f"sha256={HEX}") is None


@pytest.mark.parametrize(
    ("unit", "text", "seconds"),
    [
        (TimestampUnit.AUTO, "1780000000", 1_780_000_000.0),
        (TimestampUnit.AUTO, "1780000000123", 1_780_000_000.123),
        (TimestampUnit.AUTO, "1780000000.5", 1_780_000_000.5),
        (TimestampUnit.AUTO, "99999999999", 99_999_999_999.0),
        (TimestampUnit.AUTO, "100000000000", 100_000_000.0),
        (TimestampUnit.SECONDS, "100000000000", 100_000_000_000.0),
        (TimestampUnit.MILLISECONDS, "5000", 5.0),
        (TimestampUnit.AUTO, "", None),
        (TimestampUnit.AUTO, "1 ", None),
        (TimestampUnit.AUTO, "1.", None),
        (TimestampUnit.AUTO, "1.x", None),
        (TimestampUnit.AUTO, "1_0", None),
        (TimestampUnit.AUTO, "+1", None),
        (TimestampUnit.AUTO, "1" * 17, None),
    ],
)
def test_a_time_is_read_in_the_unit_that_is_set_or_looks_right(
    unit: TimestampUnit, text: str, seconds: float | None
) -> None:
    assert SignatureScheme(timestamp_unit=unit).time(text) == seconds


def test_only_the_template_is_filled_and_never_the_body() -> None:
    scheme = SignatureScheme(signed_content="{timestamp}.{body}")
    assert scheme.content(b"{timestamp}{body}", "5") == b"5.{timestamp}{body}"
    assert scheme.signs_timestamp is True
    assert SignatureScheme().content(b"{timestamp}", "5") == b"{timestamp}"
    assert SignatureScheme().signs_timestamp is False
