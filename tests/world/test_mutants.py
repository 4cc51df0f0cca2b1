"""The planted faults in their short form: each still applies, and some are found."""

from __future__ import annotations

import pytest

from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.judge import Outcome
from cmr_async.core.retry import may_repeat
from tests.world.mutants import MUTANTS
from tests.world.planting import Mutant, PlantError, planted


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_fault_applies_and_is_gone_afterwards(mutant: Mutant) -> None:
    with planted(mutant):
        pass


def test_there_are_at_least_twenty_faults_and_each_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20


@pytest.mark.parametrize(
    "edit",
    [
        {"core.retry:may_repeat": (("these words are not there", "others"),)},
        {"core.retry:may_repeat": (("outcome", "others"),)},
        {"core.retry:may_repeat": (("endpoint.repeatable", "endpoint.repeatable"),)},
        {"core.retry:RetryPolicy": (("a", "b"),)},
    ],
    ids=["no such words", "more than once", "no change", "no function"],
)
def test_a_fault_that_does_not_apply_is_an_error(edit: dict[str, tuple[tuple[str, str], ...]]) -> None:
    with pytest.raises(PlantError), planted(Mutant(name="of no use", edits=edit)):
        pass


def test_a_planted_fault_is_what_everybody_runs_who_has_imported_the_function() -> None:
    wrong = Mutant(name="wrong", edits={"core.retry:may_repeat": (("outcome is Outcome.UNKNOWN and", "not"),)})
    with planted(wrong):
        assert may_repeat(Outcome.ACCEPTED, ENDPOINTS["orders.create"])
    assert not may_repeat(Outcome.ACCEPTED, ENDPOINTS["orders.create"])
