"""A journal as commands read it: page by page, one kind of step after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmr_async.cli import journal_reading
from cmr_async.cli.journal_reading import opened_journal
from cmr_async.errors import JournalError
from cmr_async.journal.states import Step, StepState
from cmr_async.simulator import DEMO_USERS, FaultRule
from tests.cli.conftest import Cmr, Start


@pytest.fixture
def journal(tmp_path: Path, cmr: Cmr, start_simulator: Start) -> Path:
    """Five drafts, the second of them refused."""
    simulator = start_simulator(rate_limit=None)
    simulator.faults.add(FaultRule(kind="status", status=422, path="/orders/json", skip=1))
    orders = tmp_path / "orders.csv"
    orders.write_text("user_id,reference,domain\n" + "".join(f"{DEMO_USERS[0]},r{n},d{n}.com\n" for n in range(5)))
    journal = tmp_path / "run.db"
    assert cmr("orders", "submit", orders, "--journal", journal, "--concurrency", "1").exit_code == 1
    return journal


@pytest.mark.parametrize("page", [1, 2, 5, 500])
def test_every_step_is_read_once_however_many_are_read_at_once(
    page: int, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_reading, "_PAGE", page)
    with opened_journal(str(journal)) as opened:
        assert opened.name == str(journal)
        assert [entry.key for entry in opened.entries(*Step)] == ["r0", "r1", "r2", "r3", "r4"]
        rejected = opened.entries(Step.CREATE, state=StepState.REJECTED)
        assert [entry.key for entry in rejected] == ["r1"]


def test_steps_are_counted_by_state(journal: Path) -> None:
    with opened_journal(str(journal)) as opened:
        counts = opened.counts(Step.CREATE)
        assert {state: count for state, count in counts.items() if count} == {
            StepState.ACCEPTED: 4,
            StepState.REJECTED: 1,
        }
        assert not any(opened.counts(Step.PROCESS).values())


def test_a_journal_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="There is no journal"), opened_journal(str(tmp_path / "typo.db")):
        pass
    assert list(tmp_path.iterdir()) == []
