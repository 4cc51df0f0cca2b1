"""How late it is known that an order is done, and what waiting costs the orders that are still being sent.

    python benchmarks/waiting.py [--orders 10000] [--mailboxes 1]

Orders are sent at the pace of the API, one after the other, and all of them are waited for in the same process, in
virtual time: the clock goes on when everybody waits. The lists are those of the simulator, without a network. The lag
of an order is the time between its last mailbox becoming active and the tracker saying so. With `--webhooks` each event
reaches the tracker at its time, as from a journal, except for 1 % that are lost. Half-way the tracker is ended, and a
new one takes over with what the journal knows.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import AsyncGenerator, Collection
from pathlib import Path
from random import Random
from typing import Any, cast

import attrs

sys.path.insert(0, str(Path(__file__).parents[1]))

from cmr_async.core.pacing import Pacer
from cmr_async.models.progress import OrderToken
from cmr_async.models.tracking import Provision, ProvisionKind, ProvisionState, Sighting
from cmr_async.slots import Slots
from cmr_async.tracking.tracker import Tracker
from tests.fakes import ADA
from tests.tracking.shop import Shop

GAP = 0.203
LOST = 0.01


@attrs.define
class Records:
    """Stands in for what a journal keeps."""

    shop: Shop
    provisions_by_time: list[Provision] = attrs.field(factory=list)
    #: What webhooks will bring, and when.
    coming: list[tuple[float, Sighting]] = attrs.field(factory=list)

    async def provisions(
        self, *, since: float = 0.0, order_ids: Collection[str] | None = None
    ) -> AsyncGenerator[Provision, None]:
        """Yield what is known since a time, of some orders or of all."""
        now = self.shop.clock.now
        due = [each for each in self.coming if each[0] <= now]
        self.coming = [each for each in self.coming if each[0] > now]
        await self.note([sighting for _, sighting in due])
        for provision in reversed(self.provisions_by_time):
            if provision.changed_at < since:
                break
            if order_ids is None or provision.order_id in order_ids:
                yield provision

    async def note(self, sightings: list[Sighting]) -> None:
        """Keep what was seen."""
        now = self.shop.clock.now
        self.provisions_by_time += [Provision(**attrs.asdict(each), changed_at=now) for each in sightings]


async def measure(orders: int, mailboxes: int = 1, *, waits: bool, webhooks: bool) -> tuple[float, list[float], int]:  # noqa: C901 - one story
    """Send orders; return the time of the last one, the lag of each, and how many reads it took."""
    shop, rng = Shop(), Random(1)
    pipeline = attrs.evolve(shop.pipeline(), slots=Slots(Pacer(), GAP, clock=shop.clock, sleep=shop.clock.sleep))
    boxes = [attrs.evolve(ADA, username=f"ada{number or ''}") for number in range(mailboxes)]
    records = Records(shop)
    placed: list[OrderToken] = []
    done: dict[str, float] = {}
    began = shop.clock.now

    async def send() -> float:
        for number in range(orders):
            await pipeline.slots.wait(reads=False)
            placed.append(token := shop.place(str(number), mailboxes={f"{number}.com": boxes}))
            provision = cast("Any", shop.state.orders[token.order_id].purchase).provisions[0]
            done[token.order_id] = max(box.ready_at for box in provision.mailboxes)
            if webhooks:
                kinds = [(ProvisionKind.DOMAIN, f"{number}.com", provision.registered_at)]
                kinds += [(ProvisionKind.MAILBOX, box.email, box.ready_at) for box in provision.mailboxes]
                for kind, name, at in kinds:
                    if rng.random() >= LOST:
                        sighting = Sighting(order_id=token.order_id, kind=kind, name=name, state=ProvisionState.ACTIVE)
                        records.coming.append((at, sighting))
        return shop.clock.now - began

    lags: dict[str, float] = {}

    async def follow(until: int) -> None:
        given = 0

        async def more() -> AsyncGenerator[OrderToken, None]:
            nonlocal given
            for token in placed[given:]:
                if token.order_id not in lags:
                    yield token
            given = len(placed)

        tracker = Tracker(pipeline, wall_clock=shop.clock)
        while len(lags) < until:
            async for progress in tracker.follow((), records=cast("Any", records), more=more):
                lags[progress.order_id] = shop.clock.now - done[progress.order_id]
                if len(lags) == until:
                    break
            else:
                await shop.clock.sleep(1)
        await tracker.close()

    sending = asyncio.create_task(send())
    if waits:
        await follow(orders // 2)
        await follow(orders)
    return await sending, list(lags.values()), len(shop.sent)


def main() -> None:
    """Print one line for each way to wait."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=10_000)
    parser.add_argument("--mailboxes", type=int, default=1)
    given = parser.parse_args()
    orders, mailboxes = given.orders, given.mailboxes
    alone, _, _ = asyncio.run(measure(orders, mailboxes, waits=False, webhooks=False))
    print(f"{orders:,} orders sent without waiting: {alone:.0f} s")
    for webhooks in (False, True):
        last, lags, reads = asyncio.run(measure(orders, mailboxes, waits=True, webhooks=webhooks))
        lags.sort()
        print(
            f"{'webhooks, 1 % lost' if webhooks else 'lists only'}: sent in {last:.0f} s ({last / alone - 1:+.1%}), "
            f"lag mean {statistics.fmean(lags):.1f} s, p99 {lags[int(0.99 * len(lags))]:.1f} s, most {lags[-1]:.0f} s, "
            f"{reads:,} reads"
        )


if __name__ == "__main__":
    main()
