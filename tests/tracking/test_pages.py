"""Which page of a list is read next: where something is open, where new rows come, and now and then elsewhere."""

from __future__ import annotations

from cmr_async.tracking.pages import Pages


def after(*seen: tuple[int, int], total: int, newest_first: bool = False) -> Pages:
    """Return pages after reads of (page, open rows)."""
    pages = Pages()
    pages.next()
    pages.seen(1, total=total, open_rows=0, has_new=newest_first)
    for page, rows in seen:
        pages.next()
        pages.seen(page, total=total, open_rows=rows, has_new=False)
    return pages


def test_the_first_page_tells_how_many_there_are() -> None:
    pages = Pages()
    assert pages.next() == 1
    pages.seen(1, total=7, open_rows=0, has_new=False)
    assert pages.total == 7


def test_pages_that_were_never_read_come_in_turn_from_the_end() -> None:
    pages = after(total=5)
    found = []
    for _ in range(12):
        found.append(page := pages.next())
        pages.seen(page, total=5, open_rows=0, has_new=False)
    assert set(found) >= {2, 3, 4, 5}
    assert found.index(4) < found.index(3) < found.index(2)


def test_the_page_with_more_that_is_open_is_read_more_often() -> None:
    pages = after((2, 90), (3, 5), (4, 0), (5, 0), total=5)
    found = []
    for _ in range(24):
        found.append(page := pages.next())
        pages.seen(page, total=5, open_rows={2: 90, 3: 5}.get(page, 0), has_new=False)
    assert found.count(2) > found.count(3) > 0
    assert found.count(5) > 0  # where new rows come
    assert {1, 4} & set(found)  # and elsewhere


def test_new_rows_on_the_first_page_turn_the_list_round() -> None:
    pages = Pages()
    for page, new in ((1, False), (3, False), (1, True)):
        pages.next()
        pages.seen(page, total=3, open_rows=0, has_new=new)
    assert 1 in {pages.next(), pages.next()}


def test_a_list_that_shrinks_forgets_pages_that_are_gone() -> None:
    pages = after((5, 3), total=5)
    pages.seen(1, total=2, open_rows=0, has_new=False)
    assert {pages.next() for _ in range(10)} <= {1, 2}
