"""What calls ask of whoever waits for accepted orders: the tracking above does it, and the client passes it down."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from os import PathLike
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..journal.journal import Journal
    from ..models.progress import OrderProgress, OrderToken


class Waiter(Protocol):
    """Waits for orders, with what a journal knows of them if there is one."""

    async def one(
        self, token: OrderToken, *, timeout: float | None, journal: str | PathLike[str] | Journal | None = None
    ) -> OrderProgress:
        """Return how an order ended; see `Orders.wait`."""

    def all(
        self,
        tokens: Iterable[OrderToken],
        *,
        timeout: float | None,
        changes: bool = False,
        journal: str | PathLike[str] | Journal | None = None,
    ) -> AsyncGenerator[OrderProgress, None]:
        """Yield each order once it is settled; see `Orders.wait_all`."""

    def journal(
        self, journal: str | PathLike[str] | Journal | None, *, timeout: float | None, changes: bool = False
    ) -> AsyncGenerator[OrderProgress, None]:
        """Yield each accepted order of a journal once it is settled; see `Bulk.track`."""
