"""The settings of a simulator: names, types, defaults and limits, for programs and for the command line."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args

import attrs
from attrs import validators
from yarl import URL

from ..core.order.prices import PriceList
from ..webhooks import SignatureScheme

Generation = Literal["2026-06", "2026-02"]
DuplicateDomains = Literal["allow", "unavailable"]
WebhookEnvelopes = Literal["documentation", "help-centre"]

#: Users that exist by default; `examples/orders.csv` orders for them.
DEMO_USERS = (
    "BVZGM5TE9BMP3PP0VWGW943RGV1B",
    "PWM7Y25RYZ450YNM8K8FX9GK5AHX",
    "HATSA7AB56M513Q6EBF005YFHDQT",
)
#: Default path of "Process the Order", the one endpoint served here whose path the API does not document.
PROCESS_PATH = "/orders/process"


def _dollars(amount: Decimal | int | str) -> Decimal:
    try:
        dollars = Decimal(amount)
    except InvalidOperation:
        dollars = Decimal("nan")
    if not dollars.is_finite():
        raise ValueError(f"wallet must be an amount of dollars: got {amount!r}.")
    return dollars


def _paths(paths: Mapping[str, str]) -> dict[str, str]:
    all_paths = {"orders.process": PROCESS_PATH, **paths}
    for name, path in all_paths.items():
        if name != "orders.process":
            raise ValueError(f"endpoints: the path of {name} cannot be set, only that of orders.process.")
        if not path.startswith("/"):
            raise ValueError(f"endpoints: the path of {name} must begin with a slash: got {path!r}.")
    return all_paths


def _names(domains: Iterable[str]) -> frozenset[str]:
    return frozenset(domain.lower() for domain in domains)


def _ids(user_ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(user_ids)


def _check_limit(_settings: Settings, _attribute: attrs.Attribute[Any], limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise ValueError(f"rate_limit must be at least 1, or None for no limit: got {limit}.")


def _shortest_and_longest(seconds: Iterable[float]) -> tuple[float, float]:
    shortest, longest = seconds
    if not 0 <= shortest <= longest:
        raise ValueError(f"provision_seconds must be (shortest, longest), from 0 on: got ({shortest}, {longest}).")
    return shortest, longest


def _random_key() -> str:
    return f"simulator-{secrets.token_hex(16)}"


class MachineClock:
    """Epoch seconds for readers, but on the monotonic clock: the rate limit must not see the wall clock jump."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def __call__(self) -> float:
        """Return the time."""
        return self._offset + time.monotonic()


def _steady_clock(clock: Callable[[], float] | None) -> Callable[[], float]:
    return MachineClock() if clock is None else clock


def _web_address(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        parts = URL(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.host) and bool(parts.port) and url.isprintable()
        (parts.raw_host or "").encode("idna")  # as it is looked up: this refuses names that no host can have
    except ValueError:
        usable = False
    if not usable:  # the URL may hold a secret
        raise ValueError("webhook_url must be a whole http or https URL with a usable host.")
    return url


def _check_signing_key(settings: Settings, _attribute: attrs.Attribute[Any], url: str | None) -> None:
    key = settings.api_key
    if url is not None and not (key and key.isascii() and key.isprintable() and " " not in key):
        raise ValueError("api_key signs the webhooks: it must be printable ASCII without spaces.")


def _check_share(_settings: Settings, attribute: attrs.Attribute[Any], share: float) -> None:
    if not 0 <= share <= 1:
        raise ValueError(f"{attribute.name} must be a share from 0 to 1: got {share}.")


@attrs.frozen(kw_only=True, eq=False)
class Settings:
    """What can be set on a simulator, as keyword arguments of `Simulator` or of this class."""

    #: US dollars in the partner's wallet at the start.
    wallet: Decimal = attrs.field(default=Decimal(1000), converter=_dollars)
    #: The key that requests must carry; a random one unless it is given.
    api_key: str = attrs.field(factory=_random_key, repr=False)
    #: Requests allowed in a rolling second of real time, at least 1; `None`: no limit.
    rate_limit: int | None = attrs.field(default=5, validator=_check_limit)
    #: Seed of ids and provisioning times.
    seed: int = 0
    #: Shortest and longest provisioning time, in simulated seconds (section 2.4).
    provision_seconds: tuple[float, float] = attrs.field(default=(10.0, 90.0), converter=_shortest_and_longest)
    #: Simulated seconds that pass in one real second, more than 0.
    time_scale: float = attrs.field(default=1.0, validator=validators.gt(0))
    #: Ids of the users that exist at the start.
    users: tuple[str, ...] = attrs.field(default=DEMO_USERS, converter=_ids, repr=False)
    #: Paths, below the API base, of endpoints whose path is not documented: `orders.process`. It may hold `{orderId}`
    #: and `{userId}`.
    endpoints: Mapping[str, str] = attrs.field(factory=dict, converter=_paths)
    #: Shape of the order answer (section 2.5): the newer one, or that of February 2026.
    generation: Generation = attrs.field(default="2026-06", validator=validators.in_(get_args(Generation)))
    #: `allow` sells a domain again, and the ledger shows it; `unavailable` does not sell it.
    duplicate_domains: DuplicateDomains = attrs.field(
        default="allow", validator=validators.in_(get_args(DuplicateDomains))
    )
    #: Refuse what no source allows or forbids, to catch a client that invents: fields that no page documents, empty
    #: text in required fields, fewer years than one, another billing cycle than `MONTHLY`.
    strict: bool = False
    #: Take an unknown subscription or domain that mailboxes are ordered for as one that the user has, so that files
    #: with ids of the real API can be tried; else it is refused.
    takes_unknown_ids: bool = False
    #: Domains that have a workspace, as the workspace check finds it.
    workspaces: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    #: Domains whose registration fails after the charge.
    failing_domains: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    #: Domains whose order of mailboxes fails after the charge, once the domain itself has succeeded.
    failing_mailboxes: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    #: What things cost; where no price is known, nothing is charged.
    prices: PriceList = attrs.field(factory=PriceList, repr=False)
    #: Where webhooks are sent; `None`: there are none.
    webhook_url: str | None = attrs.field(
        default=None, converter=_web_address, validator=_check_signing_key, repr=False
    )
    #: How they are signed, with `api_key`, where no source says it.
    webhook_scheme: SignatureScheme = attrs.field(
        factory=SignatureScheme, validator=validators.instance_of(SignatureScheme), repr=False
    )
    #: Shape of the events (section 9.3): the documentation's, or the variants in the help centre's samples.
    webhook_envelopes: WebhookEnvelopes = attrs.field(
        default="documentation", validator=validators.in_(get_args(WebhookEnvelopes))
    )
    #: Real seconds in which a receiver must answer, more than 0.
    webhook_timeout: float = attrs.field(default=60.0, validator=validators.gt(0))
    #: Share of the events that are sent twice.
    webhook_duplicates: float = attrs.field(default=0.0, validator=_check_share)
    #: Longest time by which an event is sent later than it happened, in simulated seconds, so that others overtake it.
    webhook_shuffle: float = attrs.field(default=0.0, validator=validators.ge(0))
    #: Share of the events that are never sent.
    webhook_losses: float = attrs.field(default=0.0, validator=_check_share)
    #: Returns epoch seconds and never goes back; `None`: the machine's clock. With a clock of your own, webhooks are
    #: sent by `deliver_due()` only.
    clock: Callable[[], float] = attrs.field(default=None, converter=_steady_clock, repr=False)
