"""Read files of orders by code: CSV, JSON, JSONL and XLSX, each order with its position in the file and its faults.

`OrderFile` opens a file and yields its orders: a `LocatedOrder` each, or an `UnreadableOrder` with the faults of a
part that makes no order.
"""

from ..errors import OrderFileChangedError, OrderFileError
from .file import InputFormat, OrderFile
from .limits import FileLimits
from .located import DomainRows, InputFault, LocatedOrder, Position, UnreadableOrder

__all__ = [
    "DomainRows",
    "FileLimits",
    "InputFault",
    "InputFormat",
    "LocatedOrder",
    "OrderFile",
    "OrderFileChangedError",
    "OrderFileError",
    "Position",
    "UnreadableOrder",
]
