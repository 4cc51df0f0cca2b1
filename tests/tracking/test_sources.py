"""Reading a list of all users page by page, whatever it says of its pages, until it is of no use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pytest

from cmr_async.core.exchange import Exchange
from cmr_async.tracking.rows import Row
from cmr_async.tracking.settings import TrackingSettings
from cmr_async.tracking.sources import Lists
from tests.fakes import answered
from tests.tracking.shop import Shop


def page_of(number: int, *, pages: int, size: int = 100) -> list[dict[str, str]]:
    """Return a page of a list of which the last row of the last page is waited for."""
    rows = [{"email": f"x{row}@p{number}.com", "status": "ACTIVE"} for row in range(size if number <= pages else 0)]
    return [*rows[:-1], {"email": "ada@a.com", "status": "ACTIVE"}] if number == pages else rows


class Api(Shop):
    """Answers each page of the list of mailboxes with what the test makes of it."""

    def __init__(self, answer: Callable[[int], Exchange]) -> None:
        super().__init__()
        self.changed["mailboxes.list"] = lambda _: answer(int(self.sent[-1].query["page"]))

    @property
    def pages(self) -> list[int]:
        return [int(request.query["page"]) for request in self.sent if request.endpoint.name == "mailboxes.list"]


def is_ours(row: Row) -> bool:
    return row.name == "ada@a.com"


async def read(api: Api, times: int) -> list[Row]:
    lists = Lists(api.pipeline(), TrackingSettings())
    return [row for _ in range(times) for row in await lists.read(is_ours)]


@pytest.mark.parametrize("beside", [{"pagination": {"totalPages": 3}}, {"meta": {"totalPages": "3"}}, {}])
@pytest.mark.parametrize("wrapped", [False, True])
async def test_all_pages_of_a_list_are_read_wherever_it_says_how_many_there_are(
    beside: Mapping[str, Any], wrapped: bool
) -> None:
    def answer(number: int) -> Exchange:
        rows = page_of(number, pages=3)
        answer = {"data": {"mailboxes": rows, **beside}} if wrapped else {"data": rows, **beside}
        return answered(body=orjson.dumps({"status": 200, "message": "ok", **answer}))

    api = Api(answer)
    assert await read(api, 8)
    assert {1, 2, 3} <= set(api.pages)
    assert max(api.pages) <= 4  # after a full page without any word of a total


async def test_a_full_page_of_which_not_everything_is_understood_is_a_full_page() -> None:
    unknown = {"mailboxId": "M", "email": None, "domain": "b.com", "status": "FAILED"}
    api = Api(lambda number: answered(200, [unknown, *page_of(number, pages=3)[1:]]))
    assert await read(api, 4)
    assert api.pages == [1, 2, 3, 4]


async def test_a_list_that_gives_the_same_page_for_ever_is_not_read_for_ever() -> None:
    api = Api(lambda _: answered(200, page_of(1, pages=1)))
    assert len(await read(api, 20)) == 20
    assert set(api.pages) == {1, 2}


async def test_a_page_that_is_gone_is_no_reason_to_give_a_list_up() -> None:
    shorter = False

    def answer(number: int) -> Exchange:
        nonlocal shorter
        if number > 1:
            shorter = True
            return answered(404)
        return answered(200, {"mailboxes": page_of(1, pages=1 if shorter else 2), "totalPages": 1 if shorter else 2})

    api = Api(answer)
    assert await read(api, 5)
    assert api.pages == [1, 2, 1, 1, 1]


async def test_a_list_is_given_up_when_its_first_page_is_refused_again_and_again() -> None:
    api = Api(lambda _: answered(403))
    assert await read(api, 5) == []
    assert api.read == ["mailboxes.list"] * 3 + ["subscriptions.list"] * 2


async def test_a_refusal_now_and_then_is_no_reason_to_give_a_list_up() -> None:
    refusals = iter([True, True, False] * 5)
    api = Api(lambda _: answered(403) if next(refusals) else answered(200, page_of(1, pages=1, size=1)))
    assert len(await read(api, 15)) == 5
