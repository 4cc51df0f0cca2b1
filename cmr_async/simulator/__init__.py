"""A local server that behaves like the documented CMR API, so that orders can be tried without a key or money.

It reads the plain JSON itself and never imports the client, which makes it an independent check of what the client
sends. `docs/simulator.md` lists what it copies from the API and what it chose where the API is silent.
"""

from __future__ import annotations

from ..core.order.prices import PriceList
from .http.server import Simulator
from .settings import DEMO_USERS, Settings
from .shop.faults import FaultRule, FaultScript
from .shop.records import LedgerEntry, RequestCounts, SimulatedOrder, SimulatedUser, WebhookDelivery, body_hash
from .shop.state import SimulatorState

__all__ = [
    "DEMO_USERS",
    "FaultRule",
    "FaultScript",
    "LedgerEntry",
    "PriceList",
    "RequestCounts",
    "Settings",
    "SimulatedOrder",
    "SimulatedUser",
    "Simulator",
    "SimulatorState",
    "WebhookDelivery",
    "body_hash",
]
