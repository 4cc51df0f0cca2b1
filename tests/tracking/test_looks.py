"""Which order is looked up by itself next: users and single orders take turns, so that neither waits for long."""

from __future__ import annotations

from cmr_async.models.progress import OrderToken
from cmr_async.models.tracking import ProvisionKind
from cmr_async.tracking.looks import Looks
from cmr_async.tracking.settings import TrackingSettings
from cmr_async.tracking.table import OpenOrder

BOXES = ProvisionKind.MAILBOX


def an_order(name: str, *, user_id: str = "U", at: float = 90.0, boxes: bool = True) -> OpenOrder:
    mailboxes = [f"ada@{name}.com"] if boxes else []
    token = OrderToken(order_id=name, user_id=user_id, domains=[f"{name}.com"], mailboxes=mailboxes)
    return OpenOrder(token=token, look_from=10.0, single_at=at, single_gap=90.0)


def look_at_user(looks: Looks, order: OpenOrder, orders: list[OpenOrder], *, now: float, total: int = 1) -> int:
    page = looks.begin_of_user(order.token.user_id, order.waits_for)
    looks.end_of_user(order, order.waits_for, page=page, total=total, orders=orders, now=now)
    return page


def test_nothing_is_due_before_its_time() -> None:
    looks, order = Looks(TrackingSettings()), an_order("a")
    assert looks.due([order], 89.0) is None
    assert looks.due([], 100.0) is None
    assert looks.due([order, an_order("b", at=80.0)], 100.0) is not order


def test_one_look_at_a_user_counts_for_all_his_orders_that_are_due_soon() -> None:
    looks = Looks(TrackingSettings())
    orders = [an_order("a"), an_order("soon", at=170.0), an_order("late", at=200.0), an_order("other", user_id="V")]
    look_at_user(looks, orders[0], orders, now=100.0)
    assert [looks.is_of_user(order, 100.0) for order in orders] == [False, False, True, True]
    assert [order.single_at for order in orders] == [90.0, 170.0, 200.0, 90.0]  # none is put off


def test_looks_at_users_and_at_orders_take_turns() -> None:
    looks = Looks(TrackingSettings())
    orders = [an_order("a"), an_order("b"), *(an_order(f"v{n}", user_id=f"V{n}") for n in range(3))]
    look_at_user(looks, orders[0], orders, now=100.0)
    seen = []
    while (order := looks.due(orders, 100.0)) is not None:
        seen.append("user" if looks.is_of_user(order, 100.0) else "order")
        if seen[-1] == "user":
            look_at_user(looks, order, orders, now=100.0)
        else:
            looks.begin_of_order(order, 100.0)
    assert seen == ["order", "user"] * 3 + ["order", "order"]


def test_further_looks_at_an_order_come_later_and_later() -> None:
    looks, order = Looks(TrackingSettings()), an_order("a")
    gaps = []
    for _ in range(8):
        looks.begin_of_order(order, 0.0)
        gaps.append(order.single_at)
    assert gaps == [90.0, 180.0, 360.0, 720.0, 1440.0, 2880.0, 3600.0, 3600.0]


def test_the_pages_of_a_user_are_read_one_after_the_other_unless_they_are_too_many() -> None:
    looks, order = Looks(TrackingSettings()), an_order("a")
    assert [look_at_user(looks, order, [order], now=100.0, total=3) for _ in range(3)] == [1, 2, 3]
    assert order.looks == 1
    order.looks = 0
    assert [look_at_user(looks, order, [order], now=100.0, total=6) for _ in range(2)] == [1, 1]


def test_a_look_that_was_begun_is_forgotten_with_the_last_order_of_its_user() -> None:
    looks, order = Looks(TrackingSettings()), an_order("a")
    look_at_user(looks, order, [order], now=100.0, total=3)
    looks.forget("U", [an_order("b")])
    assert looks.begin_of_user("U", BOXES) == 2
    look_at_user(looks, order, [order], now=100.0, total=3)
    looks.forget("U", [an_order("b", user_id="V")])
    assert looks.begin_of_user("U", BOXES) == 1


def test_young_orders_of_domains_alone_are_looked_for_often() -> None:
    looks, order = Looks(TrackingSettings()), an_order("a", at=10.0, boxes=False)
    times = []
    now = 10.0
    while now < 100.0:
        now = max(now, order.single_at)
        times.append(now)
        assert looks.due([order], now) is order
        look_at_user(looks, order, [order], now=now)
        now += 1.0
    assert times == [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0]
