"""The limits of a run, and prices from a file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from cmr_async.errors import ConfigurationError
from cmr_async.preflight.prices import Budget, read_prices


def test_a_budget_counts_orders_until_the_next_one_would_pass_a_limit() -> None:
    budget = Budget(max_orders=2)
    assert [budget.take(Decimal(5)) for _ in range(3)] == [None, None, "the limit of 2 orders is reached"]
    assert (budget.orders, budget.cost) == (2, Decimal(10))


def test_an_order_that_would_pass_the_limit_of_dollars_is_not_counted() -> None:
    budget = Budget(max_spend=Decimal("1500.00"))
    assert budget.take(Decimal(1500)) is None
    assert budget.take(Decimal("0.01")) == "the next order would pass the limit of $1,500.00"
    assert (budget.orders, budget.cost) == (1, Decimal(1500))


def test_prices_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text('{"mailbox": 2.5, "warmup": 1, "domain": 20, "endings": {".COM": "9.99"}}')
    prices = read_prices(path)
    assert (prices.mailbox, prices.warmup, prices.domain) == (Decimal("2.5"), Decimal(1), Decimal(20))
    assert prices.domain_price("x.com") == Decimal("9.99")
    assert prices.source == f"an estimate from {path}"


def test_a_file_without_a_price_of_domains_leaves_the_sample_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text('{"mailbox": 2.5}')
    prices = read_prices(path)
    assert (prices.domain, prices.warmup) == (Decimal("15.88"), None)
    assert prices.source == (
        f"an estimate from {path}; domains not in it at $15.88 a year, the amount in one sample webhook of the "
        "documentation, not a price list"
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"mailboxes": 1}', "not mailboxes"),
        ('{"mailbox": -1}', "mailbox must be"),
        ('{"mailbox": true}', "mailbox must be"),
        ('{"mailbox": "1e999999"}', "mailbox must be"),
        ('{"mailbox": "sNaN"}', "mailbox must be"),
        ('{"mailbox": 1000001}', "mailbox must be"),
        ("[" * 100_000, "cannot be read"),
        ('{"endings": {"com": "x"}}', "com must be"),
        ('{"endings": [1]}', "endings must be an object"),
        ("[]", "must be an object"),
        ("{", "cannot be read"),
    ],
)
def test_every_mistake_in_a_file_of_prices_is_named(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=part):
        read_prices(path)


def test_a_device_without_an_end_is_no_file_of_prices() -> None:
    with pytest.raises(ConfigurationError, match="/dev/zero cannot be read: they have more than 1,048,576 bytes"):
        read_prices("/dev/zero")


def test_a_file_of_prices_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.json cannot be read"):
        read_prices(tmp_path / "nothing.json")
