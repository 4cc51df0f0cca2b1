"""Files as people really save them: what becomes of each, and that the documentation says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cmr_async.core.order.checked import check_request
from cmr_async.errors import OrderFileError
from cmr_async.journal.identity import fingerprint_of, key_of
from cmr_async.orderfiles import InputFault, LocatedOrder, OrderFile
from cmr_async.preflight.file_check import check_file
from cmr_async.preflight.plan import Plan, count_orders
from tests.orderfiles.reading import USER, located
from tests.orderfiles.saved_files import CAUTION, FILES, READ, REFUSED, SavedFile, rows, table, written

PAGE = Path(__file__).parents[2] / "docs" / "order-files.md"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.title)
def test_a_saved_file(file: SavedFile, tmp_path: Path) -> None:
    if file.name.endswith(".xlsx"):
        pytest.importorskip("openpyxl")
    path = written(file, tmp_path)
    faults: list[InputFault] = []
    cautions: list[InputFault] = []
    read: list[LocatedOrder] = []
    plan = Plan()
    try:
        with OrderFile(path, **file.options) as source:
            plan = count_orders(check_file(source.orders()), on_fault=faults.append, on_caution=cautions.append)
            cautions = [*source.cautions, *cautions]
            read = [order for order in source.orders() if isinstance(order, LocatedOrder)]
    except OrderFileError as error:
        faults.append(InputFault(source=str(path), message=error.message))
    if file.outcome == REFUSED:
        assert len(faults) == 1
        assert file.message in str(faults[0])
        return
    assert (faults, plan.orders) == ([], 1)
    assert bool(cautions) is (file.outcome == CAUTION)
    assert not cautions or file.message in str(cautions[0])
    (boxes,) = read[0].request.order.mailboxes.values()
    assert tuple((box.username, box.first_name, box.last_name) for box in boxes) == file.people
    assert [entry.domain for entry in read[0].request.order.domains] == ["alpha-one.com"]


def test_there_are_many_kinds_of_file() -> None:
    assert len({file.title for file in FILES}) == len(FILES) >= 40
    assert {file.outcome for file in FILES} == {READ, CAUTION, REFUSED}


def test_the_documentation_shows_what_becomes_of_each() -> None:
    page = PAGE.read_text(encoding="utf-8").partition("## What becomes of a file")[2]
    shown = re.findall(r"^\|.*\|$", page, re.MULTILINE)
    assert shown[2:] == [file.row for file in FILES]


def test_an_order_in_two_spellings_is_one_order_with_one_key_and_fingerprint(tmp_path: Path) -> None:
    """Money safety: what was bought as `alpha-one.com` is not bought again as its web address."""
    plain, spelled = tmp_path / "plain.csv", tmp_path / "spelled.csv"
    plain.write_text(table())
    people = (("jane@ALPHA-one.com", "Jane", "Doe"), ("john@alpha-one.com", "John", "Doe"))
    spelled.write_text(table(body=[*rows(people[:1], "https://alpha-one.com/"), *rows(people[1:], "alpha-one.com/")]))
    (one,), (other,) = located(plain), located(spelled)
    first, second = check_request(one.request), check_request(other.request)
    assert one.key == other.key == f"{USER}:alpha-one.com"
    assert key_of(first) == key_of(second)
    assert fingerprint_of(USER, first.body) == fingerprint_of(USER, second.body)
    assert [caution.column for caution in other.cautions] == ["domain", "username", "username"]
