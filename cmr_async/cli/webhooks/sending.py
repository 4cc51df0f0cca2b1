"""Deliveries that a command sends to a receiver, as the API would."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import attrs
from yarl import URL

from ...errors import ConfigurationError
from ...settings import LOOPBACK
from ..api import plain_http_allowed

#: Seconds for an answer; the API itself gives up after 60 (reference, section 9.1).
_SECONDS = 50.0
_SUCCESS = range(200, 300)


@attrs.frozen(kw_only=True)
class Sent:
    """What became of a delivery that was sent."""

    #: HTTP status of the answer; `None` without one.
    status: int | None = None
    #: Why there is no answer; `None` if there is one.
    error: str | None = None

    @property
    def is_taken(self) -> bool:
        """Whether the API would be content with the answer: any 2xx."""
        return self.status in _SUCCESS


@attrs.frozen
class Sender:
    """Sends deliveries to one URL, over a connection that is kept."""

    _session: aiohttp.ClientSession
    #: Where they go.
    url: URL

    async def send(self, body: bytes, headers: Mapping[str, str]) -> Sent:
        """Send one delivery. No redirect is followed: it would carry the event to a place that nobody named.

        Args:
            body: The body, sent as it is.
            headers: The headers of its signature.
        """
        try:
            async with self._session.post(
                self.url, data=body, headers={**headers, "Content-Type": "application/json"}, allow_redirects=False
            ) as answer:
                return Sent(status=answer.status)
        except TimeoutError:
            return Sent(error=f"no answer within {_SECONDS:.0f} seconds")
        except aiohttp.ClientConnectorError as error:
            return Sent(error=f"cannot be reached ({error.os_error.strerror or type(error.os_error).__name__})")
        except aiohttp.ClientError as error:  # its text may show the URL, which may hold a token
            return Sent(error=f"the connection broke ({type(error).__name__})")


@asynccontextmanager
async def opened_sender(target: str, *, option: str) -> AsyncGenerator[Sender, None]:
    """Open what sends to a URL.

    Args:
        target: The URL of the receiver.
        option: The option that named it, for messages.

    Raises:
        ConfigurationError: It is no URL, or plain `http` to another machine: events hold passwords.
    """
    url = _checked(target, option)
    limit = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(timeout=limit, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Sender(session, url)


def _checked(target: str, option: str) -> URL:
    try:
        url = URL(target)
        host, port = url.host, url.port
        (url.raw_host or "").encode("idna")  # as it is looked up: this refuses names that no host can have
    except ValueError:
        url, host, port = URL(), None, None
    if url.scheme not in {"http", "https"} or not host or not port or not target.isprintable():
        raise ConfigurationError(f"{option} must be a URL with a usable host, like http://127.0.0.1:8000/webhooks/cmr.")
    if url.scheme == "http" and host not in LOOPBACK and not plain_http_allowed():
        raise ConfigurationError(
            f"{option}: http://{host} would show the passwords of events to everyone on the way: use https, or "
            "--plain-http."
        )
    return url
