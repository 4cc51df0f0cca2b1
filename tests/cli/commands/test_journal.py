"""`cmr journal`: what it shows, and the files that it writes."""

from __future__ import annotations

import asyncio
import csv
import os
import shutil
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from cmr_async import DomainRegistration, Order, OrderRequest
from cmr_async.core.account import Account
from cmr_async.journal.journal import Journal
from tests.cli.conftest import Cmr


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    async def make() -> None:
        async with Journal(tmp_path / "run.db") as opened:
            names = ("a.com", "b.com")
            orders = (Order(domains=[DomainRegistration(domain=name)]) for name in names)
            await opened.add(
                OrderRequest(user_id="U1", order=order, reference=name)
                for name, order in zip(names, orders, strict=True)
            )

    asyncio.run(make())
    return tmp_path / "run.db"


def test_a_journal_is_exported_row_by_row(journal: Path, tmp_path: Path, cmr: Cmr) -> None:
    result = cmr("journal", "export", journal, "--output", tmp_path / "run.csv")
    assert result.exit_code == 0, result.output
    with (tmp_path / "run.csv").open(newline="", encoding="utf-8") as file:
        assert [(row["key"], row["state"]) for row in csv.DictReader(file)] == [
            ("a.com", "planned"),
            ("b.com", "planned"),
        ]


def test_a_report_is_one_page(journal: Path, tmp_path: Path, cmr: Cmr) -> None:
    result = cmr("journal", "report", journal, "--output", tmp_path / "run.html")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "run.html").read_text("utf-8").count("<tr data-state=") == 2


def test_a_report_estimates_with_prices_of_ones_own(journal: Path, tmp_path: Path, cmr: Cmr) -> None:
    prices, page = tmp_path / "prices.json", tmp_path / "run.html"
    prices.write_text('{"domain": 10, "mailbox": 0}')
    assert cmr("journal", "report", journal, "--output", page, "--prices", prices).exit_code == 0
    assert page.read_text("utf-8").count("$10.00 when paid") == 2
    prices.write_text("[]")
    result = cmr("journal", "report", journal, "--output", page, "--overwrite", "--prices", prices)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"cmr: {prices} must be an object with mailbox, warmup, domain and endings.\n")


@pytest.mark.parametrize(("command", "name"), [("export", "run.csv"), ("report", "run.html")])
def test_a_file_that_exists_is_kept_unless_told_otherwise(
    command: str, name: str, journal: Path, tmp_path: Path, cmr: Cmr
) -> None:
    output = tmp_path / name
    output.write_text("kept")
    result = cmr("journal", command, journal, "--output", output)
    assert (result.exit_code, output.read_text()) == (2, "kept")
    assert cmr("journal", command, journal, "--output", output, "--overwrite").exit_code == 0
    assert output.read_text() != "kept"


@pytest.mark.skipif(os.name != "posix", reason="links and modes of POSIX")
@pytest.mark.parametrize(("command", "name"), [("export", "run.csv"), ("report", "run.html")])
def test_a_file_is_for_its_owner_and_goes_through_no_link(
    command: str, name: str, journal: Path, tmp_path: Path, cmr: Cmr
) -> None:
    output, link = tmp_path / name, tmp_path / f"link-{name}"
    assert cmr("journal", command, journal, "--output", output).exit_code == 0
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    output.write_text("kept")
    link.symlink_to(name)
    result = cmr("journal", command, journal, "--output", link, "--overwrite")
    assert (result.exit_code, output.read_text()) == (2, "kept")
    assert result.stderr.startswith(f"cmr: {link} cannot be written: it is a symbolic link. Name the file itself\n")


@pytest.mark.parametrize("command", ["export", "report"])
def test_another_ending_is_refused(command: str, journal: Path, tmp_path: Path, cmr: Cmr) -> None:
    result = cmr("journal", command, journal, "--output", tmp_path / "run.txt")
    assert result.exit_code == 2
    assert not (tmp_path / "run.txt").exists()


def test_what_is_no_state_is_refused_with_the_states(journal: Path, cmr: Cmr) -> None:
    result = cmr("journal", "show", journal, "--state", "lost")
    assert result.exit_code == 2
    assert "'lost' is not one of 'planned', 'sent', 'accepted', 'rejected'" in result.stderr


@pytest.mark.parametrize(("command", "name"), [("export", "run.csv"), ("report", "run.html")])
def test_a_file_that_cannot_be_written_is_an_error(
    command: str, name: str, journal: Path, tmp_path: Path, cmr: Cmr
) -> None:
    output = tmp_path / "missing" / name
    result = cmr("journal", command, journal, "--output", output)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"cmr: {output} cannot be written: No such file or directory\n")


def a_copy(journal: Path) -> Path:
    copy = journal.with_name("copy.db")
    shutil.copy(journal, copy)
    return copy


def test_a_copy_may_be_looked_at_and_taken_over(journal: Path, cmr: Cmr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CMR_API_KEY", raising=False)
    copy = a_copy(journal)
    assert "a.com" in cmr("journal", "show", copy).stdout
    result = cmr("journal", "adopt", copy)
    assert result.exit_code == 2
    assert "add --yes" in result.stderr
    result = cmr("journal", "adopt", copy, "--yes")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        f"The journal {copy} is not the file that it was written to, but a copy or a backup.",
        "  create: 2 planned",
        "  process: none",
        "What was sent after a copy or a backup was made, or with another journal, is not in it, and the next",
        "run would send it again. Compare it with the Partner Dashboard first.",
        f"{copy} is taken over. No order in it became one that is sent again.",
    ]
    assert cmr("journal", "adopt", copy).output == f"{copy} is in order: there is nothing to take over.\n"


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2)])
def test_whoever_can_be_asked_is_asked(
    journal: Path, cmr: Cmr, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr(
        "cmr_async.cli.commands.journal.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    )
    result = cmr("journal", "adopt", a_copy(journal), text=answer)
    assert (result.exit_code, "is taken over" in result.output) == (code, code == 0)


def test_a_journal_of_another_account_is_taken_over_for_the_one_of_the_key(
    journal: Path, cmr: Cmr, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def bind(account: Account) -> None:
        async with Journal(journal) as opened:
            await opened.bind(account)

    asyncio.run(bind(Account.of("http://127.0.0.1:1234", "simulator-key")))
    monkeypatch.setenv("CMR_API_KEY", "secret")
    monkeypatch.setenv("CMR_BASE_URL", "https://api.example.com/v1")
    result = cmr("journal", "adopt", journal, "--yes")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[0] == (
        f"The journal {journal} belongs to http://127.0.0.1, and this client works with https://api.example.com."
    )
    asyncio.run(bind(Account.of("https://api.example.com", "secret")))
    assert b"secret" not in journal.read_bytes()


@pytest.mark.parametrize(
    "command",
    [
        ("journal", "show"),
        ("journal", "adopt", "--yes"),
        ("orders", "resubmit", "--all-absent"),
        ("orders", "process", "--dry-run"),
    ],
    ids=" ".join,
)
def test_the_environment_names_the_journal(
    command: tuple[str, ...], journal: Path, cmr: Cmr, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Missing argument 'JOURNAL'" in cmr(*command).stderr
    monkeypatch.setenv("CMR_JOURNAL", str(journal))
    assert "Missing argument" not in cmr(*command).output
    monkeypatch.setenv("CMR_JOURNAL", "postgresql://ada:s3cret@127.0.0.1:1/db?sslpassword=s3cret&connect_timeout=2")
    result = cmr(*command)
    assert result.exit_code == 2
    assert "s3cret" not in result.output
    assert "ada:***@127.0.0.1:1/db?" in result.output


@pytest.mark.parametrize(
    ("name", "value"),
    [("CMR_BASE_URL", "https://me:s3cret@host/"), ("CMR_BASE_URL", "//s3cret"), ("CMR_API_KEY", "s3cret ü")],
)
def test_a_journal_is_not_adopted_for_an_account_that_cannot_be(
    name: str, value: str, journal: Path, cmr: Cmr, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMR_API_KEY", "a-key")
    monkeypatch.setenv(name, value)
    result = cmr("journal", "adopt", journal, "--yes")
    assert result.exit_code == 2
    assert result.stderr.startswith("cmr: The ")
    assert "s3cret" not in result.output
