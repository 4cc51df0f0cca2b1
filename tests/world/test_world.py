"""The world in its short form: a run of each scenario, and a fresh process from each state that a death could leave."""

from __future__ import annotations

import asyncio

import pytest

from cmr_async.models.requests import OrderState
from tests.world.__main__ import main
from tests.world.crashes import CrashResult, explore, run_crashes
from tests.world.loop import START
from tests.world.process import Process
from tests.world.scenarios import SCENARIOS, Scenario, requests
from tests.world.weather import CALM
from tests.world.world import ViolationError, World, quiet


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_process_may_die_anywhere(scenario: Scenario) -> None:
    result = run_crashes(seed=1, points=1, scenarios=[scenario])
    assert result.violations == []
    assert result.recoveries > 4


def test_a_seed_makes_the_same_things_happen_each_time() -> None:
    first, second = (run_crashes(seed=7, points=1, scenarios=SCENARIOS[:1]) for _ in range(2))
    assert first.digest == second.digest
    assert first.recoveries == second.recoveries > 0


def test_time_passes_only_when_everybody_waits() -> None:
    seen: list[float] = []

    async def work(process: Process) -> None:
        await asyncio.sleep(3600.0)
        seen.append(asyncio.get_running_loop().time())

    world = World("1", CALM)
    world.start(work)
    world.run()
    assert seen == [START + 3600.0]


def test_what_a_user_is_told_has_to_be_true() -> None:
    async def work(process: Process) -> None:
        async with process.client() as cmr:
            [request] = requests(1)
            await cmr.orders.create(request.order, user_id=request.user_id)
            process.world.tell("r0", OrderState.NOT_SENT, None, domain="d0.com")

    world = World("1", CALM)
    world.start(work)
    with quiet(), pytest.raises(ViolationError, match="r0 was told to be not_sent"):
        world.run()


def test_one_recovery_can_be_repeated_by_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    whole = CrashResult(seed=3)
    with quiet():
        explore(SCENARIOS[0], 3, whole, only=2)
        assert main(["--only", SCENARIOS[0].name, "--seed", "3", "--recovery", "2"]) == 0
    assert whole.recoveries == 1
    assert whole.digest in capsys.readouterr().out
