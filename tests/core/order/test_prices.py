"""What an order costs: years, endings, mailboxes and warmup."""

from __future__ import annotations

from decimal import Decimal

from cmr_async.core.order.prices import PriceList
from cmr_async.models import DomainRegistration, Mailbox, Order

GIVEN = PriceList(
    mailbox=Decimal(3),
    warmup=Decimal("2.50"),
    domain=Decimal(20),
    endings={"com": Decimal(10), "co.uk": Decimal(7), "uk": Decimal(99)},
)


def test_the_estimate_takes_years_endings_and_warmup_into_account() -> None:
    boxes = tuple(Mailbox(username=f"m{n}", first_name="A", last_name="B", on_warmup=n == 0) for n in range(2))
    order = Order(
        domains=[
            DomainRegistration(domain="a.com", years=2),
            DomainRegistration(domain="b.co.uk"),
            DomainRegistration(domain="c.org"),
        ],
        mailboxes={"a.com": boxes},
    )
    assert GIVEN.estimate(order) == Decimal("55.50")  # 2 x 10 + 7 + 20, 2 x 3, 1 x 2.50
    assert PriceList().estimate(order) == Decimal("69.52")


def test_the_longest_ending_with_a_price_counts() -> None:
    domains = ("a.com", "b.co.uk", "c.me.uk", "d.org")
    assert [GIVEN.domain_price(domain) for domain in domains] == [10, 7, 99, 20]


def test_the_default_prices_are_the_figures_of_the_reference() -> None:
    prices = PriceList()
    assert (prices.mailbox, prices.domain, prices.warmup) == (Decimal("3.00"), Decimal("15.88"), None)
    assert prices.cost(domains=[("a.com", 1), ("b.io", 2)], mailboxes=3, warmups=0) == Decimal("56.64")


def test_a_warmup_without_a_known_price_adds_nothing() -> None:
    assert PriceList().cost(domains=[], mailboxes=2, warmups=2) == Decimal("6.00")
    assert GIVEN.cost(domains=[], mailboxes=2, warmups=2) == Decimal("11.00")


def test_the_source_calls_the_price_of_a_domain_a_sample() -> None:
    assert PriceList().source == (
        "domains at $15.88 a year, the amount in one sample webhook of the documentation, not a price list; "
        "give your prices with --prices"
    )
