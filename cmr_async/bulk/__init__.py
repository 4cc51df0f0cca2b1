"""Bulk orders: `client.bulk`."""

from __future__ import annotations

import attrs

from ..errors import ConfigurationError
from ..resources.orders import Orders
from .items import BulkSummary, OrderOutcome, OrderRequest, OrderState
from .submit import BulkRun, Requests

__all__ = ["Bulk", "BulkRun", "BulkSummary", "OrderOutcome", "OrderRequest", "OrderState"]


@attrs.frozen
class Bulk:
    """Many orders at once: `client.bulk`."""

    _orders: Orders

    def submit(self, requests: Requests, *, concurrency: int = 8, stop_after_unknown: int = 3) -> BulkRun:
        """Submit many orders and give out each outcome as it completes; a failed order is a value.

        Args:
            requests: Any iterable or async iterable of `OrderRequest`; pulled as there is room. Each order's own
                `confirm` decides whether it spends money.
            concurrency: Orders under way at once, at least 1. The pace of the key holds for all of them together.
            stop_after_unknown: Start no further order after so many outcomes in a row that were unknown or could
                not be sent. A 401, 402 or 403 stops the run at once.

        Returns:
            The run: iterate it with `async for`; `summary` has the counts, `stop()` ends it early.

        Raises:
            ConfigurationError: A number is out of range. Errors of single orders are in their outcomes.
        """
        if concurrency < 1 or stop_after_unknown < 1:
            raise ConfigurationError("concurrency and stop_after_unknown must be 1 or more.")
        return BulkRun(self._orders, requests, concurrency=concurrency, stop_after_unknown=stop_after_unknown)
