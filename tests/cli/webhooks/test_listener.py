"""What is genuine is shown, recorded and forwarded; what is not is shown and refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from cmr_async import Journal
from cmr_async.cli.streams import voice
from cmr_async.cli.webhooks.listener import Listener, NoJournal
from cmr_async.cli.webhooks.recording import Recorder, read_recording
from cmr_async.cli.webhooks.sending import opened_sender
from cmr_async.cli.webhooks.server import serving
from cmr_async.webhooks import Receiver, sign
from cmr_async.webhooks.receiver import DeliveryJournal
from tests.cli.webhooks.deliveries import CREATED, KEY, SECRET, Behind

SCHEMA: dict[str, Any] = orjson.loads((Path(__file__).parents[3] / "docs" / "command-line.schema.json").read_bytes())


@pytest.fixture
def _as_json() -> Iterator[None]:
    voice.reset()
    voice.json = True
    yield
    voice.reset()


def receiver(journal: DeliveryJournal | None = None) -> Receiver:
    return Receiver(journal or NoJournal(), keys=KEY, fallback=lambda event, transaction: None)


def signed(body: bytes = CREATED) -> dict[str, str]:
    return sign(body, key=KEY)


async def test_a_delivery_is_a_line_without_its_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert await Listener(receiver=receiver()).take(CREATED, signed()) == (200, "taken")
    assert capsys.readouterr() == ("verified\tmailbox.created\tO1\tada@one.com\t-\n", "")


async def test_a_refusal_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    listener = Listener(receiver=receiver())
    assert await listener.take(CREATED, sign(CREATED, key="another")) == (401, "wrong_signature")
    assert await listener.take(CREATED, sign(CREATED, key=KEY, now=time.time() - 10_000)) == (401, "too_old")
    assert await listener.take(b"[]", signed(b"[]")) == (400, "not_an_object")
    shown = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in shown] == [
        "refused\t-\t-\t-\twrong_signature",
        "refused\t-\t-\t-\ttoo_old",
        "refused\t-\t-\t-\tnot_an_object",
    ]


async def test_a_journal_takes_deliveries_and_knows_duplicates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        listener = Listener(receiver=receiver(journal), remembers=True)
        await listener.take(CREATED, signed())
        assert await listener.take(CREATED, signed()) == (200, "duplicate")
        assert [delivery.id async for delivery in journal.tracking.deliveries()] == ["E1"]
        assert {one.name async for one in journal.tracking.provisions()} == {"ada@one.com", "one.com"}
    assert [line.split("\t")[4] for line in capsys.readouterr().out.splitlines()] == ["-", "duplicate"]


async def test_a_journal_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    behind = Behind()
    async with (
        serving(behind.take, host="127.0.0.1", port=0) as url,
        opened_sender(url, option="--forward-to") as sender,
    ):
        closed = receiver(Journal(tmp_path / "closed.db"))
        listener = Listener(receiver=closed, remembers=True, sender=sender)
        assert await listener.take(CREATED, signed()) == (500, "failed")
    assert f"not taken: The journal {tmp_path / 'closed.db'} is not open." in capsys.readouterr().out
    assert behind.got == []


@pytest.mark.usefixtures("_as_json")
async def test_json_lines_come_with_the_reason_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await Listener(receiver=receiver(Journal(tmp_path / "closed.db")), remembers=True).take(CREATED, signed())
    shown = capsys.readouterr()
    assert orjson.loads(shown.out)["status"] == 500
    assert shown.err == f"cmr: not taken: The journal {tmp_path / 'closed.db'} is not open.\n"


async def test_an_error_whose_text_may_show_the_event_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(NoJournal):
        async def take(self, *_: object) -> bool:
            raise ValueError(SECRET)

    await Listener(receiver=receiver(Broken()), remembers=True).take(CREATED, signed())
    shown = capsys.readouterr()
    assert shown.out.endswith("\tnot taken: the journal could not be written\n")
    assert SECRET not in shown.out + shown.err


async def test_what_is_genuine_is_forwarded_with_its_signature_and_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    behind, headers = Behind(204), signed()
    async with (
        serving(behind.take, host="127.0.0.1", port=0) as url,
        opened_sender(url, option="--forward-to") as sender,
    ):
        with Recorder(tmp_path / "deliveries.jsonl") as recorder:
            listener = Listener(receiver=receiver(), sender=sender, recorder=recorder)
            assert await listener.take(CREATED, {**headers, "Cookie": "not for others"}) == (200, "taken")
            assert await listener.take(CREATED, sign(CREATED, key="another")) == (401, "wrong_signature")
    ((body, forwarded),) = behind.got
    assert (body, {name: forwarded[name] for name in headers}) == (CREATED, headers)
    assert "Cookie" not in forwarded
    assert read_recording(tmp_path / "deliveries.jsonl").bodies == (CREATED,)
    assert capsys.readouterr().out.splitlines()[0].endswith("\tforwarded: 204")


async def test_the_api_is_to_send_again_what_the_receiver_behind_did_not_take(
    unused_tcp_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    behind = Behind(503)
    async with (
        serving(behind.take, host="127.0.0.1", port=0) as url,
        opened_sender(url, option="--forward-to") as sender,
    ):
        assert await Listener(receiver=receiver(), sender=sender).take(CREATED, signed()) == (502, "not forwarded")
    async with opened_sender(f"http://127.0.0.1:{unused_tcp_port}/", option="--forward-to") as sender:
        assert await Listener(receiver=receiver(), sender=sender).take(CREATED, signed()) == (502, "not forwarded")
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("\tforwarded: 503")
    assert "\tforwarded: cannot be reached (" in second


async def test_a_recording_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder(tmp_path / "deliveries.jsonl")
    with recorder:
        pass
    assert await Listener(receiver=receiver(), recorder=recorder).take(CREATED, signed()) == (200, "taken")
    assert capsys.readouterr().err.startswith("cmr: the next delivery could not be recorded: ")


@pytest.mark.usefixtures("_as_json")
async def test_json_lines_are_those_of_the_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with Journal(tmp_path / "run.db") as journal:
        listener = Listener(receiver=receiver(journal), remembers=True)
        await listener.take(CREATED, signed())
        await listener.take(CREATED, {})
    shown = capsys.readouterr().out
    taken, refused = (orjson.loads(line) for line in shown.splitlines())
    for line in (taken, refused):
        Draft202012Validator(SCHEMA).validate(line)
        assert set(line) == set(SCHEMA["$defs"]["delivery"]["properties"])
    assert (taken["verified"], taken["event"], taken["duplicate"], taken["status"]) == (
        *(True, "mailbox.created"),
        *(False, 200),
    )
    assert (refused["verified"], refused["refusal"], refused["duplicate"], refused["status"]) == (
        *(False, "no_signature"),
        *(None, 401),
    )
    assert SECRET not in shown
