"""A URL that leads back to the command itself is told from one that leads to another receiver."""

from __future__ import annotations

import pytest
from yarl import URL

from cmr_async.cli.webhooks.own_address import leads_back


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("http://127.0.0.1:8026/any/path", "127.0.0.1"),
        ("http://localhost:8026/", "127.0.0.1"),
        ("http://127.0.0.1:8026/", "localhost"),
        ("http://127.0.0.1:8026/", "0.0.0.0"),
        ("http://127.0.0.9:8026/", "0.0.0.0"),
        ("http://0.0.0.0:8026/", "127.0.0.1"),
        ("http://[::ffff:127.0.0.1]:8026/", "127.0.0.1"),
        ("http://[::1]:8026/", "::1"),
        ("http://[::1]:8026/", "::"),
        ("http://192.0.2.77:8026/", "192.0.2.77"),
    ],
)
async def test_a_url_that_leads_back(target: str, host: str) -> None:
    assert await leads_back(URL(target), host=host, port=8026)


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("http://127.0.0.1:8000/", "127.0.0.1"),
        ("http://127.0.0.1/", "127.0.0.1"),
        ("http://127.0.0.2:8026/", "127.0.0.1"),
        ("http://[::1]:8026/", "0.0.0.0"),
        ("http://203.0.113.77:8026/", "0.0.0.0"),
        ("http://[2001:db8::77]:8026/", "::"),
        (f"http://{'a' * 80}.example:8026/", "127.0.0.1"),
    ],
)
async def test_a_url_that_leads_elsewhere(target: str, host: str) -> None:
    assert not await leads_back(URL(target), host=host, port=8026)
