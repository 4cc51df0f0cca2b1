"""Which order is looked up by itself next, because no list has shown it as done: no I/O.

A look is one at what a user has, which tells of all orders of that user, or one at an order itself, in turn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import attrs

from ..models.tracking import ProvisionKind
from .settings import TrackingSettings
from .table import OpenOrder

#: Longest time between two looks at an order itself, in seconds.
_LONGEST_GAP = 3600.0
#: Pages of what a user has that are looked at; with more of them it costs less to ask for the order itself.
_MOST_PAGES = 5


@attrs.define(eq=False)
class Looks:
    """The looks at single orders and users."""

    _settings: TrackingSettings
    #: By user and kind, the page to look at next, if not the first.
    _pages: dict[tuple[str, ProvisionKind], int] = attrs.field(factory=dict, init=False)
    #: How many looks there were.
    _made: int = attrs.field(default=0, init=False)

    def due(self, orders: Iterable[OpenOrder], now: float) -> OpenOrder | None:
        """Return the order to look at now, if one is due."""
        of_users: list[OpenOrder] = []
        of_orders: list[OpenOrder] = []
        for order in orders:
            if order.single_at <= now:
                (of_users if self.is_of_user(order, now) else of_orders).append(order)
        # In turn: what a user has may tell of many orders, and must not hold up those that it does not tell of
        turn = (of_users, of_orders) if self._made % 2 == 0 else (of_orders, of_users)
        return min(turn[0] or turn[1], key=lambda order: order.single_at, default=None)

    def is_of_user(self, order: OpenOrder, now: float) -> bool:
        """Whether the next look at an order is one at what its user has."""
        token = order.token
        return bool(token.domains or token.mailboxes) and (order.looks % 2 == 0 or self._is_young(order, now))

    def _is_young(self, order: OpenOrder, now: float) -> bool:
        """Whether an order of domains alone is looked for often, because no list of all users shows domains."""
        return not order.token.mailboxes and now < order.look_from + self._settings.single_look

    def begin_of_order(self, order: OpenOrder, now: float) -> None:
        """Note that an order itself is looked at; each further look comes twice as late."""
        self._made += 1
        order.looks += 1
        order.single_at = now + order.single_gap
        order.single_gap = min(2 * order.single_gap, _LONGEST_GAP)

    def begin_of_user(self, user_id: str, kind: ProvisionKind) -> int:
        """Return the page of what a user has that is looked at."""
        self._made += 1
        return self._pages.pop((user_id, kind), 1)

    def end_of_user(
        self, order: OpenOrder, kind: ProvisionKind, *, page: int, total: int, orders: Iterable[OpenOrder], now: float
    ) -> None:
        """Note that a page of what a user has was read, and how many pages there are.

        Args:
            order: The order that was due.
            kind: What was looked at.
            page: The page.
            total: How many pages there are.
            orders: All that are waited for.
            now: Time on the tracker's clock.
        """
        user_id = order.token.user_id
        if page < total <= _MOST_PAGES:
            self._pages[user_id, kind] = page + 1  # the order stays due, so that page comes next
            return
        for other in orders:  # it counts for all orders of the user that want one now or soon
            if other.token.user_id != user_id or not self.is_of_user(other, now):
                continue
            if other is not order and bool(other.token.mailboxes) is not (kind is ProvisionKind.MAILBOX):
                continue
            if self._is_young(other, now):
                other.single_at = max(other.single_at, now + self._settings.first_look)
            elif other.single_at <= now + self._settings.single_look:
                other.looks += 1  # the order itself comes next, when it is due

    def forget(self, user_id: str, orders: Collection[OpenOrder]) -> None:
        """Forget a look that was begun at what a user has, if no order of that user is waited for any more."""
        begun = [key for key in self._pages if key[0] == user_id]
        if begun and all(order.token.user_id != user_id for order in orders):
            for key in begun:
                del self._pages[key]
