"""Which account a client works with, in a form that a journal may keep: the API's origin, and a hash of the key."""

from __future__ import annotations

import hashlib
from ipaddress import ip_address
from typing import Self

import attrs
from yarl import URL

__all__ = ["Account"]


@attrs.frozen
class Account:
    """One account of one API. What was bought with one account says nothing about another."""

    #: Scheme, host and port of the API. A server on this machine has no port here: simulators have another each time.
    origin: str
    #: The first 16 hexadecimal digits of a hash of the key, from which the key cannot be found out.
    fingerprint: str

    @classmethod
    def of(cls, origin: str, key: str) -> Self:
        """Return the account of a key.

        Args:
            origin: The API's address; its path does not count.
            key: The API key.
        """
        url = URL(origin).origin()
        if _is_this_machine(url.host or ""):
            url = url.with_port(None)
        digest = hashlib.sha256(b"cmr-account\n" + key.encode())
        return cls(origin=str(url), fingerprint=digest.hexdigest()[:16])


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
