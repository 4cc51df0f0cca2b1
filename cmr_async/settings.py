"""The settings of a client, checked before anything is opened. No message shows a value that may be secret.

What would weaken the key is refused: a user or password in the base URL, plain HTTP to another host or through a
proxy, a header that changes the call, credentials from `.netrc`.
"""

from __future__ import annotations

import re
import ssl as ssl_module
import warnings
from collections.abc import Mapping
from typing import TypeVar

from yarl import URL

from .core.retry import is_duration
from .errors import ConfigurationError

_T = TypeVar("_T")
_E = TypeVar("_E", bound=BaseException)

#: Names and addresses that lead to this machine and nowhere else.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: Headers that say who calls, where the request ends, what it means or what may answer: they are the SDK's.
_OWN_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
    }
)
_PORTS = range(65_536)
_SMALLEST_ANSWER = 1024


def without_frames(error: _E) -> _E:
    """Return an error without its traceback and what it came from: their frames hold what the client was given."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def check_kind(name: str, value: _T, kinds: type | tuple[type, ...], words: str) -> _T:
    """Return a setting of the right type.

    Raises:
        ConfigurationError: It has another one.
    """
    if not isinstance(value, kinds):
        raise ConfigurationError(f"{name} must be {words}, not {type(value).__name__}.")
    return value


def check_flags(**flags: object) -> None:
    """Refuse settings that are neither `True` nor `False`: the text "false" would mean yes."""
    for name, value in flags.items():
        check_kind(name, value, bool, "True or False")


def check_base_url(text: str, *, allow_plain_http: bool) -> URL:
    """Return the base URL of the API."""
    check_kind("base_url", text, str, "text")
    try:
        url = URL(text)
        port = url.port
    except ValueError:
        raise ConfigurationError("The base URL cannot be read as a URL.") from None
    odd = "@" in text.partition("://")[2].partition("/")[0] or "?" in text or "#" in text or not port
    if url.scheme not in {"http", "https"} or not url.host or odd or not text.isprintable():
        raise ConfigurationError("The base URL must be like https://host/prefix, without user, password and query.")
    if url.scheme == "http" and url.host not in LOOPBACK and not allow_plain_http:
        raise ConfigurationError(
            f"http://{url.host} would show the key to everyone on the way: use https, or allow_plain_http=True "
            "(of `cmr`: --plain-http)."
        )
    return url


def check_proxy(proxy: str | None, base: URL, *, trust_env: bool, allow_plain_http: bool) -> str | None:
    """Return the proxy to use: the one that is set, or the one that the environment names for the API's host."""
    name = "proxy"
    if proxy is None and trust_env:
        name, proxy = "The proxy of the environment", _proxy_of_environment(base)
    if proxy is None:
        return None
    try:
        url = URL(check_kind(name, proxy, str, "text"))
    except ValueError:
        url = URL()
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigurationError(f"{name} must be a URL like http://user:password@host:port.")
    if base.scheme == "http" and not allow_plain_http:
        raise ConfigurationError(
            f"{name}: the base URL is plain http, so the proxy would read the key. Use https, or no proxy, or "
            "allow_plain_http=True."
        )
    return proxy


def _proxy_of_environment(base: URL) -> str | None:
    """Return the proxy that the environment names. aiohttp would look into `.netrc` as well."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - few need it

    return None if proxy_bypass(base.host or "") else getproxies().get(base.scheme)


def _names_a_header(name: str) -> bool:
    return re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", name) is not None


def check_key_header(name: str) -> str:
    """Return the name of the header that carries the key."""
    check_kind("key_header", name, str, "text")
    if not _names_a_header(name):
        raise ConfigurationError("key_header is no name of a header.")
    if name.lower() in _OWN_HEADERS or name.lower() == "user-agent":
        raise ConfigurationError(f"key_header: {name.title()} means something else, and the key would not arrive.")
    return name


def check_headers(headers: Mapping[str, str] | None, key_header: str) -> dict[str, str]:
    """Return the caller's headers with their names in one form."""
    checked = _header_texts("headers", headers)
    for title in checked:
        if title.lower() in {key_header.lower(), *_OWN_HEADERS}:
            raise ConfigurationError(f"headers: {title} is the SDK's own, because it would change the call.")
    return checked


def check_proxy_headers(headers: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return the headers for the proxy."""
    return None if headers is None else _header_texts("proxy_headers", headers)


def _header_texts(setting: str, headers: Mapping[str, str] | None) -> dict[str, str]:
    checked: dict[str, str] = {}
    for name, value in check_kind(setting, {} if headers is None else headers, Mapping, "a mapping").items():
        if not isinstance(name, str) or not _names_a_header(name):
            raise ConfigurationError(f"{setting}: {name!r} is no name of a header.")
        title = name.title()
        if title in checked:
            raise ConfigurationError(f"{setting}: {title} is there twice.")
        if not isinstance(value, str) or not value.isascii() or not (value.isprintable() or not value):
            raise ConfigurationError(f"{setting}: the value of {title} must be printable ASCII text.")
        checked[title] = value
    return checked


def check_ssl(ssl: ssl_module.SSLContext | bool, base: URL) -> ssl_module.SSLContext | bool:
    """Return how certificates are checked; warn once in a process when they are not."""
    global _warned  # noqa: PLW0603 - once in a process is the point
    check_kind("ssl", ssl, (bool, ssl_module.SSLContext), "True, False or an ssl.SSLContext")
    if ssl is False and base.scheme == "https" and not _warned:
        _warned = True
        warnings.warn(
            "ssl=False: certificates are not checked, so whoever is on the way can read the key and answer in the "
            "API's place. Give an ssl.SSLContext that knows the certificate instead.",
            UserWarning,
            stacklevel=3,
        )
    return ssl


_warned = False


def check_gap(gap: float, leave_room: float) -> float:
    """Return the seconds between two requests that leave room for so many others a second."""
    if not is_duration(gap, zero=True):
        raise ConfigurationError(f"gap must be 0 or more seconds: got {gap!r:.40}.")
    if not is_duration(leave_room, zero=True):
        raise ConfigurationError(f"leave_room must be 0 or more requests a second: got {leave_room!r:.40}.")
    if not leave_room:
        return gap
    if gap == 0:
        raise ConfigurationError("leave_room needs a gap: gap=0 turns pacing off.")
    if gap * leave_room >= 1:
        raise ConfigurationError(
            f"leave_room={leave_room:g} requests a second leaves nothing of the {1 / gap:.3g} that gap={gap:g} allows."
        )
    return 1 / (1 / gap - leave_room)


def check_size(name: str, size: int) -> int:
    """Return a number of bytes."""
    if type(size) is not int or size < _SMALLEST_ANSWER:
        raise ConfigurationError(f"{name} must be a whole number of bytes, {_SMALLEST_ANSWER} or more.")
    return size


def check_connections(
    session: object, connector: object, connector_factory: object, resolver: object, local_addr: object
) -> None:
    """Refuse what contradicts itself in how connections are made."""
    if session is not None and connector is not None:
        raise ConfigurationError("session and connector are for the same calls: give one of them.")
    if getattr(session, "trust_env", False):
        raise ConfigurationError(
            "session: one with trust_env=True sends credentials from .netrc to the API, and the key through any proxy. "
            "Make it without, and give trust_env=True to the client."
        )
    if connector_factory is not None and not callable(connector_factory):
        raise ConfigurationError(f"connector_factory must be a function, not {type(connector_factory).__name__}.")
    if connector_factory is not None and (resolver is not None or local_addr is not None):
        raise ConfigurationError("With connector_factory, resolver and local_addr are set on what it makes.")
    match local_addr:
        case None:
            return
        case (str(), int() as port) if isinstance(local_addr, tuple) and type(port) is int and port in _PORTS:
            return
    raise ConfigurationError('local_addr must be a host and a port, like ("192.0.2.1", 0).')
