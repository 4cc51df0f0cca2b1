"""The planted faults in their short form: each still applies, and some are found."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("apsw", reason="there is no wheel of it for this interpreter")

from cmr_async.core.endpoints import ENDPOINTS
from cmr_async.core.judge import Outcome
from cmr_async.core.retry import may_repeat
from tests.world.drills import DRILLS, Drill, run_drill
from tests.world.hunting import HUNTERS, main, run_mutants
from tests.world.mutants import MUTANTS
from tests.world.planting import Mutant, PlantError, planted
from tests.world.power import run_power
from tests.world.shop import Broken


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
    with pytest.raises(PlantError), planted(Mutant(name="of no use", by="nothing", edits=edit)):
        pass


def test_a_planted_fault_is_what_everybody_runs_who_has_imported_the_function() -> None:
    wrong = Mutant(
        name="wrong", by="nothing", edits={"core.retry:may_repeat": (("outcome is Outcome.UNKNOWN and", "not"),)}
    )
    with planted(wrong):
        assert may_repeat(Outcome.ACCEPTED, ENDPOINTS["orders.create"])
    assert not may_repeat(Outcome.ACCEPTED, ENDPOINTS["orders.create"])


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.__name__)
def test_no_drill_finds_a_promise_broken(drill: Drill) -> None:
    assert run_drill(drill) is None


def test_each_fault_names_what_finds_it_soonest() -> None:
    assert {mutant.by for mutant in MUTANTS} <= HUNTERS.keys()


#: One of each kind that is found within half a second.
_QUICK = [
    "a step is claimed whatever its state",
    "the journal is in WAL mode with NORMAL",
    "what is sent is not what the journal keeps",
    "nothing is asked as the head goes out",
    "a verdict does not belong to an attempt",
    "a delivery is noted in a transaction of its own",
    "what a tracker sees is told before it is written down",
]


def test_planted_faults_are_found() -> None:
    mutants = [mutant for mutant in MUTANTS if mutant.name in _QUICK]
    hunters = {name: HUNTERS[name] for name in sorted({mutant.by for mutant in mutants})}

    def cut_short(seed: int) -> str | None:
        return "".join(map(str, run_power(300, seed, turns=30).violations)) or None

    hunters["power cuts"] = cut_short
    lines: list[str] = []
    result = run_mutants(2, 1, mutants=mutants, hunters=hunters, told=lines.append)
    assert result.is_good, result
    assert [found.by for found in result.found] == [mutant.by for mutant in mutants]
    assert len(lines) == len(_QUICK)
    assert str(result).startswith("7 of 7 planted faults found, seed 1, ")


def test_a_fault_that_nothing_finds_and_a_find_without_a_fault_are_told() -> None:
    harmless = Mutant(
        name="harmless", by="blind", edits={"core.retry:may_repeat": (("outcome is Outcome.UNKNOWN and", "False and"),)}
    )
    missed = run_mutants(1, 1, mutants=[harmless], hunters={"blind": lambda _: None})
    assert (missed.is_good, missed.survivors) == (False, ["harmless"])
    assert "NOT FOUND: harmless" in str(missed)
    alarmed = run_mutants(1, 1, mutants=[harmless], hunters={"jumpy": lambda seed: f"a ghost {seed}"})
    assert (alarmed.is_good, alarmed.alarms) == (False, ["jumpy (a ghost 1)"])
    assert "FOUND WITHOUT A FAULT" in str(alarmed)


def test_a_drill_tells_which_promise_is_broken() -> None:
    async def drill(path: Path) -> None:
        raise Broken(f"{path.name} is empty")

    assert run_drill(drill) == "drill: run.db is empty"


def test_the_command_says_how_it_went(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.world.hunting.HUNTERS", {})
    assert main(["--only", "no fault has such a name"]) == 0
    assert capsys.readouterr().out.startswith("0 of 0 planted faults found")
