"""Files with orders of mailboxes: what the plan says of them, what is paid, and what a second run leaves alone."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from cmr_async import Client
from cmr_async.simulator import FaultRule, Simulator
from tests.cli.conftest import Cmr, Start
from tests.fakes import USER, make_order

PATH = "/orders/create-mailbox-order/json"
PAY = ("orders", "submit", "orders.csv", "--confirm", "--yes")


@attrs.frozen
class World:
    """A simulator with the domain a.com, and orders.csv: two orders of mailboxes for it, one of the domain b.com."""

    sim: Simulator
    folder: Path

    def paid(self) -> list[Decimal]:
        """What was charged after the order of a.com, smallest first."""
        return sorted(row.amount for row in self.sim.state.ledger[1:])

    def exported(self, cmr: Cmr) -> dict[str, tuple[str, str]]:
        """Kind and state of each order, from the exported journal."""
        name = self.folder / "run.csv"
        assert cmr("journal", "export", "orders.csv.journal.db", "--output", name, "--overwrite").exit_code == 0
        with name.open(newline="", encoding="utf-8") as file:
            return {row["reference"]: (row["kind"], row["state"]) for row in csv.DictReader(file)}


@pytest.fixture
def world(start_simulator: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    sim = start_simulator(provision_seconds=(0, 0))
    with Client(sim.api_key, sim.base_url) as client:
        client.orders.create(make_order("a", confirm=True), user_id=USER)
        (subscription,) = client.subscriptions.list(domain="a.com").data["subscriptions"]
        (domain,) = client.domains.by_user(USER).data
    monkeypatch.chdir(tmp_path)
    Path("orders.csv").write_text(
        f"""user_id,reference,domain,username,first_name,last_name,subscription_id,domain_id
{USER},joins,a.com,ann,Ann,Lee,{subscription["subscriptionId"]},
{USER},joins,a.com,bob,Bob,Lee,,
{USER},begins,a.com,cat,Cat,Lee,,{domain["domainId"]}
{USER},domain,b.com,ann,Ann,Lee,,
"""
    )
    return World(sim, tmp_path)


def test_the_plan_counts_mailboxes_without_a_registration(world: World, cmr: Cmr) -> None:
    result = cmr("orders", "plan", "orders.csv", "--json")
    assert result.exit_code == 0, result.stderr
    *_, plan = map(json.loads, result.stdout.splitlines())
    assert (plan["orders"], plan["domains"], plan["mailboxes"]) == (3, 1, 4)
    assert Decimal(plan["cost"]) == 4 * Decimal(3) + Decimal("15.88")
    assert world.paid() == []


def test_each_order_is_paid_once_however_often_the_file_is_submitted(world: World, cmr: Cmr) -> None:
    first, second = cmr(*PAY), cmr(*PAY)
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert "3 paid orders accepted of 3 orders." in first.output
    assert "3 skipped: accepted in an earlier run." in second.output
    assert world.paid() == [Decimal(3), Decimal(6), Decimal("18.88")]
    assert world.exported(cmr) == {
        "joins": ("mailbox_order", "accepted"),
        "begins": ("mailbox_order", "accepted"),
        "domain": ("order", "accepted"),
    }


def test_an_order_in_doubt_is_not_sent_by_the_next_run(world: World, cmr: Cmr) -> None:
    world.sim.faults.add(FaultRule(kind="reset", path=PATH, after_processing=True))
    first = cmr(*PAY, "--concurrency", "1")
    assert first.exit_code == 3
    assert "1 UNKNOWN: may or may not have been placed." in first.output
    assert cmr(*PAY).exit_code == 3
    assert world.paid() == [Decimal(3), Decimal(6), Decimal("18.88")]
    assert world.exported(cmr)["joins"] == ("mailbox_order", "unknown")


def test_drafts_are_paid_once(world: World, cmr: Cmr) -> None:
    assert cmr("orders", "submit", "orders.csv").exit_code == 0
    assert world.paid() == []
    for _ in range(2):
        paid = cmr(*PAY, "--process-path", "/orders/process")
        assert paid.exit_code == 0, paid.output
    assert world.paid() == [Decimal(3), Decimal(6), Decimal("18.88")]


def test_the_journal_shows_the_kind_as_json(world: World, cmr: Cmr) -> None:
    assert cmr("orders", "submit", "orders.csv").exit_code == 0
    lines = map(json.loads, cmr("journal", "show", "orders.csv.journal.db", "--json").stdout.splitlines())
    kinds = {line["reference"]: line["kind"] for line in lines if line["type"] == "step"}
    assert kinds == {"joins": "mailbox_order", "begins": "mailbox_order", "domain": "order"}
    assert len(world.sim.state.orders) == 4


def test_the_template_can_be_tried_on_the_simulator_inside_the_command(cmr: Cmr, tmp_path: Path) -> None:
    made = tmp_path / "mailboxes.csv"
    made.write_text(cmr("orders", "template", "--mailboxes").stdout)
    result = cmr("orders", "submit", made, "--simulator", "--confirm", "--yes")
    assert result.exit_code == 0, result.output
    assert "2 paid orders accepted of 2 orders." in result.stderr
