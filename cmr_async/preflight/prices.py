"""What orders will probably cost: an estimate from a table of prices, because the API quotes none.

The defaults are the figures of the reference's section 12; domains and warmup have no published price.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import attrs
import orjson

from ..errors import ConfigurationError
from ..models import Order

__all__ = ["DEFAULT_PRICES", "Budget", "PriceTable", "read_prices"]


@attrs.frozen(kw_only=True)
class PriceTable:
    """Prices in US dollars."""

    #: One mailbox for the first month.
    mailbox: Decimal = Decimal("3.00")
    #: Warmup of one mailbox for the first month; `None`: not known, so it is missing in every estimate.
    warmup: Decimal | None = None
    #: One year of a domain whose ending is not in `endings`.
    domain: Decimal = Decimal("15.88")
    #: One year of a domain by its ending, `{"com": Decimal("14.50"), "co.uk": ...}`; the longest one counts.
    endings: Mapping[str, Decimal] = attrs.field(factory=dict)
    #: Where the figures are from, in words.
    source: str = "an estimate; give your prices with --prices"

    def domain_price(self, domain: str) -> Decimal:
        """Price of one year of a domain."""
        if not self.endings:
            return self.domain
        ending = domain
        while "." in ending:
            ending = ending.partition(".")[2]
            if ending in self.endings:
                return self.endings[ending]
        return self.domain

    def estimate(self, order: Order) -> Decimal:
        """What an order takes from the wallet when it is placed, as far as prices are known."""
        cost = self.mailbox * order.mailbox_count
        for entry in order.domains:
            price = self.domain_price(entry.domain)
            cost += price if entry.years == 1 else price * entry.years
        if self.warmup:
            cost += self.warmup * sum(box.on_warmup is True for boxes in order.mailboxes.values() for box in boxes)
        return cost


@attrs.define(kw_only=True)
class Budget:
    """Limits of a run: it stops before the order that would pass one of them."""

    #: Most orders that are started; `None`: no limit.
    max_orders: int | None = None
    #: Most dollars that the started orders cost when paid, by estimate; `None`: no limit.
    max_spend: Decimal | None = None
    #: What the cost is estimated from.
    prices: PriceTable = attrs.field(factory=PriceTable)
    #: Orders so far.
    orders: int = 0
    #: Their cost so far.
    cost: Decimal = Decimal(0)

    def take(self, estimate: Decimal) -> str | None:
        """Count in an order of this cost, or say which limit it would pass; then it is not counted."""
        cost = self.cost + estimate
        if self.max_orders is not None and self.orders >= self.max_orders:
            return f"the limit of {self.max_orders:,} orders is reached"
        if self.max_spend is not None and cost > self.max_spend:
            return f"the next order would pass the limit of ${self.max_spend:,.2f}"
        self.orders += 1
        self.cost = cost
        return None


#: Mailbox: the help-centre's figure. Domain: the amount in a sample of the API's page, a rough guide only.
DEFAULT_PRICES = PriceTable()


def read_prices(path: str | Path) -> PriceTable:
    """Read a table of prices from a JSON file.

    The file looks like `{"mailbox": 3, "warmup": 2.5, "domain": 15, "endings": {"com": 14.5}}`; every key
    is optional.

    Raises:
        ConfigurationError: The file cannot be read, or holds something else.
    """
    try:
        plain = orjson.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The prices in {path} cannot be read: {error}") from None
    if not isinstance(plain, dict) or (strange := set(plain) - {"mailbox", "warmup", "domain", "endings"}):
        named = "" if not isinstance(plain, dict) else f", not {', '.join(sorted(strange))}"
        raise ConfigurationError(f"{path} must be an object with mailbox, warmup, domain and endings{named}.")
    endings = plain.pop("endings", {})
    if not isinstance(endings, dict):
        raise ConfigurationError(f'{path}: endings must be an object such as {{"com": 14.5}}.')
    return PriceTable(
        **{name: _amount(path, name, value) for name, value in plain.items()},
        endings={name.lower().lstrip("."): _amount(path, name, value) for name, value in endings.items()},
        source=f"an estimate from {path}",
    )


def _amount(path: str | Path, name: str, value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(-1)
    if isinstance(value, bool) or not amount.is_finite() or amount < 0:
        raise ConfigurationError(f"{path}: {name} must be an amount of dollars, not {value!r}.")
    return amount
