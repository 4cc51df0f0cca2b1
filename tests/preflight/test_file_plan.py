"""The plan of an upload: counts, cost and faults as values, and the orders of the run that it belongs to."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cmr_async import AsyncClient, Client, OrderState
from cmr_async.core.order.checked import CheckedOrder, check_request
from cmr_async.errors import ConfigurationError, OrderFileChangedError, OrderFileError
from cmr_async.orderfiles import OrderFile
from cmr_async.preflight import FilePlan, PriceList, plan_orders
from cmr_async.preflight import file_check as file_check_module
from cmr_async.simulator import DEMO_USERS, Simulator

USER = DEMO_USERS[0]


def table(*domains: str, header: str = "user_id,domain,years") -> bytes:
    return "".join(f"{line}\n" for line in (header, *(f"{USER},{domain},1" for domain in domains))).encode()


def upload(content: bytes) -> OrderFile:
    return OrderFile(io.BytesIO(content), name="orders.csv")


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator(rate_limit=None) as started:
        yield started


@pytest.fixture
async def cmr(simulator: Simulator) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(simulator.api_key, simulator.base_url, gap=0) as client:
        yield client


async def states(cmr: AsyncClient, plan: FilePlan, journal: Path | None = None) -> list[tuple[int, str]]:
    """Run a plan; row and state of each order."""
    orders = plan.orders_to_send()
    async with cmr.bulk.submit(orders, journal=journal) as run:
        return sorted([(orders.row_of(outcome), outcome.state.value) async for outcome in run])


def test_a_plan_counts_what_a_file_would_order_and_cost() -> None:
    content = f"""user_id,domain,years,username,first_name,last_name,service_provider,google_app_name
{USER},one.com,2,ada,Ada,Lovelace,GOOGLE,App
{USER},one.com,2,bob,Bob,Stone,GOOGLE,App
,two.com,1,,,,,
""".encode()
    with upload(content) as file:
        plan = plan_orders(file, user_id="U2", prices=PriceList(mailbox=Decimal(4), domain=Decimal(10)))
    assert (plan.orders, plan.domains, plan.mailboxes, plan.users) == (2, 2, 2, 2)
    assert (plan.cost, plan.first_faults, plan.refusal) == (Decimal(38), (), None)


def test_a_plan_names_the_users_when_it_is_asked_to() -> None:
    with upload(table("one.com") + b"U7,two.com,1\n") as file:
        assert plan_orders(file, keep_users=True).user_ids == {USER, "U7"}
        assert plan_orders(file).user_ids == frozenset()


def test_the_faults_of_a_file_are_values_with_their_places_and_refuse_it() -> None:
    with upload(table("one.com", "no domain", "one.com")) as file:
        plan = plan_orders(file)
        assert [(fault.source, fault.row, fault.column) for fault in plan.first_faults] == [
            ("orders.csv", 3, "domain"),
            ("orders.csv", 4, "reference"),
            ("orders.csv", 4, "domain"),
        ]
        assert (plan.orders, plan.invalid, plan.faults, plan.refusal) == (1, 2, 3, "3 faults in orders.csv")
        with pytest.raises(OrderFileError, match=r"^Nothing can be sent: 3 faults in orders\.csv\.$"):
            plan.orders_to_send()


@pytest.mark.parametrize("most", [0, 1, 3])
def test_a_plan_keeps_the_first_faults_and_counts_all(most: int) -> None:
    with upload(table(*(f"no domain {number}" for number in range(5)))) as file:
        plan = plan_orders(file, most_faults=most)
    assert ([fault.row for fault in plan.first_faults], plan.faults) == (list(range(2, 2 + most)), 5)


def test_what_deserves_a_look_is_kept_apart() -> None:
    with upload(table("EXAMPLE.com")) as file:
        plan = plan_orders(file)
    assert ([caution.row for caution in plan.first_cautions], plan.cautions, plan.refusal) == ([2], 1, None)


def test_a_file_without_orders_or_without_an_end_is_refused() -> None:
    with upload(table()) as file:
        assert plan_orders(file).refusal == "orders.csv holds no orders"
    with OrderFile(b'[{"user_id": "U1"', name="orders.json") as file:
        plan = plan_orders(file, skip_invalid=True)
    assert plan.refusal == "orders.json cannot be read to its end, so no order of it is certain to be whole"


@pytest.mark.parametrize("content", [b"", b"user_id,domian\nU,one.com\n", b"domain\none.com\n"])
def test_a_file_without_a_usable_header_has_faults_and_is_not_called_cut(content: bytes) -> None:
    with OrderFile(content, name="orders.csv", format="csv") as file:
        plan = plan_orders(file)
        assert plan.refusal == ("1 fault in orders.csv" if plan.faults == 1 else f"{plan.faults} faults in orders.csv")
        assert plan_orders(file, skip_invalid=True).refusal == "no order of orders.csv is without faults"


def test_a_file_whose_orders_all_have_faults_is_not_called_empty() -> None:
    with upload(table("nonsense", "nonsense, too")) as file:
        assert plan_orders(file, skip_invalid=True).refusal == "no order of orders.csv is without faults"


def test_a_limit_of_dollars_needs_every_price() -> None:
    columns = "user_id,domain,years,username,first_name,last_name,on_warmup,service_provider,google_app_name"
    content = f"{columns}\n{USER},one.com,1,ada,Ada,Lee,yes,GOOGLE,App\n"
    with upload(content.encode()) as file:
        assert "needs the price of warmup" in str(plan_orders(file, max_spend=Decimal(100)).refusal)
        assert plan_orders(file, max_spend=Decimal(100), prices=PriceList(warmup=Decimal(2))).refusal is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_orders": 0}, "max_orders must be a whole number of at least 1, not 0"),
        ({"max_orders": 1.5}, "max_orders must be a whole number of at least 1, not 1.5"),
        ({"domains_per_order": 0}, "domains_per_order must be a whole number of at least 1, not 0"),
        ({"most_faults": -1}, "most_faults must be a whole number of at least 0, not -1"),
        ({"max_spend": Decimal("NaN")}, r"max_spend must be an amount of dollars, not Decimal\('NaN'\)"),
        ({"max_spend": Decimal(-1)}, r"max_spend must be an amount of dollars, not Decimal\('-1'\)"),
        ({"max_spend": "5"}, "max_spend must be an amount of dollars, not '5'"),
    ],
)
def test_arguments_out_of_range_are_refused(given: dict[str, Any], message: str) -> None:
    with upload(table("one.com")) as file, pytest.raises(ConfigurationError, match=f"^{message}"):
        plan_orders(file, **given)


async def test_what_was_checked_is_what_is_sent(
    simulator: Simulator, cmr: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[CheckedOrder] = []

    def check(request: Any) -> CheckedOrder:
        checked.append(check_request(request))
        return checked[-1]

    with upload(table("one.com", "two.com")) as file:
        plan = plan_orders(file)
        monkeypatch.setattr(file_check_module, "check_request", check)
        orders = plan.orders_to_send()
        async with cmr.bulk.submit(orders) as run:
            async for outcome in run:
                assert outcome.state is OrderState.ACCEPTED
                assert outcome.request is checked[outcome.index].request
    assert len(checked) == 2
    assert len(simulator.state.orders) == 2


async def test_one_upload_that_comes_twice_buys_once(simulator: Simulator, cmr: AsyncClient, tmp_path: Path) -> None:
    journal = tmp_path / "run.db"
    for expected, to_send in (("accepted", 2), ("skipped", 0)):
        with upload(table("one.com", "two.com")) as file:
            plan = plan_orders(file, confirm=True, journal=journal)
            assert (plan.orders, plan.to_send) == (2, to_send)
            assert await states(cmr, plan, journal) == [(2, expected), (3, expected)]
    assert len(simulator.state.orders) == 2


async def test_a_plan_that_is_older_than_another_run_buys_nothing_again(
    simulator: Simulator, cmr: AsyncClient, tmp_path: Path
) -> None:
    journal = tmp_path / "run.db"
    with upload(table("one.com")) as first, upload(table("one.com")) as second:
        plans = [plan_orders(file, confirm=True, journal=journal) for file in (first, second)]
        assert [plan.to_send for plan in plans] == [1, 1]
        assert [await states(cmr, plan, journal) for plan in plans] == [[(2, "accepted")], [(2, "skipped")]]
    assert len(simulator.state.orders) == 1


async def test_orders_without_faults_are_sent_when_the_caller_says_so(cmr: AsyncClient) -> None:
    with upload(table("one.com", "no domain", "two.com")) as file:
        plan = plan_orders(file, skip_invalid=True)
        assert (plan.refusal, plan.faults) == (None, 1)
        assert await states(cmr, plan) == [(2, "accepted"), (4, "accepted")]


async def test_a_limit_ends_the_run_and_says_where(simulator: Simulator, cmr: AsyncClient) -> None:
    with upload(table("one.com", "two.com", "three.com")) as file:
        plan = plan_orders(file, max_orders=2)
        assert (plan.to_send, plan.affordable) == (3, 2)
        orders = plan.orders_to_send()
        async with cmr.bulk.submit(orders) as run:
            assert sorted([orders.row_of(outcome) async for outcome in run]) == [2, 3]
        assert (orders.stopped, orders.next_row) == ("the limit of 2 orders is reached", 4)
    assert len(simulator.state.orders) == 2


async def test_a_run_that_is_left_early_says_where_to_go_on(cmr: AsyncClient) -> None:
    with upload(table("one.com", "two.com", "three.com")) as file:
        orders = plan_orders(file).orders_to_send()
        async with cmr.bulk.submit(orders, concurrency=1) as run:
            first = orders.row_of(await anext(aiter(run)))
        for outcome in run.drained:
            orders.row_of(outcome)
    assert first == 2
    assert orders.stopped is None
    assert orders.next_row in {3, 4}


async def test_a_file_on_disk_that_changes_after_the_plan_is_not_sent(
    simulator: Simulator, cmr: AsyncClient, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(table("one.com"))
    with OrderFile(path) as file:
        plan = plan_orders(file, confirm=True)
        path.write_bytes(table("two.com", "three.com"))
        with pytest.raises(OrderFileChangedError, match="changed while its orders were being sent"):
            await states(cmr, plan)
    assert len(simulator.state.orders) == 0


async def test_the_orders_of_a_plan_are_for_one_run(cmr: AsyncClient) -> None:
    with upload(table("one.com")) as file:
        orders = plan_orders(file).orders_to_send()
        async with cmr.bulk.submit(orders) as run:
            assert [outcome.state async for outcome in run] == [OrderState.ACCEPTED]
        with pytest.raises(ConfigurationError, match=r"^These orders are for one run"):
            list(orders)


def test_the_blocking_client_takes_a_plan_as_well(tmp_path: Path) -> None:
    journal = tmp_path / "run.db"
    found: list[list[tuple[int, str]]] = []
    with Simulator(rate_limit=None) as simulator, Client(simulator.api_key, simulator.base_url, gap=0) as cmr:
        for _ in range(2):
            with upload(table("one.com", "two.com")) as file:
                orders = plan_orders(file, confirm=True, journal=journal).orders_to_send()
                with cmr.bulk.submit(orders, journal=journal) as run:
                    found.append(sorted((orders.row_of(outcome), outcome.state.value) for outcome in run))
    assert found == [[(2, "accepted"), (3, "accepted")], [(2, "skipped"), (3, "skipped")]]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux lists open files there")
async def test_a_plan_leaves_its_journal_closed(cmr: AsyncClient, tmp_path: Path) -> None:
    def opened() -> int:
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return sum(str(link.readlink()).startswith(str(journal)) for link in links)

    journal = tmp_path / "run.db"
    with upload(table("one.com", "two.com")) as file:
        await states(cmr, plan_orders(file, journal=journal), journal)
        plan = plan_orders(file, journal=journal, max_orders=1)
        assert opened() == 0
        orders = plan.orders_to_send()
        assert len(list(orders)) == 2
        assert opened() == 0
        assert (plan.settled, orders.stopped, orders.next_row) == ({"accepted": 2}, None, 2)
        assert opened() == 0


def test_no_repr_shows_the_file_of_a_plan() -> None:
    with upload(table("one.com")) as file:
        assert "OrderFile" not in repr(plan_orders(file))
