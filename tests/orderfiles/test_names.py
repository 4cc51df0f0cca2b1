"""What is taken apart where only a part is meant."""

from __future__ import annotations

import pytest

from cmr_async.orderfiles.names import domain_of_site, is_address, name_in_address


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("https://one.com/", "one.com"),
        ("HTTP://One.com", "One.com"),
        ("//one.com", "one.com"),
        ("one.com/", "one.com"),
        ("https://b\u00fccher.com/", "b\u00fccher.com"),
        ("https://www.one.com/", None),
        ("https://one.com/a", None),
        ("https://one.com/?q", None),
        ("https://ann@one.com/", None),
        ("https://one.com:443/", None),
        ("ftp://one.com/", None),
        ("https://-x-/", None),
        ("/", None),
    ],
)
def test_a_web_address_of_nothing_but_a_host_is_a_domain(text: str, domain: str | None) -> None:
    assert domain_of_site(text) == domain


@pytest.mark.parametrize(
    ("address", "domain", "name"),
    [
        ("ann@one.com", "one.com", "ann"),
        ("ann@ONE.com", "one.com", "ann"),
        ("ann@xn--bcher-kva.com", "b\u00fccher.com", "ann"),
        ("ann@two.com", "one.com", None),
        ("ann@mail.one.com", "one.com", None),
        ("a@b@one.com", "one.com", None),
    ],
)
def test_the_name_in_an_address_of_the_domain(address: str, domain: str, name: str | None) -> None:
    assert is_address(address)
    assert name_in_address(address, domain) == name


def test_half_an_address_is_none() -> None:
    assert [is_address(text) for text in ("ann", "ann@", "@ann", "@")] == [False] * 4
