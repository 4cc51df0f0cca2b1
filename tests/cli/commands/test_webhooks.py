"""`cmr webhooks`: receiving on this machine until Ctrl-C, and sending to a receiver."""

from __future__ import annotations

import asyncio
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from cmr_async import Journal
from cmr_async.cli.webhooks.recording import Recorder, read_recording
from cmr_async.cli.webhooks.sending import Sent, opened_sender
from cmr_async.cli.webhooks.server import serving
from cmr_async.core.account import Account
from cmr_async.webhooks import EVENT_TYPES, MailboxCreated, VerifiedDelivery, parse, sign, verify
from tests.cli.conftest import Cmr
from tests.cli.webhooks.deliveries import CREATED, KEY, SECRET, Behind

SCHEMA: dict[str, Any] = orjson.loads((Path(__file__).parents[3] / "docs" / "command-line.schema.json").read_bytes())


@contextmanager
def listening(behind: Behind) -> Iterator[str]:
    """Run a receiver in a thread of its own, beside a command in this one."""
    loop, stop, urls = asyncio.new_event_loop(), asyncio.Event(), []
    is_ready = threading.Event()

    async def run() -> None:
        async with serving(behind.take, host="127.0.0.1", port=0) as url:
            urls.append(url)
            is_ready.set()
            await stop.wait()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        thread = threading.Thread(target=runner.run, args=(run(),))
        thread.start()
        try:
            assert is_ready.wait(60)
            yield urls[0]
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()


@pytest.fixture
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMR_API_KEY", KEY)


def test_without_a_key_it_says_what_to_do(cmr: Cmr) -> None:
    result = cmr("webhooks", "listen")
    assert result.exit_code == 2
    assert "no API key: set CMR_API_KEY" in result.stderr


@pytest.mark.usefixtures("_key")
def test_the_journal_of_another_account_is_refused(cmr: Cmr, tmp_path: Path) -> None:
    async def make() -> None:
        async with Journal(tmp_path / "run.db") as journal:
            await journal.bind(Account.of("https://other.example", "another-key"))

    asyncio.run(make())
    result = cmr("webhooks", "listen", "--journal", tmp_path / "run.db", "--port", 0)
    assert result.exit_code == 2
    assert "another" in result.stderr
    assert KEY not in result.output


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo terminals here")
@pytest.mark.usefixtures("_key")
def test_it_shows_deliveries_until_ctrl_c_and_ends_well(tmp_path: Path) -> None:
    from tests.cli.terminal import CTRL_C, on_terminal

    async def deliver(url: str) -> Sent:
        async with opened_sender(url, option="--to") as sender:
            return await sender.send(CREATED, sign(CREATED, key=KEY))

    record, journal = tmp_path / "deliveries.jsonl", tmp_path / "run.db"
    with on_terminal("webhooks", "listen", "--port", "0", "--record", record, "--journal", journal) as terminal:
        terminal.read_until("stop with Ctrl-C.")
        found = re.search(r"Listening on (http://127\.0\.0\.1:\d+/)", terminal.text)
        assert found is not None, terminal.text
        assert asyncio.run(deliver(found[1])).status == 200
        terminal.read_until("ada@one.com")
        assert asyncio.run(deliver(found[1])).status == 200
        terminal.read_until("duplicate")
        terminal.type(CTRL_C)
        assert terminal.end() == 0
    assert "will hold secrets" in terminal.text
    assert SECRET not in terminal.text
    assert "Traceback" not in terminal.text
    assert read_recording(record).bodies == (CREATED, CREATED)


@pytest.mark.usefixtures("_key")
def test_it_forwards_nothing_to_itself(cmr: Cmr, unused_tcp_port: int) -> None:
    url = f"http://localhost:{unused_tcp_port}/webhooks/cmr"
    result = cmr("webhooks", "listen", "--port", unused_tcp_port, "--forward-to", url)
    assert result.exit_code == 2
    assert "--forward-to is the address that this command listens on" in result.stderr


def numbered(number: int) -> bytes:
    return orjson.dumps({"event": "domain.expired", "eventId": f"E{number}", "data": {"domainName": f"{number}.com"}})


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Return a recording of twenty deliveries."""
    with Recorder(tmp_path / "deliveries.jsonl") as recorder:
        for number in range(20):
            recorder.add(numbered(number), {}, time=5.0)
    return tmp_path / "deliveries.jsonl"


@pytest.mark.usefixtures("_key")
def test_a_replay_is_signed_anew(cmr: Cmr, recording: Path) -> None:
    behind = Behind(204)
    with listening(behind) as url:
        result = cmr("webhooks", "replay", recording, "--to", url)
    assert result.exit_code == 0, result.output
    assert [body for body, _ in behind.got] == [numbered(number) for number in range(20)]
    assert all(isinstance(verify(body, headers, keys=KEY), VerifiedDelivery) for body, headers in behind.got)
    assert result.stdout.splitlines()[0] == "204\tdomain.expired\t-\t0.com\t-"
    assert result.stderr.splitlines() == ["20 of 20 deliveries taken."]


@pytest.mark.usefixtures("_key")
def test_a_replay_in_another_order_with_duplicates_can_be_had_again(cmr: Cmr, recording: Path) -> None:
    first, again = Behind(), Behind()
    for behind in (first, again):
        with listening(behind) as url:
            assert cmr("webhooks", "replay", recording, "--to", url, "--duplicate", "--shuffle", 7).exit_code == 0
    bodies = [body for body, _ in first.got]
    assert sorted(bodies) == sorted([numbered(number) for number in range(20)] * 2)
    assert bodies != sorted(bodies)
    assert bodies == [body for body, _ in again.got]


@pytest.mark.usefixtures("_key")
def test_a_receiver_that_does_not_take_a_replay_makes_the_exit_code_1(
    cmr: Cmr, recording: Path, unused_tcp_port: int
) -> None:
    with listening(Behind(500)) as url:
        result = cmr("webhooks", "replay", recording, "--to", url)
    assert (result.exit_code, result.stdout.splitlines()[0]) == (1, "500\tdomain.expired\t-\t0.com\t-")
    result = cmr("webhooks", "replay", recording, "--to", f"http://127.0.0.1:{unused_tcp_port}/")
    assert result.exit_code == 1
    assert result.stdout.startswith("-\tdomain.expired\t-\t0.com\tcannot be reached (")
    assert "0 of 20 deliveries taken." in result.stderr


@pytest.mark.usefixtures("_key")
def test_a_file_that_is_no_recording_sends_nothing(cmr: Cmr, recording: Path) -> None:
    recording.write_text(recording.read_text() + "[]\n")
    behind = Behind()
    with listening(behind) as url:
        result = cmr("webhooks", "replay", recording, "--to", url)
    assert (result.exit_code, behind.got) == (2, [])
    assert "line 21: this is no delivery" in result.stderr


@pytest.mark.usefixtures("_key")
def test_lines_that_were_cut_short_are_named_and_left_out(cmr: Cmr, recording: Path) -> None:
    lines = recording.read_text().splitlines()
    recording.write_text("\n".join([lines[0], lines[1][:30], *lines[2:], "\n" * 30]))
    behind = Behind()
    with listening(behind) as url:
        result = cmr("webhooks", "replay", recording, "--to", url)
    assert (result.exit_code, len(behind.got)) == (0, 19)
    first, *_, last = result.stderr.splitlines()
    assert first.endswith("deliveries.jsonl, line 2 is no JSON: writing it was cut short, and it is left out.")
    assert len(result.stderr.splitlines()) == 21
    assert last == "19 of 19 deliveries taken. 31 lines of the file left out."


@pytest.mark.usefixtures("_key")
def test_what_is_sent_is_told_as_json_without_secrets(cmr: Cmr, tmp_path: Path) -> None:
    with Recorder(tmp_path / "deliveries.jsonl") as recorder:
        recorder.add(CREATED, {}, time=5.0)
    with listening(Behind()) as url:
        result = cmr("webhooks", "replay", tmp_path / "deliveries.jsonl", "--to", url, "--json")
    line = orjson.loads(result.stdout)
    Draft202012Validator(SCHEMA).validate(line)
    assert set(line) == set(SCHEMA["$defs"]["sent"]["properties"])
    assert (line["event"], line["email"], line["status"], line["error"]) == (
        *("mailbox.created", "ada@one.com"),
        *(200, None),
    )
    assert SECRET not in result.output


@pytest.mark.usefixtures("_key")
def test_a_sample_is_about_what_it_is_told(cmr: Cmr) -> None:
    behind = Behind()
    options = ("--order-id", "O9", "--user-id", "U9", "--domain", "nine.com")
    with listening(behind) as url:
        result = cmr("webhooks", "trigger", "mailbox.created", "--to", url, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout == "200\tmailbox.created\tO9\tjohn.doe@nine.com\t-\n"
    assert result.stderr == ""
    ((body, headers),) = behind.got
    delivery = verify(body, headers, keys=KEY)
    assert isinstance(delivery, VerifiedDelivery)
    event = parse(delivery)
    assert isinstance(event, MailboxCreated)
    assert (event.order_id, event.user_id, event.email) == ("O9", "U9", "john.doe@nine.com")


@pytest.mark.usefixtures("_key")
def test_a_sample_whose_fields_no_source_shows_says_so(cmr: Cmr) -> None:
    with listening(Behind(400)) as url:
        result = cmr("webhooks", "trigger", "domain.expired", "--to", url)
    assert (result.exit_code, result.stdout) == (1, "400\tdomain.expired\t-\tcompany.com\t-\n")
    assert result.stderr == (
        "No source shows all fields of domain.expired: it is sent with those that the class DomainExpired reads.\n"
    )


@pytest.mark.usefixtures("_key")
def test_an_unknown_event_lists_all_names(cmr: Cmr, unused_tcp_port: int) -> None:
    result = cmr("webhooks", "trigger", "mailbox.made", "--to", f"http://127.0.0.1:{unused_tcp_port}/")
    assert result.exit_code == 2
    assert "There is no event 'mailbox.made'. The events are:" in result.stderr
    assert set(EVENT_TYPES) <= set(result.stderr.split())


@pytest.mark.parametrize("words", [("replay", "deliveries.jsonl"), ("trigger", "mailbox.created")])
def test_nothing_is_sent_without_a_key(words: tuple[str, str], cmr: Cmr, unused_tcp_port: int) -> None:
    result = cmr("webhooks", *words, "--to", f"http://127.0.0.1:{unused_tcp_port}/")
    assert result.exit_code == 2
    assert "no API key: set CMR_API_KEY" in result.stderr
