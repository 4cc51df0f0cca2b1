"""What the processes of a world do: orders with the real client and the real journal, and what users are told."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import cache

import attrs

from cmr_async import AsyncClient, DomainRegistration, Mailbox, Order, OrderOutcome, OrderRequest
from cmr_async.errors import (
    AuthenticationError,
    CMRError,
    InsufficientBalanceError,
    JournalError,
    NotSentError,
    OrderPlacedError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from cmr_async.journal.journal import Journal
from cmr_async.models.requests import OrderState
from tests.world.api import FAULTS, USER
from tests.world.deliveries import receiver
from tests.world.process import Process, Work
from tests.world.provisioning import check_told
from tests.world.weather import Weather

#: Seconds after which nothing that a dead process sent can still arrive.
_LATEST = 5.0

#: Refusals that stop a run would end most runs at once.
_STOPS = ("401", "402", "403")
_EVEN: Mapping[str, float] = {fault: 1.0 for fault in FAULTS if fault not in _STOPS}
_IN_DOUBT: Mapping[str, float] = {
    **dict.fromkeys(("reset before", "reset after", "stall before", "stall after"), 2.0),
    **dict.fromkeys(("500 before", "500 after", "garbage", "cut", "late"), 1.0),
}


@attrs.frozen(kw_only=True)
class Scenario:
    """What is done, in which weather, and how many orders there are."""

    name: str
    work: Work
    weather: Weather
    orders: int = 4
    #: What is done after a death; `None`: the same.
    again: Work | None = None
    #: Whether events about the orders are delivered, and taken by a receiver.
    delivers: bool = False
    #: Whether a run ends only when its accepted orders have come to their end.
    tracks: bool = False
    #: After a calm run, no order is left in doubt.
    clears_up: bool = False


@cache
def requests(count: int, *, confirm: bool = True) -> tuple[OrderRequest, ...]:
    """Return the orders of a scenario; each has a domain and a reference of its own."""
    return tuple(
        OrderRequest(
            user_id=USER,
            reference=f"r{number}",
            order=Order(
                domains=[DomainRegistration(domain=domain, years=1)],
                mailboxes={domain: [Mailbox(username="ada", first_name="Ada", last_name="Lovelace")]},
                confirm=confirm,
            ),
        )
        for number, domain in enumerate(f"d{number}.com" for number in range(count))
    )


def _tell(process: Process, request: OrderRequest, state: OrderState, order_id: str | None = None) -> None:
    [domain] = request.order.domain_names
    process.world.tell(str(request.reference), state, order_id, domain=domain)


def _tell_outcome(process: Process, outcome: OrderOutcome) -> None:
    if outcome.state is not OrderState.SKIPPED and outcome.verdict is None:
        _tell(process, outcome.request, outcome.state, outcome.order_id)


async def _submit(
    process: Process, cmr: AsyncClient, journal: Journal, some: tuple[OrderRequest, ...], *, doubts: int = 99
) -> None:
    async with cmr.bulk.submit(some, journal=journal, concurrency=3, stop_after_unknown=doubts) as run:
        async for outcome in run:
            _tell_outcome(process, outcome)


def _bulk(count: int, *, doubts: int = 99) -> Work:
    async def work(process: Process) -> None:
        with suppress(*_expected(process)):
            async with process.client() as cmr, process.journal() as journal:
                await _submit(process, cmr, journal, requests(count), doubts=doubts)

    return work


def _expected(process: Process) -> tuple[type[Exception], ...]:
    """Return the errors that end a process in this weather."""
    return (JournalError,) if process.world.draw.weather.full else ()


async def _create(process: Process, cmr: AsyncClient, journal: Journal, request: OrderRequest) -> None:
    assert isinstance(request.order, Order)
    try:
        created = await cmr.orders.create(
            request.order, user_id=request.user_id, reference=request.reference, journal=journal
        )
    except OrderPlacedError as placed:
        _tell(process, request, OrderState.ACCEPTED, placed.order_id)
    except (OutcomeUnknownError, ServerError):
        _tell(process, request, OrderState.UNKNOWN)
    except (NotSentError, RateLimitError, AuthenticationError, InsufficientBalanceError, PermissionDeniedError):
        _tell(process, request, OrderState.NOT_SENT)
    except JournalError:
        if not process.world.draw.weather.full:
            raise
    except CMRError:
        _tell(process, request, OrderState.REJECTED)
    else:
        _tell(process, request, OrderState.ACCEPTED, created.order_id)


def _single(count: int) -> Work:
    async def work(process: Process) -> None:
        async with process.client() as cmr, process.journal() as journal:
            first, *others = requests(count)
            # The first is asked for twice at once
            await asyncio.gather(*(_create(process, cmr, journal, one) for one in (first, first, *others)))

    return work


def _drafts(count: int) -> Work:
    async def work(process: Process) -> None:
        async with process.client() as cmr, process.journal() as journal:
            async with cmr.bulk.submit(
                requests(count, confirm=False), journal=journal, concurrency=3, stop_after_unknown=99
            ) as made:
                async for _ in made:
                    pass
            async with cmr.bulk.process(journal, concurrency=3, stop_after_unknown=99) as run:
                async for outcome in run:
                    _tell_outcome(process, outcome)

    return work


def _drafts_paid(count: int) -> Work:
    async def work(process: Process) -> None:
        async with process.client() as cmr, process.journal() as journal:
            async with cmr.bulk.submit(
                requests(count, confirm=False), journal=journal, concurrency=3, stop_after_unknown=99
            ) as made:
                async for _ in made:
                    pass
            await _submit(process, cmr, journal, requests(count))

    return work


def _reconciled(count: int) -> Work:
    async def work(process: Process) -> None:
        async with process.client() as cmr:
            async with process.journal() as journal:
                await _submit(process, cmr, journal, requests(count))
            await asyncio.sleep(1000.0)
            async with process.journal() as journal:
                async for _ in cmr.bulk.reconcile(journal):
                    pass
                await cmr.bulk.resubmit_all(journal, "absent")
                await _submit(process, cmr, journal, requests(count))

    return work


def _delivered(count: int) -> Work:
    async def work(process: Process) -> None:
        sender = process.world.sender
        async with process.client() as cmr, process.journal() as journal:
            sender.begin(process, receiver(process, journal))
            await _submit(process, cmr, journal, requests(count))
            await asyncio.sleep(_LATEST)
            while sender.has_open or process.is_serving:  # noqa: ASYNC110 - no event of a loop outlives its process
                await asyncio.sleep(10.0)

    return work


def _tracked(count: int) -> Work:
    async def work(process: Process) -> None:
        async with process.client() as cmr, process.journal() as journal:
            await _submit(process, cmr, journal, requests(count))
            process.only_reads = True
            async for progress in cmr.bulk.track(journal):
                check_told(process.world, progress)
                process.world.note(f"told {progress}")

    return work


def _interrupted(work: Work) -> Work:
    async def interrupted(process: Process) -> None:
        rng = process.world.draw.rng
        task = asyncio.ensure_future(work(process))
        await asyncio.sleep(rng.random() * 1.5)
        for _ in range(rng.choice((1, 1, 2, 3))):
            task.cancel()
            await asyncio.sleep(rng.choice((0.0, 0.0, 0.3)))
        with suppress(asyncio.CancelledError, OutcomeUnknownError, OrderPlacedError):
            await task

    return interrupted


_BULK, _SINGLE = _bulk(4), _single(3)

SCENARIOS = (
    Scenario(name="a bulk run", work=_BULK, weather=Weather(faults=_EVEN)),
    Scenario(name="single orders", work=_SINGLE, weather=Weather(faults=_EVEN), orders=3),
    Scenario(name="a run in doubt", work=_BULK, weather=Weather(rate=0.7, faults=_IN_DOUBT)),
    Scenario(name="too many requests", work=_BULK, weather=Weather(rate=0.6, faults={"429": 5, "429 bare": 1})),
    Scenario(
        name="a stop rule",
        work=_bulk(6, doubts=2),
        weather=Weather(rate=0.7, faults={**dict.fromkeys(_STOPS, 1.0), "400": 3.0, "reset after": 3.0}),
        orders=6,
    ),
    Scenario(name="drafts and their processing", work=_drafts(3), weather=Weather(faults=_EVEN), orders=3),
    Scenario(name="drafts that are ordered", work=_drafts_paid(3), weather=Weather(faults=_EVEN), orders=3),
    Scenario(
        name="reconcile and resubmit",
        work=_reconciled(3),
        weather=Weather(rate=0.6, faults=_IN_DOUBT),
        orders=3,
        clears_up=True,
    ),
    Scenario(name="an interrupted run", work=_interrupted(_BULK), again=_BULK, weather=Weather(faults=_EVEN)),
    Scenario(
        name="interrupted orders", work=_interrupted(_SINGLE), again=_SINGLE, weather=Weather(faults=_EVEN), orders=3
    ),
    Scenario(
        name="deliveries", work=_delivered(2), weather=Weather(faults=_EVEN, delivery=0.25), orders=2, delivers=True
    ),
    Scenario(name="tracking", work=_tracked(2), weather=Weather(faults=_EVEN, stale=0.3), orders=2, tracks=True),
    Scenario(name="a full disk", work=_BULK, weather=Weather(faults=_EVEN, full=0.05)),
)

#: What two and three processes do at once on one journal.
LIVE = (
    Scenario(name="live: the same run", work=_BULK, weather=Weather(faults=_EVEN)),
    Scenario(name="live: single orders", work=_SINGLE, weather=Weather(faults=_EVEN), orders=3),
    Scenario(name="live: drafts", work=_drafts(3), weather=Weather(faults=_EVEN), orders=3),
    Scenario(
        name="live: reconcile and resubmit", work=_reconciled(3), weather=Weather(rate=0.6, faults=_IN_DOUBT), orders=3
    ),
    Scenario(
        name="live: deliveries",
        work=_delivered(2),
        weather=Weather(faults=_EVEN, delivery=0.25),
        orders=2,
        delivers=True,
    ),
    Scenario(name="live: tracking", work=_tracked(2), weather=Weather(faults=_EVEN, stale=0.3), orders=2, tracks=True),
)
