"""What the journal says about orders that are not sent in this run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from cmr_async import APIError, OrderState
from cmr_async.bulk.settled import settled_outcome
from cmr_async.core.order.checked import check_request
from cmr_async.journal.journal import Journal, StepState, Verdict
from tests.fakes import make_request


@pytest.mark.parametrize(
    ("known", "state", "error"),
    [
        ({"state": StepState.ACCEPTED}, OrderState.SKIPPED, None),
        ({"state": StepState.UNKNOWN, "verdict": Verdict.PLACED}, OrderState.SKIPPED, None),
        (
            {"state": StepState.REJECTED, "message": "no"},
            OrderState.SKIPPED,
            "a was refused in an earlier run: no",
        ),
        (
            {"state": StepState.UNKNOWN, "verdict": Verdict.ABSENT, "evidence": "no trace"},
            OrderState.NOT_SENT,
            (
                "a was not placed (no trace). To send it again: `cmr orders resubmit NAME --reference a`, then this "
                "run again."
            ),
        ),
        (
            {"state": StepState.UNKNOWN, "verdict": Verdict.CONFLICT, "evidence": "two owners"},
            OrderState.UNKNOWN,
            (
                "a may have been placed in an earlier run. The evidence contradicts itself: two owners. Do not send it "
                "again; run `cmr orders reconcile NAME`."
            ),
        ),
        (
            {"state": StepState.UNKNOWN},
            OrderState.UNKNOWN,
            "a may have been placed in an earlier run. Do not send it again; run `cmr orders reconcile NAME`.",
        ),
        ({"state": StepState.SENT, "run_id": "another"}, OrderState.SKIPPED, "a is being sent by another run."),
        (
            {"state": StepState.SENT, "run_id": "OURS"},
            OrderState.SKIPPED,
            "a is in this input twice; it is being sent already.",
        ),
    ],
)
async def test_a_settled_order_is_counted_by_what_is_known_of_it(
    tmp_path: Path, known: dict[str, Any], state: OrderState, error: str | None
) -> None:
    request = make_request("a")
    async with Journal(tmp_path / "run.db") as journal:
        [entry] = await journal.add([request])
        if known.get("run_id") == "OURS":
            known["run_id"] = journal.run_id
        entry = attrs.evolve(entry, order_id="ORD", unavailable=("taken.com",), **known)
        outcome = settled_outcome(4, check_request(request), entry, journal)
    assert (outcome.index, outcome.state, outcome.order_id, outcome.attempts) == (4, state, "ORD", 0)
    assert (outcome.verdict, outcome.unavailable_domains) == (known.get("verdict"), ("taken.com",))
    assert (str(outcome.error) if outcome.error else None) == (error and error.replace("NAME", journal.name))


@pytest.mark.parametrize("confirm", [False, True])
async def test_a_draft_that_was_found_is_no_success_of_a_run_that_pays(tmp_path: Path, confirm: bool) -> None:
    draft = make_request("a")
    draft = attrs.evolve(draft, order=attrs.evolve(draft.order, confirm=False))
    given = attrs.evolve(draft, order=attrs.evolve(draft.order, confirm=confirm))
    async with Journal(tmp_path / "run.db") as journal:
        [entry] = await journal.add([draft])
        found = attrs.evolve(entry, state=StepState.UNKNOWN, verdict=Verdict.PLACED)
        outcome = settled_outcome(0, check_request(given), found, journal)
    assert (outcome.state, outcome.verdict) == (OrderState.SKIPPED, Verdict.PLACED)
    assert (outcome.error is not None) is confirm
    if outcome.error is not None:
        assert outcome.error.message.startswith("a exists as a draft that is not paid.")


async def test_a_refusal_of_an_earlier_run_is_told_with_its_status(tmp_path: Path) -> None:
    request = make_request("a")
    async with Journal(tmp_path / "run.db") as journal:
        [entry] = await journal.add([request])
        entry = attrs.evolve(entry, state=StepState.REJECTED, status=422, message="no")
        outcome = settled_outcome(0, check_request(request), entry, journal)
    assert isinstance(outcome.error, APIError)
    assert outcome.error.status == 422
