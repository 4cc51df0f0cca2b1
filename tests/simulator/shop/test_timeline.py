"""Items appear at their times and are read by the page."""

from __future__ import annotations

from cmr_async.simulator.shop.timeline import Timeline


def timeline(*items: tuple[float, str]) -> Timeline[str]:
    made: Timeline[str] = Timeline()
    for time, item in items:
        made.add(time, item)
    return made


def test_items_appear_at_their_times_oldest_first() -> None:
    made = timeline((30.0, "c"), (10.0, "a"), (20.0, "b"))
    assert [list(made.appeared(now)) for now in (9.9, 10.0, 25.0, 30.0)] == [[], ["a"], ["a", "b"], ["a", "b", "c"]]
    assert [made.count(now) for now in (9.9, 10.0, 25.0, 30.0)] == [0, 1, 2, 3]


def test_items_of_one_time_keep_the_order_in_which_they_were_added() -> None:
    assert list(timeline((1.0, "b"), (1.0, "a"), (0.0, "z")).appeared(1.0)) == ["z", "b", "a"]


def test_a_page_holds_only_what_has_appeared() -> None:
    made = timeline(*((float(number), str(number)) for number in range(5)))
    assert [made.page(3.0, page, 2) for page in (1, 2, 3)] == [["0", "1"], ["2", "3"], []]
    assert [made.page(2.0, page, 2) for page in (1, 2, 3)] == [["0", "1"], ["2"], []]


def test_what_appears_later_changes_no_page_that_was_full() -> None:
    made = timeline((1.0, "a"), (2.0, "b"), (9.0, "later"))
    before = made.page(2.0, 1, 2)
    made.add(2.5, "c")
    assert (before, made.page(9.0, 1, 2), made.page(9.0, 2, 2)) == (["a", "b"], ["a", "b"], ["c", "later"])
