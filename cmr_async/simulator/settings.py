"""What can be set on a simulator, with the defaults, and how each setting is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Literal, TypedDict

from ..core.prices import PriceList
from .records import SimulatedUser

__all__ = [
    "CONFIGURABLE_ENDPOINTS",
    "DEMO_USERS",
    "Settings",
    "dollars",
    "endpoint_paths",
    "lower_names",
    "profiles",
    "steady_clock",
]

#: Users that exist unless others are named; `examples/orders.csv` orders for them.
DEMO_USERS = (
    "BVZGM5TE9BMP3PP0VWGW943RGV1B",
    "PWM7Y25RYZ450YNM8K8FX9GK5AHX",
    "HATSA7AB56M513Q6EBF005YFHDQT",
)
#: Endpoints whose path is not documented, with the path that the simulator serves them under by default.
CONFIGURABLE_ENDPOINTS: Mapping[str, str] = {"orders.process": "/orders/process"}


class Settings(TypedDict, total=False):
    """Keyword arguments of `SimulatorState`, shared by `Simulator` and `serve`."""

    #: US dollars in the partner's wallet at the start; 1000 by default.
    wallet: Decimal | int | str
    #: The key that requests must carry; `simulator-key` by default.
    api_key: str
    #: Requests allowed in a rolling second of real time, 5 by default; None for no limit.
    rate_limit: int | None
    #: Seed of ids and provisioning times; 0 by default.
    seed: int
    #: Shortest and longest provisioning time in simulated seconds; (10, 90) by default (section 2.4).
    provision_seconds: tuple[float, float]
    #: Simulated seconds that pass in one real second; 1 by default.
    time_scale: float
    #: Ids of the users that exist; `DEMO_USERS` by default.
    users: Iterable[str]
    #: Paths of the endpoints whose path is not documented, below the API base.
    endpoints: Mapping[str, str]
    #: Shape of the order answer (section 2.5): of February 2026, or the newer one, which is the default.
    generation: Literal["2026-06", "2026-02"]
    #: `allow` (default) sells a domain again, and the ledger shows it; `unavailable` does not sell it.
    duplicate_domains: Literal["allow", "unavailable"]
    #: Domains whose registration fails after the charge; none by default.
    failing_domains: Iterable[str]
    #: What things cost.
    prices: PriceList
    #: Returns epoch seconds and never goes back; the machine's clock by default.
    clock: Callable[[], float] | None


def steady_clock(clock: Callable[[], float] | None) -> Callable[[], float]:
    """Give the machine's clock in place of None."""
    if clock is not None:
        return clock
    # Epoch seconds for people, but steps of the wall clock must not reach the rate limit.
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


def dollars(amount: Decimal | int | str) -> Decimal:
    """Take an amount as any exact number."""
    return Decimal(amount)


def profiles(user_ids: Iterable[str]) -> dict[str, SimulatedUser]:
    """Make up a user for each id."""
    return {
        user_id: SimulatedUser(user_id=user_id, profile=_demo_profile(number))
        for number, user_id in enumerate(user_ids, start=1)
    }


def _demo_profile(number: int) -> dict[str, str]:
    return {
        "email": f"user{number}@example.com",
        "company": f"Example Company {number}",
        "firstName": "Demo",
        "lastName": f"User {number}",
        "country": "US",
        "city": "New York",
        "addressLineOne": f"{number} Example Street",
        "languagePreference": "en",
        "postalCode": "10001",
        "state": "New York",
        "phoneCc": "1",
        "phone": f"212555{number:04d}",
    }


def endpoint_paths(paths: Mapping[str, str]) -> dict[str, str]:
    """Complete the paths that can be set, and refuse names that cannot."""
    unknown = sorted(set(paths) - set(CONFIGURABLE_ENDPOINTS))
    if unknown:
        raise ValueError(
            f"endpoints: {', '.join(unknown)} cannot be set; known names: {', '.join(CONFIGURABLE_ENDPOINTS)}"
        )
    for name, path in paths.items():
        if not path.startswith("/"):
            raise ValueError(f"endpoints: the path of {name} must begin with a slash")
    return {**CONFIGURABLE_ENDPOINTS, **paths}


def lower_names(domains: Iterable[str]) -> frozenset[str]:
    """Compare domains without regard to case."""
    return frozenset(domain.lower() for domain in domains)
