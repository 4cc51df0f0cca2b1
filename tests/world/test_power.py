"""Power cuts in their short form: the journal's settings lose nothing, and the check sees what weaker ones lose."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

pytest.importorskip("apsw", reason="there is no wheel of it for this interpreter")

from tests.world.playing import CONTROLS, play
from tests.world.power import main, run_power, shrink, together
from tests.world.recording import Left, record

_SOUND = {
    "TRUNCATE with FULL": {"synchronous = EXTRA": "synchronous = FULL"},
    "DELETE with EXTRA": {"journal_mode = TRUNCATE": "journal_mode = DELETE"},
}


def test_no_power_cut_loses_a_claim_or_an_outcome_or_lets_an_order_be_sent_twice() -> None:
    result = run_power(1_000, seed=1, turns=25, reopen=40)
    assert result.violations == []
    assert result.cuts >= 1_000
    assert result.second_cuts > 0
    assert result.reopened > 0
    assert result.images > 300
    assert result.journals > 10


def test_no_power_cut_spoils_a_journal_that_an_older_version_left_in_wal_mode() -> None:
    result = run_power(500, seed=4, turns=2)
    assert result.violations == []
    assert result.images > 200


@pytest.mark.parametrize("changes", CONTROLS.values(), ids=CONTROLS)
def test_settings_that_lose_claims_are_found_out(changes: dict[str, str]) -> None:
    result = run_power(500, seed=2, changes=changes, most=100_000, turns=10)
    assert any("would be sent twice" in violation.what for violation in result.violations)
    assert any("the claim of" in violation.what for violation in result.violations)
    assert any("the effect of" in violation.what for violation in result.violations)


@pytest.mark.parametrize("changes", _SOUND.values(), ids=_SOUND)
def test_other_settings_that_are_sound_lose_nothing(changes: dict[str, str]) -> None:
    assert run_power(400, seed=2, changes=changes, turns=10).violations == []


def test_a_violation_can_be_repeated_by_its_place_with_a_shorter_script() -> None:
    changes = CONTROLS["synchronous=NORMAL"]
    violations = run_power(500, seed=3, changes=changes, turns=12, most=100_000).violations
    first = next(violation for violation in violations if "sent twice" in violation.what)
    short = shrink(first, changes=changes)
    assert 0 < short.turns < 12
    place = (short.point, short.variation)
    again = run_power(1, seed=3, changes=changes, turns=short.turns, only=place)
    assert short in again.violations
    assert run_power(1, seed=3, changes=changes, turns=short.turns - 1, only=place).violations == []
    assert again.cuts < 50
    assert f"--seed 3 --turns {short.turns} --point {first.point} --variation {first.variation}" in str(short)


def test_a_seed_makes_the_same_log_each_time() -> None:
    one, two = (run_power(1, seed=4, turns=5).digests for _ in range(2))
    other = run_power(1, seed=5, turns=5).digests
    assert one == two != other


def test_a_change_of_what_the_journal_never_says_is_an_error() -> None:
    with tempfile.TemporaryDirectory() as folder:
        recording = record(Path(folder), 1, turns=0)
    assert not any(isinstance(entry, Left) for entry in recording.entries)
    with pytest.raises(LookupError, match="synchronous = LOW"):
        play(recording, {"synchronous = LOW": "synchronous = OFF"})


def test_the_command_prints_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cuts", "100", "--seed", "5", "--turns", "4", "--jobs", "1"]) == 0
    assert main(["--seed", "5", "--turns", "4", "--point", "40"]) == 0
    many, one = capsys.readouterr().out.splitlines()
    assert "0 violations, seed 5" in many
    assert one.startswith("1 power cuts")


def test_what_several_processes_showed_is_told_together() -> None:
    one, two = (run_power(1, seed=seed, turns=0) for seed in (1, 2))
    cuts, digests = one.cuts + two.cuts, one.digests + two.digests
    both = together([one, two])
    assert (both.scripts, both.cuts, both.digests) == (2, cuts, digests)
