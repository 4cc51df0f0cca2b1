"""Check what a file would do before anything is sent: counts, faults, what a journal says, and the estimated cost.

`plan_orders` plans an `OrderFile`; the `FilePlan` that it returns has the orders for `bulk.submit`.
"""

from ..core.order.prices import PriceList
from .checked_file import OrdersToSend
from .file_plan import FilePlan, plan_orders

__all__ = ["FilePlan", "OrdersToSend", "PriceList", "plan_orders"]
