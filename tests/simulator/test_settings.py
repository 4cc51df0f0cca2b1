"""The settings: defaults, what is accepted, what is refused."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs
import pytest

from cmr_async.simulator import DEMO_USERS, PriceList, Settings


@attrs.define
class Machine:
    """The two clocks of a machine, in place of the module `time`."""

    wall: float = 1_700_000_000.0
    steady: float = 5.0

    def time(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.steady


def test_the_defaults_are_those_of_the_page() -> None:
    settings = Settings()
    assert (settings.wallet, settings.rate_limit, settings.seed) == (Decimal(1000), 5, 0)
    assert (settings.provision_seconds, settings.time_scale) == ((10.0, 90.0), 1.0)
    assert (settings.users, settings.endpoints) == (DEMO_USERS, {"orders.process": "/orders/process"})
    assert (settings.generation, settings.duplicate_domains) == ("2026-06", "allow")
    assert (settings.failing_domains, settings.prices) == (frozenset(), PriceList())


def test_a_setting_is_taken_in_any_suitable_form() -> None:
    settings = Settings(
        wallet="25.50",
        provision_seconds=[0, 1],
        users=iter(["U1", "U2"]),
        endpoints={"orders.process": "/run"},
        failing_domains=["Example.COM"],
    )
    assert (settings.wallet, settings.provision_seconds, settings.users) == (Decimal("25.50"), (0, 1), ("U1", "U2"))
    assert settings.endpoints == {"orders.process": "/run"}
    assert settings.failing_domains == {"example.com"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"wallet": "much"}, "wallet must be an amount of dollars: got 'much'"),
        ({"wallet": "NaN"}, "wallet must be an amount of dollars: got 'NaN'"),
        ({"rate_limit": 0}, "rate_limit must be at least 1, or None for no limit: got 0"),
        ({"time_scale": 0}, "'time_scale' must be > 0"),
        ({"provision_seconds": (9, 1)}, r"provision_seconds must be \(shortest, longest\), from 0 on: got \(9, 1\)"),
        ({"provision_seconds": (-1, 1)}, "provision_seconds must be"),
        ({"generation": "2027-01"}, "'generation' must be in"),
        ({"duplicate_domains": "maybe"}, "'duplicate_domains' must be in"),
        ({"endpoints": {"orders.details": "/orders/details"}}, "the path of orders.details cannot be set"),
        ({"endpoints": {"orders.process": "orders/process"}}, "must begin with a slash: got 'orders/process'"),
    ],
)
def test_a_wrong_setting_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**settings)


def test_the_default_clock_shows_epoch_seconds_without_the_steps_of_the_wall_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine()
    monkeypatch.setattr("cmr_async.simulator.settings.time", machine)
    clock = Settings().clock
    machine.wall = 9.0
    assert clock() == 1_700_000_000.0
    machine.steady += 2.5
    assert clock() == 1_700_000_002.5


def test_every_simulator_has_a_key_of_its_own_unless_it_is_given() -> None:
    keys = [Settings().api_key for _ in range(2)]
    assert len({*keys}) == 2
    assert all(len(key) == len("simulator-") + 32 for key in keys)
    assert Settings(api_key="k").api_key == "k"


def test_the_key_is_not_shown() -> None:
    assert "a-secret-key" not in repr(Settings(api_key="a-secret-key"))
