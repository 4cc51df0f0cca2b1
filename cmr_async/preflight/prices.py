"""Limits of a run in orders and dollars, and the file in which users give their own prices."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import attrs
import orjson

from ..core.order.prices import SAMPLE_DOMAIN_PRICE, PriceList
from ..errors import ConfigurationError

#: Bytes of a file of prices; one with a price for every ending there is has a tenth of that.
_LONGEST = 1 << 20
#: Dollars of one price: far above any, and below what arithmetic with 28 digits takes.
_MOST = 1_000_000


@attrs.define(kw_only=True)
class Budget:
    """Limits of a run: it stops before the order that would pass one of them."""

    #: Most orders that are started; `None`: no limit.
    max_orders: int | None = None
    #: Most dollars that the started orders cost when paid, by estimate; `None`: no limit.
    max_spend: Decimal | None = None
    #: The prices of the estimate.
    prices: PriceList = attrs.field(factory=PriceList)
    #: Orders so far.
    orders: int = 0
    #: Their cost so far.
    cost: Decimal = Decimal(0)

    @property
    def reached(self) -> str:
        """Which limit the order passes that does not fit any more."""
        if self.max_spend is None or (self.max_orders is not None and self.orders >= self.max_orders):
            return f"the limit of {self.max_orders or 0:,} orders is reached"
        return f"the next order would pass the limit of ${self.max_spend:,.2f}"

    def take(self, estimate: Decimal) -> str | None:
        """Count an order of this cost; or return the limit that it would pass, and do not count it."""
        cost = self.cost + estimate
        many = self.max_orders is not None and self.orders >= self.max_orders
        if many or (self.max_spend is not None and cost > self.max_spend):
            return self.reached
        self.orders += 1
        self.cost = cost
        return None


def read_prices(path: str | Path) -> PriceList:
    """Read a list of prices from a JSON file.

    The file looks like `{"mailbox": 3, "warmup": 2.5, "domain": 15, "endings": {"com": 14.5}}`; every key
    is optional.

    Raises:
        ConfigurationError: The file cannot be read, or holds something else.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(_LONGEST + 1)
        if len(text) > _LONGEST:
            raise ConfigurationError(f"The prices in {path} cannot be read: they have more than {_LONGEST:,} bytes.")
        plain = orjson.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The prices in {path} cannot be read: {error}") from None
    wanted = f"{path} must be an object with mailbox, warmup, domain and endings"
    if not isinstance(plain, dict):
        raise ConfigurationError(f"{wanted}.")
    if strange := set(plain) - {"mailbox", "warmup", "domain", "endings"}:
        raise ConfigurationError(f"{wanted}, not {', '.join(sorted(strange))}.")
    endings = plain.pop("endings", {})
    if not isinstance(endings, dict):
        raise ConfigurationError(f'{path}: endings must be an object such as {{"com": 14.5}}.')
    sample = "" if "domain" in plain else f"; domains not in it at {SAMPLE_DOMAIN_PRICE}"
    return PriceList(
        **{name: _amount(path, name, value) for name, value in plain.items()},
        endings={name.lower().lstrip("."): _amount(path, name, value) for name, value in endings.items()},
        source=f"an estimate from {path}{sample}",
    )


def _amount(path: str | Path, name: str, value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal(-1)
    if isinstance(value, bool) or not amount.is_finite() or not 0 <= amount <= _MOST:
        raise ConfigurationError(f"{path}: {name} must be an amount of dollars, not {value!r:.80}.")
    return amount
