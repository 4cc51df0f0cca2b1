"""Why a delivery is not taken, as a value: a receiver has to answer, whatever it was sent."""

from __future__ import annotations

from enum import StrEnum

import attrs


class RefusalReason(StrEnum):
    """What is wrong with a delivery."""

    #: The body is not `bytes`: it was decoded or parsed before. The signature covers the bytes as they came.
    BODY_NOT_BYTES = "body_not_bytes"
    #: The body is longer than `max_body`.
    BODY_TOO_LONG = "body_too_long"
    #: The headers are neither a mapping nor pairs of a name and a value.
    UNREADABLE_HEADERS = "unreadable_headers"
    #: The header with the signature is missing or empty.
    NO_SIGNATURE = "no_signature"
    #: The signature is not 32 bytes in the encoding and with the prefix of the scheme.
    UNREADABLE_SIGNATURE = "unreadable_signature"
    #: The header with the time is missing or empty.
    NO_TIMESTAMP = "no_timestamp"
    #: The time is not a Unix time.
    UNREADABLE_TIMESTAMP = "unreadable_timestamp"
    #: None of the keys made this signature: somebody else sent it, the body was changed, or the scheme is another one.
    WRONG_SIGNATURE = "wrong_signature"
    #: The signature is right, but it was sent longer ago than the window allows.
    TOO_OLD = "too_old"
    #: The signature is right, but its time lies further ahead than the window allows: one of the clocks is wrong.
    TOO_NEW = "too_new"
    #: The body is not a JSON object, or it is nested too deep or holds too many values.
    NOT_AN_OBJECT = "not_an_object"


@attrs.frozen(kw_only=True)
class Refusal:
    """A delivery that is not taken, and why. Answer it with a status that is not 2xx, such as 400.

    Nothing of the delivery itself is in it but its time, so it may be logged and shown.
    """

    #: What is wrong.
    reason: RefusalReason
    #: The same in words, on one line.
    message: str
