"""The key of a client, and which account that is in a form that a journal may keep: the API's origin and a hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from inspect import iscoroutine
from ipaddress import ip_address
from typing import Protocol, Self, runtime_checkable

import attrs
from yarl import URL

from ..errors import ConfigurationError
from .redact import Redactor


@runtime_checkable
class SecretText(Protocol):
    """Text that shows itself only when it is asked, such as pydantic's `SecretStr`."""

    def get_secret_value(self) -> str:
        """Return the text."""


class _Key(str):
    """A key that no traceback or repr shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class ApiKey:
    """The key of a client, which may change while the client lives."""

    __slots__ = ("_give", "redactor", "text")

    def __init__(self, source: str | SecretText | Callable[[], str | SecretText]) -> None:
        """Take a key, or a function that returns one; it is asked at once, and again for each request.

        Raises:
            ConfigurationError: There is no key, or what was given cannot be one.
        """
        is_text = isinstance(source, str | bytes | SecretText)
        self._give = source if callable(source) and not is_text else None
        #: The key for the next request.
        self.text: str = _Key()
        #: Masks that key.
        self.redactor: Redactor = Redactor()
        if self._give is None:
            self._take(source)
        else:
            self.renew()

    def renew(self) -> bool:
        """Ask for the key again, where a function gives it, and return whether it is another one.

        Raises:
            ConfigurationError: The function failed, or returned what cannot be a key. Nothing of it is shown.
        """
        if self._give is None:
            return False
        try:
            given = self._give()
        except Exception as error:  # noqa: BLE001 - whatever it is may show the key
            raise ConfigurationError(f"The function for the API key failed with {type(error).__name__}.") from None
        if iscoroutine(given):
            given.close()
        return self._take(given)

    def _take(self, given: object) -> bool:
        text = given.get_secret_value() if isinstance(given, SecretText) else given
        if not isinstance(text, str):
            raise ConfigurationError(
                f"The API key must be text, an object with get_secret_value(), or a function that returns one of them "
                f"without being awaited, not {type(text).__name__}."
            )
        if text == self.text and text:
            return False
        if not text:
            raise ConfigurationError(
                "No API key: pass api_key=... or set CMR_API_KEY. The key is in the Partner Dashboard under Settings, "
                "Integrations; the simulator needs none of yours."
            )
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ConfigurationError("The API key must be printable ASCII without spaces; it was not used.")
        self.text = _Key(text)
        self.redactor = Redactor(self.text)
        return True


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
