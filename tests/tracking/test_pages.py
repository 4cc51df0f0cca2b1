"""Which page of a list is read next: where most is open, where new rows come, and now and then elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

from cmr_async.tracking.pages import Pages


def full(
    page: int, *, total: int, ours: int = 0, open_rows: int | None = None, has_new: bool = False
) -> dict[str, Any]:
    """Return what is noted of a full page."""
    open_rows = ours if open_rows is None else open_rows
    return {"page": page, "total": total, "rows": 100, "ours": ours, "open_rows": open_rows, "has_new": has_new}


def after(*seen: Mapping[str, Any]) -> Pages:
    """Return pages after some reads."""
    pages = Pages(100)
    for each in seen:
        pages.next()
        pages.seen(**each)
    return pages


def found(pages: Pages, reads: int, *, total: int, open_rows: Mapping[int, int] | None = None) -> list[int]:
    """Return which pages are read next while nothing changes."""
    rows, order = open_rows or {}, []
    for _ in range(reads):
        order.append(page := pages.next())
        pages.seen(**full(page, total=total, ours=rows.get(page, 0)))
    return order


def empty(pages: Iterable[int], *, total: int) -> list[dict[str, Any]]:
    return [full(page, total=total) for page in pages]


def test_the_first_page_tells_how_many_there_are() -> None:
    pages = Pages(100)
    assert pages.next() == 1
    pages.seen(**full(1, total=7))
    assert pages.total == 7


def test_the_page_where_new_rows_come_is_read_before_old_ones() -> None:
    pages = after(full(1, total=5))
    assert pages.next() == 5


def test_a_page_with_a_quarter_of_the_open_rows_is_read_half_as_often() -> None:
    pages = after(*empty(range(1, 6), total=5))
    reads = Counter(found(pages, 120, total=5, open_rows={2: 80, 3: 20}))
    assert 1.6 < reads[2] / reads[3] < 2.5
    assert min(reads.values()) > 0  # and each of the others now and then
    assert max(reads[1], reads[4], reads[5]) < reads[3]


def test_a_page_that_is_not_full_is_expected_to_fill() -> None:
    last = {"page": 3, "total": 3, "rows": 40, "ours": 0, "open_rows": 0, "has_new": False}
    pages = after(*empty((1, 2), total=3), last)
    assert pages.next() == 3


def test_what_is_open_is_followed_from_page_to_page_after_a_new_start() -> None:
    pages = after(full(1, total=40), full(40, total=40, ours=90, has_new=True))
    reads = found(pages, 20, total=40, open_rows={40: 90, 39: 80, 38: 60})
    assert {39, 38, 37} <= set(reads)
    assert reads.index(39) < reads.index(38) < reads.index(37)
    assert sum(page < 37 for page in reads) <= 3


def test_new_rows_on_the_first_page_turn_the_list_round() -> None:
    pages = after(full(1, total=3), full(3, total=3), full(1, total=3, ours=50, has_new=True))
    reads = Counter(found(pages, 12, total=3, open_rows={1: 50}))
    assert reads[1] > reads[2] + reads[3]


def test_rows_that_move_to_the_next_page_are_followed() -> None:
    pages = after(full(1, total=3), full(3, total=3), full(1, total=3, ours=90, has_new=True))
    pages.next()
    pages.seen(**full(1, total=4, ours=100, has_new=True))
    reads = found(pages, 6, total=4, open_rows={1: 100, 2: 90})
    assert {1, 2} <= set(reads)


def test_a_list_that_shrinks_forgets_pages_that_are_gone() -> None:
    pages = after(full(1, total=5), full(5, total=5, ours=3))
    assert set(found(pages, 10, total=2)) <= {1, 2, 5}
    assert set(found(pages, 10, total=2)) <= {1, 2}


def test_the_pages_of_a_huge_list_are_not_all_weighed() -> None:
    pages = after(full(1, total=100_000), full(100_000, total=100_000), full(7, total=100_000, ours=3))
    assert len(pages._candidates()) < 10
    assert set(found(pages, 30, total=100_000)) >= {2, 3, 4, 5, 6, 8}


def test_the_page_that_is_weighed_highest_of_all_is_among_those_that_are_weighed() -> None:
    rng, pages = Random(1), Pages(100)
    for _ in range(300):
        page = pages.next()
        best = max(range(1, pages.total + 1), key=pages._urgency)
        assert pages._turn(page) == best
        ours = rng.choice([0, 0, 0, 20])
        pages.seen(**full(page, total=rng.randint(5, 40), ours=ours, has_new=rng.random() < 0.1))
