"""One order has one key: however it is spelled, and whatever happens to the orders around it, it is bought once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from cmr_async import AsyncClient, DomainRegistration, Order, OrderOutcome, OrderRequest
from cmr_async.journal.journal import Journal
from tests.money.ledger import KEY, USER, Ledger


@pytest.fixture
def api() -> Iterator[Ledger]:
    with Ledger() as ledger:
        yield ledger


def order(name: str, *, forward_to: str | None = None) -> Order:
    return Order(domains=[DomainRegistration(domain=f"{name}.com", forward_to=forward_to)], confirm=True)


def request(name: str, reference: str | None, user_id: str = USER, **more: str) -> OrderRequest:
    return OrderRequest(user_id=user_id, reference=reference, order=order(name, **more))


async def submit(api: Ledger, journal: Path, *requests: OrderRequest, concurrency: int = 8) -> list[OrderOutcome]:
    async with AsyncClient(KEY, api.base_url, gap=0) as cmr:
        run = cmr.bulk.submit(requests, journal=journal, concurrency=concurrency)
        return sorted([outcome async for outcome in run], key=lambda outcome: outcome.index)


SPELLINGS = [
    (request("one", "A-1"), request("one", "A-1 ")),
    (request("one", "M\u00fcller"), request("one", "Mu\u0308ller")),
    (request("one", "A-1"), request("one", "A-1", user_id=f"{USER} ")),
    (request("one", None), request("ONE", None)),
    (request("one", "A-1"), request("one", None)),
    (request("one", None), request("one", "A-1")),
    (request("one", f"{USER}:one.com"), request("one", None)),
]


@pytest.mark.parametrize(("first", "second"), SPELLINGS)
async def test_two_spellings_of_one_order_are_bought_once_in_two_runs(
    api: Ledger, tmp_path: Path, first: OrderRequest, second: OrderRequest
) -> None:
    journal = tmp_path / "run.db"
    states = [outcome.state for given in (first, second, first) for outcome in await submit(api, journal, given)]
    assert states == ["accepted", "skipped", "skipped"]
    assert api.bought == Counter(["one.com"])
    assert api.posts.total() == 1


@pytest.mark.parametrize(("first", "second"), SPELLINGS)
async def test_two_spellings_of_one_order_are_bought_once_in_one_run(
    api: Ledger, tmp_path: Path, first: OrderRequest, second: OrderRequest
) -> None:
    outcomes = await submit(api, tmp_path / "run.db", first, second)
    assert sorted(outcome.state for outcome in outcomes) == ["accepted", "skipped"]
    (skipped,) = (outcome for outcome in outcomes if outcome.state == "skipped")
    assert "another run" not in str(skipped.error)
    assert api.bought == Counter(["one.com"])


async def test_a_changed_order_between_two_others_is_refused_by_itself_and_says_so(api: Ledger, tmp_path: Path) -> None:
    journal = tmp_path / "run.db"
    await submit(api, journal, request("b", "B"))
    changed = request("b", "B", forward_to="else.com")
    first, refused, last = await submit(api, journal, request("a", "A"), changed, request("c", "C"))
    assert [outcome.state for outcome in (first, refused, last)] == ["accepted", "rejected", "accepted"]
    assert str(refused.error).startswith(f"The journal {journal} has B (accepted) with another content.")
    assert "batch" not in str(refused.error)
    assert api.bought == Counter(["a.com", "b.com", "c.com"])


async def test_a_corrected_order_whose_first_form_was_refused_is_taken_and_bought_once(
    api: Ledger, tmp_path: Path
) -> None:
    journal = tmp_path / "run.db"
    api.refused = {"wrong.com"}
    (refused,) = await submit(api, journal, request("wrong", "A"))
    assert refused.state == "rejected"
    for _ in range(2):
        await submit(api, journal, request("right", "A"))
    assert api.bought == Counter(["right.com"])
    async with Journal(journal, create=False) as opened:
        (entry,) = [entry async for entry in opened.entries()]
    assert (entry.key, entry.state, entry.domains) == ("A", "accepted", ("right.com",))


async def test_two_runs_with_two_versions_of_one_order_buy_one_of_them(api: Ledger, tmp_path: Path) -> None:
    journal = tmp_path / "run.db"
    old, new = request("one", "A"), attrs.evolve(request("one", "A"), order=order("one", forward_to="else.com"))
    async with Journal(journal) as opened:
        (planned,) = await opened.add([old])
        await submit(api, journal, new)
        assert await opened.claim("A", fingerprint=planned.fingerprint) is None
    (skipped,) = await submit(api, journal, new)
    assert skipped.state == "skipped"
    assert api.bought == Counter(["one.com"])
