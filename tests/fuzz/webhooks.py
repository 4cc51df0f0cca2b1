"""The fuzz targets of webhooks: deliveries that were forged or damaged on their way, and bodies of any shape.

They have an oracle of their own: an HMAC that is computed from what arrived says whether a delivery may be taken.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import orjson
from hypothesis import strategies as st

from cmr_async.webhooks import (
    EVENT_TYPES,
    Event,
    Refusal,
    SignatureEncoding,
    SignatureScheme,
    TimestampUnit,
    VerifiedDelivery,
    parse,
    sign,
    verify,
)
from cmr_async.webhooks.events.fields import FIELDS
from tests.fuzz import inputs
from tests.fuzz.readers import KEY, Target

NOW = 1_780_000_000.0
SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "samples" / "webhooks").glob("*.json"))]

# Bodies

_WIRE = sorted({name for field in FIELDS.values() for name in field.wire_names})
_DATA = st.dictionaries(st.sampled_from(_WIRE) | st.text(max_size=3), inputs.json_values, max_size=6)
_NAMES = st.sampled_from(sorted(EVENT_TYPES)) | inputs.json_values
_OBJECTS = st.fixed_dictionaries(
    {},
    optional={
        "event": _NAMES,
        "eventType": _NAMES,
        "eventId": st.just("E1") | inputs.json_values,
        "actionId": st.just("A1") | inputs.json_values,
        "data": _DATA | inputs.json_values,
        "other": inputs.json_values,
    },
)
_BODIES = st.one_of(
    _OBJECTS.map(orjson.dumps),
    inputs.edited(
        SAMPLES,
        [b"{", b"}", b"[", b"]", b'"', b"\\u0000", b"\\ud800", b"\xff", b"null", b"1e999", b"9" * 400, b"[" * 2000],
    ),
    st.binary(max_size=20),
)
_SECRET = "hunter2-hunter2"
_SECRET_FIELDS = ("password", "appPassword", "authenticatorSecret", "smtpPassword")


def _read_body(body: bytes, _: Path) -> None:
    event = parse(body)
    if isinstance(event, Refusal):
        assert event.message.isprintable()
        return
    assert isinstance(event, get_args(Event))
    assert isinstance(hash(event), int)
    assert event.event_id is None or 0 < len(event.event_id) <= 256
    content = orjson.loads(body)
    data = content.get("data")
    if isinstance(data, dict):
        data |= dict.fromkeys(_SECRET_FIELDS, _SECRET)
    hidden = parse(orjson.dumps(content))
    assert type(hidden) is type(event)
    assert _SECRET not in repr(hidden)


# Deliveries

_SCHEMES = st.builds(
    SignatureScheme,
    signed_content=st.sampled_from(["{body}", "{body}", "{timestamp}.{body}", "v0:{timestamp}:{body}"]),
    encoding=st.sampled_from(SignatureEncoding),
    prefix=st.sampled_from([None, None, "sha256=", "v1="]),
    timestamp_unit=st.sampled_from(TimestampUnit),
    tolerance=st.sampled_from([300.0, 300.0, 0, None]),
)
_VALUES = st.one_of(
    st.text(max_size=9), st.binary(max_size=9), st.none(), st.integers(), st.sampled_from(
        ["", "sha256=", "v1=", "0" * 64, "A" * 43, "=" * 44, "g" * 64, "\u0660" * 10, "1_780_000_000", "nan", "1e9",
         "9" * 5000, "-1", "1780000000.5", "1780000000000", "\u00e9" * 64, " 0" * 32]
    ),
)  # fmt: skip
_ODD_HEADERS = st.one_of(
    st.none(), st.integers(), st.text(max_size=4), st.lists(st.tuples(_VALUES, _VALUES), max_size=3),
    st.lists(_VALUES, max_size=3), st.dictionaries(_VALUES, _VALUES, max_size=3),
)  # fmt: skip
_FORMS = st.sampled_from(["as they are", "upper", "bytes", "pairs", "pairs of bytes", "odd"])
#: What happens to a delivery on its way: to its body, its signature and its time.
_DAMAGES = st.fixed_dictionaries(
    {},
    optional={
        "body": st.tuples(st.integers(0, 600), st.integers(1, 255)),
        "signature": _VALUES | st.tuples(st.integers(0, 80), st.sampled_from("0aA=+ ")),
        "timestamp": _VALUES,
        "key": st.sampled_from(["another-key-of-length", KEY[:-1]]),
    },
)
_DELIVERIES = st.tuples(
    st.sampled_from(SAMPLES) | st.binary(max_size=12),
    _SCHEMES,
    _SCHEMES | st.none(),  # how it is verified, if otherwise than it was signed
    st.integers(-400, 400) | st.just(0),
    _DAMAGES | st.just({}),
    _FORMS,
    _ODD_HEADERS,
)


def _read_delivery(given: tuple[Any, ...], _: Path) -> None:
    body, signer, other, seconds, damages, form, odd = given
    scheme: SignatureScheme = other or signer
    headers: dict[str, Any] = dict(sign(body, key=damages.get("key", KEY), now=NOW, scheme=signer))
    if "body" in damages and body:
        at, flip = damages["body"]
        at %= len(body)
        body = body[:at] + bytes([body[at] ^ flip]) + body[at + 1 :]
    if "signature" in damages:
        headers["cmr-x-signature"] = _damaged(headers["cmr-x-signature"], damages["signature"])
    if "timestamp" in damages:
        headers["cmr-x-timestamp"] = damages["timestamp"]
    now = NOW + seconds
    result = verify(body, _in_form(headers, form, odd), keys=["another-key", KEY], now=now, scheme=scheme)
    assert KEY not in repr(result)
    if isinstance(result, Refusal):
        assert result.message.isprintable()
        untouched = not damages and form != "odd" and other is None
        in_time = scheme.tolerance is None or abs(seconds) <= scheme.tolerance
        assert not (untouched and in_time)
        return
    assert isinstance(result, VerifiedDelivery)
    assert (result.body, result.key_index) == (body, 1)
    assert form != "odd"
    assert _is_signed(body, headers, scheme)
    if scheme.tolerance is not None:
        assert result.sent_at is not None
        assert abs(now - result.sent_at) <= scheme.tolerance


def _damaged(text: str, damage: Any) -> Any:
    if isinstance(damage, tuple):
        at, char = damage
        return text[:at] + char + text[at + 1 :]
    return damage


def _in_form(headers: Mapping[str, Any], form: str, odd: Any) -> Any:
    match form:
        case "upper":
            return {name.upper(): value for name, value in headers.items()}
        case "bytes":
            return dict(_as_bytes(headers.items()))
        case "pairs":
            return list(headers.items())
        case "pairs of bytes":
            return iter(list(_as_bytes(headers.items())))
        case "odd":
            return odd
        case _:
            return headers


def _as_bytes(pairs: Iterable[tuple[str, Any]]) -> Iterable[tuple[bytes, Any]]:
    for name, value in pairs:
        yield name.encode(), value.encode("latin-1", "replace") if isinstance(value, str) else value


def _is_signed(body: bytes, headers: Mapping[str, Any], scheme: SignatureScheme) -> bool:
    """Tell by an HMAC of its own whether the signature that arrived is the one of this body."""
    text, time = (value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in headers.values())
    template = scheme.signed_content.replace("{timestamp}", time.strip())
    content = template.encode("latin-1", "replace").replace(b"{body}", body)
    digest = hmac.new(KEY.encode(), content, hashlib.sha256).digest()
    bare = text.strip().removeprefix(scheme.prefix or "sha256=")
    return bare.lower() == digest.hex() or bare.rstrip("=") == base64.b64encode(digest).decode().rstrip("=")


#: As many examples as all other readers together.
WEBHOOKS: Mapping[str, Target] = {
    "webhook deliveries": Target(share=50, given=_DELIVERIES, read=_read_delivery),
    "webhook bodies": Target(share=50, given=_BODIES, read=_read_body),
}
