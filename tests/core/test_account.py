"""The account of a client, as a journal keeps it."""

from __future__ import annotations

import pytest

from cmr_async.core.account import Account


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://api.example.com/v1", "https://api.example.com"),
        ("https://api.example.com:8443/v1", "https://api.example.com:8443"),
        ("http://127.0.0.1:54321", "http://127.0.0.1"),
        ("http://localhost:8080/api", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]"),
    ],
)
def test_the_origin_has_no_path_and_on_this_machine_no_port(address: str, origin: str) -> None:
    assert Account.of(address, "key").origin == origin


def test_the_fingerprint_tells_keys_apart_and_does_not_show_them() -> None:
    account = Account.of("https://api.example.com", "secret")
    assert account.fingerprint == "4cc5c17f8ff5ab6c"
    assert account != Account.of("https://api.example.com", "secret2")
    assert "secret" not in repr(account)
