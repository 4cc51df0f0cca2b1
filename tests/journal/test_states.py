"""The rules of what may follow what."""

from __future__ import annotations

import pytest

from cmr_async.journal.states import StepState, may_be_sent, may_follow
from cmr_async.models.requests import Verdict
from tests.journal.arrange import ACCEPTED, NOT_SENT, PLANNED, REJECTED, SENT, UNKNOWN

ABSENT, PLACED, CONFLICT = Verdict.ABSENT, Verdict.PLACED, Verdict.CONFLICT


@pytest.mark.parametrize(
    ("outcome", "states"),
    [
        (ACCEPTED, {PLANNED, SENT, UNKNOWN, NOT_SENT}),
        (REJECTED, {SENT, UNKNOWN}),
        (UNKNOWN, {PLANNED, SENT, NOT_SENT}),
        (NOT_SENT, {SENT}),
        (PLANNED, set()),
        (SENT, set()),
    ],
)
def test_what_the_owner_reports_follows_only_what_it_does_not_contradict(
    outcome: StepState, states: set[StepState]
) -> None:
    found = {state for state in StepState if may_follow(outcome, state=state, recovered=False, verdict=None)}
    assert found == states


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ("", True),
        ("sent", False),
        ("sent not_sent", True),
        ("sent not_sent sent", False),
        ("sent unknown verdict:absent", False),
        ("sent unknown verdict:absent planned", True),
        ("sent rejected planned", True),
        ("sent rejected", False),
        ("sent not_sent unknown", False),
        ("sent not_sent accepted", False),
        ("sent unknown verdict:absent planned unknown", False),
        ("sent unknown planned sent late:accepted not_sent", False),
        ("sent unknown planned sent late:unknown not_sent", False),
        ("sent unknown planned sent late:rejected not_sent", True),
        ("sent unknown planned sent late:accepted unknown verdict:absent planned", True),
    ],
)
def test_the_history_of_a_step_allows_a_claim_only_when_nothing_in_it_was_left_open(
    changes: str, allowed: bool
) -> None:
    assert may_be_sent(changes.split()) is allowed


@pytest.mark.parametrize(
    ("outcome", "verdicts"),
    [
        (ACCEPTED, {None, ABSENT, PLACED, CONFLICT}),
        (REJECTED, {None, ABSENT, PLACED, CONFLICT}),
        (UNKNOWN, {None, ABSENT, PLACED, CONFLICT}),
        (NOT_SENT, {None, ABSENT}),
    ],
)
def test_an_owner_that_was_taken_for_dead_may_still_speak(outcome: StepState, verdicts: set[Verdict | None]) -> None:
    found = {
        verdict for verdict in (None, *Verdict) if may_follow(outcome, state=UNKNOWN, recovered=True, verdict=verdict)
    }
    assert found == verdicts
