"""The command line, as people use it: whatever they type next, each domain is bought once and nothing is burned."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import requires
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cmr_async.cli.app import app
from cmr_async.errors import JournalError
from cmr_async.journal.journal import Journal
from tests.cli.conftest import Cmr
from tests.money.ledger import KEY, PROCESS, USER, Ledger

pytestmark = pytest.mark.usefixtures("quick_pace")


NAMES = ("one.com", "two.com", "three.com")
ONCE = Counter(NAMES)
PAY = ("orders", "submit", "orders.csv", "--confirm", "--yes")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    with Ledger() as ledger:
        monkeypatch.setenv("CMR_API_KEY", KEY)
        monkeypatch.setenv("CMR_BASE_URL", ledger.base_url)
        yield ledger


@pytest.fixture
def cmr(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cmr:
    """Run a command in the folder of the orders."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, text: str | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=text)

    return run


@pytest.fixture(autouse=True)
def orders(tmp_path: Path) -> Path:
    """Three orders without references, each of one domain and one mailbox."""
    path = tmp_path / "orders.csv"
    write(path, *NAMES)
    return path


def write(path: Path, *names: str, user_id: str = USER) -> None:
    rows = [f"{user_id},{name},ada,Ada,Lovelace\n" for name in names]
    path.write_text("user_id,domain,username,first_name,last_name\n" + "".join(rows))


def as_json(*names: str) -> str:
    box = {"username": "ada", "firstName": "Ada", "lastName": "Lovelace"}
    return "\n".join(
        json.dumps({"user_id": USER, "order": {"domains": [{"domain": name, "years": 1}], "mailboxes": {name: [box]}}})
        for name in names
    )


def test_the_same_command_twice_buys_everything_once_with_what_plain_pip_installs(cmr: Cmr, api: Ledger) -> None:
    brought = [line.partition(">")[0] for line in requires("cmr-async") or () if line.endswith("extra == 'cli'")]
    assert "sqlalchemy" in brought
    first, second = cmr(*PAY), cmr(*PAY)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "3 skipped: accepted in an earlier run." in second.output
    assert api.bought == ONCE
    assert api.posts["/orders/json"] == 3


@pytest.mark.slow
def test_the_same_command_twice_in_processes_of_its_own_buys_everything_once(orders: Path, api: Ledger) -> None:
    command = [sys.executable, "-m", "cmr_async", *PAY]
    for _ in range(2):
        subprocess.run(command, check=True, capture_output=True, cwd=orders.parent, env=os.environ.copy())
    assert api.bought == ONCE


def test_drafts_and_then_confirm_buys_everything_once_where_the_path_is_set(cmr: Cmr, api: Ledger) -> None:
    assert cmr("orders", "submit", "orders.csv").exit_code == 0
    assert (len(api.drafts), api.bought) == (3, {})
    paid = cmr(*PAY, "--process-path", PROCESS)
    assert paid.exit_code == 0
    assert "3 drafts will be paid, 0 new orders" in paid.output
    assert cmr(*PAY, "--process-path", PROCESS).exit_code == 0
    assert (api.drafts, api.bought) == ({}, ONCE)
    assert api.posts == {"/orders/json": 3, PROCESS: 3}


def test_drafts_and_then_confirm_is_refused_before_anything_is_sent_where_the_path_is_not_known(
    cmr: Cmr, api: Ledger
) -> None:
    assert cmr("orders", "submit", "orders.csv").exit_code == 0
    refused = cmr(*PAY)
    assert refused.exit_code == 2
    for order_id, [name] in api.drafts.items():
        assert f"{name} (order {order_id})" in refused.stderr
    assert (len(api.drafts), api.bought, api.posts["/orders/json"]) == (3, {}, 3)
    assert cmr("orders", "process", "orders.csv.journal.db", "--path", PROCESS, "--yes").exit_code == 0
    assert api.bought == ONCE
    assert cmr(*PAY).exit_code == 0
    assert api.bought == ONCE


def test_paid_orders_and_then_drafts_of_them_make_nothing_more(cmr: Cmr, api: Ledger) -> None:
    assert cmr(*PAY).exit_code == 0
    drafts = cmr("orders", "submit", "orders.csv")
    assert drafts.exit_code == 0
    assert "3 skipped: accepted in an earlier run." in drafts.output
    assert (api.drafts, api.bought) == ({}, ONCE)


def test_a_file_and_a_link_to_it_from_another_folder_buy_everything_once(
    cmr: Cmr, api: Ledger, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = orders.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "today.csv").symlink_to(orders)
    assert cmr(*PAY).exit_code == 0
    monkeypatch.chdir(elsewhere)
    again = cmr("orders", "submit", "today.csv", "--confirm", "--yes")
    assert "3 skipped: accepted in an earlier run." in again.output
    assert api.bought == ONCE
    assert [path.name for path in elsewhere.iterdir()] == ["today.csv"]


def test_orders_from_a_pipe_are_paid_only_with_a_journal_that_is_named(
    cmr: Cmr, api: Ledger, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pay = ("orders", "submit", "-", "--confirm", "--yes")
    refused = cmr(*pay, text=orders.read_text())
    assert refused.exit_code == 2
    assert api.posts == {}
    assert "--journal cmr-orders.journal.db" in refused.stderr
    journal = orders.parent / "cmr-orders.journal.db"
    for folder in ("here", "there"):
        (orders.parent / folder).mkdir()
        monkeypatch.chdir(orders.parent / folder)
        assert cmr(*pay, "--journal", journal, text=orders.read_text()).exit_code == 0
    assert api.bought == ONCE


def test_a_wrong_key_burns_nothing(cmr: Cmr, api: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMR_API_KEY", "a-wrong-key")
    stopped = cmr(*PAY)
    assert stopped.exit_code == 1
    assert "CMR_API_KEY" in stopped.output
    assert "resubmit" not in stopped.output
    assert "run the same command again" in stopped.output
    monkeypatch.setenv("CMR_API_KEY", KEY)
    assert cmr(*PAY).exit_code == 0
    assert api.bought == ONCE


def test_the_journal_of_a_simulator_is_refused_for_real_orders_and_nothing_is_called_bought(
    cmr: Cmr, api: Ledger
) -> None:
    tried = cmr("orders", "submit", "orders.csv", "--simulator", "--confirm", "--yes", "--journal", "run.db")
    assert tried.exit_code == 0
    refused = cmr(*PAY, "--journal", "run.db")
    assert refused.exit_code == 2
    assert "run.db belongs to another account" in refused.stderr
    assert "use another journal" in refused.stderr
    assert "skipped" not in refused.output
    assert api.posts == Counter()
    assert cmr(*PAY).exit_code == 0
    assert api.bought == ONCE


def test_an_empty_wallet_burns_nothing(cmr: Cmr, api: Ledger) -> None:
    api.wallet = 1
    stopped = cmr(*PAY, "--concurrency", "1")
    assert stopped.exit_code == 1
    assert "wallet" in stopped.output
    assert "resubmit" not in stopped.output
    api.wallet = 9
    whole = cmr(*PAY)
    assert whole.exit_code == 0
    assert "2 paid orders accepted of 3 orders." in whole.output
    assert api.bought == ONCE


def test_a_wrong_base_path_burns_nothing_and_is_noticed_after_the_first_orders(
    cmr: Cmr, api: Ledger, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"d{number}.com" for number in range(40)]
    write(orders, *names)
    monkeypatch.setenv("CMR_BASE_URL", api.base_url.replace("/v1", "/v2"))
    stopped = cmr(*PAY)
    assert stopped.exit_code == 1
    assert "CMR_BASE_URL" in stopped.output
    assert "resubmit" not in stopped.output
    assert api.posts.total() < 15
    assert api.bought == {}
    monkeypatch.setenv("CMR_BASE_URL", api.base_url)
    planned = cmr("orders", "plan", "orders.csv")
    assert "journal    orders.csv.journal.db: 40 orders to send\n" in planned.output
    assert cmr(*PAY, "--max-orders", "3").exit_code == 1
    assert api.bought == Counter(names[:3])


def test_a_base_url_that_leads_to_something_else_is_named_and_stops_the_run(
    cmr: Cmr, api: Ledger, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(orders, *(f"d{number}.com" for number in range(40)))
    monkeypatch.setenv("CMR_BASE_URL", api.base_url.replace("/api/v1/integration", "/elsewhere"))
    stopped = cmr(*PAY, "--concurrency", "1")
    assert stopped.exit_code == 3
    assert "3 answers did not look like the API's own: check CMR_BASE_URL" in stopped.output
    assert api.posts == {"elsewhere": 3}


def test_a_user_of_somebody_else_holds_back_only_that_user(cmr: Cmr, api: Ledger, orders: Path) -> None:
    write(orders, *(f"d{number}.com" for number in range(6)), user_id="ANOTHER")
    with orders.open("a") as file:
        file.write(f"{USER},mine.com,ada,Ada,Lovelace\n")
    held = cmr(*PAY, "--concurrency", "1")
    assert held.exit_code == 1
    assert "Further orders were held back of ANOTHER; those of other users were not." in held.output
    assert api.bought == Counter(["mine.com"])
    assert api.posts["/orders/json"] == 4
    api.users.add("ANOTHER")
    assert cmr(*PAY).exit_code == 0
    assert api.bought == Counter(["mine.com", *(f"d{number}.com" for number in range(6))])


def test_a_domain_that_could_not_be_had_is_named_everywhere_and_is_no_success(
    cmr: Cmr, api: Ledger, tmp_path: Path
) -> None:
    api.unavailable.add("two.com")
    result = cmr(*PAY, "--output", "results.csv", "--report", "run.html")
    assert result.exit_code == 1
    assert "1 order accepted without some of its domains: two.com. The API calls them unavailable." in result.output
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = {row["domains"]: row["unavailable_domains"] for row in csv.DictReader(file)}
    assert rows == {"one.com": "", "two.com": "two.com", "three.com": ""}
    page = (tmp_path / "run.html").read_text()
    assert "1 accepted without some of its domains" in page
    assert "without two.com" in page

    again = cmr(*PAY, "--output", "again.jsonl")
    assert again.exit_code == 1
    assert "1 order accepted without some of its domains: two.com." in again.output
    lines = map(json.loads, (tmp_path / "again.jsonl").read_text().splitlines())
    assert {line["domains"]: line["unavailable_domains"] for line in lines} == rows
    assert api.bought == Counter(["one.com", "three.com"])
    assert api.posts["/orders/json"] == 3


def test_a_refused_row_is_sent_again_when_it_was_corrected_or_on_request(cmr: Cmr, api: Ledger, orders: Path) -> None:
    with_references = [f"{USER},r{number},{name}\n" for number, name in enumerate(NAMES)]
    orders.write_text("user_id,reference,domain\n" + "".join(with_references))
    api.refused = {"one.com", "two.com"}
    assert cmr(*PAY, "--concurrency", "1").exit_code == 1
    left = cmr(*PAY)
    assert left.exit_code == 1
    assert "2 skipped: refused in an earlier run" in left.output
    assert api.posts["/orders/json"] == 3

    orders.write_text(orders.read_text().replace("one.com", "better.com"))
    corrected = cmr(*PAY)
    assert "1 order to send; dealt with before: 1 rejected, 1 accepted" in corrected.output
    assert api.bought == Counter(["better.com", "three.com"])

    api.refused = set()
    assert cmr(*PAY, "--retry-rejected").exit_code == 0
    assert api.bought == Counter(["better.com", "two.com", "three.com"])
    assert api.posts["/orders/json"] == 5


def test_the_same_orders_as_csv_and_as_json_lines_are_bought_once(cmr: Cmr, api: Ledger, orders: Path) -> None:
    other = orders.with_name("orders.jsonl")
    other.write_text(as_json(*NAMES, "four.com"))
    assert cmr(*PAY).exit_code == 0
    journal = ("--journal", "orders.csv.journal.db")
    more = cmr("orders", "submit", other, "--confirm", "--yes", *journal)
    assert more.exit_code == 0
    assert "1 order to send; dealt with before: 3 accepted" in more.output
    write(orders, *NAMES, "four.com")
    assert cmr(*PAY).exit_code == 0
    assert api.bought == Counter([*NAMES, "four.com"])


@pytest.mark.parametrize("version", [1, 2])
def test_a_journal_that_an_older_version_made_from_a_csv_goes_on_without_buying_twice(
    cmr: Cmr, api: Ledger, orders: Path, version: int
) -> None:
    """Older versions made up references, `user:domain`, for rows that have none."""
    sample = Path(__file__).parents[1] / "samples" / f"journal-schema-{version}.sql"
    with closing(sqlite3.connect(f"{orders}.journal.db")) as connection:
        connection.executescript(sample.read_text())
        for table in ("cmr_orders", "cmr_steps", "cmr_events"):
            connection.execute(f"UPDATE {table} SET key = 'U1:accepted.com' WHERE key = 'accepted'")
        connection.execute("UPDATE cmr_orders SET reference = key WHERE key = 'U1:accepted.com'")
        connection.commit()
    write(orders, "accepted.com", "four.com", user_id="U1")
    api.users.add("U1")
    result = cmr(*PAY)
    assert result.exit_code == 0
    assert "1 order to send; dealt with before: 1 accepted" in result.output
    assert "1 skipped: accepted in an earlier run." in result.output
    assert api.bought == Counter(["four.com"])
    assert api.posts["/orders/json"] == 1


def test_an_order_id_that_cannot_be_written_down_is_printed_and_logged(
    cmr: Cmr, api: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object, **__: object) -> bool:
        raise JournalError("The journal cannot be written: no space left on device.")

    with monkeypatch.context() as full:
        full.setattr(Journal, "record", fail)
        broken = cmr(*PAY, "--concurrency", "1")
    assert broken.exit_code == 3
    (lost,) = (line.split("\t") for line in broken.output.splitlines() if line.startswith("not written down\t"))
    assert lost[1:3] == ["accepted", "ORDER1"]
    assert "ORDER1" in caplog.text
    assert "1 order could not be written into the journal, which will show them as unknown" in broken.output
    assert "no space left on device" in broken.output

    again = cmr(*PAY)
    assert again.exit_code == 3
    assert "1 UNKNOWN: may or may not have been placed." in again.output
    assert api.bought == ONCE


def test_a_row_that_comes_twice_is_refused_with_its_first_row(cmr: Cmr, api: Ledger, orders: Path) -> None:
    text = as_json("one.com", "One.com")
    refused = cmr("orders", "submit", "-", "--confirm", "--yes", "--journal", "run.db", "--format", "jsonl", text=text)
    assert refused.exit_code == 2
    assert "the same order is at row 1 already" in refused.stderr
    assert api.posts == {}
