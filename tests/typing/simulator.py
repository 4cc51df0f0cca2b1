"""Checked by mypy and pyright, never run: a simulator takes its settings by name and refuses others."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

from cmr_async.simulator import Simulator


def settings() -> None:
    sim = Simulator(wallet=1000, rate_limit=None, users=["u"], failing_domains=["a.com"], provision_seconds=(0, 1))
    assert_type(sim.wallet, Decimal)
    assert_type(sim.state.wallet, Decimal)
    Simulator(host="::1", port=8080, wallet="25.50", clock=None, endpoints={"orders.process": "/run"})
    Simulator(strict=True, workspaces=["a.com"])
    Simulator(walet=1000)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Simulator(wallet=0.1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Simulator(generation="2027-01")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
