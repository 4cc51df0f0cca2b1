"""The client of a command: the key that it needs, and where it may send it."""

from __future__ import annotations

import pytest

from cmr_async.cli.api import api_client, require_key
from cmr_async.errors import ConfigurationError


def test_a_key_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^no API key: set CMR_API_KEY \(.*\) or name a --profile\. Nothing was sent\.$"
    ):
        require_key(". Nothing was sent.")
    monkeypatch.setenv("CMR_API_KEY", "key")
    require_key()


def test_plain_http_to_another_host_has_to_be_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMR_API_KEY", "key")
    monkeypatch.setenv("CMR_BASE_URL", "http://simulator:8025")
    with pytest.raises(ConfigurationError, match="--plain-http"):
        api_client()
    monkeypatch.setenv("CMR_PLAIN_HTTP", "1")
    assert "http://simulator:8025" in repr(api_client())
