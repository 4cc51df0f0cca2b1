"""The client of a command: the key of environment or profile, and the address that the options name."""

from __future__ import annotations

import os
from typing import Any

from ..client import AsyncClient
from ..core.account import Account, ApiKey
from ..core.endpoints import DEFAULT_BASE_URL
from ..errors import ConfigurationError
from ..settings import check_base_url
from .profiles import load_key


def require_key(advice: str = ".") -> None:
    """Make sure that there is a key.

    Raises:
        ConfigurationError: There is none; its message ends in `advice`.
    """
    if load_key() is None:
        raise ConfigurationError(
            f"no API key: set CMR_API_KEY (Partner Dashboard, Settings, Integrations) or name a --profile{advice}"
        )


def api_client(**settings: Any) -> AsyncClient:
    """Return a client with these settings of `AsyncClient`, and those of the command.

    Raises:
        ConfigurationError: A setting is missing or wrong.
    """
    load_key()
    return AsyncClient(allow_plain_http=plain_http_allowed(), **settings)


def own_account(*, allow_plain_http: bool = True) -> Account | None:
    """Return the account that the command works for; `None`: there is no key.

    Raises:
        ConfigurationError: Key or base URL cannot be one.
    """
    if (key := load_key()) is None:
        return None
    base = check_base_url(os.environ.get("CMR_BASE_URL") or DEFAULT_BASE_URL, allow_plain_http=allow_plain_http)
    return Account.of(str(base), ApiKey(key).text)


def plain_http_allowed() -> bool:
    """Return whether the user allowed http:// to other hosts than this one."""
    return bool(os.environ.get("CMR_PLAIN_HTTP"))
