"""A local server that behaves like the documented CMR API: orders can be tried without a key or money.

It reads the plain JSON itself and never imports the client, which makes it an independent check on what the
client sends. `docs/simulator.md` lists what it copies from the API and what it chose where the API is silent.
"""

from __future__ import annotations

from cmr_async.simulator.app import API_BASE, application
from cmr_async.simulator.faults import FaultRule, FaultScript
from cmr_async.simulator.prices import PriceList
from cmr_async.simulator.records import LedgerEntry, RequestCounts, SimulatedOrder, SimulatedUser, body_hash
from cmr_async.simulator.server import Simulator, serve
from cmr_async.simulator.settings import DEMO_USERS, Settings
from cmr_async.simulator.state import SimulatorState

__all__ = [
    "API_BASE",
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
    "application",
    "body_hash",
    "serve",
]
