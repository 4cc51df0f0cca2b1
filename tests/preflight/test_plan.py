"""The plan: counts, duplicates over the whole file, the estimate of the cost."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from cmr_async.orderfiles.file import OrderFile
from cmr_async.preflight.file_check import check_file
from cmr_async.preflight.plan import Plan, count_orders

EXAMPLES = Path(__file__).parents[2] / "examples"
HEADER = "user_id,reference,domain,username,first_name,last_name\n"


def plan_of(path: Path, **options: Any) -> tuple[Plan, list[str], list[str]]:
    faults: list[str] = []
    cautions: list[str] = []
    with OrderFile(path) as file:
        plan = count_orders(
            check_file(file.orders(user_id="U")),
            on_fault=lambda fault: faults.append(str(fault).removeprefix(f"{path}, ")),
            on_caution=lambda caution: cautions.append(str(caution).removeprefix(f"{path}, ")),
            **options,
        )
    return plan, faults, cautions


def test_the_example_is_forty_orders_of_three_users() -> None:
    plan, faults, cautions = plan_of(EXAMPLES / "orders.csv", keep_users=True)
    assert (faults, cautions) == ([], [])
    assert (plan.orders, plan.domains, plan.mailboxes, plan.warmups, plan.users) == (40, 40, 120, 40, 3)
    assert plan.user_ids == {
        "BVZGM5TE9BMP3PP0VWGW943RGV1B", "PWM7Y25RYZ450YNM8K8FX9GK5AHX", "HATSA7AB56M513Q6EBF005YFHDQT",
    }  # fmt: skip
    assert plan.cost == 40 * Decimal("15.88") + 120 * Decimal("3.00")
    assert not plan.cost_is_complete


def test_faults_of_an_order_get_the_row_and_column_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + "U,A,one.com,ann,Ann,Lee\nU,A,two.com,bob,Bob,Lee\nU,A,two.com,c d,,Lee\nU,B,-x-,,,\n")
    plan, faults, _ = plan_of(path)
    assert faults == [
        "row 4, first_name: is required by the page, and this SDK takes empty text for missing: ''",
        "row 5, domain: is no domain name: '-x-'",
    ]
    assert (plan.orders, plan.invalid, plan.faults, plan.cautions) == (0, 2, 2, 1)


def test_an_order_that_comes_back_later_is_a_fault_that_names_both_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEADER + "U,,one.com,ann,Ann,Lee\nU,A,two.com,,,\nU,,ONE.com,bob,Bob,Lee\nU,A,six.com,,,\n")
    plan, faults, _ = plan_of(path)
    assert [fault.partition(" already")[0] for fault in faults] == [
        'row 4, reference: an order "U:one.com" is at row 2',
        "row 4, domain: one.com is registered by the order at row 2",
        'row 5, reference: an order "A" is at row 3',
    ]
    assert (plan.orders, plan.invalid) == (2, 2)


def test_orders_that_share_a_domain_without_buying_it_twice_are_cautions(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    box = {"username": "ann", "firstName": "Ann", "lastName": "Lee"}
    lines = [
        {"domains": [{"domain": "one.com", "years": 1}]},
        {"mailboxes": {"one.com": [box]}},
        {"mailboxes": {"two.com": [box]}},
        {"domains": [{"domain": "two.com", "years": 1}]},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    plan, faults, cautions = plan_of(path)
    assert (plan.orders, faults) == (4, [])
    assert [caution for caution in cautions if "the order at" in caution] == [
        'row 2, mailboxes["one.com"]: the order at row 1 is for one.com too; no mailbox should be in both',
        "row 4, domains[0].domain: the order at row 3 has mailboxes on two.com; they cannot wait for this order",
    ]


def test_the_same_order_twice_in_a_json_file_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    line = json.dumps({"mailboxes": {"one.com": [{"username": "a", "firstName": "A", "lastName": "B"}]}})
    path.write_text(f"{line}\n{line}\n")
    _, faults, _ = plan_of(path)
    assert faults == ["row 2, reference: the same order is at row 1 already"]
