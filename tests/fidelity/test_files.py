"""What a file leaves out is counted in the plan, and what a second order for a domain does is not claimed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from cmr_async import AsyncClient, DomainRegistration, Order, OrderRequest
from cmr_async.orderfiles import OrderFile
from cmr_async.preflight.plan import Plan, check_orders, count_orders
from cmr_async.simulator import DEMO_USERS, Simulator
from tests.cli.conftest import cmr

__all__ = ["cmr"]

USER = DEMO_USERS[0]
ASSUMED = "years      1 assumed for 2 domains: the file gives none, and the API's page requires it"


def planned(path: Path) -> Plan:
    with OrderFile(path) as file:
        return count_orders(check_orders(file.orders(user_id=USER)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "domain,years\none.com,\ntwo.com,2\nthree.com,\n"),
        ("a.jsonl", '{"domains": [{"domain": "one.com"}, {"domain": "two.com", "years": 2}, {"domain": "three.com"}]}'),
    ],
)
def test_the_plan_says_for_how_many_domains_the_years_were_assumed(
    cmr: Callable[..., Result], tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert planned(path).assumed_years == 2
    assert ASSUMED in cmr("orders", "plan", path, "--user-id", USER).stdout


def test_a_plan_with_all_years_says_nothing_of_them(cmr: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("domain,years\none.com,1\n")
    assert planned(path).assumed_years == 0
    assert "assumed" not in cmr("orders", "plan", path, "--user-id", USER).stdout


def test_the_default_of_the_years_is_one_that_everybody_sees() -> None:
    assert DomainRegistration(domain="one.com").years == 1


def test_two_orders_of_a_file_for_one_domain_are_refused_without_a_claim_about_the_api(
    cmr: Callable[..., Result], tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("reference,domain,years\na,one.com,1\nb,one.com,1\n")
    result = cmr("orders", "plan", path, "--user-id", USER)
    assert result.exit_code == 2
    assert "one.com is registered by the order at row 2 already; paying for both may buy it twice" in result.stderr


async def test_a_draft_of_the_journal_is_called_one_when_another_order_wants_its_domain(
    cmr: Callable[..., Result], tmp_path: Path
) -> None:
    journal, path = tmp_path / "run.db", tmp_path / "a.csv"
    order = Order(domains=[DomainRegistration(domain="one.com")])
    async with Simulator() as sim, AsyncClient(sim.api_key, sim.base_url) as client:
        requests = [OrderRequest(user_id=USER, order=order, reference="a")]
        assert [outcome.state.value async for outcome in client.bulk.submit(requests, journal=journal)] == ["accepted"]
    path.write_text("reference,domain,years\nb,one.com,1\n")
    result = cmr("orders", "plan", path, "--user-id", USER, "--journal", journal)
    assert result.exit_code == 2
    assert "one.com is ordered by a (accepted) in the journal" in result.stderr
    assert "already, as a draft; paying for both may buy it twice" in result.stderr


def test_the_price_of_a_domain_is_named_as_what_it_is(cmr: Callable[..., Result], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("domain,years\none.com,1\n")
    shown = cmr("orders", "plan", path, "--user-id", USER).stdout
    assert "$15.88 a year, the amount in one sample webhook of the documentation, not a price list" in shown
