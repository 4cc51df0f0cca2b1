"""`cmr orders resubmit`: which orders may be planned again, how many there are, and what to type next."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path

import pytest

from cmr_async.journal.journal import Journal
from cmr_async.journal.states import Step, StepState
from cmr_async.models.requests import Verdict
from cmr_async.simulator import DEMO_USERS, FaultRule
from tests.cli.conftest import Cmr, Start
from tests.fakes import make_request


async def fill(path: Path) -> None:
    """Write orders of every kind into a journal: what may be planned again comes first."""
    async with Journal(path) as journal:
        names = ("absent-1", "absent-2", "rejected", "doubt", "placed", "done")
        await journal.add([make_request(name) for name in names])
        await journal.add([make_request(name, confirm=False) for name in ("draft", "paid-later", "not-paid")])
        for name in (*names, "draft", "paid-later", "not-paid"):
            claim = await journal.claim(name)
            assert claim is not None
            state = {"rejected": StepState.REJECTED, "done": StepState.ACCEPTED}.get(name, StepState.UNKNOWN)
            if "paid" in name:
                state = StepState.ACCEPTED
            await journal.record(claim, state, order_id=f"ID-{name}" if state is StepState.ACCEPTED else None)
        await journal.add_processing()
        for name, state in (("paid-later", StepState.UNKNOWN), ("not-paid", StepState.REJECTED)):
            claim = await journal.claim(name, step=Step.PROCESS)
            assert claim is not None
            await journal.record(claim, state)
        for name in ("absent-1", "absent-2", "placed"):
            entry = await journal.get(name)
            assert entry is not None
            await journal.verdict(entry, Verdict(name.partition("-")[0]), "looked at")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    path = tmp_path / "run 1.db"
    asyncio.run(fill(path))
    return path


async def standing(path: Path, *keys: str, step: Step = Step.CREATE) -> list[StepState]:
    async with Journal(path) as journal:
        entries = [await journal.get(key, step=step) for key in keys]
    return [entry.state for entry in entries if entry is not None]


async def reasons(path: Path, key: str) -> list[str]:
    async with Journal(path) as journal:
        return [event.reason for event in await journal.history(key) if event.change == "planned"]


def test_without_a_kind_the_command_says_which_there_are(journal: Path, cmr: Cmr) -> None:
    result = cmr("orders", "resubmit", journal)
    name = shlex.quote(str(journal))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [
        f"cmr: Say which orders of {journal} are to be planned again, by --reference KEY or all of a kind:",
        f"  2 absent: cmr orders resubmit {name} --all-absent",
        f"  1 rejected: cmr orders resubmit {name} --all-rejected",
        f"  1 drafts in doubt: cmr orders resubmit {name} --all-drafts",
        f"  1 in doubt, to be looked up first: cmr orders reconcile {name}",
        f"  1 rejected: cmr orders resubmit {name} --all-rejected --step process",
        f"  1 in doubt, to be looked up first: cmr orders reconcile {name}",
        "More: `cmr docs command-line`",
    ]


def test_a_journal_in_which_nothing_may_be_planned_again_says_so(tmp_path: Path, cmr: Cmr) -> None:
    asyncio.run(standing(tmp_path / "run.db"))
    result = cmr("orders", "resubmit", tmp_path / "run.db")
    assert result.exit_code == 2
    line = f"cmr: The journal {tmp_path / 'run.db'} has no order that may be planned again."
    assert result.stderr.splitlines()[0] == line


@pytest.mark.parametrize(
    ("options", "planned"),
    [
        (["--all-absent"], {"absent-1", "absent-2"}),
        (["--all-rejected"], {"rejected"}),
        (["--all-drafts"], {"draft"}),
        (["--reference", "rejected", "--reference", "absent-2", "--reference", "rejected"], {"rejected", "absent-2"}),
        (["--reference", "draft", "--second-draft"], {"draft"}),
    ],
)
def test_what_was_asked_for_is_planned_again_and_nothing_else(
    options: list[str], planned: set[str], journal: Path, cmr: Cmr
) -> None:
    result = cmr("orders", "resubmit", journal, *options)
    assert (result.exit_code, set(result.stdout.splitlines())) == (0, planned)
    keys = ("absent-1", "absent-2", "rejected", "doubt", "placed", "done", "draft")
    states = dict(zip(keys, asyncio.run(standing(journal, *keys)), strict=True))
    assert {key for key, state in states.items() if state is StepState.PLANNED} == planned
    confirm = "" if planned == {"draft"} else " --confirm"
    orders, them = ("1 order", "it") if len(planned) == 1 else ("2 orders", "them")
    assert result.stderr.splitlines() == [
        f"{orders} planned again; nothing was sent.",
        f"To send {them}: cmr orders submit FILE{confirm} --journal {shlex.quote(str(journal))}",
        f"FILE is the file that has {them}.",
    ]
    assert asyncio.run(reasons(journal, min(planned))) == [f"asked for with {options[0]}"]


def test_the_processing_of_a_draft_goes_on_with_another_command(journal: Path, cmr: Cmr) -> None:
    options = ("--all-rejected", "--step", "process", "--reason", "the wallet was empty")
    result = cmr("orders", "resubmit", journal, *options)
    assert result.exit_code == 0
    assert result.output.splitlines()[-1] == f"To send it: cmr orders process {shlex.quote(str(journal))}"
    assert asyncio.run(standing(journal, "not-paid", step=Step.PROCESS)) == [StepState.PLANNED]
    assert asyncio.run(reasons(journal, "not-paid")) == ["the wallet was empty"]


def test_a_kind_without_orders_is_no_fault(journal: Path, cmr: Cmr) -> None:
    result = cmr("orders", "resubmit", journal, "--all-absent", "--step", "process")
    assert (result.exit_code, result.output) == (0, "0 orders planned again; nothing was sent.\n")


def test_an_order_that_may_have_been_placed_is_refused_and_the_others_are_planned(journal: Path, cmr: Cmr) -> None:
    names = ("doubt", "placed", "done", "draft", "no-such-order", "rejected")
    result = cmr("orders", "resubmit", journal, *(part for name in names for part in ("--reference", name)))
    assert result.exit_code == 2
    assert result.stdout == "rejected\n"
    starts = ["cmr: doubt may", "cmr: placed may", "cmr: done is accepted", "cmr: draft is a draft", "cmr: The journal"]
    *refused, planned, _, _ = result.stderr.splitlines()
    assert all(line.startswith(start) for line, start in zip(refused, starts, strict=True))
    assert planned == "1 order planned again; nothing was sent."
    assert asyncio.run(standing(journal, *names)) == [
        *(StepState.UNKNOWN, StepState.UNKNOWN, StepState.ACCEPTED, StepState.UNKNOWN),
        StepState.PLANNED,
    ]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (
            ["--all-absent", "--all-rejected"],
            "--all-absent and --all-rejected name different orders: give one.",
        ),
        (["--reference", "a", "--all-drafts"], "--reference and --all-drafts name different orders: give one."),
        (
            ["--all-absent", "--second-draft"],
            "--second-draft goes with --reference; --all-drafts plans all drafts in doubt.",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    options: list[str], fault: str, journal: Path, cmr: Cmr
) -> None:
    result = cmr("orders", "resubmit", journal, *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[0] == f"cmr: {fault}"


def test_the_commands_that_are_printed_work_as_typed(tmp_path: Path, cmr: Cmr, start_simulator: Start) -> None:
    orders = tmp_path / "my orders.csv"
    orders.write_text(f"user_id,reference,domain\n{DEMO_USERS[0]},a,a-one.com\n")
    simulator = start_simulator(rate_limit=None)
    simulator.faults.add(FaultRule(kind="close_unread", method="POST", path="/orders/json"))
    assert cmr("orders", "submit", orders, "--confirm", "--yes").exit_code == 3
    journal = tmp_path / "my orders.csv.journal.db"
    found = cmr("orders", "reconcile", journal, "--settle", "0", "--yes").stderr.splitlines()[-1]
    planned = cmr(*shlex.split(found.split("`")[1])[1:])
    assert planned.exit_code == 0
    command = planned.stderr.splitlines()[-1].removeprefix("To send it: ")
    assert command == f"cmr orders submit {shlex.quote(str(orders))} --confirm"
    assert cmr(*shlex.split(command)[1:], "--yes").exit_code == 0
    assert simulator.state.purchases("a-one.com") == 1
