"""The blocking client, for code without an event loop of its own."""

from .bulk import BlockingBulkRun
from .client import Client
from .iterator import BlockingIterator
from .portal import use_uvloop

__all__ = ["BlockingBulkRun", "BlockingIterator", "Client", "use_uvloop"]
