"""Decide whether a delivery comes from the API: the one check between the network and everything that trusts it.

A delivery that is not genuine is a value, a `Refusal`, because a receiver has to answer it. What the caller set wrong
is a `ConfigurationError`: as a refusal it would turn every delivery away, and nobody would notice.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import attrs

from ..core.account import SecretText
from ..errors import ConfigurationError
from .headers import Headers, find_headers
from .refusal import Refusal, RefusalReason
from .scheme import SignatureScheme

#: Bytes of a body that are taken unless the caller says otherwise: 1 MiB.
LONGEST_BODY = 1_048_576

#: One key or several.
Keys: TypeAlias = str | SecretText | Iterable[str | SecretText]

_DOCUMENTED = SignatureScheme()
#: In the year 5138; a time beyond it is in milliseconds.
_LAST_TIME = 1e11


@attrs.frozen(kw_only=True)
class VerifiedDelivery:
    """A delivery that was signed with one of the keys. `parse` turns it into an event."""

    #: The body, byte for byte as it was signed; in no repr, because events hold passwords.
    body: bytes = attrs.field(repr=False)
    #: When it was sent, by its own header, in seconds since 1970; `None` where the scheme takes deliveries without a
    #: time. It proves nothing unless the scheme signs it.
    sent_at: float | None
    #: Which of the keys signed it: its position in what was given, from 0.
    key_index: int


def verify(
    body: bytes,
    headers: Headers,
    *,
    keys: Keys,
    now: float | None = None,
    scheme: SignatureScheme = _DOCUMENTED,
    max_body: int = LONGEST_BODY,
) -> VerifiedDelivery | Refusal:
    """Check the signature and the time of a delivery.

    Whatever is sent by strangers, the answer is a value. Signatures are compared in constant time.

    Source: the help centre, "Setting Up Your Webhook Endpoint" (reference, section 9.2).

    Args:
        body: The body of the request as the bytes that came, not decompressed, decoded or parsed.
        headers: The headers of the request: a mapping or pairs, text or bytes, names in any case.
        keys: The Partner API key, or several while one takes the place of another: text, or objects with
            `get_secret_value()`. Which key signs deliveries of the sandbox is not documented; its own is likely.
        now: Seconds since 1970; by default the time of this machine.
        scheme: How deliveries are signed, where no source says it. The default is the plain reading of the sources.
        max_body: Longest body in bytes; a longer one is refused before anything is computed.

    Returns:
        The delivery, or why it is not taken. Answer a refusal with 400, and a delivery with 2xx only once its effect
        is stored: the API does not send it again then.

    Raises:
        ConfigurationError: There is no usable key, or `now`, `scheme` or `max_body` has the wrong type. The message
            holds no key.
    """
    secrets = Secrets(keys)
    del keys  # before anything can raise: a traceback with locals would show them
    return verify_with(secrets, body, headers, now=now, scheme=scheme, max_body=max_body)


def verify_with(
    secrets: Secrets, body: bytes, headers: Headers, *, now: float | None, scheme: SignatureScheme, max_body: int
) -> VerifiedDelivery | Refusal:
    """Do what `verify` does, with keys that were made ready before."""
    _check_settings(secrets, now, scheme, max_body)
    if not isinstance(body, (bytes, bytearray, memoryview)):
        said = f"The body is {type(body).__name__}, not bytes: verify the raw body of the request."
        return Refusal(reason=RefusalReason.BODY_NOT_BYTES, message=said)
    raw = bytes(body)
    if len(raw) > max_body:
        said = f"The body has {len(raw):,} bytes, more than the {max_body:,} that are taken."
        return Refusal(reason=RefusalReason.BODY_TOO_LONG, message=said)
    signed = _signed(headers, scheme)
    if isinstance(signed, Refusal):
        return signed
    index = secrets.index_of(signed.signature, scheme.content(raw, signed.timestamp))
    if index is None:
        return Refusal(
            reason=RefusalReason.WRONG_SIGNATURE,
            message="None of the keys made this signature. If it comes from the API, the key, the raw body or the "
            "SignatureScheme is not the right one.",
        )
    refusal = _outside_window(signed.sent_at, time.time() if now is None else now, scheme.tolerance)
    return VerifiedDelivery(body=raw, sent_at=signed.sent_at, key_index=index) if refusal is None else refusal


def sign(
    body: bytes, *, key: str | SecretText, now: float | None = None, scheme: SignatureScheme = _DOCUMENTED
) -> dict[str, str]:
    """Return the headers of a delivery, signed as `verify` expects it: for tests of your receiver.

    Args:
        body: The body of the delivery.
        key: The key to sign it with: text, or an object with `get_secret_value()`.
        now: When it is sent, in seconds since 1970; by default the time of this machine.
        scheme: How it is signed. With `SignatureEncoding.AUTO` the signature is hexadecimal, with
            `TimestampUnit.AUTO` the time is in seconds.

    Raises:
        ConfigurationError: There is no usable key, or another argument has the wrong type.
    """
    secrets = Secrets(key)
    del key
    _check_settings(secrets, now, scheme, LONGEST_BODY)
    if not isinstance(body, bytes):
        raise ConfigurationError("The body to sign must be bytes.")
    timestamp = scheme.time_text(time.time() if now is None else now)
    signature = scheme.signature_text(secrets.signature(scheme.content(body, timestamp)))
    return {scheme.signature_header: signature, scheme.timestamp_header: timestamp}


class Secrets:
    """The keys as bytes; no repr shows them."""

    __slots__ = ("_keys", "fault")

    def __init__(self, keys: object) -> None:
        self._keys: list[bytes] = []
        #: Why they cannot be used; `None` if they can. Raised by the caller, whose frame still holds the keys.
        self.fault: str | None = None
        try:
            for one in _listed(keys):
                text = one if isinstance(one, str) else one.get_secret_value()
                if not (text and text.isascii() and text.isprintable() and " " not in text):
                    self.fault = "A key of a webhook must be printable ASCII without spaces, and not empty."
                self._keys.append(text.encode())
        except Exception as error:  # noqa: BLE001 - whatever it is may show a key
            self.fault = f"keys must be text, an object with get_secret_value(), or several: {type(error).__name__}."
        if not self._keys and not self.fault:
            self.fault = "There is no key to verify with: the Partner API key signs deliveries."

    def index_of(self, signature: bytes, content: bytes) -> int | None:
        """Return the position of the key that made a signature; `None` if none did."""
        for index, key in enumerate(self._keys):
            if hmac.compare_digest(signature, hmac.digest(key, content, "sha256")):
                return index
        return None

    def signature(self, content: bytes) -> bytes:
        """Return the signature of the first key."""
        return hmac.digest(self._keys[0], content, "sha256")


def _listed(keys: Any) -> list[Any]:
    if isinstance(keys, str) or hasattr(keys, "get_secret_value"):
        return [keys]
    if isinstance(keys, Mapping):
        raise TypeError  # its names would be taken for the keys
    return list(keys)


def _check_settings(secrets: Secrets, now: float | None, scheme: SignatureScheme, max_body: int) -> None:
    if secrets.fault is not None:
        raise ConfigurationError(secrets.fault)
    if now is not None and not (isinstance(now, (int, float)) and 0 <= now < _LAST_TIME):
        raise ConfigurationError("now must be seconds since 1970, not milliseconds, or None for this machine's time.")
    if not isinstance(scheme, SignatureScheme):
        raise ConfigurationError("scheme must be a SignatureScheme.")
    if type(max_body) is not int or max_body < 1:
        raise ConfigurationError("max_body must be a number of bytes, 1 or more.")


class _Signed(NamedTuple):
    """What the headers say."""

    #: The signature's 32 bytes.
    signature: bytes
    #: The header with the time as it came; empty without one.
    timestamp: str
    #: The time in seconds since 1970; `None` without one.
    sent_at: float | None


def _signed(headers: object, scheme: SignatureScheme) -> _Signed | Refusal:
    """Read signature and time from the headers."""
    found = find_headers(headers, (scheme.signature_header.lower(), scheme.timestamp_header.lower()))
    if found is None:
        said = "The headers are neither a mapping nor pairs of a name and a value."
        return Refusal(reason=RefusalReason.UNREADABLE_HEADERS, message=said)
    signature_text, timestamp = found
    if not signature_text:
        said = f"There is no header {scheme.signature_header}."
        return Refusal(reason=RefusalReason.NO_SIGNATURE, message=said)
    signature = scheme.signature(signature_text)
    if signature is None:
        said = f"{scheme.signature_header} does not hold a signature of 32 bytes as the SignatureScheme writes it."
        return Refusal(reason=RefusalReason.UNREADABLE_SIGNATURE, message=said)
    if not timestamp:
        if scheme.tolerance is None and not scheme.signs_timestamp:
            return _Signed(signature, "", None)
        said = f"There is no header {scheme.timestamp_header}."
        return Refusal(reason=RefusalReason.NO_TIMESTAMP, message=said)
    sent_at = scheme.time(timestamp)
    if sent_at is None:
        said = f"{scheme.timestamp_header} does not hold a Unix time."
        return Refusal(reason=RefusalReason.UNREADABLE_TIMESTAMP, message=said)
    return _Signed(signature, timestamp, sent_at)


def _outside_window(sent_at: float | None, now: float, tolerance: float | None) -> Refusal | None:
    if sent_at is None or tolerance is None or abs(now - sent_at) <= tolerance:
        return None
    if sent_at < now:
        said = f"It was sent {now - sent_at:,.0f} seconds ago; up to {tolerance:,.0f} are taken."
        return Refusal(reason=RefusalReason.TOO_OLD, message=said)
    said = f"Its time is {sent_at - now:,.0f} seconds ahead of this machine's; up to {tolerance:,.0f} are taken."
    return Refusal(reason=RefusalReason.TOO_NEW, message=said)
