"""The virtual world in its short form: some deaths of each scenario, and several live processes at once."""

from __future__ import annotations

import pytest

from tests.world.__main__ import main, shrunk
from tests.world.crashes import run_crashes
from tests.world.live import run_live
from tests.world.mutants import MUTANTS
from tests.world.planting import planted
from tests.world.scenarios import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_every_death_ends_well(scenario: Scenario) -> None:
    result = run_crashes(seed=1, rounds=1, scenarios=[scenario], most_recoveries=8)
    assert result.violations == []
    assert result.recoveries == 8


def test_several_live_processes_end_well() -> None:
    result = run_live(seed=1, worlds=3)
    assert result.violations == []
    assert result.deaths > 0
    assert result.stops > 0


def test_the_same_seed_tells_the_same_story() -> None:
    one, other = (run_crashes(seed=5, rounds=1, scenarios=SCENARIOS[:2], most_recoveries=3) for _ in range(2))
    assert one.digest == other.digest
    assert one.digest != run_crashes(seed=6, rounds=1, scenarios=SCENARIOS[:2], most_recoveries=3).digest
    assert run_live(seed=5, worlds=1).digest == run_live(seed=5, worlds=1).digest


def test_a_planted_fault_is_found_and_shrunk_to_one_command_that_repeats_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    [careless] = [mutant for mutant in MUTANTS if mutant.name == "the claim of a dead run is given back"]
    with planted(careless):
        [found] = run_crashes(seed=1, rounds=1, scenarios=SCENARIOS[:1], most_recoveries=20).violations
        shortest = shrunk(found)
        assert str(shortest).endswith(": python -m tests.world --only 'a bulk run' --seed 1 --faults 0")
        assert main(["--only", "a bulk run", "--seed", "1", "--faults", "0"]) == 1
    assert capsys.readouterr().out == f"{shortest}\n"
