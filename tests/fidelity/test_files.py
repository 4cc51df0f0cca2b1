"""What a file leaves out is counted in the plan, and what a second order for a domain does is not claimed."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmr_async import DomainRegistration
from cmr_async.orderfiles import OrderFile
from cmr_async.preflight.file_check import check_file
from cmr_async.preflight.plan import Plan, count_orders
from cmr_async.simulator import DEMO_USERS
from tests.cli.conftest import Cmr, cmr

__all__ = ["cmr"]

USER = DEMO_USERS[0]
ASSUMED = "years      1 assumed for 2 domains: the file gives none, and the API's page requires it"


def planned(path: Path) -> Plan:
    with OrderFile(path) as file:
        return count_orders(check_file(file.orders(user_id=USER)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "domain,years\none.com,\ntwo.com,2\nthree.com,\n"),
        ("a.jsonl", '{"domains": [{"domain": "one.com"}, {"domain": "two.com", "years": 2}, {"domain": "three.com"}]}'),
    ],
)
def test_the_plan_says_for_how_many_domains_the_years_were_assumed(
    cmr: Cmr, tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert planned(path).assumed_years == 2
    assert ASSUMED in cmr("orders", "plan", path, "--user-id", USER).stdout


def test_a_plan_with_all_years_says_nothing_of_them(cmr: Cmr, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("domain,years\none.com,1\n")
    assert planned(path).assumed_years == 0
    assert "assumed" not in cmr("orders", "plan", path, "--user-id", USER).stdout


def test_the_default_of_the_years_is_one_that_everybody_sees() -> None:
    assert DomainRegistration(domain="one.com").years == 1


def test_the_price_of_a_domain_is_named_as_what_it_is(cmr: Cmr, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("domain,years\none.com,1\n")
    shown = cmr("orders", "plan", path, "--user-id", USER).stdout
    assert "$15.88 a year, the amount in one sample webhook of the documentation, not a price list" in shown
