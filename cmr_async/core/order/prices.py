"""Prices and the cost of an order: the plan estimates with them, the simulator charges them; the API quotes none.

The defaults are the figures of the reference's section 12; domains and warmup have no published price.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import attrs

from ...models import MailboxOrder, Order

_SAMPLE = Decimal("15.88")
#: Says what the default price of a domain is, for those who read an estimate.
SAMPLE_DOMAIN_PRICE = f"${_SAMPLE} a year, the amount in one sample webhook of the documentation, not a price list"


@attrs.frozen(kw_only=True)
class PriceList:
    """Prices in US dollars."""

    #: One mailbox for the first month; the default is the help centre's figure, other samples have other amounts.
    mailbox: Decimal = Decimal("3.00")
    #: Warmup of one mailbox for the first month; `None`: not known, so no cost includes it.
    warmup: Decimal | None = None
    #: One year of a domain whose ending is not in `endings`; the default is from one sample webhook, a rough guide.
    domain: Decimal = _SAMPLE
    #: One year of a domain by its ending, `{"com": Decimal("14.50"), "co.uk": ...}`; the longest one counts.
    endings: Mapping[str, Decimal] = attrs.field(factory=dict)
    #: Where the figures are from, in words.
    source: str = f"domains at {SAMPLE_DOMAIN_PRICE}; give your prices with --prices"

    def domain_price(self, domain: str) -> Decimal:
        """Return the price of one year of a domain, whose name is in lower case."""
        if not self.endings:
            return self.domain
        ending = domain
        while "." in ending:
            ending = ending.partition(".")[2]
            if ending in self.endings:
                return self.endings[ending]
        return self.domain

    def cost(self, *, domains: Iterable[tuple[str, int]], mailboxes: int, warmups: int) -> Decimal:
        """Return what is charged at the time of the order (section 2.4), as far as prices are known.

        Args:
            domains: Names of the domains to register, in lower case, each with its years.
            mailboxes: Number of mailboxes.
            warmups: Number of mailboxes among them that start warmup.
        """
        cost = self.mailbox * mailboxes
        for domain, years in domains:
            price = self.domain_price(domain)
            cost += price if years == 1 else price * years
        return cost + self.warmup * warmups if self.warmup else cost

    def estimate(self, order: Order | MailboxOrder) -> Decimal:
        """Return what an order takes from the wallet when it is paid, as far as prices are known."""
        return self.cost(
            domains=[(entry.domain, entry.years) for entry in order.domains],
            mailboxes=order.mailbox_count,
            warmups=order.warmup_count if self.warmup else 0,
        )
