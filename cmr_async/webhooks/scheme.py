"""How deliveries are signed, as settings: the sources leave most of it open (reference, section 9.2).

They say that `cmr-x-signature` is an HMAC-SHA256 of the payload with the Partner API key, that `cmr-x-timestamp` is a
Unix time, and that deliveries older than five minutes should be refused. Everything else is a choice made here.
"""

from __future__ import annotations

import base64
import re
from enum import StrEnum

import attrs

from ..core.retry import is_duration
from ..errors import ConfigurationError

#: Digits of a time in the header, and what may follow them.
_LONGEST_TIME = 16
_FRACTION = re.compile(r"[0-9]{1,9}", re.ASCII)
#: From here on a number counts milliseconds: as seconds it lies after the year 5000, as milliseconds in 1973.
_FIRST_IN_MILLISECONDS = 1e11
_DIGEST_SIZE = 32
_HEX_SIZE = 64
_USUAL_PREFIX = "sha256="


class SignatureEncoding(StrEnum):
    """How the 32 bytes of the signature are written."""

    #: As it looks: 64 hexadecimal digits, or else base64.
    AUTO = "auto"
    #: Hexadecimal digits in either case.
    HEX = "hex"
    #: Base64, of the usual or the URL-safe alphabet, with or without padding.
    BASE64 = "base64"


class TimestampUnit(StrEnum):
    """What the number in the header with the time counts."""

    #: As it looks: milliseconds from 100,000,000,000 on, else seconds.
    AUTO = "auto"
    #: Seconds since 1970.
    SECONDS = "seconds"
    #: Milliseconds since 1970.
    MILLISECONDS = "milliseconds"


@attrs.frozen(kw_only=True)
class SignatureScheme:
    """How deliveries are signed. The defaults are the plain reading of what the API's help centre says.

    Raises:
        ConfigurationError: A setting has the wrong type, or cannot be meant. Correct the one that the message names.
    """

    #: What is signed, with `{body}` for the bytes of the body and `{timestamp}` for the text of the header with the
    #: time. The default is the body alone, because the help centre says that the signature is "for the webhook
    #: payload"; the usual other form is `{timestamp}.{body}`. It is never guessed from a delivery.
    signed_content: str = "{body}"
    #: How the signature is written, which no source says. By default it is taken as it looks: hexadecimal digits and
    #: base64 of 32 bytes differ in length, so taking both lets no other signature in.
    encoding: SignatureEncoding = SignatureEncoding.AUTO
    #: What stands before the signature in its header. By default nothing has to, since no source shows any prefix, and
    #: the usual `sha256=` is skipped; a text has to stand there.
    prefix: str | None = None
    #: Unit of the time, which no source says. By default it is taken as it looks.
    timestamp_unit: TimestampUnit = TimestampUnit.AUTO
    #: Seconds by which the time of a delivery may lie before or after now. The default, 300, is what the help centre
    #: says. It says also that the third attempt comes after about five minutes: if that attempt still has the time of
    #: the first, it needs a wider window. `None` takes every time, and deliveries without one.
    tolerance: float | None = 300.0
    #: Name of the header with the signature, in any case. The default is documented.
    signature_header: str = "cmr-x-signature"
    #: Name of the header with the time, in any case. The default is documented.
    timestamp_header: str = "cmr-x-timestamp"

    def __attrs_post_init__(self) -> None:
        for name in ("signed_content", "signature_header", "timestamp_header"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip() or not value.isascii() or not value.isprintable():
                raise ConfigurationError(f"{name} must be printable ASCII text that is not empty.")
        if not isinstance(self.prefix, str | None) or (self.prefix is not None and not self.prefix.strip()):
            raise ConfigurationError("prefix must be text that is not empty, or None.")
        if self.signed_content.count("{body}") != 1:
            raise ConfigurationError("signed_content must hold {body} once: what is not signed can be changed.")
        if not isinstance(self.encoding, SignatureEncoding):
            raise ConfigurationError("encoding must be a SignatureEncoding.")
        if not isinstance(self.timestamp_unit, TimestampUnit):
            raise ConfigurationError("timestamp_unit must be a TimestampUnit.")
        if self.tolerance is not None and not is_duration(self.tolerance, zero=True):
            raise ConfigurationError("tolerance must be 0 or more seconds, or None.")

    @property
    def signs_timestamp(self) -> bool:
        """Whether the time is signed. If it is not, whoever has recorded a delivery can send it again as a new one."""
        return "{timestamp}" in self.signed_content

    def content(self, body: bytes, timestamp: str) -> bytes:
        """Return the bytes that are signed.

        Args:
            body: The body as it came.
            timestamp: The header with the time as it came; empty without one.
        """
        if self.signed_content == "{body}":
            return body
        before, _, after = self.signed_content.partition("{body}")
        return b"".join((_filled(before, timestamp), body, _filled(after, timestamp)))

    def signature(self, text: str) -> bytes | None:
        """Return the 32 bytes that the header with the signature holds; `None` if it does not hold 32 bytes.

        Args:
            text: The header as it came.
        """
        prefix = _USUAL_PREFIX if self.prefix is None else self.prefix
        if self.prefix is not None and not text.startswith(prefix):
            return None
        text = text.removeprefix(prefix)
        if self.encoding is not SignatureEncoding.BASE64 and len(text) == _HEX_SIZE:
            return _from_hex(text)
        return None if self.encoding is SignatureEncoding.HEX else _from_base64(text)

    def time(self, text: str) -> float | None:
        """Return the time in seconds since 1970; `None` if the header does not hold a time.

        Args:
            text: The header as it came.
        """
        whole, point, fraction = text.partition(".")
        if not (whole.isascii() and whole.isdigit() and len(whole) <= _LONGEST_TIME):
            return None
        if point and not _FRACTION.fullmatch(fraction):
            return None
        number = float(text)
        if self.timestamp_unit is TimestampUnit.SECONDS:
            return number
        if self.timestamp_unit is TimestampUnit.AUTO and number < _FIRST_IN_MILLISECONDS:
            return number
        return number / 1000

    def signature_text(self, signature: bytes) -> str:
        """Return the header with the signature, as `signature` reads it."""
        is_base64 = self.encoding is SignatureEncoding.BASE64
        written = base64.b64encode(signature).decode() if is_base64 else signature.hex()
        return (self.prefix or "") + written

    def time_text(self, seconds: float) -> str:
        """Return the header with the time, as `time` reads it."""
        return str(int(seconds * 1000 if self.timestamp_unit is TimestampUnit.MILLISECONDS else seconds))


def _filled(template: str, timestamp: str) -> bytes:
    return template.replace("{timestamp}", timestamp).encode("latin-1", "replace")


def _from_hex(text: str) -> bytes | None:
    try:
        signature = bytes.fromhex(text)
    except ValueError:
        return None
    return signature if len(signature) == _DIGEST_SIZE else None  # `fromhex` skips spaces


def _from_base64(text: str) -> bytes | None:
    usual = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        signature = base64.b64decode(usual + "=" * (-len(usual) % 4), validate=True)
    except ValueError:
        return None
    return signature if len(signature) == _DIGEST_SIZE else None
