"""What a journal knows is heard of every order, whenever it is waited for, and read no more often than need be."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from cmr_async import Journal
from cmr_async.models.progress import OrderToken
from cmr_async.models.tracking import Provision, ProvisionKind, ProvisionState, Sighting
from cmr_async.tracking import tracker as tracking
from cmr_async.tracking.settings import TrackingSettings
from cmr_async.tracking.tracker import Tracker
from tests.tracking.shop import Shop

EARLY, LATE = (
    OrderToken(order_id="EARLY", user_id="U", domains=("a.com",)),
    OrderToken(order_id="LATE", user_id="U", domains=("b.com",)),
)


@attrs.define
class Records:
    """Stands in for what a journal keeps; it says at which time each provision was written."""

    kept: list[Provision] = attrs.field(factory=list)
    #: How many rows each read has given.
    reads: list[int] = attrs.field(factory=list)

    def write(self, token: OrderToken, *, at: float, state: ProvisionState = ProvisionState.ACTIVE) -> None:
        name, order_id = token.domains[0], token.order_id
        self.kept.append(Provision(order_id=order_id, kind=ProvisionKind.DOMAIN, name=name, state=state, changed_at=at))

    async def provisions(
        self, *, since: float = 0.0, order_ids: Collection[str] | None = None
    ) -> AsyncGenerator[Provision, None]:
        self.reads.append(0)
        for each in self.kept:
            if each.changed_at >= since and (order_ids is None or each.order_id in order_ids):
                self.reads[-1] += 1
                yield each

    async def note(self, sightings: Iterable[Sighting]) -> int:
        return len(list(sightings))


def a_tracker(shop: Shop) -> Tracker:
    return Tracker(shop.pipeline(), TrackingSettings(first_look=3600, single_look=3600), wall_clock=shop.clock)


@pytest.mark.parametrize("named_at_most", [0, 500])
async def test_events_that_came_before_their_order_was_waited_for_are_heard(
    monkeypatch: pytest.MonkeyPatch, named_at_most: int
) -> None:
    monkeypatch.setattr(tracking, "_NAMED_AT_MOST", named_at_most)
    shop, records = Shop(), Records()
    records.write(EARLY, at=1.0, state=ProvisionState.WAITING)
    turns = 0

    async def more() -> AsyncGenerator[OrderToken, None]:
        nonlocal turns
        turns += 1
        if turns == 1:
            yield EARLY
        if turns == 2:  # the events of an order that is not recorded yet, and some of another one
            records.write(LATE, at=2.0)
            records.write(attrs.evolve(EARLY, order_id="OTHER"), at=3.0)
        if turns == 3:
            records.write(EARLY, at=4.0)
        if turns == 4:
            yield LATE

    waiting = OrderToken(order_id="WAITING", user_id="U", domains=("c.com",))
    follow = a_tracker(shop).follow((waiting,), timeout=60, records=cast("Any", records), more=more)
    found = {each.order_id: each.state async for each in follow}
    assert found == {
        "EARLY": ProvisionState.ACTIVE, "LATE": ProvisionState.ACTIVE, "WAITING": ProvisionState.WAITING}  # fmt: skip


async def test_a_waiter_reads_only_what_is_about_his_orders_and_is_new() -> None:
    shop, records = Shop(), Records()
    for number in range(50):
        records.write(OrderToken(order_id=f"O{number}", user_id="U", domains=(f"{number}.com",)), at=5.0)
    records.write(EARLY, at=2.0, state=ProvisionState.WAITING)
    follow = a_tracker(shop).follow((EARLY,), timeout=10, records=cast("Any", records))
    assert [each.state async for each in follow] == [ProvisionState.WAITING]
    assert len(records.reads) > 5
    assert max(records.reads) == 1


async def test_a_journal_tells_what_it_knows_of_some_orders(tmp_path: Path) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        sightings = [
            Sighting(order_id=f"O{number}", kind=ProvisionKind.DOMAIN, name=name, state=ProvisionState.ACTIVE)
            for number in range(700)
            for name in ("a.com", "b.com")
        ]
        await journal.tracking.note(sightings)
        some = [each.order_id async for each in journal.tracking.provisions(order_ids={"O1", "O699", "NONE"})]
        most = {each.order_id async for each in journal.tracking.provisions(order_ids=[f"O{n}" for n in range(600)])}
        later = [each async for each in journal.tracking.provisions(since=1e12, order_ids={"O1"})]
        none = [each async for each in journal.tracking.provisions(order_ids=())]
    assert sorted(some) == ["O1", "O1", "O699", "O699"]
    assert most == {f"O{number}" for number in range(600)}
    assert later == none == []
