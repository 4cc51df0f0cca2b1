"""A delivery is taken if one of the keys signed these very bytes lately, and is refused as a value otherwise."""

from __future__ import annotations

import base64
import hashlib
import hmac
import traceback
from typing import Any

import attrs
import pytest

from cmr_async.errors import ConfigurationError
from cmr_async.webhooks import (
    Refusal,
    RefusalReason,
    SignatureEncoding,
    SignatureScheme,
    TimestampUnit,
    VerifiedDelivery,
    sign,
    verify,
)

KEY = "the-partner-key-0123456789"
OTHER = "another-key-0123456789"
BODY = '{"event":"domain.expired","data":{"password":"hünter2"}}'.encode()
NOW = 1_780_000_000.0
HEX = hmac.new(KEY.encode(), BODY, hashlib.sha256).hexdigest()
HEADERS = {"cmr-x-signature": HEX, "cmr-x-timestamp": "1780000000"}


class Secret:
    """Like pydantic's `SecretStr`."""

    def get_secret_value(self) -> str:
        return KEY


def taken(body: Any = BODY, headers: Any = HEADERS, **settings: Any) -> VerifiedDelivery:
    result = verify(body, headers, **{"keys": KEY, "now": NOW, **settings})
    assert isinstance(result, VerifiedDelivery)
    return result


def refused(body: Any = BODY, headers: Any = HEADERS, **settings: Any) -> Refusal:
    result = verify(body, headers, **{"keys": KEY, "now": NOW, **settings})
    assert isinstance(result, Refusal)
    assert result.message.isprintable()
    assert KEY not in repr(result)
    return result


def test_a_signed_delivery_is_taken_with_its_bytes_time_and_key() -> None:
    assert taken() == VerifiedDelivery(body=BODY, sent_at=NOW, key_index=0)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_the_body_may_be_any_kind_of_bytes(kind: Any) -> None:
    assert taken(kind(BODY)).body == BODY


@pytest.mark.parametrize("body", [BODY.decode(), None, 5, {"event": "domain.expired"}, [BODY]])
def test_a_body_that_was_decoded_before_is_refused(body: object) -> None:
    refusal = refused(body)
    assert refusal.reason is RefusalReason.BODY_NOT_BYTES
    assert type(body).__name__ in refusal.message


@pytest.mark.parametrize("body", [BODY + b" ", BODY[:-1], b"", b"\xff\x00", BODY.replace(b"expired", b"renewed")])
def test_a_body_that_was_changed_is_refused(body: bytes) -> None:
    assert refused(body).reason is RefusalReason.WRONG_SIGNATURE


def test_a_body_that_is_too_long_is_refused() -> None:
    assert taken(max_body=len(BODY)).body == BODY
    refusal = refused(max_body=len(BODY) - 1)
    assert refusal.reason is RefusalReason.BODY_TOO_LONG
    assert refused(b"x" * 1_048_577).reason is RefusalReason.BODY_TOO_LONG


def test_several_keys_are_tried_and_the_right_one_is_told() -> None:
    assert taken(keys=[OTHER, KEY]).key_index == 1
    assert taken(keys=(key for key in (KEY, OTHER))).key_index == 0
    assert taken(keys=[OTHER, Secret()]).key_index == 1
    assert taken(keys=Secret()).key_index == 0
    assert refused(keys=[OTHER, OTHER]).reason is RefusalReason.WRONG_SIGNATURE


@pytest.mark.parametrize(
    "keys",
    ["", [], None, 5, b"bytes", [KEY, ""], [KEY, None], [KEY.encode()], {"live": KEY}, KEY + "\n", "k\u00e9y", [" "]],
)
def test_keys_that_cannot_be_meant_are_an_error_and_no_refusal(keys: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        verify(BODY, HEADERS, keys=keys, now=NOW)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("keys", [[KEY, ""], {"live": KEY}, [KEY, 5]])
def test_no_traceback_with_locals_shows_a_key(keys: Any) -> None:
    try:
        verify(BODY, HEADERS, keys=keys, now=NOW)
    except ConfigurationError as error:
        frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
        ours = [frame for frame in frames if "webhooks/verify" in frame.filename.replace("\\", "/")]
        assert ours
        assert [frame.name for frame in ours if KEY in str(frame.locals)] == []
    else:
        pytest.fail("the keys were taken")


@pytest.mark.parametrize("now", ["1780000000", float("nan"), -1, 1_780_000_000_000, 10**400])
def test_a_wrong_time_of_now_is_an_error(now: Any) -> None:
    with pytest.raises(ConfigurationError, match="now must be seconds since 1970"):
        verify(BODY, HEADERS, keys=KEY, now=now)


@pytest.mark.parametrize("settings", [{"scheme": None}, {"scheme": "{body}"}, {"max_body": 0}, {"max_body": "1"}])
def test_other_settings_of_a_wrong_type_are_errors(settings: Any) -> None:
    (name,) = settings
    with pytest.raises(ConfigurationError, match=f"{name} must be"):
        verify(BODY, HEADERS, keys=KEY, now=NOW, **settings)


# Headers


@pytest.mark.parametrize(
    "headers",
    [
        {"CMR-X-Signature": HEX, "Cmr-X-Timestamp": "1780000000", "Host": "h"},
        {b"cmr-x-signature": HEX.encode(), b"cmr-x-timestamp": b"1780000000"},
        [("Cmr-X-Signature", f" {HEX} "), ("Cmr-X-Timestamp", "1780000000")],
        [(b"cmr-x-timestamp", b"1780000000"), (b"cmr-x-signature", HEX.upper().encode())],
        iter(HEADERS.items()),
    ],
)
def test_headers_may_have_any_form_and_any_case(headers: Any) -> None:
    assert taken(headers=headers).sent_at == NOW


@pytest.mark.parametrize("headers", [None, 5, "headers", [1], [("a",)], [("a", "b", "c")], {1: 2}, [(b"a", 5), 7]])
def test_what_is_no_headers_is_refused(headers: Any) -> None:
    assert refused(headers=headers).reason is RefusalReason.UNREADABLE_HEADERS


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("cmr-x-signature", None, RefusalReason.NO_SIGNATURE),
        ("cmr-x-signature", " ", RefusalReason.NO_SIGNATURE),
        ("cmr-x-signature", "v1=abc", RefusalReason.UNREADABLE_SIGNATURE),
        ("cmr-x-signature", HEX[:-1], RefusalReason.UNREADABLE_SIGNATURE),
        ("cmr-x-signature", "g" * 64, RefusalReason.UNREADABLE_SIGNATURE),
        ("cmr-x-signature", "ä" * 64, RefusalReason.UNREADABLE_SIGNATURE),
        ("cmr-x-signature", " 0" * 32, RefusalReason.UNREADABLE_SIGNATURE),
        ("cmr-x-signature", "0" * 64, RefusalReason.WRONG_SIGNATURE),
        ("cmr-x-timestamp", None, RefusalReason.NO_TIMESTAMP),
        ("cmr-x-timestamp", "", RefusalReason.NO_TIMESTAMP),
        ("cmr-x-timestamp", "abc", RefusalReason.UNREADABLE_TIMESTAMP),
        ("cmr-x-timestamp", "9" * 5000, RefusalReason.UNREADABLE_TIMESTAMP),
        ("cmr-x-timestamp", "-1780000000", RefusalReason.UNREADABLE_TIMESTAMP),
        ("cmr-x-timestamp", "1e9", RefusalReason.UNREADABLE_TIMESTAMP),
        ("cmr-x-timestamp", "١٧٨", RefusalReason.UNREADABLE_TIMESTAMP),
        ("cmr-x-timestamp", "nan", RefusalReason.UNREADABLE_TIMESTAMP),
        ("cmr-x-timestamp", "1780000000.", RefusalReason.UNREADABLE_TIMESTAMP),
    ],
)
def test_a_missing_or_broken_header_is_refused(name: str, value: str | None, reason: RefusalReason) -> None:
    headers = {other: text for other, text in {**HEADERS, name: value}.items() if text is not None}
    assert refused(headers=headers).reason is reason


def test_nothing_is_taken_without_a_signature_whatever_the_key_is() -> None:
    assert refused(headers={}, keys="a").reason is RefusalReason.NO_SIGNATURE


# The window


@pytest.mark.parametrize("seconds", [0, 300, -300, 299.5])
def test_a_delivery_within_five_minutes_on_either_side_is_taken(seconds: float) -> None:
    assert taken(now=NOW + seconds).sent_at == NOW


@pytest.mark.parametrize(
    ("seconds", "reason", "said"),
    [
        (301, RefusalReason.TOO_OLD, "It was sent 301 seconds ago; up to 300 are taken."),
        (-301, RefusalReason.TOO_NEW, "Its time is 301 seconds ahead of this machine's; up to 300 are taken."),
        (-94_608_000, RefusalReason.TOO_NEW, "94,608,000 seconds ahead"),
    ],
)
def test_a_delivery_beyond_that_is_refused_on_either_side(seconds: float, reason: RefusalReason, said: str) -> None:
    refusal = refused(now=NOW + seconds)
    assert refusal.reason is reason
    assert said in refusal.message


def test_a_time_far_off_is_refused_only_when_the_signature_is_right() -> None:
    assert refused(now=NOW + 9999, keys=OTHER).reason is RefusalReason.WRONG_SIGNATURE


def test_without_a_window_every_time_is_taken_and_none_too() -> None:
    scheme = SignatureScheme(tolerance=None)
    assert taken(now=0, scheme=scheme).sent_at == NOW
    assert taken(headers={"cmr-x-signature": HEX}, scheme=scheme).sent_at is None
    signed = SignatureScheme(tolerance=None, signed_content="{timestamp}.{body}")
    assert refused(headers={"cmr-x-signature": HEX}, scheme=signed).reason is RefusalReason.NO_TIMESTAMP


def test_the_clock_of_this_machine_is_the_default() -> None:
    assert isinstance(verify(BODY, sign(BODY, key=KEY), keys=KEY), VerifiedDelivery)
    assert isinstance(verify(BODY, HEADERS | {"cmr-x-timestamp": "1"}, keys=KEY), Refusal)


# Schemes


@pytest.mark.parametrize("prefix", [None, "v1=", "sha256="])
@pytest.mark.parametrize("encoding", SignatureEncoding)
@pytest.mark.parametrize("content", ["{body}", "{timestamp}.{body}", "v0:{timestamp}:{body}:{timestamp}"])
@pytest.mark.parametrize("unit", TimestampUnit)
def test_what_sign_makes_is_taken_by_the_same_scheme(
    prefix: str | None, encoding: SignatureEncoding, content: str, unit: TimestampUnit
) -> None:
    scheme = SignatureScheme(
        prefix=prefix, encoding=encoding, signed_content=content, timestamp_unit=unit, signature_header="X-Sig"
    )
    headers = sign(BODY, key=KEY, now=NOW, scheme=scheme)
    assert set(headers) == {"X-Sig", "cmr-x-timestamp"}
    assert taken(headers=headers, scheme=scheme) == VerifiedDelivery(body=BODY, sent_at=NOW, key_index=0)


def test_a_scheme_that_signs_the_time_notices_another_time() -> None:
    scheme = SignatureScheme(signed_content="{timestamp}.{body}")
    headers = sign(BODY, key=KEY, now=NOW, scheme=scheme)
    expected = hmac.new(KEY.encode(), b"1780000000." + BODY, hashlib.sha256).hexdigest()
    assert headers == {"cmr-x-signature": expected, "cmr-x-timestamp": "1780000000"}
    moved = headers | {"cmr-x-timestamp": "1780000001"}
    assert refused(headers=moved, scheme=scheme).reason is RefusalReason.WRONG_SIGNATURE


def test_what_is_signed_is_never_guessed() -> None:
    timed = SignatureScheme(signed_content="{timestamp}.{body}")
    assert refused(scheme=timed).reason is RefusalReason.WRONG_SIGNATURE
    assert refused(headers=sign(BODY, key=KEY, now=NOW, scheme=timed)).reason is RefusalReason.WRONG_SIGNATURE


def test_base64_is_taken_in_its_usual_forms() -> None:
    digest = hmac.new(KEY.encode(), BODY, hashlib.sha256).digest()
    usual = base64.b64encode(digest).decode()
    for text in (usual, usual.rstrip("="), base64.urlsafe_b64encode(digest).decode(), f"sha256={usual}"):
        assert taken(headers=HEADERS | {"cmr-x-signature": text}).key_index == 0


@pytest.mark.parametrize("body", ["text", None, bytearray(b"a")])
def test_only_bytes_are_signed(body: Any) -> None:
    with pytest.raises(ConfigurationError, match="The body to sign must be bytes"):
        sign(body, key=KEY)


def test_the_comparison_takes_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    real = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert refused(keys=[OTHER, KEY + "x"]).reason is RefusalReason.WRONG_SIGNATURE
    assert [(type(one), len(one), len(other)) for one, other in compared] == [(bytes, 32, 32)] * 2


def test_no_repr_shows_the_body() -> None:
    assert "nter2" not in repr(taken())
    assert attrs.fields(VerifiedDelivery).body.repr is False
