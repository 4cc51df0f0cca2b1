"""Columns that no order has: refused with the option that leaves them out, or left out."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cmr_async.orderfiles.table.header import TableHeader, read_header, split_columns

FOUR = "--ignore-columns 'notes,3,\"Cell, private\",x'"


def faults_of(cells: Sequence[str], **options: Sequence[str]) -> list[str]:
    header = read_header("f.csv", cells, user_id="U", **options)  # type: ignore[arg-type]
    assert not isinstance(header, TableHeader)
    return [str(fault).removeprefix("f.csv, row 1") for fault in header]


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        (["domain", "notes"], ', notes: column "notes" is not known; to leave out: --ignore-columns notes'),
        (
            ["domain", "notes", "", "Cell, private", "x"],
            f': columns "notes", 3, which has no name, "Cell, private", "x" are not known; to leave out: {FOUR}',
        ),
        (["domain", "domains"], ', domains: column "domains" is not known; to leave out: --ignore-columns domains'),
        (["domain", "user_nam"], ', user_nam: column "user_nam" is not known; did you mean "username"?'),
    ],
)
def test_the_option_that_leaves_columns_out_is_told(cells: list[str], fault: str) -> None:
    assert faults_of(cells) == [fault]


def test_the_option_that_is_told_works() -> None:
    cells = ["domain", "notes", "", "Cell, private", "x"]
    header = read_header("f.csv", cells, user_id="U", ignored=split_columns(['notes,3,"Cell, private",x']))
    assert isinstance(header, TableHeader)
    assert (header.positions, header.width, header.cautions) == ({"domain": 0}, 5, ())


def test_ignored_columns_may_be_spelled_in_other_ways() -> None:
    header = read_header("f.csv", ["domain", "Shoe Size"], user_id="U", ignored=["shoe-size"])
    assert isinstance(header, TableHeader)
    assert header.positions == {"domain": 0}


def test_ignoring_a_column_of_orders_or_none_is_pointed_out() -> None:
    header = read_header("f.csv", ["domain", "years"], user_id="U", ignored=["years", "nots"])
    assert isinstance(header, TableHeader)
    assert [caution.message for caution in header.cautions] == [
        '"years" is a column of orders, and --ignore-columns leaves it out',
        '--ignore-columns names "nots", which is no column of this table',
    ]


def test_a_column_that_is_ignored_is_missing_where_it_is_needed() -> None:
    assert faults_of(["domain", "years"], ignored=["domain"]) == [", domain: this column is missing"]


def test_of_very_many_strange_columns_a_few_are_told() -> None:
    (fault,) = faults_of(["domain", *(f"zz{n}" for n in range(500))])
    assert '"zz19" and 480 more are not known' in fault


def test_names_of_columns_are_separated_by_commas() -> None:
    assert split_columns(["notes, phone", '"a, b"', ""]) == ("notes", "phone", "a, b")
