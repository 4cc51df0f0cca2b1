"""Draw what becomes of a charged order: ids, and the simulated times at which each part is ready or fails.

The domain is registered first, then the provider takes the order of its mailboxes, then they become ready one by one
(section 2.4). Nothing else happens later: every read compares these times with the clock.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator

import attrs

from ..settings import Settings
from .records import MailboxLine, OrderBody, Provision, SimulatedMailbox

_ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ID_LENGTH = 28
#: Parts of the provisioning time in which the domain is registered.
_REGISTRATION = (0.3, 0.7)
#: Parts of the rest of that time until the provider takes the order of the mailboxes.
_TAKING = (0.1, 0.3)
#: Simulated seconds after which warmup has started; documented are "a few minutes at most" (section 10.7).
_LONGEST_TO_WARMUP = 180.0


@attrs.frozen
class Draw:
    """What is drawn with the settings of one simulator from its seeded generator."""

    #: The settings.
    settings: Settings
    #: The generator.
    rng: random.Random = attrs.field(repr=False)

    def new_id(self) -> str:
        """Return 28 upper-case letters and digits."""
        return "".join(self.rng.choices(_ID_ALPHABET, k=_ID_LENGTH))

    def provisions(
        self, body: OrderBody, unavailable: frozenset[str], now: float, known_id: Callable[[str], str | None]
    ) -> Iterator[Provision]:
        """Yield what becomes of each domain of an order.

        Args:
            body: The order, charged `now`.
            unavailable: Domains of the order that are not bought.
            now: Simulated epoch seconds.
            known_id: Returns the id of a domain that the user has already; used where the order does not register it.
        """
        years = {line.domain: line.years for line in body.domains}
        lines: defaultdict[str, list[MailboxLine]] = defaultdict(list)
        for group in body.mailboxes:
            lines[group.domain] += group.mailboxes
        for domain in dict.fromkeys((*years, *lines)):
            if domain not in unavailable:
                kept_id = body.domain_id or (None if domain in years else known_id(domain))
                domain_id = kept_id or self.new_id()
                yield self._provision(
                    body, domain, domain_id, years=years.get(domain), lines=lines.get(domain, []), now=now
                )

    def standing(self, body: OrderBody, now: float) -> Provision:
        """Return the subscription or the domain that an order of mailboxes names, as if it had been there before."""
        return Provision(
            domain=body.mailboxes[0].domain,
            domain_id=body.domain_id or self.new_id(),
            registered=False,
            years=0,
            registered_at=now,
            failed=False,
            subscription_id=body.subscription_id,
            joins=False,
            taken_at=now,
            mailboxes_failed=False,
            mailboxes=(),
            provisioned_at=now,
        )

    def _provision(
        self, body: OrderBody, domain: str, domain_id: str, *, years: int | None, lines: list[MailboxLine], now: float
    ) -> Provision:
        registered = years is not None
        finished_at = now + self.rng.uniform(*self.settings.provision_seconds)
        registered_at = self._between(now, finished_at, *_REGISTRATION) if registered else now
        taken_at = self._between(registered_at, finished_at, *_TAKING) if lines else registered_at
        provisioned_at = finished_at if lines else registered_at
        return Provision(
            domain=domain,
            domain_id=domain_id,
            registered=registered,
            years=years or 0,
            registered_at=registered_at,
            failed=registered and domain in self.settings.failing_domains,
            subscription_id=(body.subscription_id or self.new_id()) if lines else None,
            joins=body.subscription_id is not None,
            taken_at=taken_at,
            mailboxes_failed=bool(lines) and domain in self.settings.failing_mailboxes,
            mailboxes=tuple(self._mailboxes(lines, domain, taken_at, provisioned_at)),
            provisioned_at=provisioned_at,
        )

    def _mailboxes(
        self, lines: list[MailboxLine], domain: str, taken_at: float, provisioned_at: float
    ) -> Iterator[SimulatedMailbox]:
        last = len(lines) - 1
        for index, line in enumerate(lines):
            ready_at = provisioned_at if index == last else self._between(taken_at, provisioned_at, 0.0, 1.0)
            yield SimulatedMailbox(
                mailbox_id=self.new_id(),
                email=f"{line.username}@{domain}",
                first_name=line.first_name,
                last_name=line.last_name,
                password_at=self._between(taken_at, ready_at, 0.5, 0.9),
                ready_at=ready_at,
                warmup_at=ready_at + self.rng.uniform(0, _LONGEST_TO_WARMUP) if line.on_warmup else None,
            )

    def _between(self, start: float, end: float, least: float, most: float) -> float:
        """Return a time in the given part of a span."""
        return min(end, start + (end - start) * self.rng.uniform(least, most))
