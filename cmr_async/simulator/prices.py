"""What the simulator charges. Only the mailbox price is documented; other figures are illustrative."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import attrs

from cmr_async.simulator.records import OrderBody

__all__ = ["PriceList"]

#: US dollars a year by top-level domain. Illustrative simulator figures: the API documents no domain price.
_ILLUSTRATIVE_DOMAIN_PRICES: Mapping[str, Decimal] = {
    "biz": Decimal("16.00"),
    "co": Decimal("26.00"),
    "com": Decimal("12.00"),
    "dev": Decimal("14.00"),
    "info": Decimal("9.00"),
    "io": Decimal("38.00"),
    "net": Decimal("13.00"),
    "org": Decimal("11.00"),
    "xyz": Decimal("8.00"),
}


@attrs.frozen(kw_only=True)
class PriceList:
    """Prices in US dollars; give another one to `Simulator(prices=...)`."""

    #: One mailbox for one month (`api/reference.md` section 12).
    mailbox: Decimal = Decimal("3.00")
    #: Warmup of one mailbox for one month. No figure is documented, so it is free unless set.
    warmup: Decimal = Decimal("0.00")
    #: One year of registration by top-level domain, without the dot. Illustrative.
    domains: Mapping[str, Decimal] = attrs.field(factory=lambda: dict(_ILLUSTRATIVE_DOMAIN_PRICES))
    #: One year of registration under every other top-level domain. Illustrative.
    other_domain: Decimal = Decimal("15.00")

    def registration(self, domain: str, years: int) -> Decimal:
        """Price of registering `domain` for `years` years."""
        return self.domains.get(domain.rpartition(".")[2].lower(), self.other_domain) * years

    def total(self, body: OrderBody, unavailable: frozenset[str] = frozenset()) -> Decimal:
        """Price of a whole order (section 2.4: domains, plus mailboxes, plus warmups).

        Args:
            body: the order.
            unavailable: domains that cannot be bought; neither they nor their mailboxes are charged.

        Returns:
            US dollars.
        """
        amount = Decimal(0)
        for line in body.domains:
            if line.domain not in unavailable:
                amount += self.registration(line.domain, line.years)
        for mailboxes in body.mailboxes:
            if mailboxes.domain not in unavailable:
                amount += self.mailbox * len(mailboxes.usernames) + self.warmup * mailboxes.on_warmup
        return amount
